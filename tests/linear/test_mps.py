"""MPS files: read as the field reads them, written so that they come back the same."""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

import optlib as ol
from optlib import problems
from optlib.problems import data, lp_data

INF = float("inf")


def read(text: str, **options: Any) -> ol.LinearProgram:
    return ol.LinearProgram.from_mps(io.StringIO(text), **options)


def dense(A: Any) -> np.ndarray:
    return A.toarray() if sp.issparse(A) else A


def assert_same(found: ol.LinearProgram, wanted: ol.LinearProgram) -> None:
    for name in ("c", "b_eq", "b_ub", "lower", "upper", "integer", "offset"):
        np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name), err_msg=name)
    for name in ("A_eq", "A_ub"):
        difference = abs(sp.csr_array(getattr(found, name)) - sp.csr_array(getattr(wanted, name)))
        assert difference.sum() == 0, name


EVERYTHING = """\
* a comment
NAME          EVERY THING
OBJSENSE
    MAX
ROWS
 N  profit
 N  spare
 E  balance
 L  most
 G  least
 E  up
 E  down
 L  band
 G  strip
COLUMNS
    x  profit  1.0   balance  1
    x  most    2     least    1
    x  spare   9
    MARKER  'MARKER'  'INTORG'
    i  profit  3     balance  -1
    j  most    1     band     4
    MARKER  'MARKER'  'INTEND'
    y  profit  -2.5  least    1e0
    y  up      1     down     1
    z  band    1     strip    1.5D0
    w  strip   1
RHS
    RHS  profit  -10   balance  2
    RHS  most    8     least    1
    RHS  up      5     down     5
    RHS  band    6     strip    -3
    OTHER  most  1000
RANGES
    R  up    2    down   -2
    R  band  4    strip  -4
BOUNDS
 UP B  x  4
 LO B  j  0
 MI B  y
 UP B  z  -1
 FX B  w  2.5
ENDATA
what follows is not read
"""


def test_every_section_is_understood() -> None:
    p = read(EVERYTHING)
    assert p.names.problem == "EVERY THING" and p.names.objective == "profit"
    assert p.names.columns == ("x", "i", "j", "y", "z", "w")
    # a maximisation enters as its negative; minus the right side of the cost row is its constant
    np.testing.assert_array_equal(p.c, [-1.0, -3.0, 0.0, 2.5, 0.0, 0.0])
    assert p.offset == -10.0
    assert p.names.eq == ("balance",)
    np.testing.assert_array_equal(dense(p.A_eq), [[1, -1, 0, 0, 0, 0]])
    np.testing.assert_array_equal(p.b_eq, [2.0])
    rows = {
        "most": [([2, 0, 1, 0, 0, 0], 8.0)],
        "least": [([-1, 0, 0, -1, 0, 0], -1.0)],
        "up": [([0, 0, 0, 1, 0, 0], 7.0), ([0, 0, 0, -1, 0, 0], -5.0)],
        "down": [([0, 0, 0, 1, 0, 0], 5.0), ([0, 0, 0, -1, 0, 0], -3.0)],
        "band": [([0, 0, 4, 0, 1, 0], 6.0), ([0, 0, -4, 0, -1, 0], -2.0)],
        "strip": [([0, 0, 0, 0, 1.5, 1], 1.0), ([0, 0, 0, 0, -1.5, -1], 3.0)],
    }
    expected = [(name, *row) for name, pairs in rows.items() for row in pairs]
    found = list(zip(p.names.ub, dense(p.A_ub).tolist(), p.b_ub.tolist()))
    assert found == [(name, [float(v) for v in row], end) for name, row, end in expected]
    # i: whole without bounds, so 0 or 1; z: a negative upper bound frees the lower one
    assert p.lower.tolist() == [0, 0, 0, -INF, -INF, 2.5]
    assert p.upper.tolist() == [4, 1, INF, INF, -1, 2.5]
    assert p.integer.tolist() == [False, True, True, False, False, False]


def test_the_constant_of_a_minimisation_is_minus_the_right_side() -> None:
    p = read("NAME\nROWS\n N c\n G r\nCOLUMNS\n x c 1 r 1\nRHS\n RHS c -7.5 r 2\nENDATA\n")
    assert p.offset == 7.5 and ol.minimize(p).fun == 9.5


