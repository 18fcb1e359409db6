"""``undertone train``, end to end on a small file."""

from __future__ import annotations

import errno
import json
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

from undertone.cli import outcome
from undertone.cli.commands import train
from undertone.errors import MissingExtraError
from undertone.training.events import EpochDone


@pytest.mark.parametrize(
    ("preset", "source", "folder"),
    [
        ("small", "sample", "runs/small-sample"),
        ("lstm-15m", "../data/aclImdb_v1.tar.gz", "runs/lstm-15m-aclImdb_v1"),
        ("small", "IMDB Dataset.csv", "runs/small-IMDB-Dataset"),
        ("mine/wide.toml", "a/reviews.jsonl.gz", "runs/wide-reviews"),
        ("small", "hf:stanfordnlp/imdb", "runs/small-stanfordnlp-imdb"),
        ("small", "folder/", "runs/small-folder"),
        ("small", "..", "runs/small-data"),
    ],
)
def test_default_output(preset, source, folder):
    assert outcome.default_output(preset, source) == Path(folder)


def test_progress_without_a_terminal_is_a_line_an_epoch(trained):
    lines = trained.outcome.err.splitlines()
    # A slow machine adds lines within an epoch, one every ten seconds.
    epochs = [line for line in lines if line.startswith("epoch ") and " done" in line]
    assert [line.split(" done")[0] for line in epochs] == [f"epoch {n}/6" for n in range(1, 7)]
    assert all("validation loss" in line and "accuracy" in line for line in epochs)
    assert "\x1b" not in trained.outcome.err
    assert any("CPU" in line for line in lines)


def test_the_end_says_what_was_reached_where_and_what_next(trained):
    facts = dict(line.split(maxsplit=1) for line in trained.outcome.out.splitlines())
    metrics = json.loads((trained.folder / "metrics.json").read_bytes())
    accuracy = metrics["validation"]["accuracy"]
    assert facts["reached"].startswith(f"validation accuracy {100 * accuracy:.1f}%, loss ")
    assert facts["model"] == str(trained.folder)
    for path in facts["curves"].split(", "):
        assert Path(path).stat().st_size > 1000
    assert {Path(path).suffix for path in facts["curves"].split(", ")} == {".png", ".svg"}
    assert facts["next"] == shlex.join(
        ["undertone", "evaluate", str(trained.folder), "--data", str(trained.data)]
    )


def test_the_next_command_reads_the_source_in_the_same_way():
    context = click.Context(train.command, info_name="train")
    arguments = ["--data", "my reviews.csv", "--text-column", "t", "--encoding", "cp1252"]
    train.command.parse_args(context, arguments)
    assert outcome.evaluate_command(context, Path("runs/x")) == (
        "undertone evaluate runs/x --data 'my reviews.csv' --text-column t --encoding cp1252"
    )


def test_without_matplotlib_the_model_stands_and_the_remedy_is_said(monkeypatch, tmp_path):
    def missing(folder):
        raise MissingExtraError("no matplotlib.", "Install it with: pip install 'undertone[plots]'")

    monkeypatch.setattr("undertone.plots.save_history", missing)
    assert outcome.drawn(tmp_path) == (
        "not drawn: no matplotlib. Install it with: pip install 'undertone[plots]'"
    )


def test_a_second_run_into_the_same_folder_is_refused(cli, trained):
    before = sorted((path.name, path.read_bytes()) for path in trained.folder.iterdir())
    outcome = cli("train", "--data", trained.data, "--output", trained.folder)
    assert outcome.code == 2
    assert "--overwrite" in outcome.error
    assert sorted((path.name, path.read_bytes()) for path in trained.folder.iterdir()) == before


def test_a_finished_run_has_nothing_to_resume(cli, trained):
    outcome = cli("train", "--data", trained.data, "--output", trained.folder, "--resume")
    assert outcome.code == 2
    assert "nothing to resume" in outcome.error


def test_contradicting_flags_are_refused_in_the_users_spelling(cli):
    outcome = cli("train", "--data", "sample", "--resume", "--overwrite")
    assert outcome.code == 2
    assert outcome.error == (
        "error: --overwrite cannot go with --resume: one keeps what is there, the other deletes "
        "it. See undertone train --help."
    )


BAD = {
    "missing source": ([], None, "nowhere.csv"),
    "one class": ([], b"text,label\ngood,pos\nfine,pos\n", "all 2 reviews have the label 'pos'."),
    "missing label": (
        [],
        b"text,label\ngood,pos\nbad,\nugly,neg\n",
        "a.csv row 2 has no label (1 of 3 reviews have none).",
    ),
    "no label column": (
        [],
        b"text,film\ngood,x\n",
        "no column of labels among the columns 'text', 'film'. Name it with --label-column.",
    ),
    "unknown setting": (["--set", "train.epoch=3"], b"", "(did you mean 'train.epochs'?)"),
    "negative seed": (["--seed", "-1"], b"", "Invalid value for '--seed'"),
    "contradicting settings": (
        ["--set", "train.keep=last"],
        b"",
        "train.keep=last contradicts train.patience=2",
    ),
}


