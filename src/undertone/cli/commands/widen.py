"""``undertone widen``: n-grams beside a trained network."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from undertone.cli import options
from undertone.cli.group import debug_option
from undertone.cli.outcome import drawn, evaluate_command, summary
from undertone.cli.progress import training_progress
from undertone.cli.settings import CommandWithSettings
from undertone.config import load_preset
from undertone.extras import require


class _Command(CommandWithSettings):
    uses = ("bag",)


@click.command(cls=_Command)
@click.argument("model", type=click.Path(path_type=Path))
@options.source_option
@options.also_option
@options.set_option
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="Folder of the new model.  [default: MODEL-wide]",
)
@options.overwrite_option
@options.reading_options
@debug_option
@click.pass_context
def command(
    context: click.Context,
    model: Path,
    source: str,
    also: tuple[str, ...],
    overrides: tuple[str, ...],
    output: Path | None,
    overwrite: bool,
    text_column: str | None,
    label_column: str | None,
    exclude: Path | None,
    encoding: str,
) -> None:
    """Make a new model of the network in MODEL and the n-grams of its training reviews.

    The n-grams learn from the labels that the network was trained on; how much each counts is
    fitted on its validation reviews. Takes a minute where training took hours.
    """
    bag = load_preset("bag", overrides).bag
    folder = output or model.with_name(f"{model.name}-wide")

    require("torch", "train")
    from undertone import widening

    with training_progress(sys.stderr.isatty()) as listener:
        result = widening.widen(
            model,
            source,
            bag=bag,
            output=folder,
            options=options.source_options(text_column, label_column, exclude, encoding),
            also=also,
            overwrite=overwrite,
            on_event=listener,
        )
    click.echo(summary(result, drawn(result.folder), evaluate_command(context, result.folder)))
