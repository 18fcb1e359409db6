"""``undertone study``: presets by seeds on one source, and a comparison with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from undertone import provenance
from undertone.cli import options
from undertone.cli.group import debug_option
from undertone.cli.settings import CommandWithSettings
from undertone.cli.wording import facts
from undertone.errors import RunInterruptedError, TrainingError
from undertone.extras import require

if TYPE_CHECKING:
    from undertone.study.planfile import StudyFile
    from undertone.study.work import Done

_SEEDS = 3
_GIB_A_RUN = 4  # of IMDB, reviews and network together


class _Command(CommandWithSettings):
    uses = ("data", "text", "network", "train", "bag")


@click.command(cls=_Command)
@options.source_option
@click.option(
    "--presets",
    metavar="NAME,...",
    help="What to compare: presets, or TOML files. tfidf is always added.",
)
@click.option(
    "--plan",
    "plan_file",
    type=click.Path(path_type=Path),
    help="What to compare, as a TOML file (docs/study.md); instead of --presets.",
)
@click.option("--sizes", metavar="NAME,...", help="Sizes of the --plan.  [default: all it has]")
@click.option(
    "--models",
    metavar="NAME,...",
    help="Models of the --plan, with what they are compared with.  [default: all it has]",
)
@click.option(
    "--seeds",
    type=click.IntRange(min=1),
    help="Runs of each model.  [default: as --plan says, or 3]",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    help="Folder of the report.",
)
@click.option(
    "--runs",
    type=click.Path(path_type=Path),
    help="Folder of the models, which studies may share.  [default: runs/ inside --output]",
)
@click.option(
    "--protocol",
    type=click.Choice(["standard", "study"]),
    help="standard: the source's own parts; study: all reviews at random, 70/10/20.  "
    "[default: as --plan says, or standard]",
)
@options.set_option
@click.option(
    "--departures",
    metavar="PRESET",
    help="Also train PRESET with the study's original settings, and with each departure mended.",
)
@click.option(
    "--stopwords",
    type=click.Path(path_type=Path),
    help="The words that the study deletes, one a line; for --departures and --plan.",
)
@click.option(
    "--tricky",
    type=click.Path(path_type=Path),
    help="JSON Lines of reviews (text, label, note) that every model reads.",
)
@click.option(
    "--steps-only",
    metavar="[NAME,...=]N",
    help="Train N steps of all presets, or of those named; reckon their minutes from these.",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    help="Runs side by side.  [default: as many as cores and memory allow]",
)
@click.option("--report", "report_only", is_flag=True, help="Train nothing, report what there is.")
@options.reading_options
@debug_option
@click.pass_context
def command(
    context: click.Context,
    source: str,
    presets: str | None,
    plan_file: Path | None,
    sizes: str | None,
    models: str | None,
    seeds: int | None,
    output: Path,
    runs: Path | None,
    protocol: str | None,
    overrides: tuple[str, ...],
    departures: str | None,
    stopwords: Path | None,
    tricky: Path | None,
    steps_only: str | None,
    workers: int | None,
    report_only: bool,
    text_column: str | None,
    label_column: str | None,
    exclude: Path | None,
    encoding: str,
) -> None:
    """Compare models: train each with several seeds, test them, say what can be told apart.

    Finished runs are skipped and stopped ones gone on with, so the same command goes on after
    Ctrl-C or a crash. Validation and test reviews are the same for all runs.
    """
    _refuse_unfit(context)
    require("torch", "train")
    from undertone.study import tricky as tricky_reviews
    from undertone.study import work
    from undertone.study.plan import Plan

    asked = (
        _of_file(plan_file, sizes, models, stopwords)
        if plan_file is not None
        else _of_presets(presets or "", steps_only, departures, stopwords)
    )
    number = seeds or asked.seeds
    beside = workers or _workers(len(asked.contenders) * number)
    plan = Plan(
        source=source,
        options=options.source_options(text_column, label_column, exclude, encoding),
        protocol=protocol or asked.protocol,
        settings=(*asked.settings, *overrides),
        contenders=asked.contenders,
        seeds=tuple(range(number)),
        output=output,
        threads=max(1, provenance.cores() // beside),
        runs=runs,
    )
    reviews = tricky_reviews.read(tricky) if tricky is not None else ()
    try:
        done = work.study(plan, workers=beside, tricky=reviews, train=not report_only, listen=_say)
    except KeyboardInterrupt as error:
        raise RunInterruptedError("the study was stopped.", "The same command goes on.") from error
    click.echo(_summary(done))
    if done.failed:
        name, why = next(iter(done.failed.items()))
        raise TrainingError(
            f"{len(done.failed)} of the runs failed; {name}: {why}",
            "The same command tries them again.",
        )


def _say(line: str) -> None:
    click.echo(line, err=True)


def _refuse_unfit(context: click.Context) -> None:
    """Refuse options that contradict each other, or miss the one they belong to."""
    given = partial(options.given, context)
    if given("presets") == given("plan_file"):
        context.fail("give either --presets or --plan, to say what to compare.")
    options.refuse_without(context, "plan_file", ["sizes", "models"])
    why = "the file says it, model by model."
    options.refuse_together(context, "plan_file", ["departures", "steps_only"], why)
    if given("plan_file"):
        return
    if given("departures") != given("stopwords"):
        context.fail("--departures and --stopwords belong together: give both, or neither.")


def _of_file(
    path: Path, sizes: str | None, models: str | None, stopwords: Path | None
) -> StudyFile:
    from undertone.study import planfile

    chosen = options.listed(sizes or ""), options.listed(models or "")
    return planfile.read(path, stopwords, *chosen)


def _of_presets(
    presets: str, steps_only: str | None, departures: str | None, stopwords: Path | None
) -> StudyFile:
    from undertone.study import departures as departing
    from undertone.study import plan
    from undertone.study.planfile import StudyFile

    named = options.listed(presets)
    found = plan.contenders(named, _steps(steps_only, named))
    if departures is not None and stopwords is not None:
        found = (*found, *departing.departures(departures, stopwords))
    return StudyFile("standard", _SEEDS, (), found)


def _steps(text: str | None, presets: Sequence[str]) -> dict[str, int]:
    """``"20"`` for all presets but bags, or ``"lstm-45m,lstm-148m=20"``."""
    if text is None:
        return {}
    names, _, number = text.rpartition("=")
    if not number.isdecimal() or int(number) < 1:
        raise click.BadParameter(
            f"{text!r} names no number of steps; write 20, or lstm-148m=20",
            param_hint="--steps-only",
        )
    wanted = names.split(",") if names else [Path(each).stem for each in presets]
    bags = () if names else ("bag", "tfidf")
    return {name.strip(): int(number) for name in wanted if name.strip() not in bags}


def _workers(runs: int) -> int:
    """As many runs side by side as there are cores, and memory for each."""
    memory: Any = provenance.collect()["machine"]["memory_gib"]
    fitting = int(memory // _GIB_A_RUN) if memory else 1
    return max(1, min(runs, provenance.cores(), fitting))


def _summary(done: Done) -> str:
    """What was found, and where to look."""
    from undertone.study.tables import summary

    where = [("report", str(done.report.page)), ("data", str(done.report.data))]
    pictures = done.report.note or f"{len(done.report.pictures)} files beside it"
    return "\n".join([*summary(done.result), "", facts([*where, ("pictures", pictures)])])
