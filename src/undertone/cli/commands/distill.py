"""``undertone distill``: a small model learns from large ones."""

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
    uses = ("data", "text", "network", "train", "bag", "distill")


@click.command(cls=_Command)
@click.option(
    "--teachers",
    required=True,
    metavar="A,B,...",
    help="Model folders, separated by commas; together they give the mean of their logits.",
)
@click.option(
    "--sentence-teachers",
    metavar="A,B,...",
    default="",
    help="Model folders that judge single sentences (distill.sentences).  [default: --teachers]",
)
@options.source_option
@options.also_option
@options.preset_option
@options.set_option
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="Folder of the new model.  [default: runs/PRESET-distilled-SOURCE]",
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
    teachers: str,
    sentence_teachers: str,
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
    """Train a small model on the verdicts of larger ones.

    The teachers judge the source's unlabelled reviews, and those labelled ones that they did not
    learn from; the student learns their probabilities. Teachers trained with data.folds leave one
    part of the labelled reviews out each and so can judge it.
    """
    options.refuse_resume_with_overwrite(context)
    config = load_preset(preset, overrides, seed, started=start_from is not None)
    folder = output or default_output(f"{Path(preset).stem}-distilled", source)

    require("torch", "train")
    from undertone import distillation

    with training_progress(sys.stderr.isatty()) as listener:
        result = distillation.distill(
            options.listed(teachers),
            source,
            config=config,
            output=folder,
            options=options.source_options(text_column, label_column, exclude, encoding),
            also=also,
            sentence_teachers=options.listed(sentence_teachers),
            start_from=start_from,
            resume=resume,
            overwrite=overwrite,
            on_event=listener,
        )
    click.echo(summary(result, drawn(result.folder), evaluate_command(context, result.folder)))