@pytest.mark.parametrize(("arguments", "content", "expected"), BAD.values(), ids=BAD)
def test_bad_input_is_one_line_and_leaves_no_model(
    cli, tmp_path, monkeypatch, arguments, content, expected
):
    monkeypatch.chdir(tmp_path)
    source = "nowhere.csv"
    if content is not None:
        source = "a.csv"
        Path(source).write_bytes(content)
    outcome = cli("train", "--data", source, *arguments)
    assert outcome.code == 2, outcome.err
    *notes, error = outcome.err.splitlines()
    assert notes in ([], [f"Reading {source}."])
    assert expected in error
    assert outcome.out == ""
    assert not list(tmp_path.rglob("config.json"))


def test_overwrite_with_a_bad_source_keeps_the_model(cli, trained, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(trained.folder, folder)
    outcome = cli("train", "--data", "nowhere.csv", "--output", folder, "--overwrite")
    assert outcome.code == 2
    kept = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert kept == {path.name: path.read_bytes() for path in trained.folder.iterdir()}


def test_a_full_disk_while_training_is_one_line(cli, trained, tmp_path, monkeypatch):
    def full(*_arguments, **_options):
        raise OSError(errno.ENOSPC, "No space left on device", "runs/x")

    monkeypatch.setattr("undertone.training.train", full)
    outcome = cli("train", "--data", trained.data, "--output", tmp_path / "x")
    assert (outcome.code, outcome.error) == (
        2,
        "error: the disk is full while writing runs/x. Free some space and run it again.",
    )


def test_a_loss_that_is_no_number_is_one_line(cli, trained, tmp_path):
    outcome = cli(
        "train",
        *("--data", trained.data, "--output", tmp_path / "x"),
        *("--set", "train.lr=9.9", "--set", "train.clip=0", "--set", "train.epochs=30"),
        *("--set", "network.hidden_dim=4", "--set", "network.embedding_dim=4"),
        *("--set", "train.warmup=0", "--set", "train.threads=1", "--set", "train.patience=0"),
        *("--set", "train.weight_decay=1e30"),
    )
    assert outcome.code == 2
    assert outcome.err.splitlines()[-1].startswith("error: the loss is not a number at step ")
    assert not (tmp_path / "x" / "config.json").exists()


@pytest.fixture
def press_ctrl_c(monkeypatch):
    """Ctrl-C, so many times, when the second epoch ends."""

    def install(times: int) -> None:
        def listener(event: object) -> None:
            if isinstance(event, EpochDone) and event.epoch == 2:
                for _ in range(times):
                    signal.raise_signal(signal.SIGINT)

        monkeypatch.setattr("undertone.cli.progress.PlainProgress", lambda: listener)

    return install


def test_ctrl_c_saves_and_resume_ends_where_an_unbroken_run_does(
    cli, tmp_path, trained, press_ctrl_c, monkeypatch
):
    folder = tmp_path / "model"
    command = ["train", "--data", trained.data, "--output", folder, "--seed", 1]
    command += trained.settings
    press_ctrl_c(1)
    outcome = cli(*command)
    monkeypatch.undo()
    assert outcome.code == 130
    assert outcome.error.startswith("error: stopped at step ")
    assert outcome.error.endswith("Go on with the same command and --resume.")
    assert not (folder / "config.json").exists()
    refused = cli(*command)
    assert (refused.code, "--resume" in refused.error) == (2, True)
    outcome = cli(*command, "--resume")
    assert outcome.code == 0, outcome.err
    assert "Resumed at step" in outcome.err
    weights = (folder / "model.safetensors").read_bytes()
    assert weights == (trained.folder / "model.safetensors").read_bytes()


def test_a_second_ctrl_c_stops_at_once(cli, tmp_path, trained, press_ctrl_c):
    press_ctrl_c(2)
    outcome = cli("train", "--data", trained.data, "--output", tmp_path / "m", *trained.settings)
    assert (outcome.code, outcome.error) == (130, "error: stopped by Ctrl-C.")


def test_resume_with_another_preset_is_refused(cli, tmp_path, trained, press_ctrl_c, monkeypatch):
    folder = tmp_path / "model"
    command = ["train", "--data", trained.data, "--output", folder, *trained.settings]
    press_ctrl_c(1)
    assert cli(*command).code == 130
    monkeypatch.undo()
    outcome = cli(*command, "--resume", "--preset", "lstm-15m")
    assert outcome.code == 2
    last = outcome.err.splitlines()[-1]
    assert "was made with other data or other settings than this run." in last


@pytest.mark.slow
def test_ctrl_c_in_a_process_of_its_own(tmp_path, trained):
    folder = tmp_path / "model"
    command = [
        *(sys.executable, "-m", "undertone", "train"),
        *("--data", str(trained.data), "--output", str(folder)),
        *("--set", "train.epochs=100000", "--set", "train.patience=0"),
        *("--set", "network.hidden_dim=4", "--set", "network.embedding_dim=4"),
        *("--set", "train.threads=1"),
    ]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 60
        while not (folder / "history.jsonl").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130, err
    assert out == ""
    last = err.splitlines()[-1]
    assert last.startswith("error: stopped at step ")
    assert last.endswith("Go on with the same command and --resume.")
    assert "Traceback" not in err
    assert (folder / "checkpoint.safetensors").exists()
