"""Starting a classifier from a language model, or from another classifier.

An LSTM may be wider than what it starts from: see :mod:`undertone.training.grow`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from msgspec import Struct
from torch import Tensor, nn

from undertone import modelfolder
from undertone.config import RunConfig
from undertone.errors import ConfigError, ModelFolderError
from undertone.extras import require
from undertone.modelfolder import Manifest
from undertone.networks import readback
from undertone.settings import NetworkConfig
from undertone.training.grow import grow_parameter

# What the weights to start from were made for, and what a run must therefore share with them.
_TEXT = ("cleaning", "stopwords", "tokenizer", "vocabulary", "min_frequency")
_WIDTHS = ("embedding_dim", "hidden_dim")
_NETWORK = (*_WIDTHS, "bidirectional")


class Start(Struct, frozen=True):
    """Weights to start from; ``digest`` is the SHA-256 of their file."""

    folder: Path
    manifest: Manifest
    tokenizer: Path
    weights: dict[str, Tensor]
    digest: str

    def grows_into(self, network: NetworkConfig) -> bool:
        """Whether the network is a wider one of the same kind."""
        own = self.manifest.config.network
        return _of_other_widths(own, network) and _both_lstms(own, network)

    def described(self) -> dict[str, str]:
        """What the folder of the new run says about where it started."""
        return {"start_from": modelfolder.name_of(self.folder), "start_digest": self.digest}


def load(folder: Path, config: RunConfig) -> Start:
    """Read the weights of a language model or of a model, and check that they fit.

    Raises:
        ConfigError: the run's settings do not fit them; all are named.
        ModelFolderError: the folder is neither, or is damaged.
    """
    folder = modelfolder.located(folder)
    manifest = modelfolder.read(folder, modelfolder.kind_of(folder))
    keys = dict.fromkeys([*_keys_to_share(manifest, config), *_narrower(manifest.config, config)])
    mistakes = [*_differences(manifest.config, config, tuple(keys)), *_needless(config)]
    return _start(folder, manifest, mistakes)


def _keys_to_share(manifest: Manifest, config: RunConfig) -> tuple[str, ...]:
    """Settings of the network that must be the same; the widths where it cannot grow."""
    theirs, ours = manifest.config.network, config.network
    if not _both_lstms(theirs, ours) or theirs.layer_norm or ours.layer_norm:
        return _NETWORK
    grown = _of_other_widths(theirs, ours) and manifest.labels
    return ("bidirectional", "pooling") if grown else ("bidirectional",)


def _both_lstms(theirs: NetworkConfig, ours: NetworkConfig) -> bool:
    return theirs.architecture == ours.architecture == "lstm"


def _of_other_widths(theirs: NetworkConfig, ours: NetworkConfig) -> bool:
    return any(getattr(ours, key) != getattr(theirs, key) for key in _WIDTHS)


def load_language_model(folder: Path, config: RunConfig) -> Start:
    """Read a language model that shall go on learning; the run's network may be wider than it.

    Raises:
        ConfigError: the run's settings do not fit it; all are named.
        ModelFolderError: the folder is no language model, or is damaged.
    """
    manifest = modelfolder.read(folder, modelfolder.LANGUAGE_MODEL)
    keys = ("bidirectional", *_narrower(manifest.config, config))
    return _start(folder, manifest, _differences(manifest.config, config, keys))


def _narrower(theirs: RunConfig, ours: RunConfig) -> list[str]:
    """Widths in which our run's network is narrower than what it starts from."""
    pairs = ((key, getattr(ours.network, key), getattr(theirs.network, key)) for key in _WIDTHS)
    return [key for key, mine, started in pairs if mine < started]


def _start(folder: Path, manifest: Manifest, mistakes: list[str]) -> Start:
    if mistakes:
        raise ConfigError(
            f"the run does not fit {folder}, which it starts from.",
            f"Add {' '.join(f'--set {each}' for each in mistakes)}.",
        )
    tokenizer = modelfolder.verified(folder, manifest, modelfolder.TOKENIZER)
    weights, digest = weights_of(folder, manifest)
    return Start(folder, manifest, tokenizer, weights, digest)


def weights_of(folder: Path, manifest: Manifest) -> tuple[dict[str, Tensor], str]:
    """The weights in a folder, read back from its int8 graph where there are no others.

    Returns:
        Float32 tensors under the names of the ``state_dict``, and the SHA-256 of their file.

    Raises:
        ModelFolderError: there are none, or they are damaged.
    """
    exported = modelfolder.WEIGHTS not in manifest.files
    name = modelfolder.GRAPH_INT8 if exported else modelfolder.WEIGHTS
    path = modelfolder.verified(folder, manifest, name)
    weights = _read_back(path, manifest) if exported else _read(path)
    return weights, manifest.files[name].sha256


def apply(
    start: Start, network: nn.Module, labels: tuple[str, ...], config: RunConfig
) -> list[str]:
    """Copy every weight that the network has too, under the same name and in the same shape.

    Where the network is wider than what it starts from, its weights grow out of the others. The
    output layer is taken over only from a model that has the same labels.

    Args:
        start: from :func:`load`, with the same ``config``.
        network: of which the weights are overwritten.
        labels: in the order of its outputs.
        config: of the run.

    Returns:
        Names of the parameters that were copied.

    Raises:
        ModelFolderError: none fits.
    """
    wider = start.grows_into(config.network)
    taken = []
    for name, parameter in network.named_parameters():
        weight = start.weights.get(name)
        if weight is None or (weight.shape != parameter.shape and not wider):
            continue
        if name.startswith("output.") and start.manifest.labels != labels:
            continue
        if wider:
            grow_parameter(name, weight, parameter.data, config.network)
        else:
            parameter.data.copy_(weight)
        taken.append(name)
    if "embedding.weight" not in taken:
        raise ModelFolderError(
            f"the weights in {start.folder} fit none of this network's.",
            "Start from a folder that `undertone pretrain` wrote with the same settings.",
        )
    return taken


def _differences(theirs: RunConfig, ours: RunConfig, network: tuple[str, ...]) -> list[str]:
    """The settings that would make our run fit, as ``section.key=value``.

    Args:
        theirs: what the weights were made with.
        ours: what the run is to be made with.
        network: the settings of the network that have to agree.
    """
    sections: list[tuple[str, tuple[str, ...], Any, Any]] = [
        ("text", _TEXT, theirs.text, ours.text),
        ("network", network, theirs.network, ours.network),
    ]
    return [
        f"{section}.{key}={_spelled(getattr(wanted, key))}"
        for section, keys, wanted, given in sections
        for key in keys
        if getattr(wanted, key) != getattr(given, key)
    ]


def _needless(config: RunConfig) -> list[str]:
    """Learning word vectors only to overwrite them would be lost labour."""
    return ["train.vectors=random"] if config.train.vectors == "texts" else []


def _spelled(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _read_back(path: Path, manifest: Manifest) -> dict[str, Tensor]:
    arrays = readback.weights_of(path, manifest.config.network)
    return {name: torch.from_numpy(np.array(array)) for name, array in arrays.items()}


def _read(path: Path) -> dict[str, Tensor]:
    safetensors = require("safetensors", "train")
    load_file = require("safetensors.torch", "train").load_file
    try:
        weights: dict[str, Tensor] = load_file(path)
    except (OSError, safetensors.SafetensorError) as error:
        raise ModelFolderError(f"cannot read {path}: {error}.", "Copy the folder again.") from error
    return weights
