"""The gallery: one HTML file that needs nothing else."""

from __future__ import annotations

import base64
import math
from collections import Counter
from html import escape
from pathlib import Path
from typing import Any

BOOKS = {"MGH": "Moré, Garbow and Hillstrom (1981)"}

STYLE = """
:root { --ink: #1f2d3a; --muted: #64748b; --line: #e3e8ee; --paper: #ffffff; --wash: #f5f7f9;
        --ok: #0b7a5c; --honest: #9a6b00; --wrong: #b3261e; --accent: #0072b2; }
* { box-sizing: border-box; }
html { scroll-behavior: smooth; scroll-padding-top: 1rem; }
body { margin: 0; color: var(--ink); background: var(--wash); line-height: 1.5;
       font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, Helvetica, Arial, sans-serif; }
.page { max-width: 1320px; margin: 0 auto; padding: 0 1.25rem 4rem; }
header { padding: 3rem 0 1.25rem; }
h1 { font-size: 2.1rem; line-height: 1.15; letter-spacing: -.02em; margin: 0 0 .5rem; }
h2 { font-size: 1.45rem; letter-spacing: -.01em; margin: 3.2rem 0 1rem; }
h3 { font-size: 1.08rem; line-height: 1.35; margin: 0; }
p { margin: .35rem 0; max-width: 46rem; }
a { color: var(--accent); text-decoration: none; } a:hover { text-decoration: underline; }
code, td.method, .rows td:first-child { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas,
       monospace; font-size: .86em; }
.lead { font-size: 1.12rem; color: #3b4a5a; }
.totals { display: flex; flex-wrap: wrap; gap: .75rem 2.2rem; margin: 1.4rem 0 0; padding: 0;
          list-style: none; }
.totals b { display: block; font-size: 1.75rem; line-height: 1.1; letter-spacing: -.02em;
            font-variant-numeric: tabular-nums; }
.totals span { color: var(--muted); font-size: .88rem; }
.body { display: grid; grid-template-columns: minmax(0, 1fr); gap: 2.5rem; }
nav { font-size: .9rem; }
nav ol { list-style: none; margin: 0; padding: 0; columns: 9rem; column-gap: 1.2rem; }
nav li { break-inside: avoid; padding: .12rem 0; display: flex; gap: .5rem;
         justify-content: space-between; }
nav li span { color: var(--muted); font-variant-numeric: tabular-nums; }
nav h2 { margin: 0 0 .5rem; font-size: .78rem; text-transform: uppercase; letter-spacing: .08em;
         color: var(--muted); font-weight: 600; }
@media (min-width: 1080px) {
  .body { grid-template-columns: 11rem minmax(0, 1fr); }
  nav { position: sticky; top: 1.25rem; align-self: start; max-height: calc(100vh - 2.5rem);
        overflow: auto; padding-right: .5rem; }
  nav ol { columns: auto; }
  main > h2:first-child { margin-top: 0; }
}
.card { background: var(--paper); border: 1px solid var(--line); border-radius: 10px;
        padding: 1.15rem 1.3rem 1rem; margin: 0 0 1.1rem; }
.meta { color: var(--muted); font-size: .87rem; margin: .2rem 0 .1rem; max-width: none; }
.meta code { color: var(--ink); }
.card p.note { font-size: .95rem; color: #3b4a5a; }
img { display: block; width: 100%; height: auto; min-width: 34rem; max-width: 920px;
      margin: .9rem auto .35rem; }
details { margin-top: .6rem; font-size: .9rem; }
summary { cursor: pointer; padding: .2rem 0; }
summary::marker { color: var(--muted); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
.rows { width: 100%; font-size: .84rem; margin: .5rem 0 .2rem; }
.rows th { text-align: right; color: var(--muted); font-weight: 600; border-bottom: 1px solid
           var(--line); padding: .25rem .6rem; white-space: nowrap; }
.rows td { text-align: right; padding: .2rem .6rem; border-bottom: 1px solid #f0f3f6;
           white-space: nowrap; }
.rows th:first-child, .rows td:first-child, .rows th:nth-child(2), .rows td:nth-child(2) {
           text-align: left; }
.rows tr.best td { background: #f3f8fc; }
.ok { color: var(--ok); } .honest { color: var(--honest); }
.WRONG { color: var(--wrong); font-weight: 700; }
.matrix { font-size: .74rem; }
.matrix th { font-weight: 500; }
.matrix thead th { height: 9.2rem; vertical-align: bottom; padding: 0; min-width: 15px; }
.matrix thead div { writing-mode: vertical-rl; transform: rotate(180deg); white-space: nowrap;
                    margin: 0 auto; padding-bottom: 2px; color: var(--muted); }
.matrix tbody th { text-align: right; padding: 0 .6rem 0 0; white-space: nowrap; }
.matrix tbody th a { color: var(--ink); }
.matrix td { width: 15px; min-width: 15px; height: 15px; padding: 0;
             border: 1px solid var(--wash); }
td.c-ok { background: #7fc3ab; } td.c-honest { background: #f1dfae; } td.c-WRONG {
    background: var(--wrong); }
.key { display: flex; flex-wrap: wrap; gap: .3rem 1.4rem; font-size: .85rem; color: var(--muted);
       margin: 0 0 .8rem; }
.key i { display: inline-block; width: 12px; height: 12px; margin-right: .4rem; border-radius: 2px;
         vertical-align: -1px; }
footer { color: var(--muted); font-size: .87rem; margin-top: 3rem; }
"""


