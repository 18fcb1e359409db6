"""The moving parts of a training run, and reading with the averaged weights."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from undertone import calibration
from undertone.batches import bucket_by_length, collate
from undertone.config import RunConfig
from undertone.errors import TrainingError
from undertone.training import augment, checkpoint, optimizer, upkeep
from undertone.training.augment import Augmentation
from undertone.training.average import WeightAverage
from undertone.training.checkpoint import Progress
from undertone.training.events import Listener
from undertone.training.hardware import Hardware
from undertone.training.objective import Objective
from undertone.training.stop import StopFlag
from undertone.training.upkeep import SavingPace


@dataclass(frozen=True)
class EncodedReviews:
    """Token ids, int32 (n,) a review, with their label indices int64 (N,).

    ``tokens_total`` counts the tokens of all reviews before long ones are cut. Where ``soft`` is
    given, float32 (N, C), each row a distribution over the C labels, training learns from it;
    ``targets`` are then what accuracy is measured against and balanced weights are counted from.
    ``beside``, float32 (N, K), is added to the network's logits. ``places``, int64 (N,), says which
    of the examples that were given each one is; the others held no token.
    """

    sequences: list[NDArray[np.int32]]
    targets: NDArray[np.int64]
    tokens_total: int
    soft: NDArray[np.float32] | None = None
    beside: NDArray[np.float32] | None = None
    places: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each review, int64 (N,)."""
        return np.array([len(sequence) for sequence in self.sequences], dtype=np.int64)


@dataclass
class Trainer:
    """The moving parts of one run; what they hold is what a checkpoint saves."""

    config: RunConfig
    hardware: Hardware
    network: nn.Module
    objective: Objective
    progress: Progress
    path: Path
    listen: Listener
    stop: StopFlag
    augmentation: Augmentation | None = None
    optimizer: torch.optim.AdamW = field(init=False)
    names: list[str] = field(init=False)
    average: WeightAverage = field(init=False)
    best: dict[str, Tensor] = field(init=False, default_factory=dict)
    totals: Tensor = field(init=False)
    pace: SavingPace = field(init=False)

    def __post_init__(self) -> None:
        if augment.asked_for(self.config.train) and self.augmentation is None:
            raise ValueError("the settings ask for an augmentation; see augment.build")
        self.optimizer, self.names = optimizer.build(self.network, self.config.train)
        self.average = WeightAverage(self.network, self.config.train.ema)
        self.totals = torch.zeros(2, dtype=torch.float64, device=self.hardware.device)
        self.pace = SavingPace(self.config.train.checkpoint_seconds)

    def save(self) -> None:
        """Write the checkpoint, unless its numbers are none.

        Raises:
            OutputError: the disk is full.
            TrainingError: the loss or a weight is not a number.
        """
        self.check_finite()
        if not upkeep.all_finite(self.network):
            raise self._diverged("a weight")
        tensors = {"totals": self.totals, **self._optimizer_state()}
        for prefix, weights in self._weights().items():
            tensors.update({f"{prefix}.{name}": weight for name, weight in weights.items()})
        with self.pace.saving():
            checkpoint.save(self.path, self.progress, tensors)

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Take over the tensors of a checkpoint."""
        if any(key.startswith("best.") for key in tensors):
            self.best = {name: tensors[f"best.{name}"] for name in self.names}
        with torch.no_grad():
            for prefix, weights in self._weights().items():
                for name, weight in weights.items():
                    weight.copy_(tensors[f"{prefix}.{name}"])
            self.totals.copy_(tensors["totals"])
        checkpoint.restore_optimizer(self.optimizer, self.names, tensors)

    def _weights(self) -> dict[str, dict[str, Tensor]]:
        current = {name: weight.data for name, weight in self.network.named_parameters()}
        return {"network": current, "average": self.average.weights, "best": self.best}

    def _optimizer_state(self) -> dict[str, Tensor]:
        return checkpoint.optimizer_tensors(self.optimizer, self.names)

    def check_finite(self) -> None:
        """Stop before numbers that are none reach a checkpoint or the model.

        Raises:
            TrainingError: the loss is not a number.
        """
        if not math.isfinite(float(self.totals[0])):
            raise self._diverged("the loss")

    def _diverged(self, what: str) -> TrainingError:
        return upkeep.diverged(
            what,
            self.progress,
            f"Lower train.lr (now {self.config.train.lr:g}), set train.clip, "
            "or use train.precision=float32.",
        )


def evaluate(
    trainer: Trainer, reviews: EncodedReviews, *, batch_size: int = 64
) -> NDArray[np.float32]:
    """Logits float32 (N, K) of the averaged weights, in the order of ``reviews``.

    What stands beside the network is part of them.
    """
    rows: dict[int, NDArray[np.float32]] = {}
    with _averaged(trainer), torch.no_grad():
        for index in bucket_by_length(reviews.lengths, batch_size):
            sequences = [reviews.sequences[number] for number in index]
            ids, lengths = batch_tensors(sequences, trainer.hardware.device)
            logits = trainer.network(ids, lengths).float().cpu().numpy()
            rows.update(zip(index.tolist(), logits, strict=True))
    found = np.stack([rows[number] for number in range(len(rows))])
    return found if reviews.beside is None else found + reviews.beside


def accuracy(logits: NDArray[np.float32], targets: NDArray[np.int64]) -> float:
    """Share of right decisions of logits (N, K) against label indices (N,)."""
    return float(np.mean(calibration.two_sided(logits).argmax(axis=1) == targets))


def batch_tensors(
    sequences: Sequence[NDArray[np.int32]], device: torch.device
) -> tuple[Tensor, Tensor]:
    """Ids int64 (B, T) and lengths int64 (B,) of B reviews, on the device."""
    batch = collate(sequences)
    return torch.from_numpy(batch.ids).to(device), torch.from_numpy(batch.lengths).to(device)


@contextmanager
def _averaged(trainer: Trainer) -> Iterator[None]:
    """Put the averaged weights into the network for the block, in evaluation mode."""
    parameters = dict(trainer.network.named_parameters())
    current = {name: parameter.detach().clone() for name, parameter in parameters.items()}
    trainer.network.eval()
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(trainer.average.weights[name])
        try:
            yield
        finally:
            for name, parameter in parameters.items():
                parameter.copy_(current[name])
            trainer.network.train()
