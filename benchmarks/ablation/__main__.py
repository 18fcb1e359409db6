"""The recipe with one technique added or removed at a time, measured on validation.

    python -m benchmarks.ablation --data SOURCE --workers 2 --output results/ablation.json

Every variant of benchmarks/ablation.toml is trained with every seed in a folder
runs/ablation/NAME-SEED by `undertone train` (`undertone distill` where it has teachers). Finished
runs are skipped and stopped ones resumed, so the same command goes on after a crash or Ctrl-C. Test
reviews are not opened. Two runs side by side with one thread each do 1.4 times the work of one run
with two threads. The result is written after every run; what is missing in it is named.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.ablation import measured, summary, variants
from benchmarks.ablation.measured import Run
from benchmarks.ablation.report import table
from benchmarks.ablation.variants import Job, Plan
from benchmarks.spread import write_result
from undertone import provenance
from undertone.errors import UndertoneError
from undertone.study import side_by_side
from undertone.study.side_by_side import Ended, Task

IMDB = "../shared/data/aclImdb_v1.tar.gz"
_NOT_YET = "not trained yet"


@dataclass(frozen=True)
class Ablation:
    """All runs that the file of variants asks for, and where their result goes."""

    plan: Plan
    seeds: tuple[int, ...]
    jobs: list[Job]
    output: Path

    def unfinished(self, names: Sequence[str]) -> list[Job]:
        """Runs without a model yet, of these variants; of all where none is named."""
        variants.require_known(names, [each.name for each in self.plan.variants])
        return [
            each
            for each in self.jobs
            if not each.finished and (not names or each.variant.name in names)
        ]

    def write(self, failed: dict[str, str]) -> None:
        """The result of all runs that are finished, whenever they were trained."""
        found: dict[str, list[Run]] = {}
        missing: dict[str, str] = {}
        for job in self.jobs:
            if not job.finished:
                missing[job.name] = failed.get(job.name, _NOT_YET)
                continue
            try:
                found.setdefault(job.variant.name, []).append(measured.read(job))
            except UndertoneError as error:
                missing[job.name] = str(error)
        runs, strangers = summary.of_one_digest(self.plan, found)
        result = summary.summarise(self.plan, self.seeds, runs, missing | strangers)
        write_result(self.output, result, "benchmarks.ablation", seed=self.seeds[0])


def main(arguments: Sequence[str] | None = None) -> int:
    """Train what is missing, write the JSON after every run, print the table; 1: some failed."""
    options = _parser().parse_args(arguments)
    try:
        plan = variants.read(options.file)
        seeds = options.seeds or plan.seeds
        ablation = Ablation(plan, seeds, variants.jobs(plan, seeds, options.runs), options.output)
        failed = {} if options.report else _train(ablation, options)
        ablation.write(failed)
    except UndertoneError as error:
        _say(f"error: {error}")
        return error.exit_code
    print(table(options.output))
    return 1 if failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks.ablation", description=__doc__)
    parser.add_argument("--data", default=IMDB, help=f"labelled reviews (default: {IMDB})")
    parser.add_argument("--exclude", type=Path, help="file of reviews that must not be trained on")
    parser.add_argument(
        "--file", type=Path, default=Path("benchmarks/ablation.toml"), help="the variants"
    )
    parser.add_argument("--seeds", type=_numbers, help="such as 0,1,2 (default: those of the file)")
    parser.add_argument("--variants", type=_names, default=[], help="train these alone: A,B")
    parser.add_argument("--workers", type=_positive, default=1, help="runs side by side")
    parser.add_argument(
        "--threads", type=_positive, help="of each run (default: the cores over the workers)"
    )
    parser.add_argument("--runs", type=Path, default=Path("runs/ablation"), help="their folders")
    parser.add_argument("--report", action="store_true", help="train nothing, write what there is")
    parser.add_argument("--output", type=Path, default=Path("results/ablation.json"))
    return parser


def _train(ablation: Ablation, options: argparse.Namespace) -> dict[str, str]:
    """Train what is not finished; why those runs failed that did."""
    threads = options.threads or max(1, provenance.cores() // options.workers)
    failed: dict[str, str] = {}

    def done(ended: Ended) -> None:
        if ended.reason:
            failed[ended.name] = ended.reason
        _say(f"{ended.name}: {ended.reason or 'finished'}")
        ablation.write(failed)

    tasks = [
        Task(
            each.name,
            each.command(options.data, options.exclude, threads),
            options.runs / f"{each.name}.log",
        )
        for each in ablation.unfinished(options.variants)
    ]
    _say(f"runs to train: {len(tasks)} of {len(ablation.jobs)}")
    side_by_side.work(tasks, options.workers, side_by_side.environment(threads), done)
    return failed


def _numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(each) for each in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no list of numbers such as 0,1,2") from error


def _names(text: str) -> list[str]:
    return text.split(",")


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return int(text)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    # `kill` ends it like Ctrl-C: the runs save what they have.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        _say("stopped; the same command goes on.")
        sys.exit(130)
