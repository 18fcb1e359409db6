"""Pretraining: what is learnt, that a stopped run ends as one that was not, what is refused."""

import json
import math
import random
import signal
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from traininghelpers import history

import undertone
from undertone import modelfolder
from undertone.config import RunConfig
from undertone.errors import (
    ConfigError,
    DataError,
    ModelFolderError,
    OutputError,
    RunInterruptedError,
    TrainingError,
)
from undertone.networks.language_model import LanguageModel
from undertone.settings import DataConfig, NetworkConfig, PretrainConfig, TextConfig, TrainConfig
from undertone.training import checkpoint, language, upkeep
from undertone.training.events import Note, PretrainEpoch, PretrainStep
from undertone.training.grow import grow
from undertone.training.pretrain import pretrain

CYCLE = ("one", "two", "three", "four", "five", "six", "seven", "eight")
EPOCHS = 2
FINITE = "is not a number at step "


def sentence(number: random.Random, length: int = 15) -> str:
    """Words of a cycle from any place on: after the first one, nothing is left to chance."""
    start = number.randrange(len(CYCLE))
    return " ".join(CYCLE[(start + each) % len(CYCLE)] for each in range(length))


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> str:
    number = random.Random(0)
    path = tmp_path_factory.mktemp("texts") / "texts.txt"
    path.write_text("".join(f"{sentence(number)}\n" for _ in range(80)))
    return str(path)


def config(seed: int = 0, **pretrain: object) -> RunConfig:
    usual = {"epochs": EPOCHS, "streams": 4, "stretch": 16, "negatives": 6, "lr": 0.02}
    noise = {"output_dropout": 0.2, "input_dropout": 0.1, "embedding_dropout": 0.1}
    return RunConfig(
        seed=seed,
        data=DataConfig(group="none"),
        text=TextConfig(vocabulary=50, min_frequency=1),
        network=NetworkConfig(embedding_dim=12, hidden_dim=10),
        train=TrainConfig(threads=1, precision="float32", device="cpu"),
        pretrain=PretrainConfig(**usual | noise | {"weight_dropout": 0.1} | pretrain),
    )


def with_train(settings: RunConfig, **train: object) -> RunConfig:
    changed = msgspec.structs.replace(settings.train, **train)
    return msgspec.structs.replace(settings, train=changed)


def content(folder: Path) -> tuple[object, ...]:
    """All of a language model that does not depend on the clock."""
    lines = [
        {key: value for key, value in epoch.items() if key != "tokens_per_second"}
        for epoch in history(folder)
    ]
    return *((folder / n).read_bytes() for n in ("model.safetensors", "tokenizer.json")), lines


@pytest.fixture(scope="module")
def unbroken(source, tmp_path_factory):
    """The result of a run, and its number of steps."""
    folder = tmp_path_factory.mktemp("unbroken") / "lm"
    pretrain(source, config=config(), output=folder)
    return content(folder), json.loads((folder / "metrics.json").read_bytes())["steps"]


def after_steps(monkeypatch, act, *steps):
    """Call ``act`` when these steps, counted over the whole run from 1, are done."""
    step = language._step

    def watched(trainer, *rest):
        step(trainer, *rest)
        if trainer.progress.step + 1 in steps:
            act()

    monkeypatch.setattr(language, "_step", watched)


def press_ctrl_c():
    signal.raise_signal(signal.SIGINT)


def test_the_grammar_is_learnt_in_both_directions(source, tmp_path):
    events = []
    result = pretrain(
        source, config=config(epochs=12), output=tmp_path / "lm", on_event=events.append
    )
    # A text's first word and its end are left to chance: less than 0.5 nats a token.
    assert result.validation_loss < 0.7 < 0.35 * math.log(len(CYCLE))
    epochs = [each for each in events if isinstance(each, PretrainEpoch)]
    assert [each.epoch for each in epochs] == list(range(1, 13))
    assert epochs[0].validation_loss > 1.5
    assert result.validation_loss == epochs[-1].validation_loss
    steps = [each for each in events if isinstance(each, PretrainStep)]
    assert steps
    assert all(each.loss > 0 and each.tokens_per_second > 0 for each in steps)
    assert steps[-1].steps == epochs[-1].step


