"""``undertone tune``: many short trainings that look for better settings, shared by workers.

Training and validation reviews are read once and given to every trial; the test part of the source
is never opened, here or in training. What a trial learnt is thrown away, what it reached is kept.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from undertone import files, modelfolder
from undertone.config import RunConfig
from undertone.data.examples import SourceOptions
from undertone.data.source import TrainingData, load_training, load_unlabelled
from undertone.errors import (
    ConfigError,
    OutputError,
    RunInterruptedError,
    TrainingError,
    UndertoneError,
)
from undertone.extras import require
from undertone.study import tuning_report, tuning_space, tuning_storage
from undertone.study.tuning_report import Tuned
from undertone.study.tuning_space import Space
from undertone.study.tuning_storage import REASON, Pool
from undertone.training import (
    EpochDone,
    Event,
    Listener,
    Note,
    StepDone,
    TrainResult,
    train_examples,
)
from undertone.training.events import silent

if TYPE_CHECKING:
    from optuna.trial import Trial

TRIALS = ".trials"
"""Folder in the output folder, with one folder for each trial that runs now."""

_BEATS = 6.0  # a worker shows this often that it is alive before others take it for dead
_LONGEST_WAIT = 5.0  # seconds between two looks at what the others do


class Search(Struct, frozen=True):
    """A search as one worker is asked to join it.

    Attributes:
        source: of labelled reviews.
        config: what the trials have in common; its seed is that of the draws and of every trial.
        space: what they draw.
        storage: file that all workers share.
        name: of the search, within the storage.
        output: folder of the tables, plots and the best preset; workers may share it.
        trials: complete and pruned ones to end with, those of all workers together.
        startup: trials that are drawn at random; none is pruned before so many are complete.
        lost_after: seconds without a sign of life after which a worker's trial goes to another.
        options: how the source is read.
        start_from: folder of a language model, or of a model, that every trial starts from.
    """

    source: str
    config: RunConfig
    space: Space
    storage: Path
    name: str
    output: Path
    trials: int
    startup: int = 10
    lost_after: float = 120.0
    options: SourceOptions = SourceOptions()
    start_from: Path | None = None


class _Reviews(Struct, frozen=True):
    data: TrainingData
    unlabelled: tuple[str, ...]


def tune(search: Search, on_event: Listener = silent) -> Tuned:
    """Work on a search until it has its trials, then write what it found.

    Returns at once where it has them already. Any number of workers may call this with one storage
    at the same time, and again after they were killed.

    Raises:
        ConfigError: the search in the storage was begun with other settings, or its name is none.
        DataError: the source or the storage cannot be read.
        OutputError: storage or output cannot be written.
        RunInterruptedError: Ctrl-C; the trial goes back to the others.
    """
    _refuse_unfit(search)
    with _quiet_optuna():
        storage = tuning_storage.open_storage(search.storage)
        on_event(Note(f"Reading {search.source}."))
        reviews = _read(search)
        for note in reviews.data.notes:
            on_event(Note(note))
        study = tuning_storage.open_study(
            storage, search.name, seed=search.config.seed, startup=search.startup
        )
        pool = Pool(
            study,
            _identity(search, reviews),
            trials=search.trials,
            lost_after=search.lost_after,
        )
        _work(search, reviews, pool, on_event)
        return tuning_report.write(study, search.config, search.source, search.output)


def _refuse_unfit(search: Search) -> None:
    if not re.fullmatch(r"\w[\w.-]*", search.name):
        raise ConfigError(
            f"a search cannot be called {search.name!r}.",
            "Use letters, digits, dots and dashes in --name.",
        )
    if (search.output / modelfolder.MANIFEST).exists():
        raise OutputError(f"{search.output} is a model folder.", "Name another --output.")


def _read(search: Search) -> _Reviews:
    """The reviews; unlabelled ones where a trial may learn word vectors from them."""
    data = load_training(search.source, search.options, search.config.data)
    part = search.space.get("train.vectors")
    learnt = part is not None or search.config.train.vectors == "texts"
    texts = load_unlabelled(search.source, search.options) if learnt else ()
    return _Reviews(data, tuple(each.text for each in texts))


def _identity(search: Search, reviews: _Reviews) -> dict[str, Any]:
    """What makes losses comparable, by the names in which a difference is reported.

    Paths and the settings of a machine are left out: they may differ from worker to worker.
    """
    start = search.start_from
    settings = tuning_space.settings(search.config)
    return {
        "set of reviews": reviews.data.digest,
        "number of unlabelled reviews": len(reviews.unlabelled),
        "configuration": {
            name: value for name, value in settings.items() if name not in tuning_space.MACHINE
        },
        "search space": msgspec.to_builtins(search.space),
        "--startup": search.startup,
        "model to start from": files.sha256(start / modelfolder.WEIGHTS) if start else None,
    }


def _work(search: Search, reviews: _Reviews, pool: Pool, listen: Listener) -> None:
    wait = min(_LONGEST_WAIT, search.lost_after / _BEATS)
    waiting = False
    while not pool.finished:
        trial = pool.claim()
        if trial is not None:
            waiting = False
            _run(search, reviews, pool, trial, listen)
            continue
        if not waiting:
            listen(Note("Other workers run the last trials; waiting for them."))
            waiting = True
        time.sleep(wait)


def _run(search: Search, reviews: _Reviews, pool: Pool, trial: Trial, listen: Listener) -> None:
    """One trial, from its draw to its end in the storage, whatever that is."""
    number = trial.number
    exceptions = require("optuna.exceptions", "tune")
    memory = require("torch", "train").OutOfMemoryError
    with tuning_storage.beating(trial, search.lost_after / _BEATS):
        try:
            drawn = tuning_space.draw(search.space, trial)
            listen(Note(f"Trial {number}: {tuning_report.spelled(drawn)}"))
            trial.set_user_attr("seed", search.config.seed)
            seed = tuning_storage.sampler_seed(search.config.seed, number)
            trial.set_user_attr("sampler_seed", seed)
            result = _trained(search, reviews, trial, drawn, listen)
        except exceptions.TrialPruned:
            _end_early(pool, trial, "pruned by its validation loss", listen)
        except (ConfigError, TrainingError, memory) as error:
            # A finding about the drawn settings, not about the program: others may do better.
            _end_early(pool, trial, _reason(error), listen)
        except exceptions.UpdateFinishedTrialError:
            listen(Note(f"Trial {number} was taken for dead and given to another worker."))
        except (KeyboardInterrupt, RunInterruptedError) as error:
            pool.put_back(number)
            raise RunInterruptedError(
                f"the search {search.name!r} was stopped in trial {number}, which goes back.",
                "Run the same command again to go on.",
            ) from error
        except BaseException as error:
            _give_up(pool, trial, error)
            raise
        else:
            _end(pool, trial, result, listen)


def _trained(
    search: Search,
    reviews: _Reviews,
    trial: Trial,
    drawn: Mapping[str, Any],
    listen: Listener,
) -> TrainResult:
    config = tuning_space.changed(search.config, drawn)
    pruned = require("optuna.exceptions", "tune").TrialPruned

    def hear(event: Event) -> None:
        if isinstance(event, StepDone | EpochDone):
            listen(event)
        if isinstance(event, EpochDone):
            trial.report(event.validation_loss, event.epoch)
            if event.epoch < event.epochs and trial.should_prune():
                raise pruned

    with _folder(search.output / TRIALS / f"{search.name}-{trial.number}") as folder:
        return train_examples(
            reviews.data,
            config=config,
            output=folder,
            unlabelled=reviews.unlabelled if config.train.vectors == "texts" else (),
            start_from=search.start_from,
            on_event=hear,
        )


@contextmanager
def _folder(path: Path) -> Iterator[Path]:
    """A folder for the length of the block; one that a killed worker left is emptied first."""
    try:
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True)
    except OSError as error:
        raise OutputError(
            f"cannot make the folder {path}: {error.strerror}.", "Name another --output."
        ) from error
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        with contextlib.suppress(OSError):  # another worker's trial is in it
            path.parent.rmdir()


def _end(pool: Pool, trial: Trial, result: TrainResult, listen: Listener) -> None:
    kept = {
        "accuracy": result.validation_accuracy,
        "best_epoch": result.best_epoch,
        "epochs": result.epochs,
        "seconds": result.seconds,
    }
    for name, value in kept.items():
        trial.set_user_attr(name, value)
    if pool.end(trial.number, result.validation_loss):
        listen(Note(f"Trial {trial.number}: validation loss {result.validation_loss:.4f}"))


def _end_early(pool: Pool, trial: Trial, reason: str, listen: Listener) -> None:
    trial.set_user_attr(REASON, reason)
    if pool.end(trial.number, state=pool.states.pruned):
        listen(Note(f"Trial {trial.number}: {reason}"))


def _give_up(pool: Pool, trial: Trial, error: BaseException) -> None:
    trial.set_user_attr(REASON, _reason(error))
    pool.fail(trial.number)


def _reason(error: BaseException) -> str:
    if isinstance(error, UndertoneError):
        return error.what
    return " ".join(f"{type(error).__name__}: {error}".split())


@contextmanager
def _quiet_optuna() -> Iterator[None]:
    """Keep Optuna's own log lines from stderr for the length of the block."""
    logging = require("optuna.logging", "tune")
    before = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)
    try:
        yield
    finally:
        logging.set_verbosity(before)
