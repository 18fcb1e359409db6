"""What a training run tells its caller while it goes on."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct


class Note(Struct, frozen=True):
    """One line worth telling the user."""

    text: str


class StepDone(Struct, frozen=True):
    """Progress within an epoch.

    ``epoch`` counts from 1, ``step`` and ``steps`` count over the whole run. ``loss`` (nats) and
    ``accuracy`` are means over the epoch so far, with dropout on.
    """

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    accuracy: float
    reviews_per_second: float
    seconds_left: float


class EpochDone(Struct, frozen=True):
    """One line of ``history.jsonl``; losses in nats, ``seconds`` for training and validation."""

    epoch: int
    epochs: int
    step: int
    lr: float
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float
    best: bool
    seconds: float
    reviews_per_second: float


class PretrainStep(Struct, frozen=True):
    """Progress of a language model; ``loss`` (nats) is the epoch's mean sampled loss so far."""

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    tokens_per_second: float
    seconds_left: float


class PretrainEpoch(Struct, frozen=True):
    """One line of a language model's ``history.jsonl``.

    ``train_loss`` is the sampled loss, ``validation_loss`` that of the full softmax, both in nats
    a token and the mean of both directions.
    """

    epoch: int
    epochs: int
    step: int
    lr: float
    train_loss: float
    validation_loss: float
    seconds: float
    tokens_per_second: float


Event = Note | StepDone | EpochDone | PretrainStep | PretrainEpoch
Listener = Callable[[Event], None]


def silent(event: Event) -> None:
    """The listener of a caller that wants to hear nothing."""
