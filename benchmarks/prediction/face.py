"""What every compared system looks like, and what it is given."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

# Files of the work folder; each system has a folder of its own in it, by name.
INPUTS = "inputs.json"
TRAIN, TEST, SAMPLE = "train.jsonl", "test.jsonl", "sample.jsonl"
LATENCY = "latency.json"


class Unavailable(Exception):  # noqa: N818 (not a failure: the system is left out)
    """A system cannot run here; the message says why."""


@dataclass(frozen=True)
class Inputs:
    """Settings that all systems share.

    Attributes:
        source: labelled reviews with a test part.
        exclude: file with names of reviews that must not be trained on.
        vocabulary: BERT's word pieces, one a line.
        model: undertone's model folder; None: the model inside the package.
        float32_model: folder with its float32 graph; None: the same as ``model``.
        threads: CPU threads of every system.
        reviews: test reviews that throughput is measured on, at most.
        quick: tiny shapes, for tests.
    """

    source: str
    exclude: str | None
    vocabulary: str
    model: str | None
    float32_model: str | None
    threads: int
    reviews: int
    quick: bool

    def save(self, folder: Path) -> None:
        """Write them where :meth:`load` looks."""
        (folder / INPUTS).write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Inputs:
        """Read them back."""
        return cls(**json.loads((folder / INPUTS).read_text(encoding="utf-8")))


@dataclass(frozen=True)
class Facts:
    """What does not depend on the clock.

    Attributes:
        parameters: numbers that training sets.
        size_bytes: of the files that prediction needs.
        tokens_read: mean per review, after the system's own cut.
        flops: matrix operations per review.
        training: what it was trained on, or None where random weights stand for trained ones and
            accuracy means nothing.
    """

    parameters: int
    size_bytes: int
    tokens_read: float
    flops: float
    training: str | None = None


class System(Protocol):
    """One compared system; made with its own folder, inside the work folder, and the settings.

    Attributes:
        title: for the table.
        precision: of its matrix products, ``"float32"`` or ``"int8"``: the peak it is held against.
    """

    title: str
    precision: str

    def __init__(self, folder: Path, inputs: Inputs) -> None: ...

    def prepare(self) -> None:
        """Train or build; leaves in the folder what :meth:`load` needs.

        Raises:
            Unavailable: it cannot run here.
            ModuleNotFoundError: its package is not installed.
        """

    def load(self) -> None:
        """Get ready to predict."""

    def predict(self, texts: list[str]) -> list[float]:
        """Probability of the positive label for each text, in order."""

    def facts(self, texts: list[str]) -> Facts:
        """Size and work, the latter as the mean over ``texts``."""


def read_reviews(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a JSON Lines file."""
    with path.open(encoding="utf-8") as stream:
        for line in stream:
            yield json.loads(line)


def folder_size(folder: Path) -> int:
    """Bytes of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def by_length(lengths: list[int], size: int) -> list[list[int]]:
    """Batches of indices, texts of similar length together: the least padding."""
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    return [order[start : start + size] for start in range(0, len(order), size)]
