"""The learning rate as a function of the step."""

from __future__ import annotations

import math

from undertone.settings import PretrainConfig, TrainConfig


def learning_rate(config: TrainConfig | PretrainConfig, step: int, steps: int) -> float:
    """Rate of one step: a linear warm-up from zero, then the configured fall.

    Args:
        config: peak rate, warm-up share and shape of the fall.
        step: number of the step, counted from 0.
        steps: number of steps in the whole run.
    """
    warmup = int(config.warmup * steps)
    if step < warmup:
        return config.lr * (step + 1) / warmup
    progress = (step - warmup) / max(1, steps - warmup)
    if config.schedule == "cosine":
        return config.lr * 0.5 * (1.0 + math.cos(math.pi * progress))
    if config.schedule == "linear":
        return config.lr * (1.0 - progress)
    return config.lr
