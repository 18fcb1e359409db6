"""``undertone widen``: trained networks in one, and n-grams beside them."""

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
@click.argument(
    "models", nargs=-1, required=True, metavar="MODEL...", type=click.Path(path_type=Path)
)
@options.source_option
@options.also_option
@options.set_option
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="Folder of the new model.  [default: MODEL-wide]",
)
@click.option(
    "--max-tokens",
    type=click.IntRange(min=1),
    help="Tokens that the new model reads of a review.  [default: as many as the networks]",
)
@options.overwrite_option
@options.reading_options
@debug_option
@click.pass_context
def command(
    context: click.Context,
    models: tuple[Path, ...],
    source: str,
    also: tuple[str, ...],
    overrides: tuple[str, ...],
    output: Path | None,
    max_tokens: int | None,
    overwrite: bool,
    text_column: str | None,
    label_column: str | None,
    exclude: Path | None,
    encoding: str,
) -> None:
    """Make a new model of the network in MODEL and the n-grams of its training reviews.

    The n-grams learn from the labels that the network was trained on. Of several models the
    networks become one, side by side. How much each part counts is fitted on the validation
    reviews. Takes a minute where training took hours.
    """
    bag = load_preset("bag", overrides).bag
    folder = output or models[0].with_name(f"{models[0].name}-wide")

    require("torch", "train")
    from undertone import widening

    with training_progress(sys.stderr.isatty()) as listener:
        result = widening.widen(
            models,
            source,
            bag=bag,
            output=folder,
            max_tokens=max_tokens,
            options=options.source_options(text_column, label_column, exclude, encoding),
            also=also,
            overwrite=overwrite,
            on_event=listener,
        )
    curves = drawn(result.folder) if result.epochs else "those of the networks"
    click.echo(summary(result, curves, evaluate_command(context, result.folder)))