def write_page(tour: Any, path: Path) -> None:
    """Write the gallery of a tour to one self-contained file."""
    chapters = list(tour.chapters())
    parts = [
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>",
        "<meta name='viewport' content='width=device-width, initial-scale=1'>",
        "<title>optlib: the tour</title><style>" + STYLE + "</style></head><body>",
        "<div class='page'>",
        _header(tour),
        "<div class='body'>",
        _contents(chapters, bool(tour.pictures)),
        "<main>",
    ]
    if tour.pictures:
        parts.append("<h2 id='pictures'>Pictures to begin with</h2>")
        parts += [_figure(picture) for picture in tour.pictures]
    for chapter, stops in chapters:
        parts.append(f"<h2 id='{_anchor(chapter)}'>{escape(chapter_title(chapter))}</h2>")
        parts += [_card(stop) for stop in stops]
    parts += [_matrix(tour), "</main></div>", _footer(tour), "</div></body></html>"]
    path.write_text("\n".join(parts), encoding="utf-8")


def chapter_title(chapter: str) -> str:
    """The chapter as a heading.

    Examples
    --------
    >>> chapter_title("A 1.4"), chapter_title("MGH")
    ('Book A, 1.4', 'Moré, Garbow and Hillstrom (1981)')
    """
    book, _, section = chapter.partition(" ")
    return BOOKS.get(book, f"Book {book}, {section}" if section else book)


def _anchor(text: str) -> str:
    return "c-" + "".join(c if c.isalnum() else "-" for c in text)


def _header(tour: Any) -> str:
    counts = Counter(row.verdict for row in tour.rows)
    solved = len(tour.stops) - len(tour.unsolved)
    totals = [
        (len(tour.stops), "problems"),
        (f"{len(tour.rows):,}", "runs"),
        (f"{counts['ok']:,}", "solved and proved"),
        (f"{counts['honest']:,}", "not solved, and said so"),
        (counts["WRONG"], "wrong claims"),
        (f"{solved} of {len(tour.stops)}", "settled by the recommended method"),
        (f"{tour.seconds:.0f} s", "in all"),
    ]
    items = "".join(f"<li><b>{value}</b><span>{name}</span></li>" for value, name in totals)
    return (
        "<header><h1>The tour</h1><p class='lead'>Every bundled problem, solved with every method "
        "that applies. Each answer is judged twice: by the certificate, recomputed from the "
        "problem alone, and by the value that the source or an independent computation gives."
        f"</p><ul class='totals'>{items}</ul></header>"
    )


def _contents(chapters: list[tuple[str, list[Any]]], pictures: bool) -> str:
    items = ["<li><a href='#pictures'>Pictures</a></li>"] if pictures else []
    items += [
        f"<li><a href='#{_anchor(chapter)}'>{escape(_short(chapter))}</a>"
        f"<span>{len(stops)}</span></li>"
        for chapter, stops in chapters
    ]
    items.append("<li><a href='#all'>All at a glance</a></li>")
    return f"<nav><h2>Contents</h2><ol>{''.join(items)}</ol></nav>"


def _short(chapter: str) -> str:
    return "Moré et al." if chapter == "MGH" else f"Book {chapter}"


def _image(picture: Any) -> str:
    data = base64.b64encode(picture.png).decode()
    return (
        f"<div class='scroll'><img alt='{escape(picture.title, quote=True)}' "
        f"src='data:image/png;base64,{data}'></div>"
    )


def _figure(picture: Any) -> str:
    return (
        f"<div class='card'><h3>{escape(picture.title)}</h3>{_image(picture)}"
        f"<p class='note'>{escape(picture.caption)}</p></div>"
    )


