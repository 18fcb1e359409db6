"""A small study, trained in this process in a few seconds, and shared by all tests of the area."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from undertone import training
from undertone.data.examples import SourceOptions
from undertone.study import plan, work
from undertone.study.plan import Plan
from undertone.study.tricky import TrickyReview
from undertone.study.work import Done

GOOD = ["wonderful", "great", "loved", "superb", "delightful"]
BAD = ["dreadful", "awful", "hated", "boring", "terrible"]
TINY = """
[text]
min_frequency = 1
max_tokens = 20
[network]
embedding_dim = {width}
hidden_dim = 8
[train]
epochs = {epochs}
batch_size = 16
lr = 0.02
ema = 0.0
patience = 0
"""
TRICKY = (
    TrickyReview("film 1 was wonderful", "positive", "plain"),
    TrickyReview("film 2 was dreadful | but <b>odd</b>", "negative"),
    TrickyReview("film 3 was both", "mixed"),
)


def write_reviews(path: Path) -> Path:
    """200 reviews; a strong word tells the label of those that have one."""
    rows = ["review,sentiment"]
    for number in range(100):
        for words, label in ((GOOD, "positive"), (BAD, "negative")):
            word = words[number % 5] if number % 4 else "there"
            rows.append(f"film {number} was {word} and the rest is {word},{label}")
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def write_presets(folder: Path) -> tuple[str, ...]:
    for name, width, epochs in (("narrow", 4, 1), ("wide", 16, 3)):
        (folder / f"{name}.toml").write_text(TINY.format(width=width, epochs=epochs))
    return str(folder / "narrow.toml"), str(folder / "wide.toml")


@dataclass(frozen=True)
class Small:
    plan: Plan
    done: Done


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """Two presets with two seeds, the baseline, and one run that is not there."""
    place = tmp_path_factory.mktemp("study")
    asked = Plan(
        source=str(write_reviews(place / "reviews.csv")),
        options=SourceOptions(),
        protocol="study",
        settings=(),
        contenders=plan.contenders(write_presets(place), {}),
        seeds=(0, 1),
        output=place / "report",
        threads=1,
    )
    for job in plan.jobs(asked):
        if job.name != "narrow-1":
            training.train(asked.source, config=job.config, output=job.folder)
    return Small(asked, work.study(asked, tricky=TRICKY, train=False))
