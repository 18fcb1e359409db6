"""The report of a study as one HTML file that needs nothing else and no network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from importlib import resources

from undertone.evaluation.markdown import origin_lines
from undertone.study import tables
from undertone.study.charts import Chart
from undertone.study.markdown import TITLE, about
from undertone.study.summary import ModelResult, StudyResult
from undertone.study.svg import chart_svg, swatch
from undertone.study.tables import Table

_HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
<main>
"""
_FOOT = "</main>\n</body>\n</html>\n"


def html(result: StudyResult, charts: Sequence[Chart]) -> str:
    """The whole page, in light or dark as the reader's system has it."""
    style = resources.files("undertone.study").joinpath("page.css").read_text("utf-8")
    head = _HEAD.format(title=escape(f"{TITLE}: {result.source}"), style=style)
    return head + "\n".join(_body(result, charts)) + _FOOT


def _body(result: StudyResult, charts: Sequence[Chart]) -> Iterator[str]:
    yield f"<h1>{TITLE}</h1>"
    yield f'<p class="soft">{escape(about(result))}</p>'
    findings = "".join(f"<p>{escape(each)}</p>" for each in tables.summary(result))
    yield f'<div class="findings">{findings}</div>'
    yield from _section("Models", tables.models(result), "main")
    yield from _section("Cost", tables.costs(result), "main")
    yield from _section("What each change does", tables.changes(result), "words")
    yield from _section("Pairs of models", tables.comparisons(result), "words pairs")
    yield "<h2>Pictures</h2>"
    yield _legend(result)
    yield f'<div class="charts">{"".join(map(_figure, charts))}</div>'
    yield from _section("By length of the review", tables.lengths(result), "")
    yield "<h2>Confusion matrices</h2>"
    yield '<p class="soft">All seeds together; true labels in rows, verdicts in columns.</p>'
    yield '<div class="matrices">'
    yield from (_confusion(each, result.labels) for each in result.full)
    yield "</div>"
    yield from _section("Tricky reviews", tables.tricky(result), "words")
    yield from _origin(result)


def _section(title: str, found: Table | None, kind: str) -> Iterator[str]:
    if found is None:
        return
    yield f"<h2>{escape(title)}</h2>"
    yield _table(found, title, kind)
    if found.note:
        yield f'<p class="soft">{escape(found.note)}</p>'


def _table(found: Table, name: str, kind: str) -> str:
    heading = "".join(f'<th scope="col">{escape(each)}</th>' for each in found.heading)
    rows = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>'
        f"{''.join(f'<td>{escape(cell)}</td>' for cell in row[1:])}</tr>\n"
        for row in found.rows
    )
    # A region that scrolls sideways must be reachable from the keyboard.
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(name, quote=True)}">'
        f'<table class="{kind}"><thead><tr>{heading}</tr></thead>\n'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _legend(result: StudyResult) -> str:
    items = (
        f"<li>{swatch(place)}{escape(each.name)}</li>"
        for place, each in enumerate(result.models)
        if not each.steps
    )
    return f'<ul class="legend">{"".join(items)}</ul>'


def _figure(chart: Chart) -> str:
    return (
        f"<figure><h3>{escape(chart.title)}</h3>{chart_svg(chart)}"
        f"<figcaption>{escape(chart.note)}</figcaption></figure>\n"
    )


def _confusion(model: ModelResult, labels: Sequence[str]) -> str:
    heading = "".join(f'<th scope="col">{escape(label)}</th>' for label in ("", *labels))
    rows = "".join(
        f'<tr><th scope="row">{escape(label)}</th>{_cells(row)}</tr>'
        for label, row in zip(labels, model.confusion, strict=True)
    )
    return (
        f"<figure><h3>{escape(model.name)}</h3>"
        f'<div class="scroll"><table class="matrix"><thead><tr>{heading}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div></figure>"
    )


def _cells(row: Sequence[int]) -> str:
    total = max(1, sum(row))
    return "".join(
        f'<td style="--share:{cell / total:.3f}">{cell:,}<br>'
        f'<span class="soft">{100 * cell / total:.1f}%</span></td>'
        for cell in row
    )


def _origin(result: StudyResult) -> Iterator[str]:
    yield "<h2>How this was made</h2>"
    lines = (each.removeprefix("- ").replace("`", "") for each in origin_lines(result.provenance))
    yield f'<ul class="origin soft">{"".join(f"<li>{escape(each)}</li>" for each in lines)}</ul>'
    yield f'<p class="soft">Operations: {escape(result.flops)}.</p>'
    yield '<p class="soft">All figures are in study.json beside this page.</p>'
