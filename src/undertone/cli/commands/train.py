"""``undertone train``: labelled reviews in, a model folder out."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from undertone.cli import options
from undertone.cli.group import debug_option
from undertone.cli.outcome import default_output, drawn, evaluate_command, summary
from undertone.cli.progress import training_progress
from undertone.cli.settings import CommandWithSettings
from undertone.config import load_preset
from undertone.extras import require


class _Command(CommandWithSettings):
    uses = ("data", "text", "network", "train", "bag")


@click.command(cls=_Command)
@options.source_option
@options.also_option
@options.preset_option
@options.set_option
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="Folder of the new model.  [default: runs/PRESET-SOURCE]",
)
@options.start_from_option
@options.resume_option
@options.overwrite_option
@options.seed_option
@options.reading_options
@debug_option
@click.pass_context
def command(
    context: click.Context,
    source: str,
    also: tuple[str, ...],
    preset: str,
    overrides: tuple[str, ...],
    output: Path | None,
    start_from: Path | None,
    resume: bool,
    overwrite: bool,
    seed: int | None,
    text_column: str | None,
    label_column: str | None,
    exclude: Path | None,
    encoding: str,
) -> None:
    """Train a model on labelled reviews.

    Ctrl-C stops after the current step and keeps what was learnt; --resume goes on from there and
    ends in the same weights as a run that was never stopped.
    """
    options.refuse_resume_with_overwrite(context)
    config = load_preset(preset, overrides, seed, started=start_from is not None)
    folder = output or default_output(preset, source)

    require("torch", "train")
    from undertone import training

    with training_progress(sys.stderr.isatty()) as listener:
        result = training.train(
            source,
            config=config,
            output=folder,
            options=options.source_options(text_column, label_column, exclude, encoding),
            also=also,
            start_from=start_from,
            resume=resume,
            overwrite=overwrite,
            on_event=listener,
        )
    click.echo(summary(result, drawn(result.folder), evaluate_command(context, result.folder)))
