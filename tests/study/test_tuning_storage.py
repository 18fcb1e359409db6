"""Trials that workers share: who runs which, what a dead worker leaves, what is refused."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from undertone.errors import ConfigError, DataError, OutputError
from undertone.study import tuning_storage
from undertone.study.tuning_storage import Pool, sampler_seed

optuna = pytest.importorskip("optuna")

LOST_AFTER = 100.0


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def _quiet():
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield
    optuna.logging.set_verbosity(before)


def worker(
    path: Path, trials: int, clock: Clock | None = None, identity: dict[str, Any] | None = None
) -> Pool:
    """A worker with a connection of its own, as another process has."""
    storage = tuning_storage.open_storage(path)
    study = tuning_storage.open_study(storage, "a", seed=3, startup=2)
    return Pool(
        study,
        identity or {"space": [1, 2]},
        trials=trials,
        lost_after=LOST_AFTER,
        clock=clock or Clock(),
    )


def finished(pool: Pool) -> list[int]:
    done = (pool.states.complete, pool.states.pruned)
    return [each.number for each in pool.study.get_trials(states=done)]


def test_the_last_trial_is_run_once(tmp_path: Path):
    one, two = worker(tmp_path / "s", 2), worker(tmp_path / "s", 2)
    first, second = one.claim(), two.claim()
    assert first is not None
    assert second is not None
    assert (first.number, second.number) == (0, 1)
    assert one.claim() is None
    assert one.end(0, 0.5)
    assert not two.finished
    assert two.end(1, state=two.states.pruned)
    assert two.finished
    assert one.finished
    assert finished(one) == [0, 1]


def test_of_two_that_ask_at_once_the_later_steps_back(tmp_path: Path, monkeypatch):
    one, two = worker(tmp_path / "s", 1), worker(tmp_path / "s", 1)
    ask = two.study.ask

    def overtaken() -> Any:
        assert one.claim() is not None  # between the other's count and its asking
        return ask()

    monkeypatch.setattr(two.study, "ask", overtaken)
    assert two.claim() is None
    assert one.end(0, 0.5)
    assert finished(two) == [0]
    assert [each.state for each in two.study.trials] == [two.states.complete, two.states.failed]


def test_many_threads_end_with_exactly_as_many_trials(tmp_path: Path):
    counted: list[int] = []

    def work() -> None:
        pool = worker(tmp_path / "s", 12)
        while not pool.finished:
            trial = pool.claim()
            if trial is not None and pool.end(trial.number, trial.suggest_float("x", 0.0, 1.0)):
                counted.append(trial.number)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(counted) == finished(worker(tmp_path / "s", 12))
    assert len(counted) == 12


def test_the_trial_of_a_silent_worker_goes_to_another(tmp_path: Path):
    dead, clock = worker(tmp_path / "s", 2), Clock()
    lost = dead.claim()
    assert lost is not None
    value = lost.suggest_float("x", 0.0, 1.0)
    alive = worker(tmp_path / "s", 2, clock)
    own = alive.claim()
    assert own is not None
    assert alive.end(own.number, 0.5)
    assert alive.claim() is None  # two are asked for: one is finished, one seems to run
    clock.now = LOST_AFTER - 1
    assert alive.claim() is None
    clock.now = LOST_AFTER + 1
    again = alive.claim()
    assert again is not None
    assert again.suggest_float("x", 0.0, 1.0) == value
    assert alive.end(again.number, 0.4)
    assert alive.finished
    # The one that was taken for dead wakes up: its result is not counted.
    assert not dead.end(lost.number, 0.1)
    assert finished(dead) == [own.number, again.number]


def test_beats_keep_a_slow_worker_alive(tmp_path: Path):
    slow, clock = worker(tmp_path / "s", 1), Clock()
    trial = slow.claim()
    assert trial is not None
    other = worker(tmp_path / "s", 1, clock)
    for number in range(1, 6):
        assert other.claim() is None
        clock.now += 0.9 * LOST_AFTER
        trial.set_user_attr(tuning_storage.BEAT, number)
    assert slow.end(trial.number, 0.5)


def test_the_heart_beats(tmp_path: Path):
    pool = worker(tmp_path / "s", 1)
    trial = pool.claim()
    assert trial is not None
    with tuning_storage.beating(trial, 0.01):
        pause = threading.Event()
        for _ in range(500):
            if pool.study.trials[0].user_attrs.get(tuning_storage.BEAT, 0) >= 2:
                break
            pause.wait(0.01)
    assert pool.study.trials[0].user_attrs[tuning_storage.BEAT] >= 2


def test_a_trial_that_kills_its_workers_is_not_tried_for_ever(tmp_path: Path):
    pool = worker(tmp_path / "s", 5)
    values = []
    for number in range(4):
        values.append(drawn(pool))
        pool.put_back(number)
    assert values[0] == values[1] == values[2] != values[3]


def drawn(pool: Pool) -> float:
    """What the next trial of a worker draws."""
    trial = pool.claim()
    assert trial is not None
    return trial.suggest_float("x", 0.0, 1.0)


def test_draws_depend_on_seed_and_number_alone(tmp_path: Path):
    draws = []
    for name in ("one", "two"):
        first, second = worker(tmp_path / name, 4), worker(tmp_path / name, 4)
        order = [first, second, first] if name == "one" else [second, second, first]
        draws.append([drawn(each) for each in order])
    assert draws[0] == draws[1]
    assert len(set(draws[0])) == 3
    assert sampler_seed(3, 0) != sampler_seed(3, 1) != sampler_seed(4, 1)


def test_another_search_under_the_same_name_is_refused(tmp_path: Path):
    worker(tmp_path / "s", 1, identity={"search space": [1], "set of reviews": "x"})
    with pytest.raises(ConfigError, match="was begun with another search space"):
        worker(tmp_path / "s", 1, identity={"search space": [2], "set of reviews": "x"})


def test_half_a_line_at_the_end_is_cut_off(tmp_path: Path):
    path = tmp_path / "s"
    pool = worker(path, 3)
    trial = pool.claim()
    assert trial is not None
    pool.end(trial.number, 0.25)
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"op_code": 4, "worker' + b"x" * 5000)
    again = worker(path, 3)
    assert path.read_bytes() == whole
    assert again.claim() is not None
    assert worker(path, 3).study.trials[0].value == 0.25


@pytest.mark.parametrize("content", [b"id,text\n1,good\n", b"[1]\n", b'{"a": 1}\n'])
def test_a_file_that_is_no_storage_is_refused_and_left_alone(tmp_path: Path, content: bytes):
    path = tmp_path / "reviews.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"is no storage"):
        tuning_storage.open_storage(path)
    assert path.read_bytes() == content


def test_a_storage_that_cannot_be_written_is_refused(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write the storage"):
        tuning_storage.open_storage(tmp_path / "file" / "s")