def test_one_direction_and_random_vectors_learn_too(source, tmp_path):
    settings = config(epochs=12, vectors="random")
    network = msgspec.structs.replace(settings.network, bidirectional=False)
    settings = msgspec.structs.replace(settings, network=network)
    assert pretrain(source, config=settings, output=tmp_path / "lm").validation_loss < 0.7
    assert not any("backward" in name for name in load_file(tmp_path / "lm/model.safetensors"))


def test_the_folder_says_what_is_in_it(source, tmp_path):
    folder = tmp_path / "lm"
    result = pretrain(source, config=config(), output=folder)
    manifest = modelfolder.read(folder, modelfolder.LANGUAGE_MODEL)
    modelfolder.verify(folder, manifest)
    assert set(manifest.files) == {
        *("model.safetensors", "tokenizer.json", "metrics.json", "history.jsonl")
    }
    assert {path.name for path in folder.iterdir()} == {*manifest.files, "config.json"}
    assert manifest.labels == ()
    assert manifest.config == config()
    assert manifest.data["source"] == source
    assert manifest.data["train"] + manifest.data["validation"] == 80
    metrics = json.loads((folder / "metrics.json").read_bytes())
    assert metrics["validation"] == {"loss": result.validation_loss}
    weights = load_file(folder / "model.safetensors")
    assert metrics["parameters"] == sum(each.size for each in weights.values())
    assert all(np.isfinite(each).all() for each in weights.values())
    assert (metrics["epochs"], result.epochs) == (EPOCHS, EPOCHS)


@pytest.mark.parametrize("place", ["first", "middle", "last of epoch", "first of epoch", "last"])
def test_a_run_stopped_after_any_step_ends_as_one_that_was_not(
    source, tmp_path, monkeypatch, unbroken, place
):
    wanted, steps = unbroken
    an_epoch = steps // EPOCHS
    step = {
        "first": 1,
        "middle": an_epoch // 2,
        "last of epoch": an_epoch,
        "first of epoch": an_epoch + 1,
        "last": steps,
    }[place]
    folder = tmp_path / "lm"
    after_steps(monkeypatch, press_ctrl_c, step)
    with pytest.raises(RunInterruptedError) as caught:
        pretrain(source, config=config(), output=folder)
    epoch = (step - 1) // an_epoch + 1
    assert str(caught.value) == (
        f"stopped at step {step} in epoch {epoch}; all is saved. "
        "Go on with the same command and --resume."
    )
    assert not (folder / "config.json").exists()
    monkeypatch.undo()
    events = []
    pretrain(source, config=config(), output=folder, resume=True, on_event=events.append)
    assert Note(f"Resumed at step {step}, epoch {epoch}.") in events
    assert content(folder) == wanted
    assert not (folder / "checkpoint.safetensors").exists()


def test_a_run_that_died_goes_on_from_its_checkpoint_in_mid_epoch(
    source, tmp_path, monkeypatch, unbroken
):
    def die():
        raise MemoryError

    wanted, steps = unbroken
    folder, last = tmp_path / "lm", steps // EPOCHS + 3
    monkeypatch.setattr(upkeep, "_SAVING_SHARE", 1e9)  # a checkpoint after every step
    after_steps(monkeypatch, die, last)
    settings = with_train(config(), checkpoint_seconds=0.0)
    with pytest.raises(MemoryError):
        pretrain(source, config=settings, output=folder)
    monkeypatch.undo()
    events = []
    pretrain(source, config=config(), output=folder, resume=True, on_event=events.append)
    assert Note(f"Resumed at step {last - 1}, epoch 2.") in events
    assert content(folder) == wanted


