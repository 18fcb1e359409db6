"""What every training loop does around its steps: seed them, save in time, stop with a word."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from undertone.errors import RunInterruptedError, TrainingError
from undertone.training import checkpoint
from undertone.training.checkpoint import Progress
from undertone.training.events import Listener, Note
from undertone.training.stop import StopFlag

_SAVING_SHARE = 0.05  # at most this share of the time goes into checkpoints


class Resumable(Protocol):
    """A run that can be gone on with."""

    path: Path
    progress: Progress

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Take over the tensors of a checkpoint."""


class SavingPace:
    """When the next checkpoint is due.

    Args:
        seconds: shortest time between two; longer where writing one takes long.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._saved_at = time.monotonic()
        self._took = 0.0

    def due(self) -> bool:
        """Whether the time has passed and saving costs little beside it."""
        pause = max(self._seconds, self._took / _SAVING_SHARE)
        return time.monotonic() - self._saved_at >= pause

    @contextmanager
    def saving(self) -> Iterator[None]:
        """Around the writing of a checkpoint: takes its time."""
        started = time.monotonic()
        yield
        self._saved_at = time.monotonic()
        self._took = self._saved_at - started


class Running(Protocol):
    """A run between two steps."""

    progress: Progress
    stop: StopFlag
    pace: SavingPace

    def save(self) -> None:
        """Write the checkpoint."""


def seed_step(seed: int, step: int) -> int:
    """Let all that torch draws in a step follow from (seed, step): a resumed run repeats it.

    Returns:
        Another seed, for parts of the step that must draw the same more than once.
    """
    first, second = np.random.SeedSequence([seed, step]).generate_state(2).tolist()
    torch.manual_seed(first)
    return int(second)


def all_finite(network: nn.Module) -> bool:
    """Whether every weight is a number."""
    return all(bool(weight.isfinite().all()) for weight in network.parameters())


def diverged(what: str, progress: Progress, remedy: str) -> TrainingError:
    """The error of a run in which ``what`` ("the loss", "a weight") is not a number any more."""
    return TrainingError(
        f"{what} is not a number at step {progress.step} of epoch {progress.epoch}; "
        "nothing that was saved is affected.",
        remedy,
    )


def stop_or_save(run: Running) -> None:
    """Write the checkpoint after a step if it is due, and end the run if the user stopped it.

    Raises:
        RunInterruptedError: the user pressed Ctrl-C; the checkpoint is written.
    """
    if run.stop.requested:
        run.save()
        raise RunInterruptedError(
            f"stopped at step {run.progress.step} in epoch {run.progress.epoch}; all is saved.",
            "Go on with the same command and --resume.",
        )
    if run.pace.due():
        run.save()


def go_on(run: Resumable, listen: Listener) -> None:
    """Continue from the checkpoint, where there is one.

    Raises:
        TrainingError: it is damaged or belongs to another run.
    """
    if not run.path.exists():
        listen(Note("No checkpoint yet; starting from the beginning."))
        return
    run.progress, tensors = checkpoint.load(run.path, run.progress.identity)
    run.restore(tensors)
    listen(Note(f"Resumed at step {run.progress.step}, epoch {run.progress.epoch}."))
