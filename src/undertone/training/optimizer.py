"""AdamW, with weight decay and a share of the learning rate for each group of parameters."""

from __future__ import annotations

import re
from typing import NamedTuple

import torch
from torch import nn

from undertone.settings import TrainConfig

_LAYER = re.compile(r"layers\.(\d+)\.")


class _Treatment(NamedTuple):
    """Weight decay, share of the learning rate, and the epoch (from 0) of the release."""

    decay: float
    scale: float
    release: float


def build(network: nn.Module, config: TrainConfig) -> tuple[torch.optim.AdamW, list[str]]:
    """AdamW (Loshchilov and Hutter, 2019) with weight decay where it belongs.

    Weight matrices decay by ``weight_decay``, token vectors by ``embedding_decay``, biases and
    normalisation not at all. Every group has a ``scale``, its share of the learning rate, and a
    ``release``, the epochs after which it begins to learn; lower layers have less of the one and
    more of the other (Howard and Ruder, "Universal Language Model Fine-tuning for Text
    Classification", ACL 2018, section 3.3).

    Returns:
        The optimizer, and the parameter names in the order of its groups.
    """
    parameters = dict(network.named_parameters())
    depths = _depths(list(parameters))
    groups: dict[_Treatment, list[str]] = {}
    for name, parameter in parameters.items():
        groups.setdefault(_treatment(name, parameter, depths[name], config), []).append(name)
    optimizer = torch.optim.AdamW(
        [
            {
                "params": [parameters[name] for name in names],
                "weight_decay": treatment.decay,
                "scale": treatment.scale,
                "release": treatment.release,
            }
            for treatment, names in groups.items()
        ],
        lr=config.lr,
        betas=(0.9, config.beta2),
        fused=True,
    )
    return optimizer, [name for names in groups.values() for name in names]


def set_rates(optimizer: torch.optim.Optimizer, rate: float, epochs: float) -> None:
    """Give every group its share of the rate, and hold those still whose time has not come.

    Args:
        optimizer: from :func:`build`.
        rate: learning rate of the output layer.
        epochs: epochs done so far, with the fraction of the current one.
    """
    for group in optimizer.param_groups:
        group["lr"] = rate * group["scale"]
        for parameter in group["params"]:
            parameter.requires_grad_(epochs >= group["release"])


def _treatment(name: str, parameter: nn.Parameter, depth: int, config: TrainConfig) -> _Treatment:
    scale, release = config.layer_lr**depth, config.unfreeze * depth
    if name.startswith("embedding."):
        return _Treatment(config.embedding_decay, scale * config.embedding_lr, release)
    return _Treatment(config.weight_decay if parameter.dim() > 1 else 0.0, scale, release)


def _depths(names: list[str]) -> dict[str, int]:
    """How far below the output layer a parameter stands: 0 on top, token vectors last."""
    numbers = {name: int(found[1]) for name in names if (found := _LAYER.match(name))}
    count = 1 + max(numbers.values(), default=-1)
    below = {name: count - number for name, number in numbers.items()}
    return {
        name: below.get(name, count + 1 if name.startswith("embedding.") else 0) for name in names
    }