def test_a_run_that_died_before_its_model_was_written_is_finished(
    source, tmp_path, monkeypatch, unbroken
):
    def die(*_arguments):
        raise MemoryError

    folder = tmp_path / "lm"
    monkeypatch.setattr(checkpoint, "write_history", die)
    with pytest.raises(MemoryError):
        pretrain(source, config=config(epochs=1), output=folder)
    monkeypatch.undo()
    pretrain(source, config=config(epochs=1), output=folder, resume=True)
    assert len(history(folder)) == 1


def test_two_threads_and_the_machines_own_number_format_repeat_themselves_too(
    source, tmp_path, monkeypatch
):
    settings = with_train(config(epochs=1), threads=2, precision="auto")
    try:
        pretrain(source, config=settings, output=tmp_path / "whole")
        after_steps(monkeypatch, press_ctrl_c, 5)
        with pytest.raises(RunInterruptedError):
            pretrain(source, config=settings, output=tmp_path / "broken")
        monkeypatch.undo()
        pretrain(source, config=settings, output=tmp_path / "broken", resume=True)
    finally:
        torch.set_num_threads(1)
    assert content(tmp_path / "broken") == content(tmp_path / "whole")


def test_checkpoints_come_no_more_often_than_they_cost(source, tmp_path, monkeypatch):
    saved = []
    save = checkpoint.save
    monkeypatch.setattr(
        checkpoint, "save", lambda path, *rest: (saved.append(rest[0].step), save(path, *rest))
    )
    rare = with_train(config(), checkpoint_seconds=1e6)
    pretrain(source, config=rare, output=tmp_path / "rare")
    assert len(saved) == EPOCHS
    saved.clear()
    monkeypatch.setattr(upkeep, "_SAVING_SHARE", 1e-9)
    dear = with_train(config(), checkpoint_seconds=0.0)
    pretrain(source, config=dear, output=tmp_path / "dear")
    assert len(saved) == EPOCHS + 1  # the first one tells what they cost


@pytest.mark.parametrize("change", [{"seed": 1}, {"lr": 0.01}, {"epochs": 3}, {"negatives": 5}])
def test_other_settings_are_refused_and_the_run_can_still_go_on(
    source, tmp_path, monkeypatch, unbroken, change
):
    folder = tmp_path / "lm"
    after_steps(monkeypatch, press_ctrl_c, 3)
    with pytest.raises(RunInterruptedError):
        pretrain(source, config=config(), output=folder)
    monkeypatch.undo()
    with pytest.raises(TrainingError, match="was made with other "):
        pretrain(source, config=config(**change), output=folder, resume=True)
    pretrain(source, config=config(), output=folder, resume=True)
    assert content(folder) == unbroken[0]


def test_resuming_before_the_first_checkpoint_starts_from_the_beginning(source, tmp_path, unbroken):
    events = []
    folder = tmp_path / "lm"
    pretrain(source, config=config(), output=folder, resume=True, on_event=events.append)
    assert Note("No checkpoint yet; starting from the beginning.") in events
    assert content(folder) == unbroken[0]


def test_labels_are_not_looked_at_and_validation_texts_are_not_learnt_from(tmp_path):
    number = random.Random(1)
    rows = [(sentence(number), "train") for _ in range(60)]
    rows += [(sentence(number) + " unseen", "dev") for _ in range(6)]

    def result(name: str, labels: tuple[str, str], unseen: str) -> tuple[object, ...]:
        lines = [
            f"{text.replace('unseen', unseen)},{labels[place % 2]},{split}"
            for place, (text, split) in enumerate(rows)
        ]
        source = tmp_path / f"{name}.csv"
        source.write_text("\n".join(["text,label,split", *lines]) + "\n")
        pretrain(str(source), config=config(), output=tmp_path / name)
        return content(tmp_path / name)

    *weights, _ = result("a", ("pos", "neg"), "unseen")
    *same, _ = result("b", ("neg", "pos"), "otherwise")
    assert weights == same
    assert "unseen" not in (tmp_path / "a" / "tokenizer.json").read_text()