def _card(stop: Any) -> str:
    size = f"{stop.size} variable" + ("" if stop.size == 1 else "s")
    parts = [
        f"<div class='card' id='{_anchor(stop.name)}'><h3>{escape(stop.title)}</h3>",
        f"<p class='meta'><code>{stop.name}</code> · {escape(stop.source)} · {stop.kind}, {size}"
        f" · {_answer(stop)}</p>",
        f"<p class='note'>{escape(stop.notes)}</p>" if stop.notes else "",
        _image(stop.picture) if stop.picture else "",
        f"<details><summary>{_tally(stop)}</summary>{_table(stop)}</details></div>",
    ]
    return "".join(parts)


def _answer(stop: Any) -> str:
    values = ", ".join(f"{value:.8g}" for value in stop.known)
    if not stop.attained:
        return f"infimum {values}, not attained" if values else "no minimum"
    if not values:
        return "minimum not recorded"
    return f"{'minimum' if len(stop.known) == 1 else 'minima'} {values}"


def _tally(stop: Any) -> str:
    shown = [
        f"<span class='{name}'>{stop.count(name)} {name}</span>"
        for name in ("ok", "honest", "WRONG")
        if stop.count(name)
    ]
    return f"{len(stop.rows)} methods: " + ", ".join(shown)


def _table(stop: Any) -> str:
    head = (
        "<tr><th>method</th><th>status</th><th>f found</th><th>error</th><th>iterations</th>"
        "<th>f</th><th>gradients</th><th>proof</th><th>ms</th><th></th></tr>"
    )
    return (
        f"<div class='scroll'><table class='rows'>{head}{''.join(map(_line, stop.rows))}"
        "</table></div>"
    )


def _line(row: Any) -> str:
    error = f"{row.error:.1e}" if math.isfinite(row.error) else ""
    proof = "holds" if row.holds else f"{row.residual:.0e}" if math.isfinite(row.residual) else ""
    time = f"{1e3 * row.seconds:.3g}" if math.isfinite(row.seconds) else ""
    mark = " ★" if row.recommended else ""
    status = f"<span title='{escape(row.note, quote=True)}'>{row.status.lower()}</span>"
    cells = (
        row.method + mark, status.replace("_", " "), f"{row.found:.10g}", error, row.nit, row.nfev,
        row.njev, proof, time, f"<span class='{row.verdict}'>{row.verdict}</span>",
    )  # fmt: skip
    best = " class='best'" if row.recommended else ""
    return f"<tr{best}>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _matrix(tour: Any) -> str:
    """Problems by methods, one coloured square each."""
    names = list(dict.fromkeys(sorted((r.method for r in tour.rows), key=_rank(tour))))
    head = "".join(f"<th><div>{name.replace('_', ' ')}</div></th>" for name in names)
    lines = []
    for stop in tour.stops:
        by_name = {row.method: row for row in stop.rows}
        cells = "".join(_square(by_name.get(name)) for name in names)
        link = f"<a href='#{_anchor(stop.name)}'>{stop.name}</a>"
        lines.append(f"<tr><th>{link}</th>{cells}</tr>")
    key = (
        "<div class='key'><span><i style='background:#7fc3ab'></i>solved and proved</span>"
        "<span><i style='background:#f1dfae'></i>not solved within the limits, and said so</span>"
        "<span><i style='background:var(--wrong)'></i>wrong</span>"
        "<span><i style='border:1px solid var(--line)'></i>does not apply</span></div>"
    )
    return (
        f"<h2 id='all'>All at a glance</h2>{key}<div class='scroll'><table class='matrix'>"
        f"<thead><tr><th></th>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table></div>"
    )


def _rank(tour: Any) -> Any:
    """Methods by how many problems they apply to, then by what share of them they solve."""
    rows = Counter(row.method for row in tour.rows)
    solved = Counter(row.method for row in tour.rows if row.verdict == "ok")
    return lambda name: (-rows[name], -solved[name] / rows[name], name)


def _square(row: Any) -> str:
    if row is None:
        return "<td></td>"
    tip = f"{row.problem}, {row.method}: {row.status.lower()}, {row.nit} iterations"
    return f"<td class='c-{row.verdict}' title='{tip}'></td>"


def _footer(tour: Any) -> str:
    return (
        f"<footer>★ the recommended method. Other runs stop after {tour.limits}; "
        "“honest” means that a run did not reach a certified minimum within that and said so. "
        "The error is relative to max(1, |f*|), f* the nearest known minimum. In the pictures a "
        "hollow circle is the start, a filled one the end, a cross the known minimum.</footer>"
    )
