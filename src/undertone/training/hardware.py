"""Which device, number format and threads a run uses, probed rather than assumed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn

from undertone import provenance
from undertone.errors import ConfigError
from undertone.settings import TrainConfig


@dataclass(frozen=True)
class Hardware:
    """What a run computes on."""

    device: torch.device
    bfloat16: bool
    threads: int

    def describe(self) -> str:
        """One line for the user."""
        precision = "bfloat16 LSTMs, float32 elsewhere" if self.bfloat16 else "float32"
        if self.device.type == "cuda":
            return f"Training on {torch.cuda.get_device_name(self.device)}, {precision}."
        return (
            f"Training on {self.threads} CPU thread{'s' if self.threads > 1 else ''}, {precision}."
        )


@contextmanager
def claimed(config: TrainConfig) -> Iterator[Hardware]:
    """Choose the hardware of a run for the block; torch's threads and random state come back.

    Raises:
        ConfigError: a device or format was demanded that this machine lacks.
    """
    threads = torch.get_num_threads()
    with torch.random.fork_rng():
        try:
            yield choose(config)
        finally:
            torch.set_num_threads(threads)


def choose(config: TrainConfig) -> Hardware:
    """Pick the device, the number format and the threads of a run.

    Raises:
        ConfigError: a device or format was demanded that this machine lacks.
    """
    device = _device(config.device)
    works = _runs_bfloat16(device)
    if config.precision == "bfloat16" and not works:
        raise ConfigError(
            f"train.precision=bfloat16 does not run on this {device.type} device.",
            "Use train.precision=auto or float32.",
        )
    threads = config.threads or provenance.cores()
    torch.set_num_threads(threads)
    return Hardware(device, works and config.precision != "float32", threads)


def _device(wanted: str) -> torch.device:
    if wanted == "cuda" and not torch.cuda.is_available():
        raise ConfigError(
            "train.device=cuda, but torch finds no CUDA device.", "Use train.device=auto or cpu."
        )
    if wanted == "auto":
        wanted = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(wanted)


def _runs_bfloat16(device: torch.device) -> bool:
    """Whether an LSTM trains in bfloat16 there, at hardware speed.

    A CPU without bfloat16 instructions either lacks the oneDNN primitive or emulates it slowly,
    so the instructions are asked for first; then one tiny step is tried.
    """
    if device.type == "cpu" and not torch.cpu._is_avx512_bf16_supported():  # noqa: SLF001
        return False
    try:
        lstm = nn.LSTM(16, 16, batch_first=True).to(device)
        with torch.autocast(device.type, dtype=torch.bfloat16):
            states = lstm(torch.zeros(2, 4, 16, device=device))[0]
        states.float().sum().backward()
    except RuntimeError:
        return False
    return True
