"""A trained network as the start of a wider one that, at first, says the same.

Chen, Goodfellow and Shlens, "Net2Net: Accelerating Learning via Knowledge Transfer" (ICLR 2016):
what a small network learnt need not be learnt again by a larger one. The paper copies units and
halves what leaves them; here new units begin at random and nothing leaves them yet, which preserves
the function as exactly and leaves no two units alike.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from undertone.networks.language_model import LanguageModel
from undertone.networks.shapes import column_stretches
from undertone.settings import NetworkConfig

_GATES = 4


def grow(weights: Mapping[str, Tensor], model: LanguageModel) -> None:
    """Overwrite a fresh model so that it predicts what the narrower one predicted.

    With old widths E, H and new widths E' >= E, H' >= H: the old numbers stand where they stood;
    the numbers that would bring a new unit's value to an old unit are zero; all others keep their
    random start, from which a gradient reaches them.

    Args:
        weights: of a language model with the same vocabulary and directions.
        model: as :class:`LanguageModel` makes it.

    Raises:
        KeyError: the weights are of another kind of network.
    """
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            _overlay(weights[name], parameter, name=name)


def grow_parameter(name: str, old: Tensor, new: Tensor, network: NetworkConfig) -> None:
    """Overwrite one fresh parameter of a classifier, as :func:`grow` does for a language model.

    Args:
        name: of the parameter in the ``state_dict``.
        old: of the narrower network, which pools as the wider one does and has as many directions.
        new: of the wider one.
        network: the shape of the wider one.
    """
    with torch.no_grad():
        _overlay(old, new, name=name, stretches=column_stretches(name, network))


def _overlay(old: Tensor, new: Tensor, *, name: str, stretches: int = 1) -> None:
    """Old numbers into the corner of each gate's block, zeros beside them where old units read.

    The columns are ``stretches`` runs of equal width, each of which grew.
    """
    gates = _GATES if name.startswith("layers.") else 1
    if new.dim() == 1:
        source, target = old.view(gates, -1), new.view(gates, -1)
        rows = source.shape[1]
        target[:, :rows] = source
        if name.startswith("projections."):
            target[:, rows:] = 0.0
        return
    source = old.view(gates, -1, stretches, old.shape[1] // stretches)
    target = new.view(gates, -1, stretches, new.shape[1] // stretches)
    rows, columns = source.shape[1], source.shape[3]
    if name != "embedding.weight":  # a token vector is read by others; it reads nothing itself
        target[:, :rows, :, columns:] = 0.0
    if name.startswith("projections."):  # the new elements of a guess meet those of token vectors
        target[:, rows:] = 0.0
    target[:, :rows, :, :columns] = source
