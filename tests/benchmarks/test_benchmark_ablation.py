"""The ablation: its file of variants, its processes, its statistics, and a small run of it all."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from benchmarks.ablation import measured, report, summary, variants
from benchmarks.ablation.measured import Run
from benchmarks.ablation.variants import Job, Plan, Variant

from undertone import modelfolder
from undertone.config import load_preset
from undertone.errors import ConfigError
from undertone.study import side_by_side
from undertone.study.side_by_side import Ended, Task

TINY = '"train.epochs=2", "train.patience=0", "network.embedding_dim=8", "network.hidden_dim=8"'
TWO = f"""
base = "recipe"
preset = "sample"
set = [{TINY}]
seeds = [0, 1]
[[variant]]
name = "recipe"
change = "the recipe"
[[variant]]
name = "max"
change = "max pooling"
set = ["network.pooling=max"]
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "ablation.toml"
    path.write_text(text, encoding="utf-8")
    return path


def run(seed: int, accuracy: float, loss: float = 0.2, digest: str = "one") -> Run:
    return Run(seed, accuracy, loss, 200, 4, 6.0, 1, 3e12, "abc", digest)


def test_every_variant_of_the_projects_own_file_can_be_trained(repository: Path):
    plan = variants.read(repository / "benchmarks" / "ablation.toml")
    found = variants.jobs(plan, [0], Path("runs"))
    assert [each.folder.name for each in found] == [f"{each.name}-0" for each in plan.variants]
    recipe, *others = (each.config for each in found)
    unchanged = [
        job.name
        for job, config in zip(found[1:], others, strict=True)
        if not variants.differences(config, recipe) and job.start_from == plan.start_from
    ]
    assert unchanged == []


def test_all_variants_come_once_before_any_comes_twice(tmp_path: Path):
    plan = variants.read(write(tmp_path, TWO))
    found = variants.jobs(plan, plan.seeds, tmp_path)
    assert [each.name for each in found] == ["recipe-0", "max-0", "recipe-1", "max-1"]
    assert [each.config.seed for each in found] == [0, 0, 1, 1]
    assert [each.config.network.pooling for each in found[:2]] == ["concat", "max"]
    assert found[0].config.train.epochs == 2


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('base = "recipe"', 'base = "recipes"', "no variant 'recipes' (did you mean 'recipe'?)"),
        ('name = "max"', 'name = "recipe"', "has the variant 'recipe' twice"),
        ('name = "max"', 'name = "../max"', "matching regex"),
        ("change = ", "chance = ", "unknown field `chance`"),
        ("[[variant]]", "[variant", "ablation.toml"),
        ("pooling=max", "pooling=mux", "variant max: network.pooling='mux': choose one of"),
    ],
)
def test_mistakes_in_the_file_are_named(tmp_path: Path, old: str, new: str, message: str):
    with pytest.raises(ConfigError) as caught:
        variants.jobs(variants.read(write(tmp_path, TWO.replace(old, new))), [0], tmp_path)
    assert message in str(caught.value)


def test_a_missing_file_is_one_line(tmp_path: Path):
    with pytest.raises(ConfigError, match="No such file"):
        variants.read(tmp_path / "none.toml")


def job(folder: Path, settings: tuple[str, ...] = (), start: str = "", **about: Any) -> Job:
    variant = Variant("a", "b", **about)
    config = load_preset("sample", settings, 0)
    return Job(variant, 0, "sample", settings, start, config, folder)


def test_commands_are_those_that_one_would_type():
    plain = job(Path("runs/a-0"), ("train.lr=1e-3",), "runs/lm").command("imdb", Path("held"), 1)
    assert " ".join(plain) == (
        "-m undertone train --data imdb --preset sample --seed 0 --exclude held "
        "--start-from runs/lm --set train.lr=1e-3 --set train.threads=1 --output runs/a-0 --resume"
    )
    taught = job(Path("runs/a-0"), teachers=("runs/x", "runs/y")).command("imdb", None, 2)
    assert " ".join(taught) == (
        "-m undertone distill --data imdb --preset sample --seed 0 --teachers runs/x,runs/y "
        "--set train.threads=2 --output runs/a-0 --resume"
    )


def script(folder: Path, name: str, code: str) -> Task:
    return Task(name, ("-c", code), folder / f"{name}.log")


def test_tasks_run_side_by_side_and_one_that_fails_stops_no_other(tmp_path: Path):
    meet = (
        "import pathlib, time\n"
        "pathlib.Path({mine!r}).touch()\n"
        "while not pathlib.Path({other!r}).exists(): time.sleep(0.01)\n"
    )
    one, two = str(tmp_path / "one"), str(tmp_path / "two")
    tasks = [
        script(tmp_path, "first", meet.format(mine=one, other=two)),
        script(tmp_path, "second", meet.format(mine=two, other=one)),
        script(tmp_path, "third", "import sys; print('x'); sys.exit('error: no such thing.')"),
    ]
    ended: list[Ended] = []
    side_by_side.work(tasks, 2, {}, ended.append)
    assert sorted(ended) == [("first", ""), ("second", ""), ("third", "no such thing.")]