@pytest.mark.parametrize(
    ("lines", "settings", "expected"),
    [
        (40, {"streams": 64}, r"are too few to learn from: one step takes 1,088\. Give more text"),
        (1, {}, "too few to cut off a validation part"),
        (0, {}, r"texts\.txt"),
    ],
)
def test_too_little_text_is_one_line_and_leaves_the_folder_as_it_was(
    tmp_path, lines, settings, expected
):
    source, folder = tmp_path / "texts.txt", tmp_path / "lm"
    folder.mkdir()
    for name in ("tokenizer.json", "model.safetensors", "config.json"):
        (folder / name).write_text("of an older run")
    source.write_text("".join(f"{sentence(random.Random(n))}\n" for n in range(lines)))
    with pytest.raises(DataError, match=expected) as caught:
        pretrain(str(source), config=config(**settings), output=folder, overwrite=True)
    assert "\n" not in str(caught.value)
    assert {path.read_text() for path in folder.iterdir()} == {"of an older run"}
    assert len(list(folder.iterdir())) == 3


def test_few_validation_texts_are_measured_whole(tmp_path):
    source = tmp_path / "texts.csv"
    rows = [f"{sentence(random.Random(n))},train" for n in range(40)]
    source.write_text("\n".join(["text,split", *rows, "one two,dev"]) + "\n")
    result = pretrain(str(source), config=config(), output=tmp_path / "lm")
    assert 0 < result.validation_loss < 10


def test_validation_without_a_token_is_one_line(tmp_path):
    source = tmp_path / "texts.csv"
    rows = [f"{sentence(random.Random(n))},train" for n in range(40)]
    source.write_text("\n".join(["text,split", *rows, "<br />,dev"]) + "\n")
    with pytest.raises(DataError, match="no validation text has any token"):
        pretrain(str(source), config=config(), output=tmp_path / "lm")
    assert not (tmp_path / "lm").exists()


def test_a_loss_that_is_no_number_leaves_the_checkpoint_alone(source, tmp_path, monkeypatch):
    folder = tmp_path / "lm"
    after_steps(monkeypatch, press_ctrl_c, 4)
    with pytest.raises(RunInterruptedError):
        pretrain(source, config=config(), output=folder)
    before = (folder / "checkpoint.safetensors").read_bytes()
    monkeypatch.undo()
    step = language._step

    def spoil(trainer, *rest):
        step(trainer, *rest)
        trainer.model.bias.data[2] = math.nan

    monkeypatch.setattr(language, "_step", spoil)
    with pytest.raises(TrainingError, match=FINITE):
        pretrain(source, config=config(), output=folder, resume=True)
    assert (folder / "checkpoint.safetensors").read_bytes() == before


def test_a_weight_that_is_no_number_is_not_saved(source, tmp_path, monkeypatch):
    step = language._step

    def spoil(trainer, *rest):
        step(trainer, *rest)
        trainer.model.bias.data[2] = math.nan
        press_ctrl_c()  # the loss, from before the update, is still a number

    monkeypatch.setattr(language, "_step", spoil)
    with pytest.raises(TrainingError, match=f"a weight {FINITE}1 of epoch 1"):
        pretrain(source, config=config(), output=tmp_path / "lm")
    assert not (tmp_path / "lm" / "checkpoint.safetensors").exists()


def test_a_language_model_is_not_a_model_nor_the_other_way_round(source, tmp_path, sample_model):
    folder = tmp_path / "lm"
    pretrain(source, config=config(epochs=1), output=folder)
    with pytest.raises(ModelFolderError) as caught:
        undertone.load(folder)
    assert str(caught.value) == (
        f"{folder} is not an undertone model: its config.json has format "
        "'undertone-language-model', not 'undertone-model'. Make a model of it with "
        "`undertone train --start-from`."
    )
    with pytest.raises(
        ModelFolderError, match=r"is not an undertone language model: .*`undertone pretrain`"
    ):
        modelfolder.read(sample_model, modelfolder.LANGUAGE_MODEL)
    with pytest.raises(OutputError, match="--overwrite"):
        pretrain(source, config=config(), output=folder)


