"""``undertone export``: the int8 model beside the float32 one, measured."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from undertone import modelfolder
from undertone.cli import options
from undertone.cli.group import debug_option
from undertone.cli.wording import facts

if TYPE_CHECKING:
    from undertone.data.examples import SourceOptions
    from undertone.evaluation.export import Comparison, PrecisionFigures


@click.command()
@click.argument("folder", metavar="MODEL", type=click.Path(path_type=Path))
@click.option(
    "--data",
    "source",
    metavar="SOURCE",
    help="Reviews to calibrate and measure on.  [default: what the model was trained from]",
)
@click.option("--no-measure", is_flag=True, help="Only write the int8 model.")
@options.reading_options
@options.json_option
@debug_option
@click.pass_context
def command(
    context: click.Context,
    folder: Path,
    source: str | None,
    no_measure: bool,
    text_column: str | None,
    label_column: str | None,
    exclude: Path | None,
    encoding: str,
    as_json: bool,
) -> None:
    """Write model.int8.onnx into a model folder, and say what it costs.

    The int8 model gets a temperature of its own from the validation reviews; both are then
    measured on the test reviews, and the figures are kept in the folder as int8.json.
    """
    reading_only = ("text_column", "label_column", "exclude", "encoding")
    options.refuse_together(
        context, "no_measure", ["source", *reading_only], "it measures nothing."
    )
    options.refuse_without(context, "source", reading_only)
    from undertone.evaluation.export import export_int8

    reading = options.source_options(text_column, label_column, exclude, encoding)
    if no_measure:
        chosen = None
    elif source is None:
        chosen, reading = recorded_source(folder)
    else:
        chosen = source
    comparison = export_int8(folder, source=chosen, options=reading)
    if as_json:
        click.echo(_json(comparison))
    elif comparison is None:
        click.echo(facts([("written", str(folder / modelfolder.GRAPH_INT8)), ("measured", "no")]))
    else:
        click.echo(summary(folder, comparison))


def recorded_source(folder: Path) -> tuple[str, SourceOptions]:
    """The source that the model's manifest names, and how it was read."""
    from undertone.errors import DataError

    data = modelfolder.read(folder).data
    source = str(data.get("source", ""))
    if not source or (source == "examples"):
        raise DataError(
            f"{folder} does not say which reviews it was trained from.",
            "Name reviews with --data, or write it without figures with --no-measure.",
        )
    exclude = data.get("exclude")
    return source, options.source_options(
        data.get("text_column"),
        data.get("label_column"),
        Path(exclude) if exclude else None,
        str(data.get("encoding", "utf-8")),
    )


def summary(folder: Path, comparison: Comparison) -> str:
    """Both models side by side, and what changed between them."""
    rows = [
        ("written", str(folder / modelfolder.GRAPH_INT8)),
        ("float32", _figures(comparison.float32)),
        ("int8", _figures(comparison.int8)),
    ]
    changed = (
        f"{comparison.flips:,} of {comparison.reviews:,} verdicts, "
        f"no probability by more than {comparison.largest_change:.3f}"
    )
    return facts([*rows, ("changed", changed)])


def _figures(figures: PrecisionFigures) -> str:
    return (
        f"accuracy {figures.accuracy:.2%}, loss {figures.loss:.4f}, "
        f"calibration error {figures.ece:.2%}, {figures.bytes / 1e6:.1f} MB, "
        f"{figures.reviews_per_second:,.0f} reviews/s"
    )


def _json(comparison: Comparison | None) -> str:
    import msgspec

    content: Any = comparison if comparison is not None else {"measured": False}
    return msgspec.json.encode(content).decode()