@pytest.mark.parametrize("handler", [signal.default_int_handler, signal.SIG_IGN])
def test_whatever_ends_it_early_lets_the_running_tasks_save(tmp_path: Path, handler, restored):
    signal.signal(signal.SIGINT, handler)  # ignored: as of a process behind nohup and &
    ready, saved = tmp_path / "ready", tmp_path / "saved"
    slow = (
        "import pathlib, time\n"
        "try:\n"
        f"    pathlib.Path({str(ready)!r}).touch(); time.sleep(60)\n"
        "except KeyboardInterrupt:\n"
        f"    time.sleep(0.2); pathlib.Path({str(saved)!r}).touch()\n"
    )
    wait = (
        f"import pathlib, time\nwhile not pathlib.Path({str(ready)!r}).exists(): time.sleep(0.01)"
    )

    def stop(ended: Ended) -> None:
        raise KeyboardInterrupt

    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        side_by_side.work(
            [script(tmp_path, "slow", slow), script(tmp_path, "quick", wait)], 2, {}, stop
        )
    assert saved.exists()
    assert time.monotonic() - started < 30


def test_intervals_are_those_of_scipys_t_test():
    stats = pytest.importorskip("scipy.stats")
    values = [0.921, 0.934, 0.928, 0.925]
    found = summary.mean_interval(values)
    wanted = stats.ttest_1samp(values, 0.0).confidence_interval(0.95)
    assert found["mean"] == pytest.approx(0.927)
    assert found["interval"] == pytest.approx([wanted.low, wanted.high])
    assert summary.mean_interval([0.9]) == {"mean": 0.9, "interval": None}


def test_differences_are_paired_by_seed():
    stats = pytest.importorskip("scipy.stats")
    base = [run(2, 0.93), run(0, 0.90), run(1, 0.92)]
    others = [run(0, 0.91), run(1, 0.925), run(2, 0.95), run(3, 0.2)]
    found = summary.difference(others, base)
    wanted = stats.ttest_rel([0.91, 0.925, 0.95], [0.90, 0.92, 0.93]).confidence_interval(0.95)
    assert found is not None
    assert found["seeds"] == [0, 1, 2]
    assert found["accuracy"]["interval"] == pytest.approx([wanted.low, wanted.high])
    assert found["loss"] == {"mean": 0.0, "interval": [0.0, 0.0]}
    assert summary.difference([run(7, 0.9)], base) is None


def test_runs_on_other_reviews_than_the_recipes_are_left_out():
    plan = Plan("recipe", "sample", (Variant("recipe", "it"), Variant("a", "b")))
    runs = {"a": [run(0, 0.9, digest="two"), run(1, 0.9)], "recipe": [run(0, 0.9)]}
    kept, others = summary.of_one_digest(plan, runs)
    assert [each.seed for each in kept["a"]] == [1]
    assert list(others) == ["a-0"]
    assert summary.of_one_digest(plan, {}) == ({}, {})


def test_work_is_counted_by_hand():
    network = load_preset("sample", ["network.embedding_dim=8", "network.hidden_dim=4"]).network
    # Two directions, four gates, 4 x (8 + 4) products, two operations each; backward twice more.
    assert measured.training_flops(network, tokens=10.0, reviews=5) == 3 * 2 * 2 * 4 * 48 * 10 * 5
    one = msgspec.structs.replace(network, bidirectional=False, layers=2)
    wanted = 3 * (2 * 4 * 4 * (8 + 4) + 2 * 4 * 4 * (4 + 4))
    assert measured.training_flops(one, tokens=1.0, reviews=1) == wanted
    other = msgspec.structs.replace(network, architecture="bag")
    assert measured.training_flops(other, tokens=1.0, reviews=1) is None


SAMPLE = ("train.epochs=8", "network.embedding_dim=32")  # as the fixture trains it


def test_a_finished_run_is_read_from_its_folder(sample_model: Path):
    found = measured.read(job(sample_model, SAMPLE, passes=2.0))
    metrics = json.loads((sample_model / modelfolder.METRICS).read_text())
    validation = metrics["validation"]
    assert found.accuracy == validation["accuracy"]
    assert found.minutes == metrics["training_seconds"] / 60
    assert found.threads == 1
    tokens = validation["tokens_read"] / validation["reviews"]
    one = 3 * 2 * 2 * 4 * 32 * (32 + 32) * tokens * metrics["steps"] * 16
    assert found.flops == pytest.approx(2 * one)


