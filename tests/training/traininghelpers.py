"""Reviews of a few words and a network of a few numbers, so that a run takes a moment."""

from __future__ import annotations

import hashlib
import json
import random
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from undertone import training
from undertone.config import RunConfig
from undertone.data.examples import Example
from undertone.data.source import TrainingData
from undertone.errors import RunInterruptedError
from undertone.settings import NetworkConfig, TextConfig, TrainConfig
from undertone.training import loop

LABELS = ("negative", "positive")
WORDS = {
    "negative": ("bad", "dull", "boring", "awful", "weak"),
    "positive": ("good", "lovely", "great", "moving", "superb"),
    "mixed": ("fair", "uneven", "passable", "so-so", "middling"),
}
NEUTRAL = ("the", "film", "was", "a", "story", "actor", "scene", "it", "and", "music")
TIMING = ("seconds", "reviews_per_second")


def review(label: str, number: random.Random) -> str:
    """Three to twelve words, two of which tell the label."""
    words = number.choices(NEUTRAL, k=number.randint(1, 10)) + number.choices(WORDS[label], k=2)
    number.shuffle(words)
    return " ".join(words)


def examples(count: int, labels: tuple[str, ...], seed: int) -> tuple[Example, ...]:
    number = random.Random(seed)
    wanted = [labels[place % len(labels)] for place in range(count)]
    return tuple(
        Example(review(label, number), label, f"{seed} row {place}")
        for place, label in enumerate(wanted)
    )


def tiny_data(
    count: int = 60, labels: tuple[str, ...] = LABELS, *, lying_validation: bool = False
) -> TrainingData:
    """Training data; with ``lying_validation`` the two labels are swapped in validation."""
    train, validation = examples(count, labels, seed=1), examples(20, labels, seed=2)
    if lying_validation:
        validation = tuple(replace(each, label=_other(each.label)) for each in validation)
    digest = hashlib.sha256(repr((train, validation)).encode()).hexdigest()
    return TrainingData(train, validation, labels, digest, ())


def _other(label: str | None) -> str:
    return LABELS[1 - LABELS.index(label or "")]


def tiny_config(seed: int = 0, network: dict[str, Any] | None = None, **train: Any) -> RunConfig:
    """Four reviews a step, so 15 steps an epoch over the 60 reviews of :func:`tiny_data`."""
    usual = {"epochs": 3, "batch_size": 4, "lr": 0.1, "ema": 0.8, "patience": 0}
    light = {"output_dropout": 0.2, "input_dropout": 0.1, "embedding_dropout": 0.1}
    fixed = {"threads": 1, "precision": "float32", "device": "cpu"}
    return RunConfig(
        preset="tiny",
        seed=seed,
        text=TextConfig(vocabulary=100, min_frequency=1, max_tokens=10),
        network=NetworkConfig(**{"embedding_dim": 8, "hidden_dim": 6} | (network or {})),
        train=TrainConfig(**usual | light | fixed | train),
    )


def run(folder: Path, config: RunConfig | None = None, **more: Any) -> training.TrainResult:
    data = more.pop("data", None) or tiny_data()
    return training.train_examples(data, config=config or tiny_config(), output=folder, **more)


def prepared(folder: Path) -> Path:
    training.prepare_folder(folder, resume=False, overwrite=False)
    return folder


def stopped_and_resumed(
    folder: Path, config: RunConfig, monkeypatch: pytest.MonkeyPatch, step: int, **more: Any
) -> tuple[Any, ...]:
    """The result of a run that is asked to stop after a step, and then goes on."""
    original = loop._step

    def stopped(trainer: Any, *rest: Any) -> None:
        original(trainer, *rest)
        if trainer.progress.step + 1 == step:
            trainer.stop.requested = True

    monkeypatch.setattr(loop, "_step", stopped)
    with pytest.raises(RunInterruptedError):
        run(prepared(folder), config, **more)
    monkeypatch.setattr(loop, "_step", original)
    training.prepare_folder(folder, resume=True, overwrite=False)
    return result(run(folder, config, resume=True, **more).folder)


def history(folder: Path, *, timing: bool = False) -> list[dict[str, Any]]:
    lines = (folder / "history.jsonl").read_text().splitlines()
    epochs = [json.loads(line) for line in lines]
    return [
        {key: value for key, value in epoch.items() if timing or key not in TIMING}
        for epoch in epochs
    ]


def result(folder: Path) -> tuple[Any, ...]:
    """All of a model that does not depend on the clock."""
    names = ("model.safetensors", "model.onnx", "tokenizer.json", "calibration.json")
    return (*((folder / name).read_bytes() for name in names), history(folder))
