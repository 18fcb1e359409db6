"""``undertone pretrain``, end to end on a small file, and what --set takes where."""

from __future__ import annotations

import json
import math
import shlex
from dataclasses import dataclass
from pathlib import Path

import click
import pytest

from undertone import modelfolder
from undertone.cli.commands import distill, inspect, pretrain, train
from undertone.cli.settings import CommandWithSettings, settings
from undertone.cli.wording import perplexity
from undertone.training.events import PretrainEpoch, PretrainStep

SMALL = (
    *("--set", "network.hidden_dim=8", "--set", "network.embedding_dim=16"),
    *("--set", "text.min_frequency=1", "--set", "train.threads=1"),
    *("--set", "pretrain.streams=4", "--set", "pretrain.stretch=8", "--set", "pretrain.epochs=2"),
)


@dataclass(frozen=True)
class Pretrained:
    folder: Path
    data: Path
    outcome: object


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory, trained, cli) -> Pretrained:
    folder = tmp_path_factory.mktemp("pretrained") / "lm"
    outcome = cli("pretrain", "--data", trained.data, "--output", folder, *SMALL)
    assert outcome.code == 0, outcome.err
    return Pretrained(folder, trained.data, outcome)


def facts(outcome) -> dict[str, str]:
    lines = [line.split("  ", 1) for line in outcome.out.splitlines()]
    return {name: value.strip() for name, value in lines}


def test_the_end_says_what_was_reached_where_and_what_next(pretrained):
    found = facts(pretrained.outcome)
    metrics = json.loads((pretrained.folder / "metrics.json").read_bytes())
    loss = metrics["validation"]["loss"]
    assert found["reached"].startswith(
        f"validation loss {loss:.3f} nats a token, perplexity {math.exp(loss):,.1f}, "
        "after 2 epochs, in "
    )
    assert found["language model"] == str(pretrained.folder)
    words = shlex.split(found["next"])
    assert words[:6] == [
        *("undertone", "train", "--start-from", str(pretrained.folder)),
        *("--data", str(pretrained.data)),
    ]


def test_progress_is_a_line_an_epoch(pretrained):
    lines = [line for line in pretrained.outcome.err.splitlines() if " done in " in line]
    assert [line.split(" done")[0] for line in lines] == ["epoch 1/2", "epoch 2/2"]
    assert all("validation loss" in line and "perplexity" in line for line in lines)


def test_the_next_command_works_as_it_stands(cli, pretrained, tmp_path):
    words = shlex.split(facts(pretrained.outcome)["next"])
    outcome = cli(*words[1:], "--output", tmp_path / "m", "--set", "train.epochs=1")
    assert outcome.code == 0, outcome.err
    assert (tmp_path / "m" / "model.onnx").exists()


def test_vectors_come_from_the_start_unless_one_says_otherwise(cli, pretrained, tmp_path):
    preset = tmp_path / "texts.toml"
    preset.write_text('[train]\nvectors = "texts"\nepochs = 1\n')
    words = ("--data", pretrained.data, "--start-from", pretrained.folder, "--preset", preset)
    taken = cli("train", *words, *SMALL[:8], "--output", tmp_path / "m")
    assert taken.code == 0, taken.err
    assert modelfolder.read(tmp_path / "m").config.train.vectors == "random"
    typed = ("--set", "train.vectors=texts")
    refused = cli("train", *words, *SMALL[:8], *typed, "--output", tmp_path / "n")
    assert refused.code == 2
    assert refused.err.endswith("Add --set train.vectors=random.\n")


def test_the_next_command_reads_and_divides_the_source_in_the_same_way():
    context = click.Context(pretrain.command, info_name="pretrain")
    arguments = ["--data", "my reviews.csv", "--text-column", "t", "--preset", "sample"]
    arguments += ["--set", "data.split_seed=3", "--set", "pretrain.epochs=1"]
    pretrain.command.parse_args(context, arguments)
    assert pretrain.train_command(context, Path("runs/x")) == (
        "undertone train --start-from runs/x --data 'my reviews.csv' --preset sample "
        "--set data.split_seed=3 --text-column t"
    )


