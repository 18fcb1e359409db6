"""``undertone train``: labelled reviews in, a model folder out."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from undertone.cli import options
from undertone.cli.group import debug_option
from undertone.cli.progress import training_progress
from undertone.cli.settings import CommandWithSettings
from undertone.cli.wording import duration, facts, percent
from undertone.config import load_preset
from undertone.errors import MissingExtraError
from undertone.extras import require

if TYPE_CHECKING:
    from undertone.training import TrainResult

_ENDINGS = re.compile(r"(\.(csv|tsv|tab|jsonl|ndjson|parquet|pq|txt|tar|tgz|gz))+$", re.IGNORECASE)


@click.command(cls=CommandWithSettings)
@click.option("--data", "source", required=True, metavar="SOURCE", help=options.SOURCE_HELP)
@options.preset_option
@options.set_option
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="Folder of the new model.  [default: runs/PRESET-SOURCE]",
)
@click.option(
    "--start-from",
    type=click.Path(path_type=Path),
    help="Language model, or model, to start from: a folder.",
)
@click.option("--resume", is_flag=True, help="Go on with a run that was stopped.")
@click.option("--overwrite", is_flag=True, help="Replace the model that stands in the folder.")
@click.option("--seed", type=click.IntRange(min=0), help="Of everything random.  [default: 0]")
@options.reading_options
@debug_option
@click.pass_context
def command(
    context: click.Context,
    source: str,
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
    options.refuse_together(
        context, "resume", ["overwrite"], "one keeps what is there, the other deletes it."
    )
    config = load_preset(preset, overrides, seed)
    folder = output or default_output(preset, source)

    require("torch", "train")
    from undertone import training

    with training_progress(sys.stderr.isatty()) as listener:
        result = training.train(
            source,
            config=config,
            output=folder,
            options=options.source_options(text_column, label_column, exclude, encoding),
            start_from=start_from,
            resume=resume,
            overwrite=overwrite,
            on_event=listener,
        )
    click.echo(summary(result, drawn(result.folder), evaluate_command(context, result.folder)))


def default_output(preset: str, source: str) -> Path:
    """``runs/<preset>-<source>``, e.g. ``runs/small-aclImdb_v1`` for the IMDB archive."""
    hub = source.startswith("hf:")
    name = source.removeprefix("hf:").replace("/", "-") if hub else Path(source).name
    stem = re.sub(r"[^\w.-]+", "-", _ENDINGS.sub("", name)).strip("-.") or "data"
    return Path("runs") / f"{Path(preset).stem}-{stem}"


def summary(result: TrainResult, curves: str, next_command: str) -> str:
    """What was reached, where to look, and what to type next."""
    reached = (
        f"validation accuracy {percent(result.validation_accuracy)}, "
        f"loss {result.validation_loss:.3f}, after epoch {result.best_epoch} "
        f"of {result.epochs}, in {duration(result.seconds)}"
    )
    return facts(
        [
            ("reached", reached),
            ("model", str(result.folder)),
            ("curves", curves),
            ("next", next_command),
        ]
    )


def evaluate_command(context: click.Context, folder: Path) -> str:
    """The command that measures the new model on the same source, read in the same way."""
    words = ["undertone", "evaluate", str(folder), "--data", context.params["source"]]
    for name in ("text_column", "label_column", "exclude", "encoding"):
        if options.given(context, name):
            words += [options.spelling(context, name), str(context.params[name])]
    return shlex.join(words)


def drawn(folder: Path) -> str:
    """Draw the curves; where they are, or why there are none."""
    from undertone import plots

    try:
        return ", ".join(str(path) for path in plots.save_history(folder))
    except MissingExtraError as error:
        return f"not drawn: {error}"
