"""The search space: what is read, and every mistake named at once."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from undertone.config import load_preset
from undertone.errors import ConfigError
from undertone.study import tuning_space
from undertone.study.tuning_space import Choices, Range

GOOD = """
[space]
"train.lr" = {low = 1e-4, high = 1e-2, log = true}
"train.batch_size" = {choices = [16, 32, 64]}
train.input_dropout = {low = 0, high = 0.6, step = 0.1}
"network.hidden_dim" = {low = 32, high = 128, step = 32}
"network.pooling" = {choices = ["max", "concat"]}
"network.layer_norm" = {choices = [true, false]}
"""

BAD = """
[spaces]
[space]
"train.learning_rat" = {low = 1e-4, high = 1e-2}
"trane.clip" = {low = 0.0, high = 1.0}
"train.lr" = {low = 0.0, high = 20.0, log = true}
"train.batch_size" = {choices = [16]}
"train.epochs" = {low = 2.5, high = 4}
"train.beta2" = {low = 0.99, high = 0.9}
"train.clip" = {low = 0.0, high = 1.0, log = true}
"train.warmup" = {low = 0.0, high = 0.25, step = 0.1}
"train.patience" = {low = 1, high = 9, step = 0.5}
"train.ema" = {low = 0.9, hihg = 0.99}
"network.pooling" = {low = 1, high = 2}
"network.positions" = {choices = ["learned", "sinusoid"]}
"network.layers" = {choices = [1, 1]}
"network.heads" = 4
"data.validation" = {low = 0.1, high = 0.2}
"train.threads" = {choices = [1, 2]}
"seed" = {low = 0, high = 9}
"""

MISTAKES = [
    "unknown table [spaces] (did you mean 'space'?).",
    "unknown setting train.learning_rat",
    "unknown setting trane.clip (did you mean 'train.clip'?).",
    "train.lr=0.0: ",
    "train.lr=20.0: ",
    "train.batch_size: choices = [16] are not two values or more.",
    "train.epochs=2.5: ",
    "train.beta2: low = 0.99 is not below high = 0.9.",
    "train.clip: low = 0.0 has no logarithm",
    "train.warmup: steps of 0.1 from 0.0 miss high = 0.25.",
    "train.patience: step = 0.5 is not a whole number above 0.",
    "train.ema: unknown word 'hihg' (did you mean 'high'?).",
    "train.ema: high missing.",
    "network.pooling is not a number, and so has no range: give choices.",
    "network.positions='sinusoid': choose one of sinusoidal, learned (did you mean 'sinusoidal'?)",
    "network.layers: choices = [1, 1] name a value twice.",
    "network.heads = 4 is one value; set it with --set, or give a range.",
    "data.validation is not for a search to choose",
    "train.threads is not for a search to choose",
    "seed is not for a search to choose",
]


def test_a_space_is_read(tmp_path: Path):
    path = tmp_path / "space.toml"
    path.write_text(GOOD, encoding="utf-8")
    assert tuning_space.read(path) == {
        "train.lr": Range(1e-4, 1e-2, log=True),
        "train.batch_size": Choices((16, 32, 64)),
        "train.input_dropout": Range(0, 0.6, step=0.1),
        "network.hidden_dim": Range(32, 128, step=32, whole=True),
        "network.pooling": Choices(("max", "concat")),
        "network.layer_norm": Choices((True, False)),
    }


def test_all_mistakes_are_named_at_once():
    with pytest.raises(ConfigError) as caught:
        tuning_space.parse(tomllib.loads(BAD))
    for mistake in MISTAKES:
        assert mistake in caught.value.what, mistake
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", ["", "[space]\n", "space = 3\n"])
def test_an_empty_space_is_refused(content: str):
    with pytest.raises(ConfigError, match=r"no table \[space\] with settings"):
        tuning_space.parse(tomllib.loads(content))


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "No such file"), (b"\xff", "is not UTF-8"), (b"[space", "is not valid TOML")],
)
def test_a_file_that_is_no_space_is_refused(tmp_path: Path, content: bytes | None, reason: str):
    path = tmp_path / "space.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=reason):
        tuning_space.read(path)


def test_draws_stay_in_the_space_and_fit_the_configuration():
    optuna = pytest.importorskip("optuna")
    space = tuning_space.parse(tomllib.loads(GOOD))
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    seen = set()
    for _ in range(20):
        config = tuning_space.changed(
            load_preset("sample", seed=7), tuning_space.draw(space, study.ask())
        )
        assert config.seed == 7
        assert 1e-4 <= config.train.lr <= 1e-2
        assert config.train.input_dropout * 10 == pytest.approx(
            round(config.train.input_dropout * 10)
        )
        seen.add(config.network.hidden_dim)
    assert seen == {32, 64, 96, 128}
