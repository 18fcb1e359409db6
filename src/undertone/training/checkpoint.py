"""The checkpoint: all that a run needs to go on as if it had never stopped, in one file.

Tensors and JSON metadata share one safetensors file, replaced as a whole, so a checkpoint is
either the old one or the new one. Random numbers need no state: the order of reviews follows from
(seed, epoch) and every step seeds its own dropout from (seed, step).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import torch
from msgspec import Struct
from torch import Tensor

from undertone import files, modelfolder
from undertone.errors import OutputError, TrainingError
from undertone.extras import require

NAME = "checkpoint.safetensors"


class Progress(Struct):
    """Where a run stands, besides its tensors."""

    identity: str
    step: int = 0
    epoch: int = 1
    batch: int = 0
    reviews: int = 0
    seconds: float = 0.0
    epoch_seconds: float = 0.0
    best_epoch: int = 0
    best_loss: float | None = None
    history: list[dict[str, Any]] = []


def save(path: Path, progress: Progress, tensors: dict[str, Tensor]) -> None:
    """Write a checkpoint, whole or not at all.

    Args:
        path: the file to replace.
        progress: written as JSON; float values survive exactly.
        tensors: by name, on any device.
    """
    write_tensors(path, tensors, {"progress": msgspec.json.encode(progress).decode()})


def write_tensors(
    path: Path, tensors: dict[str, Tensor], metadata: dict[str, str] | None = None
) -> None:
    """Write a safetensors file, whole or not at all.

    Raises:
        OutputError: the disk is full or the folder cannot be written.
    """
    safetensors = require("safetensors", "train")
    save_file = require("safetensors.torch", "train").save_file
    content = {name: tensor.detach().contiguous().cpu() for name, tensor in tensors.items()}
    with files.replacing(path) as temporary:
        try:
            save_file(content, temporary, metadata)
        except safetensors.SafetensorError as error:  # its only word for a full disk
            raise OutputError(
                f"cannot write {path}: {error}.", "Free some space; the old file is untouched."
            ) from error


def load(path: Path, identity: str) -> tuple[Progress, dict[str, Tensor]]:
    """Read a checkpoint back.

    Args:
        path: the file.
        identity: digest of configuration and data that the checkpoint must have been made from.

    Raises:
        TrainingError: the file is damaged or belongs to another run.
    """
    safetensors = require("safetensors", "train")
    try:
        with safetensors.safe_open(path, framework="pt") as stream:
            progress = msgspec.json.decode(stream.metadata()["progress"], type=Progress)
            tensors = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
    except (
        OSError,
        KeyError,
        TypeError,
        msgspec.DecodeError,
        safetensors.SafetensorError,
    ) as error:
        raise TrainingError(
            f"cannot read checkpoint {path}: {error}.", "Start over with --overwrite."
        ) from error
    if progress.identity != identity:
        raise TrainingError(
            f"{path} was made with other data or other settings than this run.",
            "Repeat the original command with --resume, or start over with --overwrite.",
        )
    return progress, tensors


def optimizer_tensors(optimizer: torch.optim.Optimizer, names: list[str]) -> dict[str, Tensor]:
    """The optimizer's state under ``optimizer.<parameter>.<kind>``.

    Args:
        optimizer: one whose state holds only tensors, such as AdamW.
        names: parameter names in the order of the optimizer's groups.
    """
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    return {
        f"optimizer.{name}.{kind}": tensor
        for name, parameter in zip(names, parameters, strict=True)
        for kind, tensor in optimizer.state.get(parameter, {}).items()
    }


def restore_optimizer(
    optimizer: torch.optim.Optimizer, names: list[str], tensors: dict[str, Tensor]
) -> None:
    """Put back what :func:`optimizer_tensors` took."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    for name, parameter in zip(names, parameters, strict=True):
        prefix = f"optimizer.{name}."
        state = {
            key.removeprefix(prefix): tensor
            for key, tensor in tensors.items()
            if key.startswith(prefix)
        }
        if state:
            optimizer.state[parameter] = {
                kind: tensor.to(parameter.device) for kind, tensor in state.items()
            }


def write_history(folder: Path, progress: Progress) -> None:
    """Write ``history.jsonl``, one line an epoch, as far as the run has come."""
    lines = [msgspec.json.encode(epoch) + b"\n" for epoch in progress.history]
    files.write_bytes(folder / modelfolder.HISTORY, b"".join(lines))
