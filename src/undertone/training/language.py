"""The loop that teaches a language model: stretches of text, both directions at once."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from undertone.config import RunConfig
from undertone.errors import DataError, RunInterruptedError, TrainingError
from undertone.networks.concurrent import together
from undertone.networks.language_model import LanguageModel, Noise, State
from undertone.training import checkpoint, streams
from undertone.training.checkpoint import Progress
from undertone.training.events import Listener, PretrainEpoch, PretrainStep
from undertone.training.hardware import Hardware
from undertone.training.schedule import learning_rate
from undertone.training.stop import StopFlag

_LOOK_EVERY = 8  # steps between looks at the loss
_VALIDATION_STREAMS = 16
_VALIDATION_TOKENS = 100_000  # per direction; the full softmax is dear

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
    saved_at: float = field(init=False, default_factory=time.monotonic)

    def __post_init__(self) -> None:
        settings = self.config.pretrain
        self.states = self.model.start(settings.streams)
        self.total = torch.zeros(1, dtype=torch.float64, device=self.hardware.device)
        parameters = dict(self.model.named_parameters())
        flat = [name for name, each in parameters.items() if each.dim() == 1]
        decayed = [name for name in parameters if name not in flat and "embedding" not in name]
        rest = [name for name in parameters if name not in decayed]
        self.names = decayed + rest
        self.optimizer = torch.optim.AdamW(
            [
                {
                    "params": [parameters[name] for name in decayed],
                    "weight_decay": settings.weight_decay,
                },
                {"params": [parameters[name] for name in rest], "weight_decay": 0.0},
            ],
            lr=settings.lr,
            betas=(0.9, settings.beta2),
            fused=True,
        )

    def save(self) -> None:
        """Write the checkpoint, unless its numbers are none."""
        self.check_finite()
        tensors = {"total": self.total}
        for name, weight in self.model.named_parameters():
            tensors[f"network.{name}"] = weight.data
        for direction, (hidden, cell) in enumerate(self.states):
            tensors |= {f"state.{direction}.h": hidden, f"state.{direction}.c": cell}
        tensors |= checkpoint.optimizer_tensors(self.optimizer, self.names)
        checkpoint.save(self.path, self.progress, tensors)
        self.saved_at = time.monotonic()

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
            raise TrainingError(
                f"the loss is not a number at step {self.progress.step}; nothing that was saved "
                "is affected.",
                f"Lower pretrain.lr (now {self.config.pretrain.lr:g}), or use "
                "train.precision=float32.",
            )


def fit(trainer: LanguageTrainer, texts: Texts, validation: Texts) -> None:
    """Train to the end of the last epoch.

    Args:
        trainer: fresh, or restored from a checkpoint.
        texts: token ids of each text, int32 (n,), uncut.
        validation: texts that measure how well unseen ones are guessed.

    Raises:
        DataError: too little text for one step.
        RunInterruptedError: the user pressed Ctrl-C; the checkpoint is written.
        TrainingError: the loss is not a number.
    """
    while trainer.progress.epoch <= trainer.config.pretrain.epochs:
        _train_epoch(trainer, texts)
        _finish_epoch(trainer, validation)
        trainer.save()
        checkpoint.write_history(trainer.path.parent, trainer.progress)


def _train_epoch(trainer: LanguageTrainer, texts: Texts) -> None:
    config, progress = trainer.config, trainer.progress
    settings = config.pretrain
    order = streams.shuffled(len(texts), seed=config.seed, epoch=progress.epoch)
    ordered = [texts[number] for number in order]
    rows = [
        streams.fold(ordered, settings.streams, backwards=bool(direction))
        for direction in range(trainer.model.directions)
    ]
    stretches = streams.stretches(rows[0].shape[1], settings.stretch)
    if not stretches:
        needed = settings.streams * (settings.stretch + 1)
        raise DataError(
            f"{sum(map(len, texts)):,} tokens are too few: one step takes {needed:,}.",
            "Give more text, or lower pretrain.streams or pretrain.stretch.",
        )
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
        if trainer.stop.requested:
            _interrupt(trainer)
        if time.monotonic() - trainer.saved_at >= config.train.checkpoint_seconds:
            trainer.save()
    trainer.check_finite()


def _step(trainer: LanguageTrainer, windows: list[NDArray[np.int32]], steps: int) -> None:
    """One update. Its randomness comes from (seed, step) alone, so a resumed run repeats it."""
    config, step, model = trainer.config, trainer.progress.step, trainer.model
    settings, device = config.pretrain, trainer.hardware.device
    torch.manual_seed(int(np.random.SeedSequence([config.seed, step]).generate_state(1)[0]))
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


def _finish_epoch(trainer: LanguageTrainer, validation: Texts) -> None:
    progress, settings = trainer.progress, trainer.config.pretrain
    started = time.monotonic()
    loss = validate(trainer, validation)
    steps = progress.step // progress.epoch * settings.epochs
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
    progress.epoch += 1
    progress.batch = 0
    progress.epoch_seconds = 0.0
    trainer.total.zero_()
    trainer.states = trainer.model.start(settings.streams)
    trainer.listen(event)


@torch.no_grad()
def validate(trainer: LanguageTrainer, texts: Texts) -> float:
    """Mean loss in nats a token over the whole vocabulary, of both directions.

    At most the first 100,000 tokens are read.
    """
    model, hardware = trainer.model, trainer.hardware
    size = trainer.config.pretrain.stretch
    model.eval()
    losses = []
    for direction in range(model.directions):
        rows = streams.fold(texts, _VALIDATION_STREAMS, backwards=bool(direction))
        rows = rows[:, : _VALIDATION_TOKENS // _VALIDATION_STREAMS]
        (state,) = model.start(_VALIDATION_STREAMS)[:1]
        for start in range(0, rows.shape[1] - 1, size):
            tokens = torch.from_numpy(rows[:, start : start + size + 1]).to(hardware.device).long()
            with torch.autocast(hardware.device.type, torch.bfloat16, enabled=hardware.bfloat16):
                loss, state = model.full_loss(direction, tokens[:, :-1], tokens[:, 1:], state)
            losses.append((float(loss), tokens.shape[1] - 1))
    return sum(loss * count for loss, count in losses) / sum(count for _, count in losses)


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


def _interrupt(trainer: LanguageTrainer) -> None:
    trainer.save()
    raise RunInterruptedError(
        f"stopped at step {trainer.progress.step}; the checkpoint is in {trainer.path.parent}.",
        "Go on with --resume.",
    )
