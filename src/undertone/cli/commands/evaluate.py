"""``undertone evaluate``: how good a model is on labelled reviews, and how sure that is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from undertone.cli import mistakes, options, ticker
from undertone.cli.group import debug_option
from undertone.cli.loading import load_model
from undertone.cli.wording import facts, percent, table

if TYPE_CHECKING:
    from undertone.data.examples import SourceOptions
    from undertone.evaluation import Errors, Evaluation, Report
    from undertone.inference import Model


@click.command()
@click.argument("model", required=False, type=click.Path(path_type=Path))
@options.source_option
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
@click.option(
    "--errors",
    "most",
    type=click.IntRange(min=1),
    metavar="N",
    help="Also list the N most confident mistakes, explained, and near-duplicates with different "
    "labels; in the folder as errors.jsonl.",
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
    most: int | None,
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

    if output is not None:
        evaluation.check_target(output)
    measured = load_model(model, precision, threads)
    reading = options.source_options(text_column, label_column, exclude, encoding)
    examples = load_split(source, reading, measured.config.data, split, measured.labels)
    if split != "all" and examples[0].split is None:
        for line in about_the_cut(measured, source, reading, split):
            click.echo(line, err=True)
    with ticker.Ticker(ticker.reviews) as progress:
        verdicts, seconds = evaluation.timed_verdicts(measured, examples, progress)
    found = evaluation.summarise(verdicts, measured, source=source, split=split, seconds=seconds)
    errors = evaluation.find_errors(measured, examples, verdicts, most) if most else None
    # Shown before anything is written, so that a full disk costs no figures.
    page = evaluation.as_json(found, errors) if as_json else describe(found, errors)
    click.echo(page, nl=not as_json)
    if output is not None:
        report = evaluation.write_report(found, output, errors)
        click.echo(f"\n{_written(report)}", err=as_json)


def describe(found: Evaluation, errors: Errors | None = None) -> str:
    """The findings as a page of text, with the errors where they were looked for."""
    from undertone.evaluation import figure_rows

    title = f"{found.model.name} on {found.source}, {found.split}: {found.reviews:,} reviews"
    if found.empty:
        title += f", {found.empty:,} of them without text"
    parts = [title, facts(figure_rows(found)), _confusion(found), _lengths(found)]
    return "\n\n".join([*parts, *([mistakes.describe(errors)] if errors else [])])


def about_the_cut(model: Model, source: str, reading: SourceOptions, split: str) -> Iterator[str]:
    """What to know of a part that the source does not name but that is cut from it.

    The cut follows from the reviews. Where they, or the way they are read, changed since the model
    was trained from this very source, reviews that it learnt from can stand in the part.
    """
    from undertone import modelfolder
    from undertone.data.source import load_training

    yield (
        f"{source} names no {split} part: it is cut off by seed {model.config.data.split_seed}. "
        "Measure every labelled review with --split all."
    )
    trained = modelfolder.read(model.folder).data
    if trained.get("source") == source:
        data = load_training(source, reading, model.config.data)
        if data.digest != trained.get("digest"):
            yield (
                f"warning: {source}, or the way it is read, changed since the model was trained; "
                "reviews that it learnt from may be among those measured."
            )


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
    pairs = [
        ("report", str(report.markdown)),
        ("figures", str(report.metrics)),
        ("plots", plots or f"not drawn: {report.note}"),
    ]
    if report.errors is not None:
        pairs.append(("errors", str(report.errors)))
    return facts(pairs)
