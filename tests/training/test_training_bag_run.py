"""A bag from reviews to a model folder, and the folder in use."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace
from safetensors.numpy import load_file, save_file
from traininghelpers import LABELS, history, prepared, tiny_data

import undertone
from undertone import calibration, modelfolder, training
from undertone.config import RunConfig, load_preset
from undertone.errors import ConfigError, DataError, ModelFolderError
from undertone.evaluation.export import export_int8
from undertone.inference.tensors import read_tensors
from undertone.settings import BagConfig, NetworkConfig, TextConfig, TrainConfig

THREE = ("negative", "mixed", "positive")
TEXT = "the film was dull, but the music was superb and moving"


def bag_config(weighting: str = "nb", **train: Any) -> RunConfig:
    return RunConfig(
        preset="tiny-bag",
        text=TextConfig(vocabulary=100, min_frequency=1),
        network=NetworkConfig(architecture="bag"),
        bag=BagConfig(weighting=weighting),
        train=TrainConfig(**train),
    )


def run(folder: Path, config: RunConfig | None = None, **more: Any) -> training.TrainResult:
    data = more.pop("data", None) or tiny_data()
    return training.train_examples(data, config=config or bag_config(), output=folder, **more)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    path = prepared(tmp_path_factory.mktemp("bags") / "bag")
    run(path)
    return path


def tampered(folder: Path, target: Path, change: Any) -> Path:
    """A copy of a model whose tensors were changed by someone who also mended the digests."""
    target.mkdir()
    for path in folder.iterdir():
        (target / path.name).write_bytes(path.read_bytes())
    tensors = load_file(target / modelfolder.WEIGHTS)
    change(tensors)
    save_file(tensors, target / modelfolder.WEIGHTS)
    modelfolder.write(target, modelfolder.read(target))
    return target


def test_the_folder(folder):
    names = {path.name for path in folder.iterdir()}
    assert names == {
        *("config.json", "tokenizer.json", "model.safetensors", "calibration.json"),
        *("metrics.json", "history.jsonl", "README.md"),
    }
    metrics = json.loads((folder / "metrics.json").read_text())
    tensors = load_file(folder / "model.safetensors")
    features = len(tensors["weight"])
    assert sorted(tensors) == ["bias", "ngrams.1", "ngrams.2", "ngrams.3", "weight"]
    assert features == sum(len(tensors[f"ngrams.{length}"]) for length in (1, 2, 3))
    assert metrics["parameters"] == features + 1
    (epoch,) = history(folder)
    assert metrics["validation"]["loss"] == epoch["validation_loss"]
    assert metrics["validation"]["accuracy"] == epoch["validation_accuracy"] > 0.9
    assert metrics["kept_epoch"] == metrics["epochs"] == epoch["epoch"] == 1
    assert "naive Bayes weights" in " ".join((folder / "README.md").read_text().split())


@pytest.mark.parametrize("weighting", ["nb", "tfidf"])
@pytest.mark.parametrize("labels", [LABELS, THREE])
def test_what_was_measured_is_what_is_loaded(tmp_path, weighting, labels):
    data = tiny_data(labels=labels)
    result = run(prepared(tmp_path / "bag"), bag_config(weighting), data=data)
    model = undertone.load(result.folder)
    logits = model.logits([each.text for each in data.validation]).logits
    targets = np.array([labels.index(each.label) for each in data.validation])
    assert logits.shape == (20, 1 if len(labels) == 2 else 3)
    assert calibration.log_loss(logits, targets) == result.validation_loss
    assert model.temperature == pytest.approx(calibration.fit_temperature(logits, targets))
    assert np.mean(calibration.two_sided(logits).argmax(axis=1) == targets) > 0.8
    assert model.predict(TEXT).probability > 1 / len(labels)


@pytest.mark.parametrize("labels", [LABELS, THREE])
def test_explanations_add_up(tmp_path, labels):
    run(prepared(tmp_path / "bag"), data=tiny_data(labels=labels))
    model = undertone.load(tmp_path / "bag")
    for label in labels:
        explained = model.explain(TEXT, label=label)
        added = sum(token.contribution for token in explained.tokens)
        assert explained.base + added == pytest.approx(explained.logit, abs=1e-5)
        by_word = {token.text: token.contribution for token in explained.tokens}
        if label == "positive":
            assert by_word["superb"] > 0 > by_word["dull"]
        assert explained.curve[-1].probability == pytest.approx(
            explained.prediction.probabilities[label]
        )


def test_an_empty_text_has_no_verdict(folder):
    model = undertone.load(folder)
    empty, full, strange = model.predict(["", TEXT, "xyzzy"])
    assert (empty.status, empty.label) == ("empty", None)
    assert (strange.status, strange.tokens_read) == ("ok", 1)
    assert full == model.predict(TEXT)
    assert model.logits([""]).logits.tolist() == [[0.0]]
    assert model.explain("").tokens == ()


def test_many_texts_in_threads_score_as_they_do_alone(folder):
    texts = [each.text for each in tiny_data(200).train] + [" ".join([TEXT] * 2000), ""]
    many = undertone.load(folder, threads=3).logits(texts).logits
    alone = undertone.load(folder, threads=1)
    np.testing.assert_array_equal(many, [alone.logits([text]).logits[0] for text in texts])


def test_two_runs_are_equal(folder, tmp_path):
    run(prepared(tmp_path / "again"))
    names = ("model.safetensors", "tokenizer.json", "calibration.json")
    for name in names:
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes()
    assert undertone.load(tmp_path / "again").digest == undertone.load(folder).digest


def test_balanced_labels_count_the_same(tmp_path):
    data = tiny_data(90)
    rare = [each for each in data.train if each.label == "positive"][:8]
    data = replace(data, train=(*(e for e in data.train if e.label == "negative"), *rare))
    run(prepared(tmp_path / "plain"), data=data)
    run(prepared(tmp_path / "balanced"), bag_config(class_weights="balanced"), data=data)
    plain, balanced = (
        undertone.load(tmp_path / name).logits(["the film"]).logits[0, 0]
        for name in ("plain", "balanced")
    )
    assert plain < balanced


def test_soft_targets_overrule_the_labels(tmp_path):
    data = tiny_data()
    turned = np.array([[0.1, 0.9] if e.label == "negative" else [0.9, 0.1] for e in data.train])
    run(prepared(tmp_path / "bag"), data=data, soft=turned.astype(np.float32))
    model = undertone.load(tmp_path / "bag")
    assert model.predict("dull boring awful").label == "positive"


def test_a_label_without_a_training_review_is_refused(tmp_path):
    data = tiny_data(labels=THREE)
    data = replace(data, train=tuple(each for each in data.train if each.label != "mixed"))
    with pytest.raises(DataError, match="no training review has the label 'mixed'"):
        run(prepared(tmp_path / "bag"), data=data)
    assert list((tmp_path / "bag").iterdir()) == []


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"resume": True}, "trained in one go"),
        ({"start_from": Path("model")}, "cannot start from model"),
    ],
)
def test_what_a_bag_cannot_do_is_refused_before_anything_is_read(tmp_path, more, message):
    with pytest.raises(ConfigError, match=message):
        undertone.train("missing.csv", config=bag_config(), output=tmp_path / "bag", **more)
    with pytest.raises(ConfigError, match=message):
        run(tmp_path / "bag", **more)
    assert not (tmp_path / "bag").exists()


def test_there_is_no_int8_form(folder):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(ModelFolderError, match="bag of n-grams, which has no int8 form"):
        export_int8(folder)
    with pytest.raises(ModelFolderError, match="bag of n-grams, which has no int8 form"):
        undertone.load(folder, precision="int8")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_damage_is_noticed(folder, tmp_path):
    copy = tampered(folder, tmp_path / "copy", lambda tensors: None)
    content = bytearray((copy / modelfolder.WEIGHTS).read_bytes())
    content[-1] ^= 1
    (copy / modelfolder.WEIGHTS).write_bytes(content)
    with pytest.raises(ModelFolderError, match=r"model\.safetensors is damaged"):
        undertone.load(copy)
    (copy / modelfolder.WEIGHTS).unlink()
    with pytest.raises(ModelFolderError, match=r"has no model\.safetensors"):
        undertone.load(copy)


def _set(name: str, value: Any) -> Any:
    return lambda tensors: tensors.update({name: value})


def _edited(name: str, place: Any, value: Any) -> Any:
    return lambda tensors: tensors[name].__setitem__(place, value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda tensors: tensors.pop("ngrams.2"), "it holds the tensors"),
        (_set("idf", np.ones(3, np.float32)), "it holds the tensors"),
        (_set("bias", np.zeros(1, np.int64)), "'bias' is of the wrong type"),
        (_set("ngrams.1", np.zeros((2, 2), np.int64)), "'ngrams.1' is of the wrong type"),
        (_set("bias", np.zeros(3, np.float32)), "'weight' has shape"),
        (_set("bias", np.zeros((1, 1), np.float32)), "'bias' has shape"),
        (_set("bias", np.zeros(0, np.float32)), "'weight' has shape"),
        (_edited("weight", (0, 0), np.nan), "'weight' holds numbers that are none"),
        (_edited("ngrams.1", 0, 2**40), "keys of 1 tokens are not in order"),
        (_edited("ngrams.2", -1, 2**40), "keys of 2 tokens are not in order or not of this"),
        (_edited("ngrams.3", 0, -1), "keys of 3 tokens are not in order"),
    ],
)
def test_tensors_that_are_no_bag_are_refused(folder, tmp_path, change, message):
    copy = tampered(folder, tmp_path / "copy", change)
    with pytest.raises(ModelFolderError, match=message) as caught:
        undertone.load(copy)
    assert "\n" not in str(caught.value)


def test_outputs_must_fit_the_labels(folder, tmp_path):
    copy = tampered(folder, tmp_path / "copy", lambda tensors: None)
    modelfolder.write(copy, replace(modelfolder.read(copy), labels=THREE))
    with pytest.raises(ModelFolderError, match="has 1 outputs, but its labels need 3"):
        undertone.load(copy)


def test_the_reader_reads_what_safetensors_writes(tmp_path):
    random = np.random.default_rng(0)
    tensors = {
        "a": random.normal(size=(3, 4)).astype(np.float32),
        "b": random.integers(-(2**60), 2**60, 5),
        "none": np.zeros((0, 2), np.float32),
    }
    save_file(tensors, tmp_path / "x.safetensors", {"note": "ignored"})
    got = read_tensors(tmp_path / "x.safetensors")
    assert sorted(got) == sorted(tensors)
    for name, tensor in tensors.items():
        np.testing.assert_array_equal(got[name], tensor)
        assert got[name].dtype == tensor.dtype


def _file(header: str, body: bytes = b"") -> bytes:
    return len(header).to_bytes(8, "little") + header.encode() + body


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x01",
        (2**63).to_bytes(8, "little"),
        (9).to_bytes(8, "little") + b"{}",
        _file("[]"),
        _file("{"),
        _file('{"a": 1}'),
        _file('{"a": ' + "[" * 100_000),
        _file('{"a": {"dtype": "F64", "shape": [1], "data_offsets": [0, 8]}}', bytes(8)),
        _file('{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}', bytes(4)),
        _file('{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}', bytes(3)),
        _file('{"a": {"dtype": "F32", "shape": [1], "data_offsets": [-4, 0]}}', bytes(4)),
        _file('{"a": {"dtype": "F32", "shape": [-1, -1], "data_offsets": [0, 4]}}', bytes(4)),
        _file('{"a": {"dtype": "I64", "shape": [4294967296, 4294967296, 0, 1], '
              '"data_offsets": [0, 8]}}', bytes(8)),
        _file('{"a": {"dtype": "I64", "shape": [4294967296, 4294967296], '
              '"data_offsets": [0, 0]}}'),
    ],
)  # fmt: skip
def test_hostile_tensors_are_refused(tmp_path, content):
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    with pytest.raises(ModelFolderError, match=r"x\.safetensors is damaged") as caught:
        read_tensors(path)
    assert "\n" not in str(caught.value)


def test_prediction_imports_no_optional_package(folder):
    script = (
        "import sys, undertone\n"
        f"undertone.load({str(folder)!r}).explain({TEXT!r})\n"
        "heavy = {'torch', 'sklearn', 'scipy', 'safetensors', 'onnx'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_presets():
    bag, tfidf = load_preset("bag"), load_preset("tfidf")
    assert bag.network.architecture == tfidf.network.architecture == "bag"
    assert (bag.bag.weighting, bag.bag.ngrams) == ("nb", 3)
    assert (tfidf.bag.weighting, tfidf.bag.ngrams) == ("tfidf", 2)