def test_a_language_model_does_not_predict(cli, pretrained):
    outcome = cli("predict", "a text", "--model", pretrained.folder)
    assert outcome.code == 2
    assert outcome.error.endswith("Make a model of it with `undertone train --start-from`.")


def test_resume_and_overwrite(cli, pretrained, tmp_path):
    command = ("pretrain", "--data", pretrained.data, "--output", pretrained.folder, *SMALL)
    assert "--overwrite" in cli(*command).error
    assert "nothing to resume" in cli(*command, "--resume").error
    assert "--overwrite cannot go with --resume" in cli(*command, "--resume", "--overwrite").error
    before = (pretrained.folder / "model.safetensors").read_bytes()
    assert cli(*command, "--overwrite").code == 0
    assert (pretrained.folder / "model.safetensors").read_bytes() == before


def test_the_folder_is_named_after_the_source(cli, pretrained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outcome = cli("pretrain", "--data", pretrained.data, *SMALL, "--set", "pretrain.epochs=1")
    assert outcome.code == 0, outcome.err
    assert (tmp_path / "runs" / "lm-reviews" / "model.safetensors").exists()


@pytest.mark.parametrize(
    ("command", "setting"),
    [
        ("train", "pretrain.epochs=2"),
        ("train", "distill.temperature=2"),
        ("distill", "pretrain.epochs=2"),
        ("pretrain", "distill.temperature=2"),
        ("pretrain", "train.lr=0.1"),
        ("pretrain", "text.max_tokens=10"),
        ("pretrain", "network.layers=2"),
        ("pretrain", "data.folds=2"),
        ("inspect", "network.layers=2"),
    ],
)
def test_a_setting_that_would_change_nothing_is_refused(cli, command, setting):
    source = ["sample"] if command == "inspect" else ["--data", "sample"]
    source += ["--teachers", "x"] if command == "distill" else []
    outcome = cli(command, *source, "--set", setting)
    assert outcome.code == 2
    assert outcome.error == (
        f"error: undertone {command} makes no use of {setting.partition('=')[0]}: drop it. "
        f"See undertone {command} --help."
    )


@pytest.mark.parametrize("command", ["train", "pretrain"])
def test_a_setting_that_does_not_exist_is_still_told_from_the_nearest(cli, command):
    outcome = cli(command, "--data", "sample", "--set", "pretrain.epoch=2")
    assert outcome.code == 2
    assert "(did you mean 'pretrain.epochs'?)" in outcome.error


@pytest.mark.parametrize("module", [distill, inspect, pretrain, train])
def test_help_lists_the_settings_that_a_command_takes_and_no_others(cli, module):
    command = module.command
    assert isinstance(command, CommandWithSettings)
    known = {each.key for each in settings()} | {each.key.partition(".")[0] for each in settings()}
    assert set(command.uses) <= known
    shown = cli(module.__name__.rpartition(".")[2], "--help").out
    listed = {word.partition("=")[0] for word in shown.split() if "=" in word}
    for each in settings():
        assert (each.key in listed) == command.used(each), each.key


def test_progress_lines():
    from undertone.cli.progress import line

    step = PretrainStep(
        epoch=1,
        epochs=3,
        step=8,
        steps=600,
        loss=4.5678,
        tokens_per_second=16123.4,
        seconds_left=365.0,
    )
    assert line(step) == (
        "epoch 1/3, step 8/600: sampled loss 4.568, 16,123 tokens/s, 6 min 05 s left"
    )
    epoch = PretrainEpoch(
        epoch=1,
        epochs=3,
        step=200,
        lr=1e-3,
        train_loss=4.5,
        validation_loss=5.0,
        seconds=1260.0,
        tokens_per_second=16123.4,
    )
    assert line(epoch) == (
        "epoch 1/3 done in 21 min 00 s: sampled train loss 4.500; "
        "validation loss 5.000, perplexity 148.4, 16,123 tokens/s"
    )


def test_perplexity_of_any_loss_is_a_number():
    assert [perplexity(loss) for loss in (0.0, 5.0, 10.0)] == ["1.0", "148.4", "22,026.5"]
    assert perplexity(1e6) == perplexity(700.0)
