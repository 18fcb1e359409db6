"""Fixtures around the tiny model of tiny_model.py."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_model import Recipe, write_model

from undertone import inference, modelfolder
from undertone.config import RunConfig
from undertone.settings import NetworkConfig

Build = Callable[..., Path]


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """Writes a model folder called ``tiny``; takes the fields of :class:`Recipe`."""

    def make(folder: Path | None = None, **fields: Any) -> Path:
        return write_model(folder or tmp_path / "tiny", Recipe(**fields))

    return make


@pytest.fixture
def model(build: Build) -> inference.Model:
    return inference.load(build(), threads=2)


@pytest.fixture
def many_labels(build: Build) -> inference.Model:
    """Three labels with a logit each; temperature 2."""
    weights = {"good": (0.0, 0.0, 3.0), "bad": (3.0, 0.0, 0.0), "film": (0.0, 2.0, 0.0)}
    folder = build(
        labels=("negative", "neutral", "positive"),
        weights=tuple(weights.items()),
        bias=(0.0, 0.5, 0.0),
        temperature=2.0,
    )
    return inference.load(folder)


@pytest.fixture(scope="session")
def lstm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small two-way LSTM with fixed weights of ordinary size, in its own folder."""
    from undertone.networks import lstm_onnx

    folder = tmp_path_factory.mktemp("model") / "lstm"
    write_model(folder, Recipe(max_tokens=3000))
    network = NetworkConfig(embedding_dim=8, hidden_dim=6, pooling="concat")
    random = np.random.default_rng(0)

    def weight(*shape: int) -> np.ndarray:
        return random.normal(0, 0.6, shape).astype(np.float32)

    weights = {"embedding.weight": weight(11, 8), "output.weight": weight(1, 24)}
    weights["output.bias"] = weight(1)
    for way in ("forward", "backward"):
        for kind, shape in {"weight_ih": (24, 8), "weight_hh": (24, 6)}.items():
            weights[f"layers.0.{way}_lstm.{kind}_l0"] = weight(*shape)
        for kind in ("bias_ih", "bias_hh"):
            weights[f"layers.0.{way}_lstm.{kind}_l0"] = weight(24)
    graph = lstm_onnx.build(network, weights)
    (folder / modelfolder.GRAPH).write_bytes(graph.SerializeToString())
    manifest = modelfolder.read(folder)
    config = RunConfig(text=manifest.config.text, network=network)
    modelfolder.write(folder, modelfolder.Manifest(labels=manifest.labels, config=config))
    return folder
