"""``undertone tune``: a search for better settings, shared by any number of workers."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from undertone.cli import options
from undertone.cli.group import debug_option
from undertone.cli.progress import PlainProgress
from undertone.cli.settings import CommandWithSettings
from undertone.cli.wording import facts, percent, table
from undertone.config import load_preset
from undertone.extras import require

if TYPE_CHECKING:
    from undertone.study.tuning_report import Row, Tuned

_SHOWN = 10


class _Command(CommandWithSettings):
    uses = ("data", "text", "network", "train", "bag")


@click.command(cls=_Command)
@options.source_option
@click.option(
    "--space",
    required=True,
    type=click.Path(path_type=Path),
    help="TOML file with the settings to search, and where.",
)
@click.option(
    "--storage",
    required=True,
    type=click.Path(path_type=Path),
    help="File that all workers share; it is made where it is missing.",
)
@click.option(
    "--trials",
    type=click.IntRange(min=1),
    default=40,
    show_default=True,
    help="Complete and pruned trials to end with, those of all workers together.",
)
@click.option("--name", default="tune", show_default=True, help="Of the search in the storage.")
@options.preset_option
@options.set_option
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="Folder of the table, the plots and the best preset.  [default: runs/NAME]",
)
@click.option(
    "--start-from",
    type=click.Path(path_type=Path),
    help="Language model, or model, that every trial starts from: a folder.",
)
@click.option(
    "--startup",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    help="Trials drawn at random; none is pruned before so many are complete.",
)
@click.option(
    "--lost-after",
    type=click.FloatRange(min=1.0),
    default=120.0,
    show_default=True,
    metavar="SECONDS",
    help="The trial of a worker that is silent for so long goes to another.",
)
@click.option(
    "--seed", type=click.IntRange(min=0), help="Of the draws and of every trial.  [default: 0]"
)
@options.reading_options
@debug_option
@click.pass_context
def command(
    context: click.Context,
    source: str,
    space: Path,
    storage: Path,
    trials: int,
    name: str,
    preset: str,
    overrides: tuple[str, ...],
    output: Path | None,
    start_from: Path | None,
    startup: int,
    lost_after: float,
    seed: int | None,
    text_column: str | None,
    label_column: str | None,
    exclude: Path | None,
    encoding: str,
) -> None:
    """Search for settings with a lower validation loss.

    Start the same command as often as there are cores or machines: the workers share the storage.
    Start it again after it was stopped or killed: it goes on. Test reviews are never read.
    """
    config = load_preset(preset, overrides, seed, started=start_from is not None)
    require("torch", "train")
    require("optuna", "tune")
    from undertone.study import tuning, tuning_space

    searched = tuning_space.read(space)
    for override in overrides:
        if (key := override.partition("=")[0].strip()) in searched:
            context.fail(f"--set {override} has no effect: {key} is searched. Drop one of them.")
    search = tuning.Search(
        source=source,
        config=config,
        space=searched,
        storage=storage,
        name=name,
        output=output or Path("runs") / name,
        trials=trials,
        startup=startup,
        lost_after=lost_after,
        options=options.source_options(text_column, label_column, exclude, encoding),
        start_from=start_from,
    )
    tuned = tuning.tune(search, PlainProgress())
    click.echo(_table(tuned))
    click.echo(f"\n{facts(_facts(context, tuned))}")


def _table(tuned: Tuned) -> str:
    from undertone.study.tuning_report import ranked, short

    names = sorted({name for row in tuned.rows for name in row.settings})
    heading = ["trial", "state", "loss", "accuracy", "epochs", *names]
    rows = [_cells(row) for row in ranked(tuned.rows)[:_SHOWN]]
    settings = [
        [short(row.settings.get(name, "-")) for name in names]
        for row in ranked(tuned.rows)[:_SHOWN]
    ]
    lines = [[*row, *own] for row, own in zip(rows, settings, strict=True)]
    return table([heading, *lines], right=(0, *range(2, len(heading))))


def _cells(row: Row) -> list[str]:
    loss = "-" if row.loss is None else f"{row.loss:.4f}"
    return [str(row.number), row.state, loss, percent(row.accuracy), str(row.epochs)]


def _facts(context: click.Context, tuned: Tuned) -> list[tuple[str, str]]:
    counts = [f"{tuned.count(state)} {state}" for state in ("complete", "pruned", "failed")]
    found = [("trials", ", ".join(counts))]
    if tuned.importances:
        shares = [f"{name} {percent(share)}" for name, share in tuned.importances.items()]
        found.append(("importance", ", ".join(shares)))
    found.append(("written", ", ".join(str(path) for path in tuned.written)))
    if tuned.not_drawn:
        found.append(("plots", f"not drawn: {tuned.not_drawn}"))
    if tuned.preset is not None:
        words = ["undertone", "train", "--data", context.params["source"]]
        start = context.params["start_from"]
        words += ["--start-from", str(start)] if start else []
        words += ["--preset", str(tuned.preset), *options.reading_words(context)]
        found.append(("next", shlex.join(words)))
    return found
