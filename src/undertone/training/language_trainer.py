"""The moving parts of language-model training, and how well unseen texts are guessed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from undertone.config import RunConfig
from undertone.errors import TrainingError
from undertone.networks.language_model import LanguageModel, State
from undertone.training import checkpoint, streams, upkeep
from undertone.training.checkpoint import Progress
from undertone.training.events import Listener
from undertone.training.hardware import Hardware
from undertone.training.stop import StopFlag
from undertone.training.upkeep import SavingPace

# The full softmax is dear: so many tokens are read in each direction, in streams and stretches
# that bound its memory.
_VALIDATION_TOKENS = 100_000
_VALIDATION_STREAMS = 16
_VALIDATION_STRETCH = 64

Texts = Sequence[NDArray[np.int32]]


@dataclass
class LanguageTrainer:
    """The moving parts of one run; what they hold is what a checkpoint saves."""

    config: RunConfig
    hardware: Hardware
    model: LanguageModel
    progress: Progress
    path: Path
    listen: Listener
    stop: StopFlag
    states: list[State] = field(init=False)
    optimizer: torch.optim.AdamW = field(init=False)
    names: list[str] = field(init=False)
    total: Tensor = field(init=False)
    pace: SavingPace = field(init=False)

    def __post_init__(self) -> None:
        self.states = self.model.start(self.config.pretrain.streams)
        self.optimizer, self.names = _optimizer(self.model, self.config)
        self.total = torch.zeros(1, dtype=torch.float64, device=self.hardware.device)
        self.pace = SavingPace(self.config.train.checkpoint_seconds)

    def save(self) -> None:
        """Write the checkpoint, unless its numbers are none.

        Raises:
            OutputError: the disk is full.
            TrainingError: the loss or a weight is not a number.
        """
        self.check_finite()
        if not upkeep.all_finite(self.model):
            raise self.diverged("a weight")
        tensors = {"total": self.total}
        for name, weight in self.model.named_parameters():
            tensors[f"network.{name}"] = weight.data
        for direction, (hidden, cell) in enumerate(self.states):
            tensors |= {f"state.{direction}.h": hidden, f"state.{direction}.c": cell}
        tensors |= checkpoint.optimizer_tensors(self.optimizer, self.names)
        with self.pace.saving():
            checkpoint.save(self.path, self.progress, tensors)

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Take over the tensors of a checkpoint."""
        device = self.hardware.device
        with torch.no_grad():
            for name, weight in self.model.named_parameters():
                weight.copy_(tensors[f"network.{name}"])
            self.total.copy_(tensors["total"])
        self.states = [
            (tensors[f"state.{each}.h"].to(device), tensors[f"state.{each}.c"].to(device))
            for each in range(self.model.directions)
        ]
        checkpoint.restore_optimizer(self.optimizer, self.names, tensors)

    def check_finite(self) -> None:
        """Stop before numbers that are none reach a checkpoint.

        Raises:
            TrainingError: the loss is not a number.
        """
        if not math.isfinite(float(self.total)):
            raise self.diverged("the loss")

    def diverged(self, what: str) -> TrainingError:
        """The error of a run in which ``what`` is not a number any more."""
        return upkeep.diverged(
            what,
            self.progress,
            f"Lower pretrain.lr (now {self.config.pretrain.lr:g}), set pretrain.clip, "
            "or use train.precision=float32.",
        )


def _optimizer(model: LanguageModel, config: RunConfig) -> tuple[torch.optim.AdamW, list[str]]:
    """AdamW, and the parameter names in its order; token vectors and biases do not decay."""
    settings, parameters = config.pretrain, dict(model.named_parameters())
    matrices = [name for name, each in parameters.items() if each.dim() > 1]
    decayed = [name for name in matrices if not name.startswith("embedding.")]
    others = [name for name in parameters if name not in decayed]
    groups = [
        {"params": [parameters[name] for name in names], "weight_decay": decay}
        for names, decay in ((decayed, settings.weight_decay), (others, 0.0))
    ]
    betas = (0.9, settings.beta2)
    return torch.optim.AdamW(groups, lr=settings.lr, betas=betas, fused=True), decayed + others


@torch.no_grad()
def validate(trainer: LanguageTrainer, texts: Texts) -> float:
    """Mean loss in nats a token over the whole vocabulary, of both directions.

    At most about 100,000 tokens are read in each. What the run drew at random does not touch it.
    """
    model, hardware = trainer.model, trainer.hardware
    # Few texts make few streams: each shall be a stretch long, or little would be left of them.
    count = min(_VALIDATION_STREAMS, max(1, sum(map(len, texts)) // _VALIDATION_STRETCH))
    model.eval()
    losses = []
    for direction in range(model.directions):
        rows = streams.fold(texts, count, backwards=bool(direction))
        rows = rows[:, : _VALIDATION_TOKENS // count]
        state = model.start(count)[direction]
        for start in range(0, rows.shape[1] - 1, _VALIDATION_STRETCH):
            window = torch.from_numpy(rows[:, start : start + _VALIDATION_STRETCH + 1])
            tokens = window.to(hardware.device).long()
            with torch.autocast(hardware.device.type, torch.bfloat16, enabled=hardware.bfloat16):
                loss, state = model.full_loss(direction, tokens[:, :-1], tokens[:, 1:], state)
            losses.append((float(loss), tokens.shape[1] - 1))
    return sum(loss * size for loss, size in losses) / sum(size for _, size in losses)
