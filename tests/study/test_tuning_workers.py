"""Processes that share a search: one is killed and another goes on, two work side by side."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from undertone.study import tuning, tuning_storage

optuna = pytest.importorskip("optuna")

TINY = (
    *("train.epochs=2", "train.threads=1", "train.patience=0", "train.batch_size=64"),
    *("network.embedding_dim=4", "network.hidden_dim=4", "text.vocabulary=500"),
    *("text.max_tokens=16", "train.precision=float32"),
)


def command(folder: Path, trials: int) -> list[str]:
    space = folder / "space.toml"
    space.write_text('[space]\n"train.lr" = {low = 1e-3, high = 1e-1, log = true}\n')
    overrides = [word for each in (*TINY, "train.epochs=3") for word in ("--set", each)]
    return [
        *(sys.executable, "-m", "undertone", "tune", "--data", "sample", "--preset", "sample"),
        *("--space", str(space), "--storage", str(folder / "s" / "tune.journal")),
        *("--trials", str(trials), "--name", "toy", "--output", str(folder / "out")),
        *("--lost-after", "6", "--startup", "2", *overrides),
    ]


def environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1"}


def started(words: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        words, env=environment(), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def until(worker: subprocess.Popen[str], words: str) -> None:
    """Read what a worker says until a line begins with ``words``."""
    assert worker.stderr is not None
    for line in worker.stderr:
        if line.startswith(words):
            return
    raise AssertionError(f"the worker ended before it said {words!r}")


def trials_of(folder: Path) -> list[Any]:
    storage = tuning_storage.open_storage(folder / "s" / "tune.journal")
    return optuna.load_study(study_name="toy", storage=storage).trials


def states_of(folder: Path) -> list[str]:
    return [each.state.name for each in trials_of(folder)]


@pytest.mark.slow
def test_a_killed_search_goes_on_and_counts_no_trial_twice(tmp_path: Path):
    words = command(tmp_path, 4)
    worker = started(words)
    until(worker, "Trial 1: ")
    worker.send_signal(signal.SIGKILL)
    worker.communicate()
    assert states_of(tmp_path)[0] == "COMPLETE"
    assert "RUNNING" in states_of(tmp_path)
    done = subprocess.run(words, env=environment(), text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    trials = trials_of(tmp_path)
    finished = [each for each in trials if each.state.name in ("COMPLETE", "PRUNED")]
    assert len(finished) == 4
    assert {each.state.name for each in trials} <= {"COMPLETE", "PRUNED", "FAIL"}
    lost = [each for each in trials if each.state.name == "FAIL"]
    # What the killed worker had drawn was run by the next one.
    for each in lost:
        assert not each.params or each.params in [other.params for other in finished]
    assert not (tmp_path / "out" / tuning.TRIALS).exists()
    assert (tmp_path / "out" / "best.toml").is_file()


@pytest.mark.slow
def test_two_workers_share_the_trials_of_one_search(tmp_path: Path):
    words = command(tmp_path, 6)
    workers = [started(words), started(words)]
    results = [worker.communicate(timeout=280) for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], results
    trials = trials_of(tmp_path)
    finished = [each.number for each in trials if each.state.name in ("COMPLETE", "PRUNED")]
    assert len(finished) == 6
    own = [
        {int(line.split()[1].rstrip(":")) for line in err.splitlines() if " loss" in line
         and line.startswith("Trial ")}
        for _, err in results
    ]  # fmt: skip
    assert not own[0] & own[1]
    assert sorted(own[0] | own[1]) == finished
    assert all("6 complete" in out or "pruned" in out for out, _ in results)
