"""What a finished run reached and what it cost, read from its model folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from msgspec import Struct

from benchmarks import flops
from benchmarks.ablation.variants import Job, differences
from undertone import modelfolder
from undertone.errors import ConfigError, UndertoneError
from undertone.modelfolder import Manifest
from undertone.settings import NetworkConfig

FORMULA = (
    "passes * 3 * (directions * 2 * 4 * hidden * (inputs + hidden) summed over layers) "
    "* mean tokens of a review * batch size * steps"
)
SOURCE = (
    "benchmarks/flops.py: matrix products of the LSTM layers alone (gates i, f, g, o of Hochreiter "
    "and Schmidhuber 1997 with a forget gate), a multiplication with its addition counts as two, "
    "backward twice forward; the mean length is that of the validation reviews, and layers that "
    "are held still count as if they learnt"
)


class Run(Struct, frozen=True):
    """One finished run.

    Attributes:
        seed: of the run.
        accuracy: on validation, a share of 1.
        loss: on validation, nats.
        reviews: in validation.
        epochs: that were trained.
        minutes: of training and validation, reading the source left out.
        threads: it had; 0: all cores.
        flops: of training, see :data:`FORMULA`; None for an architecture without LSTM layers.
        commit: of the program that trained it.
        digest: of all labelled reviews, training and validation.
    """

    seed: int
    accuracy: float
    loss: float
    reviews: int
    epochs: int
    minutes: float
    threads: int
    flops: float | None
    commit: str | None
    digest: str


def read(job: Job) -> Run:
    """Read a finished run, after making sure that it is the one that ``job`` asks for.

    Raises:
        ConfigError: its folder was trained with other settings or from another start.
        ModelFolderError: the folder is damaged.
    """
    manifest = modelfolder.read(job.folder)
    _require_same(job, manifest)
    metrics = _metrics(job.folder)
    validation = metrics["validation"]
    return Run(
        seed=job.seed,
        accuracy=validation["accuracy"],
        loss=validation["loss"],
        reviews=validation["reviews"],
        epochs=metrics["epochs"],
        minutes=metrics["training_seconds"] / 60,
        threads=manifest.config.train.threads,
        flops=_flops(job, manifest, metrics),
        commit=metrics["provenance"]["commit"],
        digest=manifest.data["digest"],
    )


def minutes(folder: str) -> float | None:
    """Training minutes of a folder that a run starts or learns from; None where it is gone."""
    try:
        found: float = _metrics(Path(folder))["training_seconds"] / 60
    except (OSError, ValueError, KeyError):
        return None
    return found


def training_flops(network: NetworkConfig, *, tokens: float, reviews: int) -> float | None:
    """Operations of training on ``reviews`` reviews of ``tokens`` tokens in the mean.

    Args:
        network: its shape.
        tokens: true tokens that are read.
        reviews: read forward and backward, each as often as it comes up.
    """
    if network.architecture != "lstm":
        return None
    directions = 2 if network.bidirectional else 1
    shape = network.embedding_dim, network.hidden_dim, network.layers
    return flops.training(flops.lstm_token(*shape, directions) * tokens * reviews)


def _flops(job: Job, manifest: Manifest, metrics: dict[str, Any]) -> float | None:
    validation = metrics["validation"]
    once = training_flops(
        manifest.config.network,
        tokens=validation["tokens_read"] / validation["reviews"],
        reviews=metrics["steps"] * manifest.config.train.batch_size,
    )
    return None if once is None else once * job.variant.passes


def _require_same(job: Job, manifest: Manifest) -> None:
    others, teachers = differences(manifest.config, job.config), job.variant.teachers
    if manifest.data.get("start_from", "") != Path(job.start_from).name:
        others.append("start_from")
    elif job.start_from and _weights(Path(job.start_from)) not in (
        None,
        manifest.data["start_digest"],
    ):
        others.append("the weights it starts from")
    if manifest.data.get("teachers", "") != ", ".join(Path(each).name for each in teachers):
        others.append("teachers")
    if others:
        raise ConfigError(
            f"{job.folder} was trained with other settings: {', '.join(others)}.",
            "Delete the folder, or give the variant another name.",
        )


def _weights(folder: Path) -> str | None:
    """Digest of the weights in ``folder``, of a model or a language model; None: gone."""
    try:
        found = modelfolder.read(folder, modelfolder.kind_of(folder))
    except UndertoneError:
        return None
    return found.files[modelfolder.WEIGHTS].sha256


def _metrics(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / modelfolder.METRICS).read_text(encoding="utf-8"))
    return content
