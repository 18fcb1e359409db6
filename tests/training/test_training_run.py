"""Training end to end on sixty tiny reviews."""

import csv
import json
import shutil

import msgspec
import numpy as np
import onnxruntime
import pytest
import safetensors.numpy
import torch
from msgspec.structs import replace
from traininghelpers import (
    LABELS,
    examples,
    history,
    prepared,
    result,
    review,
    run,
    tiny_config,
    tiny_data,
)

from undertone import calibration, modelfolder, networks, training
from undertone.batches import collate
from undertone.config import load_preset
from undertone.errors import ConfigError, DataError, MissingExtraError, OutputError, TrainingError
from undertone.text.tokenizer import TextEncoder
from undertone.training import EpochDone, Note, StepDone, loop

STEPS = 15  # an epoch of sixty reviews, four a step
TABLE = [["review", "sentiment"], *([e.text, e.label] for e in examples(60, LABELS, seed=1))]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The usual tiny run and its events; tests copy the folder before they change it."""
    folder = prepared(tmp_path_factory.mktemp("trained") / "model")
    events = []
    return run(folder, on_event=events.append), events


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "reviews.csv"
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows(TABLE)
    return path


def validation_batch(folder):
    manifest = modelfolder.read(folder)
    encoder = TextEncoder.load(folder / "tokenizer.json", manifest.config.text)
    encoded = encoder.encode([example.text for example in tiny_data().validation])
    targets = [manifest.labels.index(example.label) for example in tiny_data().validation]
    return collate([each.ids for each in encoded]), np.array(targets)


def graph_logits(folder):
    batch, targets = validation_batch(folder)
    session = onnxruntime.InferenceSession(folder / "model.onnx")
    feed = {"ids": batch.ids, "lengths": batch.lengths.astype(np.int32)}
    return session.run(["logits"], feed)[0], targets


def test_it_learns_what_can_be_learnt(trained):
    outcome, _ = trained
    assert outcome.validation_accuracy >= 0.95
    assert outcome.validation_loss < 0.2
    losses = [epoch["train_loss"] for epoch in history(outcome.folder)]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 0.3 < np.log(2)


def test_the_folder_holds_the_files_of_a_model_and_nothing_else(trained):
    assert sorted(path.name for path in trained[0].folder.iterdir()) == [
        *("README.md", "calibration.json", "config.json", "history.jsonl", "metrics.json"),
        *("model.onnx", "model.safetensors", "tokenizer.json"),
    ]


def test_the_folder_passes_all_checks_and_says_what_it_was_made_of(trained):
    folder = trained[0].folder
    manifest = modelfolder.read(folder)
    assert manifest.labels == LABELS
    assert manifest.config == tiny_config()
    assert manifest.data["train"] == 60
    assert manifest.data["validation"] == 20
    assert manifest.data["digest"] == tiny_data().digest
    assert set(manifest.files) == {path.name for path in folder.iterdir()} - {
        "README.md",
        "config.json",
    }
    for name in manifest.files:
        assert modelfolder.verified(folder, manifest, name) == folder / name


def test_the_graph_gives_the_logits_of_the_network(trained):
    folder = trained[0].folder
    batch, _ = validation_batch(folder)
    vocabulary = len(json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"])
    network = networks.build_network(tiny_config(), vocabulary, 2).eval()
    arrays = safetensors.numpy.load_file(folder / "model.safetensors")
    network.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
    with torch.no_grad():
        by_torch = network(torch.from_numpy(batch.ids), torch.from_numpy(batch.lengths)).numpy()
    assert np.abs(by_torch).max() > 1
    np.testing.assert_allclose(graph_logits(folder)[0], by_torch, atol=1e-5, rtol=0)


def test_the_metrics_are_those_of_the_graph_that_ships(trained):
    outcome, _ = trained
    logits, targets = graph_logits(outcome.folder)
    metrics = json.loads((outcome.folder / "metrics.json").read_text())
    found = metrics["validation"]
    assert found["reviews"] == 20
    assert found["accuracy"] == outcome.validation_accuracy
    assert found["accuracy"] == np.mean((logits[:, 0] > 0) == targets)
    assert found["loss"] == pytest.approx(calibration.log_loss(logits, targets), abs=1e-6)
    stored = json.loads((outcome.folder / "calibration.json").read_text())["temperature"]
    fitted = calibration.fit_temperature(logits, targets)
    assert stored == pytest.approx(fitted, rel=1e-3)
    assert found["loss_calibrated"] <= found["loss"]
    assert (metrics["epochs"], metrics["steps"]) == (3, 3 * STEPS)
    assert metrics["parameters"] == sum(
        array.size
        for array in safetensors.numpy.load_file(outcome.folder / "model.safetensors").values()
    )
    assert metrics["kept_epoch"] == outcome.best_epoch


def test_the_card_names_labels_figures_and_limits(trained):
    card = " ".join((trained[0].folder / "README.md").read_text().split())
    for words in (
        "# model",
        "negative, positive",
        "60 reviews",
        "20 validation reviews",
        f"{trained[0].validation_accuracy:.4f}",
        "at most 10 tokens",
    ):
        assert words in card


def test_metrics_say_how_much_of_the_validation_reviews_was_read(trained):
    validation = msgspec.json.decode((trained[0].folder / "metrics.json").read_bytes())[
        "validation"
    ]
    assert 0.9 < validation["tokens_read"] / validation["tokens_total"] < 1.0


def test_events_tell_progress_and_are_the_history(trained):
    outcome, events = trained
    steps = [event for event in events if isinstance(event, StepDone)]
    epochs = [event for event in events if isinstance(event, EpochDone)]
    notes = [event.text for event in events if isinstance(event, Note)]
    assert steps == []  # an epoch is shorter than the pause between two of them
    assert notes[:2] == [
        "Training on 1 CPU thread, float32.",
        (
            "12 of 60 reviews are longer than the limit and lose their middle; "
            "96.1% of all tokens are read."
        ),
    ]
    assert len(notes) == 3  # the same is said of the validation reviews
    assert [msgspec.to_builtins(epoch) for epoch in epochs] == history(outcome.folder, timing=True)
    assert [epoch.epoch for epoch in epochs] == [1, 2, 3]
    assert [epoch.step for epoch in epochs] == [STEPS, 2 * STEPS, 3 * STEPS]
    assert outcome.seconds == pytest.approx(sum(epoch.seconds for epoch in epochs))
    best = min(epochs, key=lambda epoch: epoch.validation_loss)
    assert outcome.best_epoch == best.epoch
    assert outcome.validation_loss == best.validation_loss


def test_steps_are_told_with_running_means_and_the_time_left(tmp_path):
    events = []
    config = tiny_config(epochs=1, batch_size=1)
    run(prepared(tmp_path / "m"), config, data=tiny_data(33), on_event=events.append)
    steps = [event for event in events if isinstance(event, StepDone)]
    assert [(event.step, event.steps, event.epoch) for event in steps] == [(16, 33, 1), (32, 33, 1)]
    for event in steps:
        assert 0 < event.loss < 2
        assert event.accuracy * event.step == pytest.approx(round(event.accuracy * event.step))
        left = 33 - event.step
        assert event.seconds_left == pytest.approx(left / event.reviews_per_second)


def test_one_seed_gives_one_model_and_another_seed_another(trained, tmp_path):
    again = run(prepared(tmp_path / "again"))
    other = run(prepared(tmp_path / "other"), tiny_config(seed=1))
    assert result(again.folder) == result(trained[0].folder)
    weights = [(each.folder / "model.safetensors").read_bytes() for each in (again, other)]
    assert weights[0] != weights[1]


def test_early_stopping_ends_after_patience_and_keeps_the_best_epoch(tmp_path):
    """Validation says the opposite of training, so the first epoch is the best one."""
    config = tiny_config(epochs=9, patience=2, ema=0.0)
    outcome = run(prepared(tmp_path / "m"), config, data=tiny_data(lying_validation=True))
    epochs = history(outcome.folder)
    losses = [epoch["validation_loss"] for epoch in epochs]
    assert losses == sorted(losses)
    assert [epoch["best"] for epoch in epochs] == [True, False, False]
    assert (outcome.best_epoch, outcome.epochs) == (1, 3)
    assert outcome.validation_loss == losses[0]


def test_keep_says_whether_the_best_or_the_last_epoch_becomes_the_model(tmp_path):
    """At a constant rate the first epoch of a long run is a whole short run."""
    data = tiny_data(lying_validation=True)
    settings = {"schedule": "constant", "warmup": 0.0}

    def weights(name, epochs, keep):
        config = tiny_config(epochs=epochs, keep=keep, **settings)
        outcome = run(prepared(tmp_path / name), config, data=data)
        kept = json.loads((outcome.folder / "metrics.json").read_text())["kept_epoch"]
        assert outcome.best_epoch == kept == (1 if keep == "best" else epochs)
        last = history(outcome.folder)[kept - 1]
        assert outcome.validation_loss == last["validation_loss"]
        return (outcome.folder / "model.safetensors").read_bytes()

    short = weights("short", 1, "last")
    assert weights("best", 3, "best") == short
    assert weights("last", 3, "last") != short


@pytest.mark.parametrize("settings", [{"ema": 0.0}, {"label_smoothing": 0.1, "ema": 0.99}])
def test_validation_is_measured_with_the_averaged_weights_and_without_dropout(tmp_path, settings):
    config = tiny_config(epochs=2, output_dropout=0.9, **settings)
    outcome = run(prepared(tmp_path / "m"), config)
    logits, targets = graph_logits(outcome.folder)
    measured = history(outcome.folder)[outcome.best_epoch - 1]["validation_loss"]
    assert measured == pytest.approx(calibration.log_loss(logits, targets), abs=1e-6)


def test_three_labels_have_three_logits(tmp_path):
    labels = ("mixed", "negative", "positive")
    config = tiny_config(epochs=5, class_weights="balanced")
    outcome = run(prepared(tmp_path / "m"), config, data=tiny_data(90, labels))
    assert outcome.validation_accuracy >= 0.9
    assert modelfolder.read(outcome.folder).labels == labels
    arrays = safetensors.numpy.load_file(outcome.folder / "model.safetensors")
    assert arrays["output.weight"].shape[0] == 3


def test_word_vectors_can_start_from_the_texts_labelled_or_not(tmp_path):
    """With next to no learning the saved vectors are still those of the start."""
    config = tiny_config(epochs=1, lr=1e-9, ema=0.0, weight_decay=0.0, vectors="texts")
    unlabelled = [each.text for each in examples(40, LABELS, seed=5)]

    def start(name, texts):
        events = []
        run(prepared(tmp_path / name), config, unlabelled=texts, on_event=events.append)
        assert Note(f"Learning word vectors from {60 + len(texts)} texts.") in events
        return safetensors.numpy.load_file(tmp_path / name / "model.safetensors")[
            "embedding.weight"
        ]

    alone, more, again = start("a", []), start("b", unlabelled), start("c", unlabelled)
    np.testing.assert_allclose(np.linalg.norm(more[2:], axis=1), 0.1 * 8**0.5, rtol=1e-4)
    assert not more[0].any()
    assert np.array_equal(more, again)
    assert np.abs(alone - more)[2:].max() > 0.01


def test_reviews_without_words_are_left_out_and_counted(tmp_path):
    data = tiny_data()
    blank = replace(data.train[0], text="<br /> \n")
    events = []
    with_blank = replace(data, train=(blank, *data.train[1:]))
    outcome = run(prepared(tmp_path / "m"), data=with_blank, on_event=events.append)
    assert Note("1 reviews hold no token and are left out.") in events
    assert history(outcome.folder)[0]["step"] == STEPS
    nothing = replace(data, validation=(blank,))
    with pytest.raises(DataError, match="no review has any text to learn from"):
        run(prepared(tmp_path / "n"), data=nothing)


def poison(monkeypatch, after):
    """A weight becomes NaN after that many steps."""
    step = loop._step

    def poisoned(trainer, *rest):
        step(trainer, *rest)
        if trainer.progress.step + 1 == after:
            with torch.no_grad():
                trainer.network.output.bias.fill_(torch.nan)

    monkeypatch.setattr(loop, "_step", poisoned)


@pytest.mark.parametrize("after", [1, 14, 15, STEPS + 2, 3 * STEPS])
def test_numbers_that_are_none_stop_the_run_and_spoil_nothing(tmp_path, monkeypatch, after):
    folder = prepared(tmp_path / "m")
    poison(monkeypatch, after)
    with pytest.raises(TrainingError) as caught:
        run(folder, tiny_config(checkpoint_seconds=0.0))
    assert "is not a number at step" in str(caught.value)
    assert "nothing that was saved is affected. Lower train.lr (now 0.1)" in str(caught.value)
    names = {path.name for path in folder.iterdir()}
    assert not {"config.json", "model.onnx", "model.safetensors"} & names
    if "checkpoint.safetensors" in names:
        saved = safetensors.numpy.load_file(folder / "checkpoint.safetensors")
        assert all(np.isfinite(array).all() for array in saved.values())


def test_a_rate_that_is_too_high_is_a_clear_error_or_a_model(tmp_path):
    """Whatever happens, the folder is a whole model or none."""
    folder = prepared(tmp_path / "m")
    try:
        run(folder, tiny_config(lr=9.99, clip=0.0, epochs=2))
    except TrainingError:
        assert not (folder / "config.json").exists()
    else:
        arrays = safetensors.numpy.load_file(folder / "model.safetensors")
        assert all(np.isfinite(array).all() for array in arrays.values())


def test_training_from_a_file_records_where_the_reviews_came_from(table, tmp_path):
    outcome = training.train(str(table), config=tiny_config(), output=tmp_path / "m")
    data = modelfolder.read(outcome.folder).data
    assert data["source"] == str(table)
    # 12 of 60 are set aside as test and 4.8 of the rest as validation.
    assert data["train"] + data["validation"] == 48
    assert len(data["digest"]) == 64


def test_an_existing_folder_is_refused_and_left_as_it_is(trained, table, tmp_path):
    folder = tmp_path / "m"
    shutil.copytree(trained[0].folder, folder)
    before = result(folder)
    with pytest.raises(OutputError) as caught:
        training.train(str(table), config=tiny_config(), output=folder)
    assert str(caught.value) == (
        f"{folder} exists and is not empty. Go on with --resume, replace it with --overwrite, "
        "or name another --output."
    )
    with pytest.raises(OutputError, match="holds a finished model; there is nothing to resume"):
        training.train(str(table), config=tiny_config(), output=folder, resume=True)
    assert result(folder) == before


@pytest.mark.parametrize("flag", ["overwrite", "resume"])
def test_files_that_no_training_wrote_are_left_alone(table, tmp_path, flag):
    folder = tmp_path / "thesis"
    folder.mkdir()
    (folder / "README.md").write_text("my thesis")
    with pytest.raises(OutputError, match="holds files that no training wrote"):
        training.train(str(table), config=tiny_config(), output=folder, **{flag: True})
    assert [path.name for path in folder.iterdir()] == ["README.md"]
    assert (folder / "README.md").read_text() == "my thesis"


@pytest.mark.parametrize("flags", [{}, {"overwrite": True}, {"resume": True}])
def test_a_folder_that_another_run_is_at_work_in_is_refused(table, tmp_path, flags):
    folder = tmp_path / "m"
    refused: list[str] = []

    def try_too(_event: object) -> None:
        if not refused:
            with pytest.raises(OutputError) as caught:
                training.train(str(table), config=tiny_config(seed=1), output=folder, **flags)
            refused.append(str(caught.value))

    outcome = training.train(str(table), config=tiny_config(), output=folder, on_event=try_too)
    assert refused == [f"another run is at work in {folder}. Wait for it, or stop it."]
    assert modelfolder.read(outcome.folder).config.seed == 0
    training.train(str(table), config=tiny_config(seed=1), output=folder, overwrite=True)
    assert modelfolder.read(folder).config.seed == 1


def test_a_file_in_the_way_is_refused(table, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match=r"file is a file\. Name a folder with --output"):
        training.train(str(table), config=tiny_config(), output=tmp_path / "file")
    with pytest.raises(OutputError, match=r"cannot make the folder .*: Not a directory"):
        training.train(str(table), config=tiny_config(), output=tmp_path / "file" / "m")


def test_overwriting_replaces_the_model(trained, table, tmp_path):
    folder = tmp_path / "m"
    shutil.copytree(trained[0].folder, folder)
    for name in ("model.int8.onnx", "int8.json"):
        (folder / name).write_text("of the old model")
    (folder / ".checkpoint.safetensors.0123.tmp").write_text("of a killed run")
    training.train(str(table), config=tiny_config(seed=4), output=folder, overwrite=True)
    assert modelfolder.read(folder).config.seed == 4
    assert not list(folder.glob("*int8*"))
    assert not list(folder.glob(".*"))


@pytest.mark.parametrize(
    ("source", "settings"),
    [("no-such-file.csv", {}), (None, {"lr": 0.5, "min_frequency": 10_000})],
)
def test_a_run_that_cannot_start_does_not_cost_the_old_model(
    trained, table, tmp_path, source, settings
):
    folder = tmp_path / "m"
    shutil.copytree(trained[0].folder, folder)
    frequency = settings.pop("min_frequency", 1)
    config = tiny_config(**settings)
    config = replace(config, text=replace(config.text, min_frequency=frequency))
    before = result(folder)
    with pytest.raises(DataError):
        training.train(source or str(table), config=config, output=folder, overwrite=True)
    assert result(folder) == before
    assert modelfolder.read(folder).labels == LABELS


def test_tensorboard_gets_the_figures_of_the_history(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    outcome = run(prepared(tmp_path / "m"), tiny_config(epochs=2, tensorboard=True))
    events = EventAccumulator(str(outcome.folder / "tensorboard"))
    events.Reload()
    for tag, key in [("loss/train", "train_loss"), ("accuracy/validation", "validation_accuracy")]:
        told = [(event.step, event.value) for event in events.Scalars(tag)]
        expected = [(epoch["epoch"], epoch[key]) for epoch in history(outcome.folder)]
        assert told == [(step, pytest.approx(value, rel=1e-6)) for step, value in expected]
    assert [event.step for event in events.Scalars("lr")] == [1, 2]


def test_tensorboard_without_its_package_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "tensorboard", None)
    with pytest.raises(MissingExtraError, match=r"undertone\[tensorboard\]"):
        run(prepared(tmp_path / "m"), tiny_config(tensorboard=True))


def test_the_words_of_a_review_decide_its_score(trained):
    """A sanity check of the helpers: what the network learnt is in the words, not in the order."""
    import random

    texts = [review(label, random.Random(77)) for label in LABELS]
    manifest = modelfolder.read(trained[0].folder)
    encoder = TextEncoder.load(trained[0].folder / "tokenizer.json", manifest.config.text)
    batch = collate([each.ids for each in encoder.encode(texts)])
    session = onnxruntime.InferenceSession(trained[0].folder / "model.onnx")
    logits = session.run(["logits"], {"ids": batch.ids, "lengths": batch.lengths.astype(np.int32)})
    assert (logits[0][:, 0] > 0).tolist() == [False, True]


def test_an_unknown_architecture_costs_nothing(trained, tmp_path):
    """Neither the model that stands in the folder, nor an empty folder left behind."""
    settings = ["network.architecture=gru"]
    model = shutil.copytree(trained[0].folder, tmp_path / "model")
    before = {path.name: path.read_bytes() for path in model.iterdir()}
    for folder in (model, tmp_path / "new"):
        with pytest.raises(ConfigError, match="unknown architecture 'gru'"):
            training.train(
                "sample", config=load_preset("sample", settings), output=folder, overwrite=True
            )
    assert {path.name: path.read_bytes() for path in model.iterdir()} == before
    assert not (tmp_path / "new").exists()


def test_training_gives_back_threads_and_random_state(tmp_path):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    threads = torch.get_num_threads()
    settings = ["train.epochs=1", "train.threads=2", "network.hidden_dim=4"]
    training.train("sample", config=load_preset("sample", settings), output=str(tmp_path / "m"))
    assert torch.equal(torch.rand(3), expected)
    assert torch.get_num_threads() == threads