def test_names_may_contain_blanks_in_fixed_format() -> None:
    text = (
        "NAME          BLANKS\n"
        "ROWS\n"
        " N  COST\n"
        " G  ROW ONE\n"
        "COLUMNS\n"
        "    COL ONE   COST               1.0   ROW ONE            2.0\n"
        "    COL TWO   COST               1.0   ROW ONE            1.0\n"
        "RHS\n"
        "    RHS       ROW ONE            4.0\n"
        "BOUNDS\n"
        " UP BND       COL ONE            1.0\n"
        "ENDATA\n"
    )
    for p in (read(text), read(text, format="fixed")):
        assert p.names.columns == ("COL ONE", "COL TWO") and p.names.ub == ("ROW ONE",)
        assert ol.minimize(p).fun == 3.0
    with pytest.raises(ValueError, match="line 4"):
        read(text, format="free")


def test_vectors_need_no_name_and_their_name_may_be_a_row_s() -> None:
    head = "NAME\nROWS\n N c\n G 1\n G 2\nCOLUMNS\n x c 1 1 1\n x 2 1\n"
    for rhs in (" 1 3 2 4\n", " 1 1 3\n 1 2 4\n", " SET 1 3 2 4\n"):
        p = read(head + "RHS\n" + rhs + "BOUNDS\n UP x 9\nENDATA\n")
        assert p.b_ub.tolist() == [-3.0, -4.0] and p.upper.tolist() == [9.0]


@pytest.mark.parametrize(
    ("bounds", "lower", "upper", "whole"),
    [
        (" FR B x", -INF, INF, False),
        (" MI B x\n UP B x 3", -INF, 3.0, False),
        (" UP B x 0", 0.0, 0.0, False),
        (" LO B x -2\n UP B x -1", -2.0, -1.0, False),
        (" UP B x 1e30", 0.0, INF, False),
        (" LO B x -1e30", -INF, INF, False),
        (" PL B x", 0.0, INF, False),
        (" BV B x", 0.0, 1.0, True),
        (" LI B x 2\n UI B x 5", 2.0, 5.0, True),
        (" FR x", -INF, INF, False),
        (" UP x 2", 0.0, 2.0, False),
        (" UP B x 2\n UP C x 1", 0.0, 2.0, False),
    ],
)
def test_bounds(bounds: str, lower: float, upper: float, whole: bool) -> None:
    p = read(f"NAME\nROWS\n N c\nCOLUMNS\n x c 1\nBOUNDS\n{bounds}\nENDATA\n")
    assert (p.lower[0], p.upper[0], p.is_integer) == (lower, upper, whole)


HEAD = "NAME\nROWS\n N c\n L r\nCOLUMNS\n x c 1 r 1\n"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("ROWS\n X r\n", 2, ("X r", "N, E, L or G")),
        ("ROWS\n N c\n L r\n L r\n", 4, ("'r' again", "new name")),
        ("ROWS\n L\n", 2, ("L", "and a name")),
        (" N c\n", 1, ("N c", "section")),
        ("NAME\nCOLS\n", 2, ("COLS", "COLUMNS")),
        ("NAME\nCOLUMNS\n x c 1\n", 2, ("COLUMNS", "ROWS before")),
        ("NAME\nOBJSENSE\n UPWARDS\n", 3, ("UPWARDS", "MAX or MIN")),
        ("NAME\nROWS\n N c\nCOLUMNS\n x q 1\n", 5, ("'q'", "ROWS")),
        ("NAME\nROWS\n N c\nCOLUMNS\n x c one\n", 5, ("'one'", "number")),
        ("NAME\nROWS\n N c\nCOLUMNS\n x c nan\n", 5, ("'nan'", "number")),
        ("NAME\nROWS\n N c\nCOLUMNS\n x c\n", 5, ("x c", "one or two entries")),
        ("NAME\nROWS\n N c\nCOLUMNS\n x c 1\n y c 1\n x c 2\n", 7, ("'x' again", "together")),
        ("NAME\nROWS\n N c\nCOLUMNS\n M 'MARKER' 'INT'\n", 5, ("'INT'", "INTORG")),
        (HEAD + "RHS\n RHS q 1\n", 8, ("'q'", "ROWS")),
        (HEAD + "RHS\n RHS r x\n", 8, ("'x'", "number")),
        (HEAD + "RANGES\n R c 1\n", 8, ("cost row", "'c'")),
        (HEAD + "BOUNDS\n UP B y 1\n", 8, ("'y'", "COLUMNS")),
        (HEAD + "BOUNDS\n SC B x 1\n", 8, ("SC", "LO, UP")),
        (HEAD + "BOUNDS\n UP B x 1\n UP B x 2\n", 9, ("upper", "'x'", "needed one")),
        (HEAD + "BOUNDS\n UP x\n", 8, ("UP x", "bound")),
        (HEAD, 6, ("end of the file", "ENDATA")),
    ],
)
def test_a_malformed_file_is_refused_with_its_line(text: str, line: int, words: Any) -> None:
    with pytest.raises(ValueError) as caught:
        read(text)
    for word in (f"line {line}:", *words):
        assert word in str(caught.value), f"{word!r} is not in {str(caught.value)!r}"


