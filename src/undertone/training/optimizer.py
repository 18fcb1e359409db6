"""AdamW over three groups of parameters."""

from __future__ import annotations

import torch
from torch import nn

from undertone.settings import TrainConfig


def build(network: nn.Module, config: TrainConfig) -> tuple[torch.optim.AdamW, list[str]]:
    """AdamW (Loshchilov and Hutter, 2019) with weight decay where it belongs.

    Weight matrices decay by ``weight_decay``, token vectors by ``embedding_decay``, biases and
    normalisation not at all. Every group has a ``scale``, its share of the learning rate.

    Returns:
        The optimizer, and the parameter names in the order of its groups.
    """
    parameters = dict(network.named_parameters())
    groups: dict[tuple[float, float], list[str]] = {}
    for name, parameter in parameters.items():
        groups.setdefault(_treatment(name, parameter, config), []).append(name)
    optimizer = torch.optim.AdamW(
        [
            {
                "params": [parameters[name] for name in names],
                "weight_decay": decay,
                "scale": scale,
            }
            for (decay, scale), names in groups.items()
        ],
        lr=config.lr,
        betas=(0.9, config.beta2),
        fused=True,
    )
    return optimizer, [name for names in groups.values() for name in names]


def _treatment(name: str, parameter: nn.Parameter, config: TrainConfig) -> tuple[float, float]:
    """Weight decay and share of the learning rate."""
    if name.startswith("embedding."):
        return config.embedding_decay, config.embedding_lr
    return (config.weight_decay if parameter.dim() > 1 else 0.0), 1.0
