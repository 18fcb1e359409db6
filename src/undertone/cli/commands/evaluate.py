"""``undertone evaluate``: how good a model is on labelled reviews, and how sure that is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from undertone.cli import options, ticker
from undertone.cli.group import debug_option
from undertone.cli.loading import load_model
from undertone.cli.wording import facts, percent, table

if TYPE_CHECKING:
    from undertone.evaluation import Evaluation, Report


@click.command()
@click.argument("model", required=False, type=click.Path(path_type=Path))
@click.option("--data", "source", required=True, metavar="SOURCE", help=options.SOURCE_HELP)
@click.option(
    "--split",
    type=click.Choice(["test", "validation", "train", "all"]),
    default="test",
    show_default=True,
    help="Which part of the source; all: every labelled review.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="Also write metrics.json, report.md and plots into this folder.",
)
@options.precision_option
@options.threads_option
@options.reading_options
@options.json_option
@debug_option
def command(
    model: Path | None,
    source: str,
    split: str,
    output: Path | None,
    precision: options.Precision,
    threads: int | None,
    text_column: str | None,
    label_column: str | None,
    exclude: Path | None,
    encoding: str,
    as_json: bool,
) -> None:
    """Measure a model on labelled reviews.

    MODEL is a folder that undertone train wrote; without it, the model inside the package is
    measured. A source that names no test part is cut as it was for the model's training.
    """
    from undertone import evaluation
    from undertone.data.source import load_split

    measured = load_model(model, precision, threads)
    reading = options.source_options(text_column, label_column, exclude, encoding)
    examples = load_split(source, reading, measured.config.data, split, measured.labels)
    with ticker.Ticker(ticker.reviews) as progress:
        found = evaluation.evaluate(
            measured, examples, source=source, split=split, on_progress=progress
        )
    report = evaluation.write_report(found, output) if output else None
    if as_json:
        click.echo(evaluation.as_json(found), nl=False)
    else:
        click.echo(describe(found, report))


def describe(found: Evaluation, report: Report | None) -> str:
    """The findings as a page of text."""
    from undertone.evaluation import figure_rows

    title = f"{found.model.name} on {found.source}, {found.split}: {found.reviews:,} reviews"
    if found.empty:
        title += f", {found.empty:,} of them without text"
    sections = [title, facts(figure_rows(found)), _confusion(found), _lengths(found)]
    if report is not None:
        sections.append(_written(report))
    return "\n\n".join(sections)


def _confusion(found: Evaluation) -> str:
    rows = [("true label", *(f"said {label}" for label in found.labels))]
    rows += [
        (label, *(f"{count:,}" for count in counts))
        for label, counts in zip(found.labels, found.confusion, strict=True)
    ]
    return table(rows, right=range(1, len(rows[0])))


def _lengths(found: Evaluation) -> str:
    rows = [("tokens", "reviews", "accuracy", "95% interval", "text read")]
    rows += [
        (
            band.title,
            f"{band.reviews:,}",
            percent(band.accuracy),
            " to ".join(percent(end) for end in band.accuracy_interval),
            percent(band.share_read),
        )
        for band in found.by_length
    ]
    return table(rows, right=range(1, 5))


def _written(report: Report) -> str:
    plots = ", ".join(str(path) for path in report.plots if path.suffix == ".png")
    return facts(
        [
            ("report", str(report.markdown)),
            ("figures", str(report.metrics)),
            ("plots", plots or f"not drawn: {report.note}"),
        ]
    )
