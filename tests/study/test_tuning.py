"""A search from end to end: pruned trials, killed workers, shared work, and the best preset."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from undertone import training
from undertone.config import load_preset
from undertone.data import source
from undertone.data.examples import TRAIN, Example
from undertone.errors import ConfigError, OutputError, RunInterruptedError, TrainingError
from undertone.study import tuning
from undertone.study.tuning import Search
from undertone.study.tuning_space import Choices, Range
from undertone.training import EpochDone, Note, TrainResult

optuna = pytest.importorskip("optuna")

TINY = (
    *("train.epochs=2", "train.threads=1", "train.patience=0", "train.batch_size=64"),
    *("network.embedding_dim=4", "network.hidden_dim=4", "text.vocabulary=500"),
    *("text.max_tokens=16", "train.precision=float32"),
)
SPACE = {
    "train.lr": Range(1e-3, 1e-1, log=True),
    "network.pooling": Choices(("max", "concat")),
}


def search(folder: Path, **changes: Any) -> Search:
    settings: dict[str, Any] = {
        "source": "sample",
        "config": load_preset("sample", TINY, seed=5),
        "space": SPACE,
        "storage": folder / "tune.journal",
        "name": "toy",
        "output": folder / "toy",
        "trials": 3,
        "startup": 1,
        "lost_after": 30.0,
    }
    return Search(**{**settings, **changes})


def trainer(losses: Any, folders: list[Path]) -> Any:
    """In the place of training: epochs with given losses, and a file in the folder."""

    def train(data: Any, *, config: Any, output: Path, on_event: Any, **_rest: Any) -> TrainResult:
        folders.append(output)
        (output / "checkpoint").write_text("x")
        found = losses(config)
        for epoch, loss in enumerate(found, 1):
            on_event(EpochDone(epoch, len(found), epoch, 0.1, loss, 0.5, loss, 0.5, True, 1.0, 1.0))
        return TrainResult(output, 1, len(found), 0.75, min(found), 2.0)

    return train


# What is true of one real search ---------------------------------------------------------------


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A search of three real trials, with a watch on what is read of the source."""
    folder = tmp_path_factory.mktemp("tuning")
    wanted: list[frozenset[str]] = []
    collect = source.collect

    def watched(name: str, options: Any, splits: Any, **rest: Any) -> Any:
        wanted.append(frozenset(splits))
        return collect(name, options, splits, **rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(source, "collect", watched)
        lines: list[str] = []
        tuned = tuning.tune(
            search(folder), lambda event: lines.append(str(getattr(event, "text", "")))
        )
    return tuned, folder, wanted, lines


def test_test_reviews_are_never_read(found):
    _, _, wanted, _ = found
    assert wanted
    assert all("test" not in each for each in wanted)
    assert all(TRAIN in each for each in wanted)


def test_a_test_part_that_cannot_be_read_does_no_harm(tmp_path: Path, monkeypatch):
    rows = [("train", f"good film {n} yes", "positive") for n in range(10)]
    rows += [("train", f"bad film {n} no", "negative") for n in range(10)]
    rows += [("test", f"secret {n}", ("positive", "negative")[n % 2]) for n in range(8)]
    data = tmp_path / "reviews.jsonl"
    keys = ("split", "text", "label")
    data.write_text("".join(json.dumps(dict(zip(keys, row, strict=True))) + "\n" for row in rows))
    seen: list[Example] = []

    def train(data: Any, **rest: Any) -> TrainResult:
        seen.extend((*data.train, *data.validation))
        return trainer(lambda _config: [0.5], [])(data, **rest)

    monkeypatch.setattr(tuning, "train_examples", train)
    tuning.tune(search(tmp_path, source=str(data), trials=1))
    assert len(seen) == 20
    assert not any("secret" in each.text for each in seen)


def test_every_trial_is_told_with_its_seeds(found):
    tuned, _, _, lines = found
    assert [row.number for row in tuned.rows] == [0, 1, 2]
    assert {row.state for row in tuned.rows} <= {"complete", "pruned"}
    for row in tuned.rows:
        assert row.seed == 5
        assert row.sampler_seed == int(np.random.SeedSequence([5, row.number]).generate_state(1)[0])
        assert set(row.settings) == set(SPACE)
    with (tuned.preset.parent / "trials.csv").open(newline="") as stream:
        table = list(csv.DictReader(stream))
    assert [float(line["train.lr"]) for line in table] == [
        row.settings["train.lr"] for row in tuned.rows
    ]
    assert any(line.startswith("Trial 2: train.lr=") for line in lines)


def test_only_results_are_left(found):
    tuned, folder, _, _ = found
    names = {path.name for path in (folder / "toy").iterdir()}
    assert {"best.toml", "trials.csv", "report.md", "history.png", "history.svg"} <= names
    assert names == {path.name for path in tuned.written}
    report = (folder / "toy" / "report.md").read_text(encoding="utf-8")
    assert f"is {tuned.best.number}: validation loss {tuned.best.loss:.4f}" in report
    assert "undertone train --data sample --preset best.toml" in report


def test_the_best_preset_trains_to_the_loss_of_its_trial(found, tmp_path: Path):
    tuned, _, _, _ = found
    config = load_preset(str(tuned.preset))
    assert config.preset == "toy-best"
    assert config.seed == 5
    assert config.train.lr == tuned.best.settings["train.lr"]
    again = load_preset(str(tuned.preset), ["train.threads=1"])
    result = training.train("sample", config=again, output=tmp_path / "model")
    assert result.validation_loss == pytest.approx(tuned.best.loss, abs=1e-6)


def test_a_finished_search_is_only_reported_again(found):
    tuned, folder, _, _ = found
    journal = (folder / "tune.journal").read_bytes()
    again = tuning.tune(search(folder))
    assert again.rows == tuned.rows
    assert (folder / "tune.journal").read_bytes() == journal


# What becomes of a trial ------------------------------------------------------------------------


def test_a_hopeless_trial_is_pruned_and_leaves_no_folder(tmp_path: Path, monkeypatch):
    folders: list[Path] = []
    runs = iter([[0.6, 0.5, 0.4], [0.9, 0.8, 0.3]])
    monkeypatch.setattr(tuning, "train_examples", trainer(lambda _config: next(runs), folders))
    lines: list[str] = []
    tuned = tuning.tune(
        search(tmp_path, trials=2),
        lambda event: lines.append(event.text) if isinstance(event, Note) else None,
    )
    first, second = tuned.rows
    assert (first.state, first.loss, first.epochs) == ("complete", 0.4, 3)
    # The better end of the second run is never reached: it stops after its second epoch.
    assert (second.state, second.loss, second.epochs) == ("pruned", 0.8, 2)
    assert tuned.best == first
    assert "Trial 1: pruned by its validation loss" in lines
    assert len(folders) == 2
    assert not any(path.exists() for path in folders)
    assert not (tmp_path / "toy" / tuning.TRIALS).exists()


def test_a_real_run_is_pruned_from_within(tmp_path: Path, monkeypatch):
    """The first trial is told to be far better than any; the second, real one gives up."""
    real, calls = tuning.train_examples, []

    def train(data: Any, **rest: Any) -> TrainResult:
        calls.append(rest["output"])
        made = trainer(lambda _config: [0.01, 0.01, 0.01], []) if len(calls) == 1 else real
        return made(data, **rest)

    monkeypatch.setattr(tuning, "train_examples", train)
    config = load_preset("sample", [*TINY, "train.epochs=3"])
    tuned = tuning.tune(search(tmp_path, trials=2, config=config))
    assert [(row.state, row.epochs) for row in tuned.rows] == [("complete", 3), ("pruned", 2)]
    assert not calls[1].exists()


def test_settings_that_cannot_work_are_a_finding(tmp_path: Path, monkeypatch):
    def train(data: Any, **rest: Any) -> TrainResult:
        raise TrainingError("the loss is not a number after step 3.")

    monkeypatch.setattr(tuning, "train_examples", train)
    space = {
        "network.hidden_dim": Choices((6, 8)),
        "network.architecture": Choices(("lstm", "hybrid")),
    }
    tuned = tuning.tune(search(tmp_path, trials=6, space=space))
    assert [row.state for row in tuned.rows] == ["pruned"] * 6
    assert tuned.best is None
    assert tuned.preset is None
    reasons = {row.reason for row in tuned.rows}
    assert "the loss is not a number after step 3." in reasons
    assert "No trial is complete yet." in (tmp_path / "toy" / "report.md").read_text()


def test_an_error_of_the_program_ends_the_search_and_is_kept(tmp_path: Path, monkeypatch):
    def train(data: Any, **rest: Any) -> TrainResult:
        raise OutputError("cannot write x: disk full.")

    monkeypatch.setattr(tuning, "train_examples", train)
    with pytest.raises(OutputError, match="disk full"):
        tuning.tune(search(tmp_path))
    monkeypatch.setattr(tuning, "train_examples", trainer(lambda _config: [0.5], []))
    tuned = tuning.tune(search(tmp_path))
    assert [row.state for row in tuned.rows] == ["failed", "complete", "complete", "complete"]
    assert tuned.rows[0].reason == "cannot write x: disk full."


def test_ctrl_c_gives_the_trial_back(tmp_path: Path, monkeypatch):
    def train(data: Any, **rest: Any) -> TrainResult:
        raise RunInterruptedError("stopped.")

    monkeypatch.setattr(tuning, "train_examples", train)
    with pytest.raises(RunInterruptedError, match="'toy' was stopped in trial 0"):
        tuning.tune(search(tmp_path))
    monkeypatch.setattr(tuning, "train_examples", trainer(lambda _config: [0.5], []))
    tuned = tuning.tune(search(tmp_path, trials=1))
    assert [row.state for row in tuned.rows] == ["failed", "complete"]
    assert tuned.rows[0].settings == tuned.rows[1].settings


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"space": {"train.lr": Range(1e-3, 1e-2)}}, "search space"),
        ({"config": load_preset("sample", [*TINY, "train.clip=2.0"])}, "configuration"),
        ({"startup": 7}, "--startup"),
    ],
)
def test_a_worker_with_other_settings_is_refused(found, change: dict[str, Any], part: str):
    with pytest.raises(ConfigError, match=f"'toy' was begun with another {part}"):
        tuning.tune(search(found[1], **change))


def test_a_worker_may_have_other_threads(found):
    config = load_preset("sample", [*TINY, "train.threads=2"], seed=5)
    assert tuning.tune(search(found[1], config=config)).rows == found[0].rows


@pytest.mark.parametrize("name", ["", "a/b", "../x", ".hidden"])
def test_a_name_that_is_no_name_is_refused(tmp_path: Path, name: str):
    with pytest.raises(ConfigError, match="a search cannot be called"):
        tuning.tune(search(tmp_path, name=name))


def test_importance_names_what_the_loss_follows(tmp_path: Path, monkeypatch):
    losses = trainer(lambda config: [config.train.lr], [])
    monkeypatch.setattr(tuning, "train_examples", losses)
    space = {"train.lr": Range(0.1, 0.9), "train.clip": Range(0.0, 1.0)}
    tuned = tuning.tune(search(tmp_path, trials=14, space=space, startup=14))
    assert sum(tuned.importances.values()) == pytest.approx(1.0)
    assert tuned.importances["train.lr"] > 0.7
    assert tuned.best is not None
    assert tuned.best.loss == min(each.settings["train.lr"] for each in tuned.rows)
    assert {path.name for path in tuned.written} >= {"importance.png", "importance.svg"}