def test_an_error_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "broken.mps"
    path.write_text("ROWS\n X r\n")
    with pytest.raises(ValueError, match=r"broken\.mps, line 2"):
        ol.LinearProgram.from_mps(path)
    with pytest.raises(ValueError, match="format"):
        ol.LinearProgram.from_mps(path, format="loose")


@pytest.mark.parametrize("entry", problems.catalog(tag="linear"), ids=lambda e: e.name)
def test_the_textbook_programs_come_back_from_a_file(entry: Any, tmp_path: Path) -> None:
    problem = entry.load()
    for name in ("program.mps", "program.mps.gz"):
        problem.to_mps(tmp_path / name)
        again = ol.LinearProgram.from_mps(tmp_path / name)
        assert_same(again, problem)
    assert (tmp_path / "program.mps.gz").read_bytes()[:2] == b"\x1f\x8b"


def test_names_kinds_and_digits_survive(tmp_path: Path) -> None:
    problem = read(EVERYTHING)
    text = io.StringIO()
    problem.to_mps(text)
    again = read(text.getvalue())
    assert_same(again, problem)
    assert again.names == problem.names
    third = ol.LinearProgram([1 / 3, 1e-17], A_ub=[[1 / 7, 0.1]], b_ub=[1e19], upper=[0.3, 1e19])
    third.to_mps(tmp_path / "third.mps")
    assert_same(ol.LinearProgram.from_mps(tmp_path / "third.mps"), third)


# ------------------------------------------------------------------ collections

SAMPLE = (
    ("netlib", ("afiro", "sc105", "share2b", "e226", "boeing1", "vtp-base", "seba", "nesm")),
    ("infeas", ("galenet", "itest6", "klein1", "bgprtr")),
    ("kennington", ("ken-07",)),
)


def needs(collection: str) -> None:
    if not data.available(collection):
        pytest.skip(f"{data.FOLDER} names no folder with {collection}/")


@pytest.mark.parametrize(
    ("collection", "name"), [(kind, name) for kind, names in SAMPLE for name in names]
)
def test_files_of_the_collections_come_back_and_have_the_listed_size(
    collection: str, name: str
) -> None:
    needs(collection)
    problem, listed = problems.netlib(name, collection), lp_data.table(collection)[name]
    form = problem.to_range_form()
    assert (form.shape, form.A.nnz) == ((listed.rows, listed.columns), listed.nonzeros)
    text = io.StringIO()
    problem.to_mps(text)
    again = read(text.getvalue())
    assert_same(again, problem)
    assert again.names == problem.names


def test_a_missing_collection_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    lp_data.table.cache_clear()
    monkeypatch.delenv(data.FOLDER, raising=False)
    with pytest.raises(FileNotFoundError, match=r"OPTLIB_DATA.*netlib/optimal\.csv.*netlib\.org"):
        problems.netlib("afiro")
    monkeypatch.setenv(data.FOLDER, "/no/such/folder")
    with pytest.raises(FileNotFoundError, match="/no/such/folder"):
        problems.netlib("afiro")
    with pytest.raises(ValueError, match="netlib, infeas, kennington"):
        problems.netlib("afiro", "netlab")


def test_an_unknown_program_lists_the_known_ones() -> None:
    needs("netlib")
    with pytest.raises(KeyError, match="afiro"):
        problems.netlib("afirro")


def test_a_gzipped_file_object_is_recognised() -> None:
    packed = io.BytesIO(gzip.compress(EVERYTHING.encode()))
    assert_same(ol.LinearProgram.from_mps(packed), read(EVERYTHING))