def test_layers_above_the_first_are_told_of_and_other_architectures_refused(source, tmp_path):
    settings = config(epochs=1)
    deep = msgspec.structs.replace(settings.network, layers=3)
    events = []
    pretrain(
        source,
        config=msgspec.structs.replace(settings, network=deep),
        output=tmp_path / "lm",
        on_event=events.append,
    )
    assert any(isinstance(e, Note) and "first of network.layers=3" in e.text for e in events)
    assert not any("layers.1" in name for name in load_file(tmp_path / "lm/model.safetensors"))
    bag = NetworkConfig(architecture="bag")
    with pytest.raises(ConfigError, match=r"no language model for network\.architecture=bag"):
        pretrain(
            source,
            config=RunConfig(network=bag, text=settings.text, pretrain=settings.pretrain),
            output=tmp_path / "x",
        )
    assert not (tmp_path / "x").exists()


def test_a_narrower_language_model_grows_without_changing_what_it_says(source, tmp_path):
    small = config()
    pretrain(source, config=small, output=tmp_path / "small")
    weights = {
        name: torch.from_numpy(each)
        for name, each in load_file(tmp_path / "small" / "model.safetensors").items()
    }
    counts = torch.arange(1.0, len(weights["bias"]) + 1)
    narrow = LanguageModel(small, len(counts), counts)
    narrow.load_state_dict(weights)
    torch.manual_seed(1)
    wide = LanguageModel(wider(small), len(counts), counts)
    fresh = {name: each.clone() for name, each in wide.state_dict().items()}
    grow(weights, wide)
    ids = torch.randint(0, len(counts), (3, 9))
    for direction in range(2):
        losses = [
            model.full_loss(direction, ids[:, :-1], ids[:, 1:], model.start(3)[direction])[0].item()
            for model in (narrow, wide)
        ]
        assert losses[0] == pytest.approx(losses[1], abs=1e-6)
    lstm = "layers.0.forward_lstm.weight_hh_l0"
    assert torch.equal(wide.state_dict()[lstm][10:14], fresh[lstm][10:14])  # new units are random
    assert not wide.state_dict()[lstm][:10, 10:].any()  # and nothing listens to them yet


def wider(settings: RunConfig) -> RunConfig:
    network = msgspec.structs.replace(settings.network, embedding_dim=16, hidden_dim=14)
    return msgspec.structs.replace(settings, network=network)


def test_a_language_model_goes_on_from_another_and_a_stopped_run_too(source, tmp_path, monkeypatch):
    start = pretrain(source, config=config(), output=tmp_path / "start").folder
    settings = wider(config(seed=3))
    straight = pretrain(source, config=settings, output=tmp_path / "straight", start_from=start)
    first = history(straight.folder)[0]
    assert first["validation_loss"] < history(start)[0]["validation_loss"]
    with monkeypatch.context() as patch:
        after_steps(patch, press_ctrl_c, 3)
        with pytest.raises(RunInterruptedError):
            pretrain(source, config=settings, output=tmp_path / "stopped", start_from=start)
    again = {"config": settings, "output": tmp_path / "stopped", "resume": True}
    with pytest.raises(TrainingError, match="other settings"):
        pretrain(source, **again)
    pretrain(source, **again, start_from=start)
    assert content(tmp_path / "stopped") == content(straight.folder)
    data = modelfolder.read(straight.folder, modelfolder.LANGUAGE_MODEL).data
    assert data["start_from"] == start.name
    with pytest.raises(ConfigError, match="does not fit") as caught:
        pretrain(source, config=config(), output=tmp_path / "narrow", start_from=straight.folder)
    assert "--set network.embedding_dim=16 --set network.hidden_dim=14" in str(caught.value)
    assert not (tmp_path / "narrow").exists()
