"""``undertone pretrain``: texts in, a language model out."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from undertone.cli import options
from undertone.cli.group import debug_option
from undertone.cli.outcome import default_output
from undertone.cli.progress import training_progress
from undertone.cli.settings import CommandWithSettings
from undertone.cli.wording import duration, facts, perplexity
from undertone.config import load_preset
from undertone.extras import require

if TYPE_CHECKING:
    from undertone.training.pretrain import PretrainResult


class _Command(CommandWithSettings):
    uses = (
        *("data.splits", "data.validation", "data.test", "data.group", "data.split_seed"),
        *("text.cleaning", "text.stopwords", "text.tokenizer"),
        *("text.vocabulary", "text.min_frequency"),
        *("network.embedding_dim", "network.hidden_dim", "network.bidirectional"),
        *("train.precision", "train.device", "train.threads", "train.checkpoint_seconds"),
        "pretrain",
    )


@click.command(cls=_Command)
@options.source_option
@options.preset_option
@options.set_option
@click.option(
    "--start-from",
    type=click.Path(path_type=Path),
    help="Language model that goes on learning, with the same widths or larger ones: a folder.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="Folder of the language model.  [default: runs/lm-SOURCE]",
)
@options.resume_option
@click.option("--overwrite", is_flag=True, help="Replace what stands in the folder.")
@options.seed_option
@options.reading_options
@debug_option
@click.pass_context
def command(
    context: click.Context,
    source: str,
    preset: str,
    overrides: tuple[str, ...],
    start_from: Path | None,
    output: Path | None,
    resume: bool,
    overwrite: bool,
    seed: int | None,
    text_column: str | None,
    label_column: str | None,
    exclude: Path | None,
    encoding: str,
) -> None:
    """Teach a language model from texts, for a model to start from.

    It learns from the training reviews, without looking at their labels, and from the unlabelled
    ones; test reviews are not opened. undertone train --start-from makes a model of it. One that
    was taught from other texts, or a narrower one, can be the start of another.

    Ctrl-C stops after the current step and keeps what was learnt; --resume goes on from there and
    ends in the same weights as a run that was never stopped.
    """
    options.refuse_resume_with_overwrite(context)
    config = load_preset(preset, overrides, seed)
    folder = output or default_output("lm", source)

    require("torch", "train")
    from undertone.training.pretrain import pretrain

    with training_progress(sys.stderr.isatty()) as listener:
        result = pretrain(
            source,
            config=config,
            output=folder,
            options=options.source_options(text_column, label_column, exclude, encoding),
            start_from=start_from,
            resume=resume,
            overwrite=overwrite,
            on_event=listener,
        )
    click.echo(summary(result, train_command(context, result.folder)))


def summary(result: PretrainResult, next_command: str) -> str:
    """What was reached, where it is, and what to type next."""
    reached = (
        f"validation loss {result.validation_loss:.3f} nats a token, "
        f"perplexity {perplexity(result.validation_loss)}, after {result.epochs} "
        f"epoch{'s' if result.epochs > 1 else ''}, in {duration(result.seconds)}"
    )
    return facts(
        [("reached", reached), ("language model", str(result.folder)), ("next", next_command)]
    )


def train_command(context: click.Context, folder: Path) -> str:
    """The command that makes a model of it: same source, same tokens, same network."""
    words = ["undertone", "train", "--start-from", str(folder), "--data", context.params["source"]]
    if options.given(context, "preset"):
        words += ["--preset", context.params["preset"]]
    for override in context.params["overrides"]:
        if not override.startswith("pretrain."):
            words += ["--set", override]
    return shlex.join([*words, *options.reading_words(context)])
