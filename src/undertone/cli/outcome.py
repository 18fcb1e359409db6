"""Where a training run writes to, and what is said at its end."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from undertone.cli import options
from undertone.cli.wording import duration, facts, percent
from undertone.errors import MissingExtraError

if TYPE_CHECKING:
    from undertone.training import TrainResult

_ENDINGS = re.compile(r"(\.(csv|tsv|tab|jsonl|ndjson|parquet|pq|txt|tar|tgz|gz))+$", re.IGNORECASE)


def default_output(preset: str, source: str) -> Path:
    """``runs/<preset>-<source>``, e.g. ``runs/small-aclImdb_v1`` for the IMDB archive."""
    hub = source.startswith("hf:")
    name = source.removeprefix("hf:").replace("/", "-") if hub else Path(source).name
    stem = re.sub(r"[^\w.-]+", "-", _ENDINGS.sub("", name)).strip("-.") or "data"
    return Path("runs") / f"{Path(preset).stem}-{stem}"


def summary(result: TrainResult, curves: str, next_command: str) -> str:
    """What was reached, where to look, and what to type next."""
    epochs = f"after epoch {result.best_epoch} of {result.epochs}, " if result.epochs else ""
    reached = (
        f"validation accuracy {percent(result.validation_accuracy)}, "
        f"loss {result.validation_loss:.3f}, {epochs}in {duration(result.seconds)}"
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
    return shlex.join([*words, *options.reading_words(context)])


def drawn(folder: Path) -> str:
    """Draw the curves; where they are, or why there are none."""
    from undertone import plots

    try:
        return ", ".join(str(path) for path in plots.save_history(folder))
    except MissingExtraError as error:
        return f"not drawn: {error}"
