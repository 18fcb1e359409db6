"""Verdicts of random models, and a model that says what it is told."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from undertone.evaluation.verdicts import Verdicts


class Answer(NamedTuple):
    logits: np.ndarray
    tokens_read: np.ndarray
    tokens_total: np.ndarray


class ScriptedModel:
    """Its texts hold the answer: the logits, then ``|`` and how many tokens there are."""

    precision = "int8"
    temperature = 2.0
    thresholds = ()
    limit = 100

    def __init__(self, folder: Path, labels: tuple[str, ...]) -> None:
        self.folder = folder
        self.name = folder.name
        self.labels = labels
        self.calls: list[int] = []

    def logits(self, texts: Sequence[str]) -> Answer:
        self.calls.append(len(texts))
        halves = [text.split("|") for text in texts]
        total = np.array([int(right) for _, right in halves], dtype=np.int32)
        logits = np.array([[float(each) for each in left.split()] for left, _ in halves])
        return Answer(logits.astype(np.float32), np.minimum(total, self.limit), total)


def make_verdicts(targets, probabilities, *, labels=None, total=None, read=None) -> Verdicts:
    """Verdicts from plain lists; a row of zero tokens has no verdict."""
    probabilities = np.asarray(probabilities, dtype=np.float64)
    count, width = probabilities.shape
    total = np.full(count, 10) if total is None else np.asarray(total)
    read = total if read is None else np.asarray(read)
    predicted = np.where(read > 0, probabilities.argmax(axis=1), -1)
    names = labels or tuple("abcdefgh"[:width])
    return Verdicts(
        names,
        np.asarray(targets, dtype=np.int64),
        predicted,
        probabilities,
        read.astype(np.int32),
        total.astype(np.int32),
    )


@pytest.fixture
def verdicts():
    return make_verdicts


@pytest.fixture
def scripted(tmp_path):
    """Make a scripted model with the given labels."""

    def make(labels: tuple[str, ...] = ("negative", "positive")) -> ScriptedModel:
        folder = tmp_path / "tiny"
        folder.mkdir()
        (folder / "config.json").write_text("{}")
        return ScriptedModel(folder, labels)

    return make
