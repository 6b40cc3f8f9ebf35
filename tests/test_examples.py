"""The examples of the docstrings and of the README run as they are written."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import optlib
import optlib.problems

ROOT = Path(__file__).parents[1]
MODULES = sorted(
    {
        module.name
        for package in (optlib, optlib.problems)
        for module in pkgutil.walk_packages(package.__path__, package.__name__ + ".")
    }
    | {"optlib"}
)


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples_print_what_they_show(name: str) -> None:
    module = importlib.import_module(name)
    outcome = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert outcome.failed == 0


def test_there_are_docstring_examples() -> None:
    finder = doctest.DocTestFinder(exclude_empty=True)
    modules = (importlib.import_module(name) for name in MODULES)
    assert sum(bool(test.examples) for m in modules for test in finder.find(m)) >= 15


def test_the_readme_prints_what_it_shows(capsys: pytest.CaptureFixture[str]) -> None:
    """Every Python block runs, in order, and prints the block that follows it, times apart."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    pairs = re.findall(r"```python\n(.*?)```\n\n```\n(.*?)```", text, flags=re.DOTALL)
    assert len(pairs) >= 6
    names: dict[str, object] = {}
    for code, shown in pairs:
        exec(code, names)
        assert _timeless(capsys.readouterr().out) == _timeless(shown)


def _timeless(output: str) -> list[str]:
    """Lines without what varies from run to run: times, and digits at the level of rounding."""
    lines = [line for line in output.strip().splitlines() if not line.lstrip().startswith("run:")]
    lines = [re.sub(r"\s[\d.e+]+$", "", line) if " STATIONARY " in line else line for line in lines]
    return [re.sub(r"\d\.\d+e-(1[5-9]|[2-9]\d)", "tiny", line).rstrip() for line in lines]
