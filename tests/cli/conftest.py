"""Runs the command line in this process and hands back what a user would see."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from undertone.cli import main


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one line on stderr; fails if there are more or none."""
        assert self.err.endswith("\n"), f"unfinished line: {self.err!r}"
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        assert self.out == ""
        return lines[0]


def call(*arguments: object, stdin: str | bytes = "") -> Outcome:
    with CliRunner().isolation(input=stdin) as streams:
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        code = ended.value.code
    assert isinstance(code, int)
    out, err = (stream.getvalue().decode() for stream in streams[:2])
    return Outcome(code, out, err)


@pytest.fixture(scope="session")
def cli() -> Callable[..., Outcome]:
    return call


GOOD = ["wonderful", "great", "loved", "superb", "delightful"]
BAD = ["dreadful", "awful", "hated", "boring", "terrible"]
TINY = (
    *("--set", "network.hidden_dim=8", "--set", "network.embedding_dim=16"),
    *("--set", "text.min_frequency=1", "--set", "text.max_tokens=20", "--set", "train.ema=0"),
    *("--set", "train.lr=0.02", "--set", "train.epochs=6", "--set", "train.patience=0"),
    *("--set", "train.batch_size=8", "--set", "train.threads=1"),
)


def write_reviews(path: Path) -> Path:
    """200 reviews whose one strong word tells the label."""
    rows = ["review,sentiment"]
    for number in range(100):
        for words, label in ((GOOD, "positive"), (BAD, "negative")):
            word = words[number % 5]
            rows.append(f"film {number} was {word} and the rest is {word},{label}")
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


@dataclass(frozen=True)
class Trained:
    """A model trained by the command line on a small file, and what the command printed."""

    folder: Path
    data: Path
    settings: tuple[str, ...]
    outcome: Outcome


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    place = tmp_path_factory.mktemp("trained")
    data = write_reviews(place / "reviews.csv")
    folder = place / "model"
    outcome = call("train", "--data", data, "--output", folder, "--seed", 1, *TINY)
    assert outcome.code == 0, outcome.err
    return Trained(folder, data, TINY, outcome)
