"""The report of a study as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from undertone.evaluation.markdown import origin_lines, plain, table
from undertone.study import tables
from undertone.study.charts import Chart
from undertone.study.summary import ModelResult, StudyResult
from undertone.study.tables import Table

TITLE = "Comparison of models"


def report(result: StudyResult, charts: Sequence[Chart], no_pictures: str = "") -> str:
    """The whole report.

    Args:
        result: of the study.
        charts: pictures that lie beside it as ``NAME.png``.
        no_pictures: why there are none; empty: link to them.
    """
    parts = [
        f"# {TITLE}",
        about(result, "`"),
        *tables.summary(result),
        "## Models",
        *_table(tables.models(result)),
        "## Cost",
        *_table(tables.costs(result)),
        *_optional("## What each change does", tables.changes(result)),
        "## Pairs of models",
        *_table(tables.comparisons(result)),
        "## Pictures",
        *(_pictures(charts) if not no_pictures else [f"No pictures: {no_pictures}"]),
        "## By length of the review",
        *_table(tables.lengths(result)),
        "## Confusion matrices",
        *(part for each in result.full for part in _confusion(each, result.labels)),
        *_optional("## Tricky reviews", tables.tricky(result)),
        "## How this was made",
        "\n".join(origin_lines(result.provenance)),
        f"Operations: {result.flops}.",
    ]
    return "\n\n".join(parts) + "\n"


def about(result: StudyResult, quote: str = "") -> str:
    """What was compared on what, in a sentence or two."""
    seeds = ", ".join(map(str, result.seeds))
    settings = "".join(f", {quote}{plain(each)}{quote}" for each in result.settings)
    return (
        f"{len(result.models)} models on {quote}{plain(result.source)}{quote}, protocol "
        f"{result.protocol}{settings}: {result.train:,} reviews to train on, "
        f"{result.validation:,} for validation, {result.test:,} for test. Seeds: {seeds}. "
        f"Intervals: {result.intervals}."
    )


def _optional(title: str, found: Table | None) -> Iterator[str]:
    if found is not None:
        yield title
        yield from _table(found)


def _table(found: Table) -> Iterator[str]:
    rows = [[plain(cell) for cell in row] for row in found.rows]
    yield table([plain(each) for each in found.heading], rows)
    if found.note:
        yield plain(found.note)


def _pictures(charts: Sequence[Chart]) -> Iterator[str]:
    for chart in charts:
        yield f"![{plain(chart.title)}]({chart.name}.png)"
        yield chart.note


def _confusion(model: ModelResult, labels: Sequence[str]) -> Iterator[str]:
    names = [plain(label) for label in labels]
    rows = [
        [name, *(f"{cell:,}" for cell in row)]
        for name, row in zip(names, model.confusion, strict=True)
    ]
    yield f"{plain(model.name)}, all seeds together, true labels in rows, verdicts in columns:"
    yield table(["True label", *names], rows)
