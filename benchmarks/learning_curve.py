"""Accuracy by number of labelled reviews: undertone's recipe against TF-IDF of word pairs.

    python -m benchmarks.learning_curve --data SOURCE --start-from runs/lm

Of IMDB's training reviews that may be trained on, N are drawn with both labels equally often. The
recipe starts from a language model, which saw texts but no label, and cuts its validation part from
the same N; TF-IDF with logistic regression learns from all N. Both are measured on all test
reviews and compared by McNemar's test. Every finished point is stored in runs/learning-curve: the
same command goes on after a crash or Ctrl-C, and the result file holds what there is.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import learning_plot
from benchmarks.learning_points import (
    FEWEST,
    Point,
    Recipe,
    Reviews,
    identity,
    measure,
    store,
    stored,
)
from benchmarks.learning_report import report, table
from benchmarks.spread import write_result
from undertone.config import load_preset
from undertone.data.examples import TEST, SourceOptions
from undertone.data.source import load_split, load_training
from undertone.errors import ConfigError, UndertoneError
from undertone.training import EpochDone, Event

IMDB = "../shared/data/aclImdb_v1.tar.gz"
ALL = "all"
POINTS = ("200", "500", "2000", "8000", ALL)
SEEDS = (0,)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the points that are missing; JSON and picture are written after each one."""
    options = _parser().parse_args(arguments)
    try:
        recipe = _recipe(options)
        reviews = _reviews(options)
        _measure(options, recipe, reviews)
    except UndertoneError as error:
        _say(f"error: {error}")
        return error.exit_code
    print(table(options.output))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks.learning_curve", description=__doc__)
    parser.add_argument("--data", default=IMDB, help=f"labelled reviews (default: {IMDB})")
    parser.add_argument("--exclude", type=Path, help="file of reviews that must not be trained on")
    parser.add_argument("--start-from", type=Path, required=True, help="folder of a language model")
    parser.add_argument("--preset", default="base", help="of the network (default: base)")
    parser.add_argument(
        "--set", dest="settings", action="append", default=[], help="SECTION.KEY=VALUE; repeatable"
    )
    parser.add_argument(
        "--points", type=_points, default=POINTS, help=f"default: {','.join(POINTS)}"
    )
    parser.add_argument("--seeds", type=_seeds, default=SEEDS, help="such as 0,1,2 (default: 0)")
    parser.add_argument(
        "--least-steps",
        type=int,
        default=600,
        help="fewer reviews are passed over more often, up to so many steps (default: 600)",
    )
    parser.add_argument("--threads", type=int, default=0, help="CPU threads; 0: all cores")
    parser.add_argument("--work", type=Path, default=Path("runs/learning-curve"))
    parser.add_argument("--output", type=Path, default=Path("results/learning-curve.json"))
    return parser


def _recipe(options: argparse.Namespace) -> Recipe:
    config = load_preset(options.preset, options.settings, started=True)
    return Recipe(config, options.start_from, options.least_steps, options.threads)


def _reviews(options: argparse.Namespace) -> Reviews:
    data = load_preset(options.preset, options.settings).data
    given = load_training(options.data, SourceOptions(exclude=options.exclude), data)
    test = load_split(options.data, SourceOptions(), data, TEST, given.labels)
    return Reviews((*given.train, *given.validation), tuple(test), given.labels)


def _measure(options: argparse.Namespace, recipe: Recipe, reviews: Reviews) -> None:
    """Every point that no earlier call has stored, all sizes of the first seed first."""
    whole = len(reviews.training)
    counts = sorted({whole if each == ALL else int(each) for each in options.points})
    if counts[-1] > whole:
        raise ConfigError(f"there are {whole:,} labelled reviews, not {counts[-1]:,}.", "Use all.")
    digest = identity(reviews, recipe)
    wanted = [(count, seed) for seed in options.seeds for count in counts]
    places = {each: options.work / f"{each[0]}-{each[1]}-{digest}" for each in wanted}
    points = {each: stored(_file(place)) for each, place in places.items()}
    _write(options.output, points, recipe, reviews)
    for each, place in places.items():
        if points[each] is None:
            _say(f"{each[0]:,} labelled reviews, seed {each[1]}")
            point = measure(reviews, recipe, *each, place, _tell)
            store(_file(place), point)
            points[each] = point
            _write(options.output, points, recipe, reviews)


def _file(folder: Path) -> Path:
    """Where the point of a run's folder is stored."""
    return folder.with_name(f"{folder.name}.json")


def _write(
    output: Path, points: dict[tuple[int, int], Point | None], recipe: Recipe, reviews: Reviews
) -> None:
    done = [each for each in points.values() if each is not None]
    missing = [f"{count}-{seed}" for (count, seed), each in points.items() if each is None]
    result = report(done, missing, recipe, reviews)
    write_result(output, result, "benchmarks.learning_curve", seed=next(iter(points))[1])
    if done:
        learning_plot.save(result["points"], len(reviews.training), output)


def _points(text: str) -> tuple[str, ...]:
    found = tuple(text.split(","))
    for each in found:
        if each != ALL and (not each.isdecimal() or int(each) < FEWEST):
            raise argparse.ArgumentTypeError(f"{each!r} is neither {ALL} nor at least {FEWEST}")
    return found


def _seeds(text: str) -> tuple[int, ...]:
    found = text.split(",")
    if not all(each.isdecimal() for each in found):
        raise argparse.ArgumentTypeError(f"{text!r} is no list of seeds such as 0,1,2")
    return tuple(int(each) for each in found)


def _tell(event: Event) -> None:
    if isinstance(event, EpochDone):
        _say(
            f"  epoch {event.epoch} of {event.epochs}: validation loss "
            f"{event.validation_loss:.4f}, accuracy {event.validation_accuracy:.2%}"
        )


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    # `kill` ends it like Ctrl-C: what was trained so far is saved.
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        _say("stopped; the same command goes on.")
        sys.exit(130)
