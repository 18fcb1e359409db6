"""The loop that teaches a language model: stretches of text, both directions at once."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from undertone.config import RunConfig
from undertone.errors import DataError
from undertone.networks.concurrent import together
from undertone.networks.language_model import Noise, State
from undertone.training import checkpoint, streams, upkeep
from undertone.training.events import PretrainEpoch, PretrainStep
from undertone.training.hardware import Hardware
from undertone.training.language_trainer import LanguageTrainer, Texts, validate
from undertone.training.schedule import learning_rate

_LOOK_EVERY = 8  # steps between looks at the loss


def require_enough(config: RunConfig, texts: Texts, validation: Texts) -> None:
    """Refuse what :func:`fit` could do nothing with.

    Raises:
        DataError: too little text for one step, or none for validation.
    """
    settings = config.pretrain
    if streams.length(texts, settings.streams) <= settings.stretch:
        raise DataError(
            f"{sum(map(len, texts)):,} tokens are too few to learn from: one step takes "
            f"{settings.streams * (settings.stretch + 1):,}.",
            "Give more text, or lower pretrain.streams or pretrain.stretch.",
        )
    if not validation:
        raise DataError(
            "no validation text has any token.", "Give more text, or raise data.validation."
        )


def fit(trainer: LanguageTrainer, texts: Texts, validation: Texts) -> None:
    """Train to the end of the last epoch.

    Args:
        trainer: fresh, or restored from a checkpoint.
        texts: token ids of each text, int32 (n,), uncut; :func:`require_enough` says how many.
        validation: texts that measure how well unseen ones are guessed.

    Raises:
        RunInterruptedError: the user pressed Ctrl-C; the checkpoint is written.
        TrainingError: the loss is not a number.
    """
    while trainer.progress.epoch <= trainer.config.pretrain.epochs:
        steps = _train_epoch(trainer, texts)
        _finish_epoch(trainer, validation, steps)
        trainer.save()
        checkpoint.write_history(trainer.path.parent, trainer.progress)


def _train_epoch(trainer: LanguageTrainer, texts: Texts) -> int:
    """Train to the end of the epoch; the number of steps of the whole run."""
    config, progress = trainer.config, trainer.progress
    settings = config.pretrain
    order = streams.shuffled(len(texts), seed=config.seed, epoch=progress.epoch)
    ordered = [texts[number] for number in order]
    rows = [
        streams.fold(ordered, settings.streams, backwards=bool(direction))
        for direction in range(trainer.model.directions)
    ]
    stretches = streams.stretches(rows[0].shape[1], settings.stretch)
    steps = len(stretches) * settings.epochs
    before, started = progress.epoch_seconds, time.monotonic()
    trainer.model.train()
    for start, end in stretches[progress.batch :]:
        _step(trainer, [each[:, start : end + 1] for each in rows], steps)
        progress.epoch_seconds = before + time.monotonic() - started
        progress.batch += 1
        progress.step += 1
        if progress.batch % _LOOK_EVERY == 0:
            trainer.check_finite()
            trainer.listen(_step_event(trainer, steps))
        upkeep.stop_or_save(trainer)
    trainer.check_finite()
    return steps


def _step(trainer: LanguageTrainer, windows: list[NDArray[np.int32]], steps: int) -> None:
    """One update. Its randomness comes from (seed, step) alone, so a resumed run repeats it."""
    config, step, model = trainer.config, trainer.progress.step, trainer.model
    settings, device = config.pretrain, trainer.hardware.device
    upkeep.seed_step(config.seed, step)
    for group in trainer.optimizer.param_groups:
        group["lr"] = learning_rate(settings, step, steps)
    noises = [model.draw(settings.streams, settings) for _ in windows]
    tokens = [torch.from_numpy(each).to(device).long() for each in windows]
    tasks = [
        _task(trainer, direction, tokens[direction], noises[direction])
        for direction in range(len(windows))
    ]
    results = _run(trainer.hardware, tasks)
    trainer.optimizer.zero_grad()
    for direction, (loss, state, gradients) in enumerate(results):
        trainer.states[direction] = state
        for weight, gradient in zip(model.parameters_of(direction), gradients, strict=True):
            weight.grad = gradient if weight.grad is None else weight.grad.add_(gradient)
        trainer.total += loss.double() / len(results)
    if settings.clip:
        nn.utils.clip_grad_norm_(model.parameters(), settings.clip)
    trainer.optimizer.step()


_Result = tuple[Tensor, State, tuple[Tensor, ...]]


def _task(
    trainer: LanguageTrainer, direction: int, tokens: Tensor, noise: Noise
) -> Callable[[], _Result]:
    """Loss, new state and gradients of one direction."""
    hardware, model = trainer.hardware, trainer.model

    def run() -> _Result:
        with torch.autocast(hardware.device.type, torch.bfloat16, enabled=hardware.bfloat16):
            loss, state = model.loss(
                direction, tokens[:, :-1], tokens[:, 1:], trainer.states[direction], noise
            )
        gradients = torch.autograd.grad(loss, model.parameters_of(direction))
        return loss.detach(), state, gradients

    return run


def _run(hardware: Hardware, tasks: list[Callable[[], _Result]]) -> list[_Result]:
    """The directions share no state, so on a CPU each gets half of the cores to itself."""
    if hardware.device.type == "cpu" and hardware.threads > 1 and len(tasks) > 1:
        return together(hardware.threads // 2, *tasks)
    return [task() for task in tasks]


def _finish_epoch(trainer: LanguageTrainer, validation: Texts, steps: int) -> None:
    """Validate and note the epoch; the next one starts from zero states, with other neighbours."""
    progress, settings = trainer.progress, trainer.config.pretrain
    started = time.monotonic()
    loss = validate(trainer, validation)
    if not math.isfinite(loss):
        raise trainer.diverged("the validation loss")
    tokens = progress.batch * settings.streams * settings.stretch
    event = PretrainEpoch(
        epoch=progress.epoch,
        epochs=settings.epochs,
        step=progress.step,
        lr=learning_rate(settings, progress.step - 1, steps),
        train_loss=float(trainer.total) / progress.batch,
        validation_loss=loss,
        seconds=progress.epoch_seconds + time.monotonic() - started,
        tokens_per_second=tokens / progress.epoch_seconds,
    )
    progress.history.append(msgspec.to_builtins(event))
    progress.seconds += event.seconds
    progress.epoch, progress.batch, progress.epoch_seconds = progress.epoch + 1, 0, 0.0
    trainer.total.zero_()
    trainer.states = trainer.model.start(settings.streams)
    trainer.listen(event)


def _step_event(trainer: LanguageTrainer, steps: int) -> PretrainStep:
    progress, settings = trainer.progress, trainer.config.pretrain
    pace = progress.epoch_seconds / progress.batch
    return PretrainStep(
        epoch=progress.epoch,
        epochs=settings.epochs,
        step=progress.step,
        steps=steps,
        loss=float(trainer.total) / progress.batch,
        tokens_per_second=settings.streams * settings.stretch / pace,
        seconds_left=(steps - progress.step) * pace,
    )