@pytest.mark.parametrize(
    ("settings", "start", "about", "message"),
    [
        ((*SAMPLE, "train.lr=1e-3"), "", {}, "with other settings: train.lr."),
        (SAMPLE, "runs/lm", {}, "with other settings: start_from."),
        (SAMPLE, "", {"teachers": ("x",)}, "with other settings: teachers."),
    ],
)
def test_a_run_of_other_settings_is_not_taken_for_the_variant(
    sample_model: Path, settings: tuple[str, ...], start: str, about: dict[str, Any], message: str
):
    with pytest.raises(ConfigError, match=message):
        measured.read(job(sample_model, settings, start, **about))


def test_minutes_of_what_came_before_may_be_unknown(sample_model: Path, tmp_path: Path):
    metrics = json.loads((sample_model / modelfolder.METRICS).read_text())
    assert measured.minutes(str(sample_model)) == metrics["training_seconds"] / 60
    assert measured.minutes(str(tmp_path)) is None


def test_the_table_shows_what_there_is_and_names_what_is_missing(tmp_path: Path):
    plan = Plan(
        "recipe",
        "sample",
        (Variant("recipe", "the recipe"), Variant("a", "+ a"), Variant("b", "− b")),
        seeds=(0, 1),
    )
    runs = {
        "recipe": [run(0, 0.90, 0.25), run(1, 0.91, 0.24)],
        "a": [run(0, 0.88, 0.26), run(1, 0.8902, 0.25)],
    }
    missing = {"b-0": "it broke", "b-1": "not trained yet"}
    result = summary.summarise(plan, [0, 1], runs, missing)
    machine = {"cpu": "a processor", "cores": 2}
    path = tmp_path / "result.json"
    path.write_text(json.dumps({**result, "provenance": {"machine": machine}}))
    lines = report.table(path).splitlines()
    # t(0.975, 1) = 12.706; half the range times it is the reach of two values.
    assert lines[2:5] == [
        (
            "| `recipe` | the recipe | 2 | 90.50% ± 6.35 | the recipe | 0.2450 ± 0.0635 "
            "| the recipe | 6.0 | 3 |"
        ),
        (
            "| `a` | + a | 2 | 88.51% ± 6.48 | **-1.99** (-2.12 to -1.86) | 0.2550 ± 0.0635 "
            "| **+0.0100** (+0.0100 to +0.0100) | 6.0 | 3 |"
        ),
        "| `b` | − b | 0 | – | – | – | – | – | – |",
    ]
    assert "Means over seeds on 200 validation reviews" in lines[6]
    assert "threads a run: 1 (a processor, 2 cores)" in lines[6]
    assert lines[8] == "**Not complete**: 2 of 6 runs are missing (b-0, b-1)."


def start(repository: Path, folder: Path, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "benchmarks.ablation", "--data", "sample"),
            *("--file", str(folder / "ablation.toml"), "--runs", str(folder / "runs")),
            *("--output", str(folder / "result.json"), "--threads", "1", *options),
        ],
        cwd=repository,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def stopped_when(reached: Callable[[], bool], process: subprocess.Popen[str]) -> str:
    """What a program said that was ended once it had come so far."""
    try:
        while not reached():
            assert process.poll() is None, process.communicate()
            time.sleep(0.05)
    finally:
        process.terminate()
    _, said = process.communicate()
    return said


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_stopped_run_is_gone_on_with(repository: Path, tmp_path: Path):
    write(tmp_path, TWO.replace("train.epochs=2", "train.epochs=9000"))
    log = tmp_path / "runs" / "recipe-0.log"
    checkpoint = tmp_path / "runs" / "recipe-0" / "checkpoint.safetensors"
    for sign in (checkpoint.exists, lambda: "Resumed at step" in log.read_text()):
        process = start(repository, tmp_path, "--variants", "recipe", "--seeds", "0")
        said = stopped_when(sign, process)
        assert process.returncode == 130, said
        assert said.endswith("stopped; the same command goes on.\n")
        assert log.read_text().strip().endswith("--resume.")
    assert checkpoint.exists()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_finished_runs_are_not_repeated(repository: Path, tmp_path: Path):
    path = write(tmp_path, TWO)
    first = start(repository, tmp_path, "--variants", "recipe", "--seeds", "0")
    printed, said = first.communicate()
    assert first.returncode == 0, said
    assert "1 of 2 runs are missing (max-0)" in printed

    rest = start(repository, tmp_path, "--workers", "2")
    printed, said = rest.communicate()
    assert rest.returncode == 0, said
    assert "runs to train: 3 of 4" in said
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["complete"]
    assert [len(each["runs"]) for each in result["variants"].values()] == [2, 2]
    assert result["variants"]["max"]["difference"]["seeds"] == [0, 1]
    assert result["provenance"]["command"].startswith("python -m benchmarks.ablation --data sample")

    path.write_text(
        path.read_text() + '[[variant]]\nname = "lost"\nchange = "x"\nstart_from = "no"'
    )
    broken = start(repository, tmp_path, "--variants", "lost", "--seeds", "0")
    printed, said = broken.communicate()
    assert broken.returncode == 1
    assert "lost-0: no model folder at no." in said
    assert "1 of 3 runs are missing (lost-0)" in printed
