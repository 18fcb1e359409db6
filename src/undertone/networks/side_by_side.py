"""Several LSTM classifiers as one wider one whose logits are a weighted sum of theirs.

Side by side in one network, with nothing between them: its token vectors are theirs end to end, the
matrices of its LSTMs have theirs on the diagonal and zeros elsewhere, and its output layer reads
each with a factor of its own. An ensemble is so an ordinary model, which is stored, explained,
exported and trained further like any other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from msgspec import structs
from torch import Tensor

from undertone.errors import ConfigError
from undertone.networks.shapes import column_stretches
from undertone.settings import NetworkConfig

_GATES = 4
_WIDTHS = ("embedding_dim", "hidden_dim")


class Member(NamedTuple):
    """One network.

    Attributes:
        network: its shape.
        weights: float32 tensors under the names of its ``state_dict``.
        factor: what its logits are multiplied by.
    """

    network: NetworkConfig
    weights: Mapping[str, Tensor]
    factor: float


def combined(networks: Sequence[NetworkConfig]) -> NetworkConfig:
    """The shape of all in one: widths added up.

    Raises:
        ConfigError: they cannot stand side by side in one network.
    """
    first = networks[0]
    if len(networks) == 1:
        return first
    for each in networks:
        if each.architecture != "lstm" or each.layer_norm or each.pooling == "attention":
            raise ConfigError(
                "only LSTMs without LayerNorm and without attention pooling become one network; "
                f"there is one with architecture={each.architecture}, "
                f"layer_norm={str(each.layer_norm).lower()}, pooling={each.pooling}.",
                "Leave it out, or use it as a teacher.",
            )
        same = {key: getattr(first, key) for key in (*_WIDTHS, "wide")}
        if structs.replace(each, **same) != first:
            raise ConfigError(
                "the networks differ in more than their widths: layers, directions or pooling.",
                "Name networks of one shape, or use them as teachers.",
            )
    widths = {key: sum(getattr(each, key) for each in networks) for key in _WIDTHS}
    return structs.replace(first, **widths)


def merged(members: Sequence[Member]) -> dict[str, Tensor]:
    """The weights of the network that :func:`combined` describes.

    Returns:
        Float32 tensors under the names of its ``state_dict``. Its logits are the members' logits,
        each times its factor, added up.
    """
    if len(members) == 1:
        return {name: _output(name, members[0]) for name in members[0].weights}
    return {name: _joined(name, members) for name in members[0].weights}


def _output(name: str, member: Member) -> Tensor:
    """A weight; those of the output layer times the factor."""
    weight = member.weights[name]
    return weight * member.factor if name.startswith("output.") else weight


def _joined(name: str, members: Sequence[Member]) -> Tensor:
    weights = [_output(name, member) for member in members]
    if name == "embedding.weight":
        return torch.cat(weights, dim=1)
    if name == "output.bias":
        return torch.stack(weights).sum(dim=0)
    stretches = column_stretches(name, members[0].network)
    if name == "output.weight":
        return _by_stretch(weights, stretches).flatten(1)
    if "bias" in name:
        return torch.cat([each.view(_GATES, -1) for each in weights], dim=1).flatten()
    return _diagonal(weights, stretches)


def _by_stretch(weights: Sequence[Tensor], stretches: int) -> Tensor:
    """The columns of all, stretch by stretch: (rows, stretches, all columns / stretches)."""
    return torch.cat([each.view(len(each), stretches, -1) for each in weights], dim=2)


def _diagonal(weights: Sequence[Tensor], stretches: int) -> Tensor:
    """Blocks on the diagonal of every gate and every stretch of columns."""
    gates = [each.view(_GATES, -1, stretches, each.shape[1] // stretches) for each in weights]
    rows = sum(each.shape[1] for each in gates)
    columns = sum(each.shape[3] for each in gates)
    found = torch.zeros(_GATES, rows, stretches, columns)
    row = column = 0
    for each in gates:
        found[:, row : row + each.shape[1], :, column : column + each.shape[3]] = each
        row, column = row + each.shape[1], column + each.shape[3]
    return found.reshape(_GATES * rows, stretches * columns)
