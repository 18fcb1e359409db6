"""The training loop: epochs, steps, validation, checkpoints, early stopping."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import NamedTuple

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from undertone import calibration
from undertone.batches import epoch_batches, padded_length
from undertone.training import checkpoint, optimizer, upkeep
from undertone.training.adversarial import Attack, attack
from undertone.training.events import EpochDone, StepDone
from undertone.training.objective import correct
from undertone.training.schedule import learning_rate
from undertone.training.trainer import EncodedReviews, Trainer, accuracy, batch_tensors, evaluate

_LOOK_EVERY = 16  # steps between looks at the loss, each of which waits for the device


def fit(trainer: Trainer, train: EncodedReviews, validation: EncodedReviews) -> dict[str, Tensor]:
    """Train to the end, or to where patience ends.

    Args:
        trainer: fresh, or restored from a checkpoint.
        train: reviews to learn from.
        validation: reviews that decide which epoch is best and when to stop.

    Returns:
        The kept weights by parameter name, float32 on the CPU.

    Raises:
        RunInterruptedError: the user pressed Ctrl-C; the checkpoint is written.
        TrainingError: the loss is not a number.
    """
    config, progress = trainer.config.train, trainer.progress
    while progress.epoch <= config.epochs and not _patience_is_over(trainer):
        _train_epoch(trainer, train)
        _finish_epoch(trainer, validation, len(train.sequences))
        trainer.save()
        checkpoint.write_history(trainer.path.parent, progress)
    return trainer.best if config.keep == "best" else trainer.average.snapshot()


def _train_epoch(trainer: Trainer, train: EncodedReviews) -> None:
    config, progress = trainer.config, trainer.progress
    order = epoch_batches(
        train.lengths, config.train.batch_size, seed=config.seed, epoch=progress.epoch
    )
    steps = len(order) * config.train.epochs
    before, started = progress.epoch_seconds, time.monotonic()
    trainer.network.train()
    for index in order[progress.batch :]:
        _step(trainer, train, index, steps)
        progress.epoch_seconds = before + time.monotonic() - started
        progress.reviews += len(index)
        progress.batch += 1
        progress.step += 1
        if progress.batch % _LOOK_EVERY == 0:
            trainer.check_finite()
            trainer.listen(_step_event(trainer, steps))
        upkeep.stop_or_save(trainer)
    trainer.check_finite()


def _step(trainer: Trainer, train: EncodedReviews, index: NDArray[np.integer], steps: int) -> None:
    """One update. Its randomness comes from (seed, step) alone, so a resumed run repeats it."""
    config, step = trainer.config, trainer.progress.step
    second = upkeep.seed_step(config.seed, step)
    rate = learning_rate(config.train, step, steps)
    optimizer.set_rates(trainer.optimizer, rate, step * config.train.epochs / steps)
    batch = _batch(trainer, train, index)
    against = attack(config.train, step / steps)
    trainer.optimizer.zero_grad()
    found = torch.zeros(2, dtype=torch.float64, device=trainer.hardware.device)
    for number, (part, share) in enumerate(_passes(trainer, batch)):
        logits, loss = _gradients(trainer, part, against, seed=second + number, share=share)
        found += torch.stack([loss.double(), correct(logits, part.labels).double()])
    if config.train.clip:
        nn.utils.clip_grad_norm_(trainer.network.parameters(), config.train.clip)
    trainer.optimizer.step()
    trainer.average.update(trainer.network, step)
    found[0] *= len(index)
    trainer.totals += found


class _Batch(NamedTuple):
    """Reviews on the run's device; ``targets`` as :class:`Objective` takes them.

    ``beside``, float32 (B, K) or (B, 1), is added to the network's logits.
    """

    ids: Tensor
    lengths: Tensor
    labels: Tensor
    targets: Tensor
    beside: Tensor


def _passes(trainer: Trainer, batch: _Batch) -> Iterator[tuple[_Batch, float | Tensor]]:
    """The reviews of a step that are read at once, and the share of its loss that is theirs."""
    size = trainer.config.train.microbatch
    if not 0 < size < len(batch.ids):
        yield batch, 1.0
        return
    weights = trainer.objective.weight(batch.targets)
    for start in range(0, len(batch.ids), size):
        part = _Batch(*(each[start : start + size] for each in batch))
        width = padded_length(int(part.lengths.max()))
        share = weights[start : start + size].sum() / weights.sum()
        yield part._replace(ids=part.ids[:, :width].contiguous()), share


def _batch(trainer: Trainer, train: EncodedReviews, index: NDArray[np.integer]) -> _Batch:
    device = trainer.hardware.device
    sequences = [train.sequences[number] for number in index]
    if trainer.augmentation is not None:
        sequences = trainer.augmentation(
            sequences, seed=trainer.config.seed, step=trainer.progress.step
        )
    labels = torch.from_numpy(train.targets[index]).to(device)
    targets = labels if train.soft is None else torch.from_numpy(train.soft[index]).to(device)
    beside = np.zeros((len(index), 1), np.float32) if train.beside is None else train.beside[index]
    added = torch.from_numpy(beside).to(device)
    return _Batch(*batch_tensors(sequences, device), labels, targets, added)


def _gradients(
    trainer: Trainer,
    batch: _Batch,
    against: Attack | None,
    *,
    seed: int,
    share: float | Tensor = 1.0,
) -> tuple[Tensor, Tensor]:
    """Add the gradients of ``share`` times the loss to those of the parameters.

    Returns:
        Logits, and that part of the loss, both detached and without perturbation.
    """

    def loss_of(logits: Tensor) -> Tensor:
        return trainer.objective(logits, batch.targets) * share

    if against is None:
        with _number_format(trainer):
            logits = trainer.network(batch.ids, batch.lengths).float() + batch.beside
        loss = loss_of(logits)
        loss.backward()  # type: ignore[no-untyped-call]
        return logits.detach(), loss.detach()

    def read(vectors: Tensor) -> Tensor:
        torch.manual_seed(seed)  # the same dropout in every pass of the step
        with _number_format(trainer):
            logits: Tensor = trainer.network.classify(vectors, batch.lengths).float()  # type: ignore[operator]
        return logits + batch.beside

    vectors = trainer.network.embedding(batch.ids)  # type: ignore[operator]
    return against.backward(vectors, batch.lengths, read, loss_of)


def _number_format(trainer: Trainer) -> torch.autocast:
    hardware = trainer.hardware
    return torch.autocast(hardware.device.type, torch.bfloat16, enabled=hardware.bfloat16)


def _finish_epoch(trainer: Trainer, validation: EncodedReviews, reviews: int) -> None:
    """Validate, note the epoch, keep its weights if they are the best so far."""
    progress, config = trainer.progress, trainer.config.train
    started = time.monotonic()
    logits = evaluate(trainer, validation)
    loss = calibration.log_loss(logits, validation.targets)
    if not math.isfinite(loss):
        trainer.totals[0] = math.nan
        trainer.check_finite()
    best = progress.best_loss is None or loss < progress.best_loss
    if best:
        progress.best_epoch, progress.best_loss = progress.epoch, loss
        trainer.best = trainer.average.snapshot()
    training = progress.epoch_seconds
    steps = progress.step // progress.epoch * config.epochs
    event = EpochDone(
        epoch=progress.epoch,
        epochs=config.epochs,
        step=progress.step,
        lr=learning_rate(config, progress.step - 1, steps),
        train_loss=float(trainer.totals[0]) / reviews,
        train_accuracy=float(trainer.totals[1]) / reviews,
        validation_loss=loss,
        validation_accuracy=accuracy(logits, validation.targets),
        best=best,
        seconds=training + time.monotonic() - started,
        reviews_per_second=reviews / training,
    )
    progress.history.append(msgspec.to_builtins(event))
    progress.seconds += event.seconds
    progress.epoch, progress.batch, progress.reviews = progress.epoch + 1, 0, 0
    progress.epoch_seconds = 0.0
    trainer.totals.zero_()
    trainer.listen(event)


def _patience_is_over(trainer: Trainer) -> bool:
    progress, patience = trainer.progress, trainer.config.train.patience
    return bool(patience) and progress.epoch - 1 - progress.best_epoch >= patience


def _step_event(trainer: Trainer, steps: int) -> StepDone:
    progress = trainer.progress
    rate = progress.reviews / progress.epoch_seconds
    reviews_left = (steps - progress.step) * trainer.config.train.batch_size
    loss, hits = (trainer.totals / progress.reviews).tolist()
    return StepDone(
        epoch=progress.epoch,
        epochs=trainer.config.train.epochs,
        step=progress.step,
        steps=steps,
        loss=loss,
        accuracy=hits,
        reviews_per_second=rate,
        seconds_left=reviews_left / rate,
    )
