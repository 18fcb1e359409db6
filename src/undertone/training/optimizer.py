"""AdamW over three groups of parameters."""

from __future__ import annotations

import torch
from torch import nn

from undertone.config import TrainConfig


def build(network: nn.Module, config: TrainConfig) -> tuple[torch.optim.AdamW, list[str]]:
    """AdamW (Loshchilov and Hutter, 2019) with weight decay where it belongs.

    Weight matrices decay by ``weight_decay``, token vectors by ``embedding_decay``, biases and
    normalisation not at all.

    Returns:
        The optimizer, and the parameter names in the order of its groups.
    """
    groups: dict[float, list[str]] = {}
    parameters = dict(network.named_parameters())
    for name, parameter in parameters.items():
        if name.startswith("embedding."):
            decay = config.embedding_decay
        else:
            decay = config.weight_decay if parameter.dim() > 1 else 0.0
        groups.setdefault(decay, []).append(name)
    optimizer = torch.optim.AdamW(
        [
            {"params": [parameters[name] for name in names], "weight_decay": decay}
            for decay, names in groups.items()
        ],
        lr=config.lr,
        betas=(0.9, config.beta2),
        fused=True,
    )
    return optimizer, [name for names in groups.values() for name in names]
