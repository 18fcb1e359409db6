"""Trials that several workers share through one file, and what becomes of those of a dead worker.

The file is Optuna's journal: every worker appends what it does and reads what the others did, so
all see the same trials in the same order. What Optuna's journal lacks is added here: a heartbeat,
and a rule by which any number of workers end with exactly as many trials as were asked for.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from undertone.errors import ConfigError, DataError, OutputError
from undertone.extras import require

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler
    from optuna.storages import JournalStorage
    from optuna.study import Study
    from optuna.trial import FrozenTrial, Trial, TrialState

BEAT, REASON, ATTEMPT = "beat", "reason", "attempt"
"""Names of what a trial carries: its heartbeat, why it ended early, and how often it was begun."""

NOT_NEEDED = "not needed: another worker was first"
_MOST_ATTEMPTS = 3
_SEARCH = "search"
_ROOM = 4096  # bytes read at once when looking for the end of the last whole line


def open_storage(path: Path) -> JournalStorage:
    """Open the journal, or begin one.

    Raises:
        OutputError: it cannot be written.
        DataError: the file is something else, or is damaged.
        MissingExtraError: Optuna is not installed.
    """
    journal = require("optuna.storages.journal", "tune")
    storages = require("optuna.storages", "tune")
    lock = journal.JournalFileOpenLock(str(path))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _mend(path, lock)
        storage: JournalStorage = storages.JournalStorage(
            journal.JournalFileBackend(str(path), lock_obj=lock)
        )
    except OSError as error:
        raise OutputError(
            f"cannot write the storage {path}: {error.strerror}.", "Name another with --storage."
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{path} is no storage that undertone tune wrote, or it is damaged.",
            "Name another with --storage.",
        ) from error
    return storage


def _mend(path: Path, lock: Any) -> None:
    """Cut off half a line that a crash left at the end; the next line would be spoilt by it."""
    if not path.exists() or not _ends_torn(path):
        return
    lock.acquire()
    try:
        if _ends_torn(path):  # and not merely being written a moment ago
            os.truncate(path, _end_of_last_line(path))
    finally:
        lock.release()


def _ends_torn(path: Path) -> bool:
    size = path.stat().st_size
    return bool(size) and _end_of_last_line(path) < size


def _end_of_last_line(path: Path) -> int:
    with path.open("rb") as stream:
        end = stream.seek(0, os.SEEK_END)
        while end > 0:
            start = max(0, end - _ROOM)
            stream.seek(start)
            found = stream.read(end - start).rfind(b"\n")
            if found >= 0:
                return start + found + 1
            end = start
    return 0


def open_study(storage: JournalStorage, name: str, *, seed: int, startup: int) -> Study:
    """The search called ``name``, new or as it stands: TPE, with median pruning.

    Args:
        storage: from :func:`open_storage`.
        name: several searches may share a storage.
        seed: of the draws.
        startup: trials that are drawn at random, and complete ones before any is pruned.
    """
    optuna = require("optuna", "tune")
    # The first epoch tells little: its weights, averaged or not, are hardly trained.
    pruner = optuna.pruners.MedianPruner(n_startup_trials=startup, n_warmup_steps=2)
    sampler = _sampler(seed, startup)
    study: Study
    if name in optuna.get_all_study_names(storage):  # nothing is written by looking at it
        study = optuna.load_study(study_name=name, storage=storage, sampler=sampler, pruner=pruner)
    else:
        study = optuna.create_study(
            study_name=name,
            storage=storage,
            sampler=sampler,
            pruner=pruner,
            direction="minimize",
            load_if_exists=True,
        )
    return study


def sampler_seed(seed: int, number: int) -> int:
    """What the draws of trial ``number`` are seeded with, whichever worker makes them."""
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0])


def _sampler(seed: int, startup: int) -> BaseSampler:
    """TPE (Bergstra et al. 2011), seeded anew for each trial.

    With one seed for a whole process, two workers would draw the same values, and so would a
    worker that was killed and started again.
    """
    samplers = require("optuna.samplers", "tune")

    class Seeded(samplers.BaseSampler):  # type: ignore[misc, name-defined]
        def before_trial(self, study: Study, trial: FrozenTrial) -> None:
            seeded = sampler_seed(seed, trial.number)
            self.inner = samplers.TPESampler(n_startup_trials=startup, seed=seeded)
            self.inner.before_trial(study, trial)

        def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> Any:
            return self.inner.infer_relative_search_space(study, trial)

        def sample_relative(self, study: Study, trial: FrozenTrial, search_space: Any) -> Any:
            return self.inner.sample_relative(study, trial, search_space)

        def sample_independent(self, study: Any, trial: Any, name: str, distribution: Any) -> Any:
            return self.inner.sample_independent(study, trial, name, distribution)

    made: BaseSampler = Seeded()
    return made


class States(NamedTuple):
    """Optuna's states of a trial, by the names used here."""

    running: TrialState
    complete: TrialState
    pruned: TrialState
    failed: TrialState
    waiting: TrialState


