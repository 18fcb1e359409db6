"""The training steps that are compared, and the batches they are given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from benchmarks.plain_lstm import PackedLSTM, take_weights
from undertone import networks
from undertone.batches import collate
from undertone.config import RunConfig
from undertone.training import hardware
from undertone.training.checkpoint import Progress
from undertone.training.events import silent

# The very step that `undertone train` makes, not a copy of it.
from undertone.training.loop import _step as training_step
from undertone.training.objective import Objective
from undertone.training.stop import StopFlag
from undertone.training.trainer import EncodedReviews, Trainer

_STEPS_OF_A_RUN = 1000  # for the learning rate, which does not matter here


@dataclass(frozen=True)
class Task:
    """Reviews, their batches, and the configuration they are read with."""

    config: RunConfig
    vocabulary: int
    reviews: EncodedReviews
    batches: list[NDArray[np.integer]]
    order: str


@dataclass(frozen=True)
class Candidate:
    """One way to make a training step.

    Attributes:
        step: makes the step on the batch with that number.
    """

    title: str
    precision: str
    network: nn.Module
    step: Callable[[int], None]


def undertone_candidates(task: Task) -> list[Candidate]:
    """The step as it ships and, where that is bfloat16, the same in float32."""
    found = [_undertone_candidate(task, task.config)]
    if found[0].precision == "bfloat16":
        train = msgspec.structs.replace(task.config.train, precision="float32")
        found.append(_undertone_candidate(task, msgspec.structs.replace(task.config, train=train)))
    return found


def _undertone_candidate(task: Task, config: RunConfig) -> Candidate:
    machine = hardware.choose(config.train)
    torch.manual_seed(config.seed)
    network = networks.build_network(config, task.vocabulary, labels=2)
    objective = Objective(config.train, task.reviews.targets.tolist(), 2, machine.device)
    trainer = Trainer(
        config, machine, network, objective, Progress(""), Path("unused"), silent, StopFlag()
    )

    def step(number: int) -> None:
        training_step(trainer, task.reviews, task.batches[number], _STEPS_OF_A_RUN)
        trainer.progress.step += 1

    precision = "bfloat16" if machine.bfloat16 else "float32"
    return Candidate(f"undertone, {precision}", precision, network.train(), step)


def plain_candidate(task: Task) -> Candidate:
    """The same step as one writes it first, in float32 throughout."""
    train = task.config.train
    network = PackedLSTM(task.config.network, task.vocabulary, train.layer_dropout).train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=train.lr, weight_decay=0.0)

    def step(number: int) -> None:
        index = task.batches[number]
        batch = collate([task.reviews.sequences[each] for each in index], multiple=1)
        targets = torch.from_numpy(task.reviews.targets[index]).float()
        logits = network(torch.from_numpy(batch.ids), torch.from_numpy(batch.lengths))
        loss = nn.functional.binary_cross_entropy_with_logits(logits[:, 0], targets)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), train.clip)
        optimizer.step()

    return Candidate("plain packed nn.LSTM, float32", "float32", network, step)


def largest_difference(network: nn.Module, task: Task) -> float:
    """How far the two networks' logits lie apart when both have the same weights, in float32.

    Measured on two reviews of every batch, so that lengths are mixed.
    """
    plain = PackedLSTM(task.config.network, task.vocabulary)
    take_weights(plain, network.state_dict())
    chosen = np.concatenate([batch[:2] for batch in task.batches])
    batch = collate([task.reviews.sequences[number] for number in chosen])
    ids, lengths = torch.from_numpy(batch.ids), torch.from_numpy(batch.lengths)
    network.eval()
    plain.eval()
    with torch.no_grad():
        difference = (network(ids, lengths) - plain(ids, lengths)).abs().max()
    network.train()
    return float(difference)
