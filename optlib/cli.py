"""The command line: ``optlib tour``, ``solve``, ``problems``, ``methods``, ``bench``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

app = typer.Typer(
    name="optlib",
    help="One door to optimization, and a proof with every answer.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

READABLE = ".mps"
"""The file type that `solve` reads: linear programs."""

READERS = {
    ".qps": "quadratic programs",
    ".dat-s": "semidefinite programs (SDPA)",
    ".max": "maximum flows (DIMACS)",
    ".min": "minimum cost flows (DIMACS)",
    ".nfg": "games (Gambit)",
}
"""File types that `solve` will read in a later version."""

BENCHMARK = "smooth.py"


def _console() -> Console:
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=150)


def _fail(message: str) -> typer.Exit:
    Console(stderr=True, highlight=False).print(
        f"[bold red]error:[/] {escape(message)}", soft_wrap=True
    )
    return typer.Exit(2)


@app.command()
def tour(
    output: Annotated[Path, typer.Option(help="Folder of the gallery.")] = Path("gallery"),
    only: Annotated[
        str | None, typer.Option(help="A name, part of one, a pattern, or a chapter (A 1.4).")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Only the methods that the sources name; no pictures.")
    ] = False,
    jobs: Annotated[int | None, typer.Option(min=1, help="Processes; one per processor.")] = None,
) -> None:
    """Solve every bundled problem with every method, check it all, write a gallery."""
    from .tour import run_tour

    try:
        result = run_tour(output, _console(), only=only, quick=quick, jobs=jobs)
    except ValueError as error:
        raise _fail(str(error)) from None
    raise typer.Exit(0 if result.passed else 1)


@app.command()
def problems(
    tag: Annotated[str | None, typer.Option(help="Only problems with this tag.")] = None,
    source: Annotated[str | None, typer.Option(help="Only from this book or section.")] = None,
) -> None:
    """List the bundled problems."""
    from .problems import catalog

    entries = catalog(tag=tag, source=source)
    if not entries:
        tags = sorted({name for entry in catalog() for name in entry.tags})
        raise _fail(f"no problem matches; tags: {', '.join(tags)}")
    table = Table(title=f"{len(entries)} problems", title_justify="left", title_style="bold")
    table.add_column("name", no_wrap=True)
    table.add_column("source", no_wrap=True)
    table.add_column("title")
    table.add_column("minimum", justify="right", no_wrap=True)
    table.add_column("tags", style="dim")
    for entry in entries:
        table.add_row(
            entry.name, entry.source, escape(entry.title), _minimum(entry.known()),
            ", ".join(entry.tags),
        )  # fmt: skip
    _console().print(table)


def _minimum(answer: Any) -> str:
    if answer.status is not None:
        return answer.status.name.lower()
    if not answer.attained:
        return "not attained"
    values = answer.values
    return f"{values[0]:.8g}" + (" ..." if len(values) > 1 else "") if values else ""


@app.command()
def methods(
    problem_class: Annotated[
        str | None, typer.Argument(metavar="[CLASS]", help="A problem class, such as Smooth.")
    ] = None,
) -> None:
    """List the methods: what each solves and needs, its rate and its reference."""
    import optlib

    classes = _problem_classes()
    by_name = {name.lower(): cls for name, cls in classes.items()}
    if problem_class is not None and problem_class.lower() not in by_name:
        raise _fail(f"no problem class is called {problem_class!r}; there are {', '.join(classes)}")
    chosen = None if problem_class is None else by_name[problem_class.lower()]
    rows = optlib.methods(chosen)
    table = Table(title=f"{len(rows)} methods", title_justify="left", title_style="bold")
    table.add_column("name", no_wrap=True)
    for column in ("class", "needs", "rate", "reference"):
        table.add_column(column, style="dim" if column == "reference" else "")
    for row in rows:
        solves = chosen.__name__ if chosen else _solved_by(row, classes)
        table.add_row(*map(escape, (row.name, solves, row.needs, row.rate, row.reference)))
    _console().print(table)


def _solved_by(row: Any, classes: dict[str, type]) -> str:
    """The public classes that a row of the registry stands for."""
    if row.problem_class in classes:
        return row.problem_class
    heirs = [n for n, cls in classes.items() if row.problem_class in map(_name, cls.__mro__)]
    return ", ".join(heirs) or row.problem_class


def _name(cls: type) -> str:
    return cls.__name__


def _problem_classes() -> dict[str, type]:
    """The public problem classes that some method solves, by name."""
    import optlib
    from optlib.core.method import registered

    public = [getattr(optlib, name) for name in optlib.__all__ if name != "problems"]
    return {cls.__name__: cls for cls in public if isinstance(cls, type) and registered(cls)}


@app.command()
def solve(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A bundled problem, or a file (.mps, .mps.gz).")
    ],
    method: Annotated[str | None, typer.Option(help="Default: the recommended one.")] = None,
    tol: Annotated[float | None, typer.Option(help="Tolerance of the certificate.")] = None,
    max_seconds: Annotated[float | None, typer.Option(help="Wall-clock limit.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Save a picture of the run here.")] = None,
) -> None:
    """Solve a bundled problem or a file, and print the answer with its proof."""
    import optlib

    problem, entry = _problem(name)
    try:
        result = optlib.minimize(
            problem, method, tol=tol, max_seconds=max_seconds, trace=plot is not None
        )
    except ValueError as error:
        raise _fail(str(error)) from None
    _report(name, entry, result)
    if plot is not None:
        _save_picture(result, plot)
    raise typer.Exit(0 if result.success else 1)


def _problem(name: str) -> tuple[Any, Any]:
    """The problem of a file, or a bundled one with its catalogue entry."""
    import optlib
    from optlib.problems import entry as find

    plain = name.lower().removesuffix(".gz")
    if plain.endswith(READABLE):
        try:
            return optlib.LinearProgram.from_mps(name), None
        except (OSError, ValueError) as error:
            raise _fail(str(error)) from None
    kind = next((end for end in READERS if plain.endswith(end)), None)
    if kind is not None:
        raise _fail(
            f"{name}: this version of optlib ({optlib.__version__}) cannot read {kind} files yet "
            f"({READERS[kind]}); it solves {READABLE} files and the bundled problems, see `optlib "
            "problems`"
        )
    try:
        entry = find(name)
    except KeyError as error:
        raise _fail(str(error.args[0])) from None
    return entry.load(), entry


def _report(name: str, entry: Any, result: Any) -> None:
    console = _console()
    if entry is None:
        console.print(f"[bold]{escape(name)}[/] ({escape(repr(result.problem))})", soft_wrap=True)
        console.print(escape(repr(result)), soft_wrap=True)
        return
    answer = entry.known()
    console.print(f"[bold]{escape(entry.title)}[/] ({escape(entry.source)})")
    console.print(escape(repr(result)), soft_wrap=True)
    if not answer.attained:
        console.print(f"{'known':>12}: the infimum is not attained")
    elif answer.status is not None:
        console.print(f"{'known':>12}: {answer.status.name}")
    elif answer.values:
        values = ", ".join(f"{value:.10g}" for value in answer.values)
        console.print(f"{'known':>12}: {values} (error {answer.error(float(result.fun)):.1e})")


def _save_picture(result: Any, path: Path) -> None:
    try:
        figure = result.plot()
    except ImportError as error:
        raise _fail(str(error)) from None
    figure.savefig(path, dpi=160)
    _console().print(f"{'picture':>12}: {path}", soft_wrap=True)


@app.command()
def bench() -> None:
    """Run the benchmark of the smooth methods against their peers (in a checkout)."""
    folder = Path(__file__).resolve().parent.parent / "benchmarks"
    script = folder / BENCHMARK
    if not script.exists():
        raise _fail(
            f"no benchmarks here: {script} does not exist. They are part of the source checkout "
            'and not of the installed package: clone the repository and pip install -e ".[bench]"'
        )
    console = _console()
    console.print("benchmark scripts:", soft_wrap=True)
    for path in sorted(folder.glob("*.py")):
        console.print(f"  {path}", soft_wrap=True)
    raise typer.Exit(subprocess.run([sys.executable, str(script)], check=False).returncode)


if __name__ == "__main__":
    app()
