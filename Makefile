# Two commands do everything on a fresh machine: `make tour` and `make test`.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DATA := $(abspath ../shared/data)
export OPTLIB_DATA ?= $(if $(wildcard $(DATA)),$(DATA),)

.PHONY: tour test lint format bench clean

tour: $(VENV)/installed
	$(BIN)/optlib tour --output gallery

test: $(VENV)/installed
	$(BIN)/python -m pytest -n 2

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

format: $(VENV)/installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/installed
	$(BIN)/pip install -q -e '.[bench]'
	$(BIN)/python benchmarks/smooth.py
	$(BIN)/python benchmarks/more_garbow_hillstrom.py

$(VENV)/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[test]'
	touch $@

clean:
	rm -rf $(VENV) gallery build dist *.egg-info .pytest_cache .ruff_cache .hypothesis
