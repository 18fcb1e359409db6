"""Predictions against logits worked out by hand, single against batched, and damaged folders."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tiny_model import logit, sigmoid

from undertone import inference, modelfolder
from undertone.errors import ConfigError, ModelFolderError
from undertone.inference import Model, Prediction, load
from undertone.inference.quantisation import quantise

Build = Callable[..., Path]


def test_one_text_by_hand(model: Model):
    text = "good film but not great"
    probability = sigmoid(logit(text))  # (2 + 0 + 0.5 - 1 + 4) / 5 + 0.125 = 1.225
    assert probability == pytest.approx(0.77294, abs=1e-5)
    prediction = model.predict(text)
    assert prediction == Prediction(
        label="positive",
        probability=prediction.probability,
        probabilities={
            "negative": pytest.approx(1 - probability),
            "positive": prediction.probability,
        },
        tokens_read=5,
        tokens_total=5,
        status="ok",
    )
    assert prediction.probability == pytest.approx(probability, abs=1e-6)
    assert list(prediction.probabilities) == ["negative", "positive"]


def test_the_other_label_by_hand(model: Model):
    prediction = model.predict("awful")
    assert prediction.label == "negative"
    assert prediction.probability == pytest.approx(sigmoid(3.875), abs=1e-6)


def test_temperature_divides_the_logit_and_leaves_the_label(build: Build):
    model = load(build(temperature=2.5))
    prediction = model.predict("bad film")
    assert model.temperature == 2.5
    assert prediction.label == "negative"
    assert prediction.probabilities["positive"] == pytest.approx(
        sigmoid(logit("bad film") / 2.5), abs=1e-6
    )
    assert model.logits(["bad film"]).logits[0, 0] == pytest.approx(-0.875)


def test_many_labels_have_a_softmax(many_labels: Model):
    prediction = many_labels.predict("good good film")
    powers = np.exp(np.array([0.0, 2 / 3 + 0.5, 2.0]) / 2.0)
    assert list(prediction.probabilities.values()) == pytest.approx(powers / powers.sum(), abs=1e-6)
    assert prediction.label == "positive"
    assert many_labels.predict("film").label == "neutral"


@pytest.mark.parametrize("text", ["", " \n\t", "<br />", "\x00", "\u200b"])
def test_a_text_without_tokens_has_no_label(model: Model, text: str):
    assert model.predict(text) == Prediction(None, None, {}, 0, 0, "empty")
    assert model.predict_proba([text]).tolist() == [[0.5, 0.5]]
    result = model.logits([text])
    assert (result.logits.tolist(), result.tokens_read.tolist()) == ([[0.0]], [0])


def test_a_long_text_says_how_much_was_read(build: Build):
    model = load(build(max_tokens=4, head=0.5))
    prediction = model.predict("good good awful awful awful good great")
    assert (prediction.tokens_read, prediction.tokens_total) == (4, 7)
    assert prediction.probabilities["positive"] == pytest.approx(sigmoid(2.625), abs=1e-6)


def test_a_list_keeps_its_order_whatever_the_lengths(model: Model):
    words = ["good", "bad", "film", "awful", "great"]
    random = np.random.default_rng(0)
    texts = [" ".join(random.choice(words, random.integers(0, 60))) for _ in range(150)]
    texts[7] = ""
    expected = [sigmoid(logit(text)) if text else 0.5 for text in texts]
    assert model.predict_proba(texts)[:, 1] == pytest.approx(expected, abs=1e-6)
    predictions = model.predict(texts)
    assert [each.tokens_read for each in predictions] == [len(text.split()) for text in texts]
    assert predictions[7].status == "empty"
    assert predictions[8].probability == pytest.approx(model.predict(texts[8]).probability)


def test_more_texts_than_a_chunk(model: Model):
    texts = ["good" if index % 3 else "bad bad" for index in range(5000)]
    result = model.logits(texts)
    assert result.logits[:, 0].tolist() == [2.125 if index % 3 else -1.875 for index in range(5000)]
    assert result.tokens_total.tolist() == [1 if index % 3 else 2 for index in range(5000)]
    assert result.logits.dtype == np.float32
    assert result.tokens_read.dtype == result.tokens_total.dtype == np.int32


def test_no_texts(model: Model):
    assert model.predict([]) == []
    assert model.predict_proba([]).shape == (0, 2)
    assert model.logits([]).logits.shape == (0, 1)


def test_any_iterable_of_strings_will_do(model: Model):
    expected = model.predict(["good", "bad"])
    assert model.predict(("good", "bad")) == expected
    assert model.predict(text for text in ["good", "bad"]) == expected
    assert model.predict(np.array(["good", "bad"])) == expected
    assert model.predict({"good": 1, "bad": 2}.keys()) == expected


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (None, "a list of texts is needed, not a NoneType"),
        (b"good", "a list of texts is needed, not a bytes"),
        (3, "a list of texts is needed, not a int"),
        ({"good": 1}, "a list of texts is needed, not a dict"),
        (["good", None], "text 1 is a NoneType, not a string"),
        (["good"] * 3000 + [b"bad"], "text 3000 is a bytes, not a string"),
        ([float("nan")], "text 0 is a float, not a string"),
        ([("good", "bad")], "text 0 is a tuple, not a string"),
    ],
)
def test_wrong_types_are_named(model: Model, texts: object, message: str):
    for method in (model.predict, model.predict_proba, model.logits):
        with pytest.raises(TypeError, match=f"^{message}$"):
            method(texts)  # type: ignore[operator]


def test_one_text_where_a_list_belongs(model: Model):
    for method in (model.predict_proba, model.logits):
        with pytest.raises(TypeError, match="a list of texts is needed, not a str"):
            method("good")


def test_half_characters_and_nul_do_no_harm(model: Model):
    prediction = model.predict("good \ud800\udc00\udfff \0 good")
    assert prediction.tokens_total == 5
    assert prediction.probabilities["positive"] == pytest.approx(sigmoid(4 / 5 + 0.125), abs=1e-6)


def test_threads_share_one_model(model: Model):
    texts = ["good film"] * 40 + ["bad"] * 40
    alone = model.predict_proba(texts).tolist()
    found: list[list[list[float]]] = []

    def work() -> None:
        found.extend(model.predict_proba(texts).tolist() for _ in range(5))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [alone] * 20


# A network that carries state


def some_texts() -> list[str]:
    words = ["good", "bad", "film", "awful", "great", "not", "but"]
    random = np.random.default_rng(1)
    lengths = [1, 2, 3, 31, 32, 33, 64, 200, 400, 1000, 2740, *random.integers(1, 300, 60)]
    return [" ".join(random.choice(words, length)) for length in lengths]


def test_a_text_scores_the_same_alone_and_in_a_batch(lstm: Path):
    model = load(lstm, threads=2)
    together = model.predict_proba(some_texts())
    alone = np.concatenate([model.predict_proba([text]) for text in some_texts()])
    assert np.abs(together - alone).max() <= 1e-5
    assert together.std(axis=0).min() > 0.02


def test_in_int8_too_a_text_scores_the_same_alone_and_in_a_batch(lstm: Path, tmp_path: Path):
    folder = tmp_path / "int8"
    shutil.copytree(lstm, folder)
    quantise(folder / modelfolder.GRAPH, folder / modelfolder.GRAPH_INT8)
    modelfolder.write(folder, modelfolder.read(folder))
    model = load(folder, threads=2)
    assert model.precision == "int8"
    together = model.predict_proba(some_texts())
    alone = np.concatenate([model.predict_proba([text]) for text in some_texts()])
    assert together.tolist() == alone.tolist()
    full = load(folder, precision="float32").predict_proba(some_texts())
    assert 0 < np.abs(together - full).max() < 0.05


# Loading


def test_what_a_model_says_about_itself(build: Build):
    folder = build(max_tokens=77)
    model = load(str(folder))
    assert (model.name, model.folder, model.precision) == ("tiny", folder, "float32")
    assert model.labels == ("negative", "positive")
    assert model.config.text.max_tokens == 77
    assert repr(model) == "<undertone.Model 'tiny', labels ('negative', 'positive'), float32>"


def test_the_folder_may_go_after_loading(build: Build):
    folder = build()
    model = load(folder)
    shutil.rmtree(folder)
    assert model.predict(["good", "bad"] * 40)[-1].label == "negative"
    assert model.explain("good").logit == pytest.approx(2.125)


def test_the_digest_tells_models_apart(build: Build, tmp_path: Path):
    first = load(build())
    assert first.digest == load(build(tmp_path / "copy")).digest
    assert first.digest != load(build(tmp_path / "warm", temperature=2.0)).digest
    assert first.digest != load(build(tmp_path / "short", max_tokens=9)).digest
    assert len(first.digest) == 64


def test_int8_is_used_where_the_folder_has_it(build: Build):
    folder = build(int8_shift=1.0)
    assert load(folder).precision == "int8"
    assert load(folder).logits(["film"]).logits[0, 0] == pytest.approx(1.125)
    assert load(folder, precision="int8").precision == "int8"
    full = load(folder, precision="float32")
    assert full.precision == "float32"
    assert full.logits(["film"]).logits[0, 0] == pytest.approx(0.125)
    assert full.digest != load(folder).digest


def test_int8_has_a_temperature_of_its_own(build: Build):
    folder = build(int8_shift=0.0)
    change(folder, modelfolder.CALIBRATION, b'{"temperature": 1.5, "temperature_int8": 3}')
    assert load(folder).temperature == 3.0
    assert load(folder, precision="float32").temperature == 1.5


def test_int8_that_is_not_there(build: Build):
    with pytest.raises(
        ModelFolderError, match=r"has no model\.int8\.onnx\. Make it with: undertone"
    ):
        load(build(), precision="int8")


def test_unknown_precision_and_threads(build: Build):
    with pytest.raises(ConfigError, match=r"unknown precision 'int4' \(did you mean 'int8'\?\)"):
        load(build(), precision="int4")  # type: ignore[arg-type]
    for threads in (0, -1, 1.5, True, "2"):
        with pytest.raises(ConfigError, match="is no number of threads"):
            load(build(), threads=threads)  # type: ignore[arg-type]


def test_one_thread_gives_the_same(build: Build):
    texts = ["good film", "bad", "awful film but great"] * 30
    folder = build()
    one, three = load(folder, threads=1), load(folder, threads=3)
    assert one.predict_proba(texts).tolist() == three.predict_proba(texts).tolist()


def change(folder: Path, name: str, content: bytes) -> None:
    """Put other content into the folder and make the manifest vouch for it."""
    (folder / name).write_bytes(content)
    modelfolder.write(folder, modelfolder.read(folder))


@pytest.mark.parametrize("name", ["tokenizer.json", "model.onnx", "calibration.json"])
def test_a_damaged_file_is_refused(build: Build, name: str):
    folder = build()
    path = folder / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelFolderError, match="is damaged: its size or digest differs"):
        load(folder)
    path.unlink()
    with pytest.raises(ModelFolderError, match=f"has no {name}"):
        load(folder)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("model.onnx", b"", "model.onnx cannot be used"),
        ("model.onnx", b"not a graph", "model.onnx cannot be used"),
        ("tokenizer.json", b"{}", "tokenizer.json is damaged"),
        ("calibration.json", b"[1]", "calibration.json is damaged"),
        ("calibration.json", b"{}", "holds the temperature None"),
        ("calibration.json", b'{"temperature": 0}', "holds the temperature 0"),
        ("calibration.json", b'{"temperature": true}', "holds the temperature True"),
        ("calibration.json", b'{"temperature": "1"}', "holds the temperature '1'"),
    ],
)
def test_files_that_are_no_part_of_a_model(build: Build, name: str, content: bytes, message: str):
    folder = build()
    change(folder, name, content)
    with pytest.raises(ModelFolderError, match=message.replace(".", r"\.")):
        load(folder)


def test_a_network_that_does_not_fit_the_tokenizer_or_the_labels(build: Build, tmp_path: Path):
    folder = build()
    small = build(tmp_path / "small", weights=(("good", 1.0), ("bad", -1.0)))
    graph = (folder / "model.onnx").read_bytes()
    change(folder, "model.onnx", (small / "model.onnx").read_bytes())
    with pytest.raises(ModelFolderError, match=r"model\.onnx cannot be used"):
        load(folder)  # the table of vectors is shorter than the vocabulary
    change(folder, "model.onnx", graph)
    content = json.loads((folder / "config.json").read_text())
    content["labels"] = ["a", "b", "c"]
    (folder / "config.json").write_text(json.dumps(content))
    with pytest.raises(ModelFolderError, match=r"model\.onnx has 1 outputs, but its labels need 3"):
        load(folder)


def test_a_missing_folder(tmp_path: Path):
    with pytest.raises(ModelFolderError, match="no model folder at"):
        load(tmp_path / "nowhere")


def test_the_folder_inside_the_package_is_the_default(
    build: Build, monkeypatch: pytest.MonkeyPatch
):
    folder = build()
    monkeypatch.setattr("undertone.modelfolder.PACKAGED", folder)
    assert load().name == "built-in"
    assert load().predict("good").label == "positive"


def test_a_prediction_loads_no_heavy_package(build: Build):
    script = (
        "import sys, undertone\n"
        f"model = undertone.load({str(build())!r})\n"
        "print(model.predict('good').label, model.explain('good film').label)\n"
        "heavy = ['torch', 'onnx', 'pyarrow', 'pandas', 'sklearn', 'rich', 'matplotlib', 'csv']\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "positive positive\n[]\n"
    assert done.stderr == ""


def test_names_of_the_package():
    assert set(inference.__all__) >= {"Model", "load", "Prediction", "Explanation", "score_file"}
    assert all(getattr(inference, name) is not None for name in inference.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = inference.nothing
