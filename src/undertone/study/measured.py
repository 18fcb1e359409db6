"""What a finished run reached and what it cost, read from its model folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from undertone import modelfolder
from undertone.errors import ConfigError, ModelFolderError
from undertone.modelfolder import Manifest
from undertone.settings import BAG
from undertone.study import flops
from undertone.study.plan import Job, differences

FLOPS_FORMULA = (
    "3 * forward operations of a review of mean length * reviews trained on, epochs counted; "
    "matrix products of LSTM and self-attention layers alone, a multiplication with its addition "
    "counts as two, backward twice forward; the mean length is that of the validation reviews"
)


class Epoch(Struct, frozen=True):
    """One line of ``history.jsonl``: shares of 1, losses in nats, train with dropout on."""

    epoch: int
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float
    reviews_per_second: float


class Run(Struct, frozen=True):
    """One finished run.

    Attributes:
        seed: of the run.
        history: every epoch.
        kept: epoch whose weights are the model, counted from 1.
        best: epoch with the smallest validation loss.
        steps: updates, or steps of the solver of a bag.
        parameters: numbers that were learnt.
        bytes: of the files that prediction reads, the tokenizer left out.
        minutes: of training and validation, reading the source left out.
        threads: it had; 0: all cores.
        flops: of training, see :data:`FLOPS_FORMULA`; None for a bag of n-grams.
        commit: of the program that trained it.
        machine: it was trained on.
        digest: of all its labelled reviews, training and validation.
        train: training reviews.
        validation: validation reviews.
    """

    seed: int
    history: tuple[Epoch, ...]
    kept: int
    best: int
    steps: int
    parameters: int
    bytes: int
    minutes: float
    threads: int
    flops: float | None
    commit: str | None
    machine: dict[str, Any]
    digest: str
    train: int
    validation: int

    @property
    def kept_epoch(self) -> Epoch:
        """The line of the kept epoch."""
        return next(each for each in self.history if each.epoch == self.kept)


def read(job: Job) -> Run:
    """Read a finished run, after making sure that it is the one that ``job`` asks for.

    Raises:
        ConfigError: its folder was trained with other settings.
        ModelFolderError: the folder is damaged.
    """
    manifest = modelfolder.read(job.folder)
    others = differences(manifest.config, job.config)
    if manifest.data.get("start_from", "") != Path(job.contender.start_from).name:
        others.append("--start-from")
    if others:
        raise ConfigError(
            f"{job.folder} was trained with other settings: {', '.join(others)}.",
            "Delete the folder, or name another --output.",
        )
    metrics, history = _metrics(job.folder), _history(job.folder)
    bag = manifest.config.network.architecture == BAG
    names = (modelfolder.WEIGHTS,) if bag else (modelfolder.GRAPH, modelfolder.WIDE)
    return Run(
        seed=job.seed,
        history=history,
        kept=metrics["kept_epoch"],
        best=min(history, key=lambda each: each.validation_loss).epoch,
        steps=metrics["steps"],
        parameters=metrics["parameters"],
        bytes=sum(manifest.files[each].size for each in names if each in manifest.files),
        minutes=metrics["training_seconds"] / 60,
        threads=manifest.config.train.threads,
        flops=_flops(manifest, metrics),
        commit=metrics["provenance"]["commit"],
        machine=metrics["provenance"]["machine"],
        digest=manifest.data["digest"],
        train=manifest.data["train"],
        validation=manifest.data["validation"],
    )


def _flops(manifest: Manifest, metrics: dict[str, Any]) -> float | None:
    validation = metrics["validation"]
    once = flops.forward(manifest.config.network, validation["tokens_read"] / validation["reviews"])
    if once is None:
        return None
    reviews: int = manifest.data["train"] * metrics["epochs"]
    return flops.training(once) * reviews


def _metrics(folder: Path) -> dict[str, Any]:
    path = folder / modelfolder.METRICS
    try:
        content: dict[str, Any] = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.MsgspecError) as error:
        raise _damaged(path, error) from error
    return content


def _history(folder: Path) -> tuple[Epoch, ...]:
    path = folder / modelfolder.HISTORY
    try:
        lines = path.read_bytes().splitlines()
        return tuple(msgspec.json.decode(line, type=Epoch) for line in lines)
    except (OSError, msgspec.MsgspecError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> ModelFolderError:
    return ModelFolderError(f"cannot read {path}: {error}.", "Delete its folder to train it anew.")