def states() -> States:
    """The states, imported when they are needed."""
    each = require("optuna.trial", "tune").TrialState
    return States(each.RUNNING, each.COMPLETE, each.PRUNED, each.FAIL, each.WAITING)


class Pool:
    """The trials of one search, as one worker sees them.

    Args:
        study: from :func:`open_study`.
        identity: all that trials of this search must share.
        trials: finished ones, complete or pruned, that the search shall end with.
        lost_after: seconds without a heartbeat after which a worker counts as dead. Clocks are
            not compared: a worker watches whether the others' beats go on.
        clock: seconds from any start.

    Raises:
        ConfigError: the search in the storage is another one.
    """

    def __init__(
        self,
        study: Study,
        identity: Mapping[str, Any],
        *,
        trials: int,
        lost_after: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.study, self.trials, self.lost_after = study, trials, lost_after
        self.states = states()
        self._identity = json.loads(json.dumps(identity))
        self._clock = clock
        self._beats: dict[int, tuple[Any, float]] = {}
        if _SEARCH not in study.user_attrs:
            study.set_user_attr(_SEARCH, self._identity)
        self.require_same()

    def require_same(self) -> None:
        """Refuse a storage whose search was begun with other settings.

        Raises:
            ConfigError: they differ; the first parts that do are named.
        """
        known = self.study.user_attrs[_SEARCH]
        differ = [key for key in self._identity if known.get(key) != self._identity[key]]
        if differ or set(known) != set(self._identity):
            raise ConfigError(
                f"the search {self.study.study_name!r} was begun with another "
                f"{' and another '.join(differ) or 'version of undertone'}.",
                "Repeat its options, or choose another --name.",
            )

    @property
    def finished(self) -> bool:
        """Whether as many trials as asked for are complete or pruned."""
        done = (self.states.complete, self.states.pruned)
        return len(self.study.get_trials(deepcopy=False, states=done)) >= self.trials

    def claim(self) -> Trial | None:
        """A trial for this worker to run; None where the others run all that are still needed.

        Two workers may ask for the last one at the same moment. Both look at the trials with
        lower numbers that did not fail; the one that finds ``trials`` of them steps back. Numbers
        are given in the order of the journal and a failed trial stays failed, so at most
        ``trials`` are ever finished.
        """
        self.require_same()
        self._give_up_lost()
        busy = (self.states.complete, self.states.pruned, self.states.running)
        if len(self.study.get_trials(deepcopy=False, states=busy)) >= self.trials:
            return None
        trial = self.study.ask()
        before = [
            each
            for each in self.study.get_trials(deepcopy=False)
            if each.number < trial.number and each.state != self.states.failed
        ]
        if len(before) < self.trials:
            return trial
        trial.set_user_attr(REASON, NOT_NEEDED)
        self.fail(trial.number)
        return None

    def fail(self, number: int) -> bool:
        """End a trial without a result; False where it has ended already."""
        return self.end(number, state=self.states.failed)

    def end(self, number: int, value: float | None = None, state: TrialState | None = None) -> bool:
        """End a trial; False where another worker took this one for dead and was first."""
        exceptions = require("optuna.exceptions", "tune")
        try:
            self.study.tell(number, value, state=state)
        except (ValueError, exceptions.UpdateFinishedTrialError):
            # ValueError is also what tell says of a value that is no number.
            if self.study.get_trials(deepcopy=False)[number].state == self.states.running:
                raise
            return False
        return True

    def put_back(self, number: int) -> None:
        """End a trial without a result and queue its draws for the next worker."""
        trial = self.study.get_trials(deepcopy=False)[number]
        attempt = trial.user_attrs.get(ATTEMPT, 1)
        # What kills every worker that tries it is not tried for ever.
        if self.fail(number) and trial.params and attempt < _MOST_ATTEMPTS:
            self.study.enqueue_trial(dict(trial.params), user_attrs={ATTEMPT: attempt + 1})

    def _give_up_lost(self) -> None:
        now = self._clock()
        for trial in self.study.get_trials(deepcopy=False, states=(self.states.running,)):
            beat = (trial.user_attrs.get(BEAT), len(trial.intermediate_values))
            seen, since = self._beats.get(trial.number, (None, now))
            if seen != beat:
                self._beats[trial.number] = (beat, now)
            elif now - since > self.lost_after:
                self.put_back(trial.number)


@contextmanager
def beating(trial: Trial, every: float) -> Iterator[None]:
    """Let a trial show for the length of the block that its worker is alive.

    Args:
        trial: a running one.
        every: seconds between two beats.
    """
    finished = require("optuna.exceptions", "tune").UpdateFinishedTrialError
    ended = threading.Event()

    def beat() -> None:
        count = 0
        while not ended.wait(every):
            count += 1
            try:
                trial.set_user_attr(BEAT, count)
            except finished:  # it was taken for dead; the worker learns that from its next report
                return
            except OSError:  # a full disk or a lost mount may come back before the next beat
                continue

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
