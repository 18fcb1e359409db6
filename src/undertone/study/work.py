"""A study from first step to last: train what is missing, test, compare, write the report."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from msgspec import Struct

from undertone import modelfolder
from undertone.data.source import load_training
from undertone.errors import OutputError
from undertone.study import plan, report, side_by_side, steps
from undertone.study.gather import Gathered, gather
from undertone.study.plan import Job, Plan
from undertone.study.report import Report
from undertone.study.side_by_side import Ended, Task
from undertone.study.summary import StudyResult
from undertone.study.tricky import TrickyReview

Listener = Callable[[str], None]

_NOT_YET = "not trained yet"


class Done(Struct, frozen=True):
    """What a study came to: its result, its files, and why runs failed, by their names."""

    result: StudyResult
    report: Report
    failed: dict[str, str]


def study(
    asked: Plan,
    *,
    workers: int = 1,
    tricky: Sequence[TrickyReview] = (),
    train: bool = True,
    listen: Listener = lambda _line: None,
) -> Done:
    """Run a study; finished runs are skipped and stopped ones gone on with.

    Args:
        asked: presets, seeds, source.
        workers: runs side by side.
        tricky: reviews that every model reads in addition.
        train: False reports what is finished and trains nothing.
        listen: told of progress, a line at a time.

    Raises:
        ConfigError: a setting does not fit, or a finished run has other ones.
        DataError: the source cannot be read, or no run is finished.
        OutputError: the folder of the report is a model's, or cannot be written.
        KeyboardInterrupt: Ctrl-C; what the runs learnt is saved.
    """
    if (asked.output / modelfolder.MANIFEST).exists():
        raise OutputError(f"{asked.output} is a model folder.", "Name another --output.")
    jobs = plan.jobs(asked)
    timed = [plan.job_of(asked, each, asked.seeds[0]) for each in asked.contenders if each.steps]
    failed = _train(asked, jobs, workers, listen) if train else {}
    if train:
        _time(asked, timed, listen)
    missing = {each.name: failed.get(each.name, _NOT_YET) for each in jobs if not each.finished}
    finished = tuple(each for each in jobs if each.finished)
    result = gather(Gathered(asked, finished, tuple(timed), missing, listen), tricky)
    return Done(result, report.write(result, asked.output), failed)


def _train(asked: Plan, jobs: Sequence[Job], workers: int, listen: Listener) -> dict[str, str]:
    """Train what is not finished; why those runs failed that did."""
    failed: dict[str, str] = {}

    def done(ended: Ended) -> None:
        if ended.reason:
            failed[ended.name] = ended.reason
        listen(f"{ended.name}: {ended.reason or 'trained'}")

    tasks = [
        Task(each.name, plan.command(asked, each), each.folder.with_name(f"{each.name}.log"))
        for each in jobs
        if not each.finished
    ]
    listen(f"runs to train: {len(tasks)} of {len(jobs)}")
    with _kill_is_ctrl_c():
        side_by_side.work(tasks, workers, side_by_side.environment(asked.threads), done)
    return failed


def _time(asked: Plan, timed: Sequence[Job], listen: Listener) -> None:
    """Train the steps of those models that are not to be trained in full."""
    if not timed:
        return
    data = load_training(asked.source, asked.options, plan.data_config(timed))
    for job in timed:
        path = plan.steps_file(asked, job)
        if steps.kept(job, data.digest, path) is None:
            listen(f"{job.contender.name}: {job.contender.steps} steps to train")
            steps.measure(job, data, path)


@contextmanager
def _kill_is_ctrl_c() -> Iterator[None]:
    """Let ``kill`` end the block as Ctrl-C does, so that running processes save what they have."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
