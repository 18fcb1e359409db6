"""The folder of a run: whether it may be used, and what is cleared from it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from undertone import files, modelfolder
from undertone.errors import OutputError
from undertone.training import checkpoint

# The manifest first: without it the rest is no model.
_OF_THE_MODEL = (
    modelfolder.MANIFEST,
    modelfolder.WEIGHTS,
    modelfolder.GRAPH,
    modelfolder.GRAPH_INT8,
    modelfolder.COMPARISON,
    modelfolder.WIDE,
    modelfolder.CALIBRATION,
    modelfolder.METRICS,
    modelfolder.HISTORY,
    modelfolder.CARD,
    checkpoint.NAME,
    "loss_epoch_plot.png",
    "loss_epoch_plot.svg",
    "accuracy_epoch_plot.png",
    "accuracy_epoch_plot.svg",
)
# Of a killed process: ours and those of safetensors.
_TEMPORARY = (".*.tmp", ".tmp??????")

# What teachers say of the reviews of a distillation, kept until the student is finished.
TEACHER_SCORES = ".teacher-*.npy"


def prepare_folder(output: Path, *, resume: bool, overwrite: bool) -> None:
    """Make the folder of a run, and refuse to mix two runs in one. Nothing is deleted yet.

    Raises:
        OutputError: it holds something already and neither flag says what to do with it, or
            something that no training wrote.
    """
    if output.exists() and not output.is_dir():
        raise OutputError(f"{output} is a file.", "Name a folder with --output.")
    _refuse_mixing(output, resume=resume, overwrite=overwrite)
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"cannot make the folder {output}: {error.strerror}.", "Name another with --output."
        ) from error


@contextmanager
def claimed(output: Path, *, resume: bool, overwrite: bool) -> Iterator[None]:
    """Make the folder of a run as :func:`prepare_folder` does, and hold it for the block.

    Where the block fails before anything was written, no empty folder is left behind.

    Raises:
        OutputError: as there, or another run is at work in it.
    """
    prepare_folder(output, resume=resume, overwrite=overwrite)
    with _held(output):
        # Whoever held it until now may have finished a model in it.
        _refuse_mixing(output, resume=resume, overwrite=overwrite)
        try:
            yield
        except BaseException:
            with contextlib.suppress(OSError):
                output.rmdir()
            raise


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Two runs in one folder would write over each other's checkpoints."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise OutputError(f"cannot read {folder}: {error.strerror}.", "Try again.") from error
    try:
        if not files.lock(handle):
            raise OutputError(f"another run is at work in {folder}.", "Wait for it, or stop it.")
        yield
    finally:
        os.close(handle)


def _refuse_mixing(output: Path, *, resume: bool, overwrite: bool) -> None:
    finished = (output / modelfolder.MANIFEST).exists()
    if finished and resume:
        raise OutputError(
            f"{output} holds a finished model; there is nothing to resume.",
            "Use it, or train anew with --overwrite.",
        )
    ours = {*_temporary(output), *output.glob(TEACHER_SCORES)}
    occupied = output.is_dir() and bool(set(output.iterdir()) - ours)
    if occupied and not (resume or overwrite):
        raise OutputError(
            f"{output} exists and is not empty.",
            "Go on with --resume, replace it with --overwrite, or name another --output.",
        )
    begun = (output / checkpoint.NAME, output / modelfolder.TOKENIZER)
    if occupied and not finished and not any(path.exists() for path in begun):
        raise OutputError(
            f"{output} holds files that no training wrote; they are left alone.",
            "Name another folder with --output.",
        )


def clear(output: Path, *, keep_model: bool) -> None:
    """Delete what a killed process left and, unless kept, what makes the old model a model."""
    old = () if keep_model else _OF_THE_MODEL
    for path in (*(output / name for name in old), *_temporary(output)):
        path.unlink(missing_ok=True)


def _temporary(output: Path) -> list[Path]:
    found = (path for pattern in _TEMPORARY for path in output.glob(pattern))
    return [path for path in found if path.is_file()]
