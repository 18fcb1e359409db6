import shutil

import msgspec
import numpy as np
import onnx
import pytest

from undertone import modelfolder
from undertone.data.examples import SourceOptions
from undertone.data.source import load_split
from undertone.errors import DataError, ModelFolderError
from undertone.evaluation.export import COMPARISON, export_int8
from undertone.inference import quantisation
from undertone.inference.predictor import load


@pytest.fixture
def folder(sample_model, tmp_path):
    return shutil.copytree(sample_model, tmp_path / "model")


def operators(path):
    return [node.op_type for node in onnx.load(path).graph.node]


def test_int8_graph_is_int8_and_a_third_of_the_size(folder):
    assert export_int8(folder) is None
    graph = onnx.load(folder / "model.int8.onnx")
    kinds = {each.name: each.data_type for each in graph.graph.initializer}
    assert kinds["embedding_quantized"] in (onnx.TensorProto.INT8, onnx.TensorProto.UINT8)
    assert kinds["lstm0.W_quantized"] == onnx.TensorProto.INT8
    assert "DynamicQuantizeLSTM" in operators(folder / "model.int8.onnx")
    assert "LSTM" not in operators(folder / "model.int8.onnx")
    sizes = [(folder / name).stat().st_size for name in ("model.onnx", "model.int8.onnx")]
    assert sizes[1] < 0.4 * sizes[0]


def test_comparison_says_what_both_graphs_say(folder):
    comparison = export_int8(folder, source="sample")
    config = modelfolder.read(folder).config
    examples = load_split("sample", SourceOptions(), config.data, "test")
    texts = [example.text for example in examples]
    plain, rounded = load(folder, precision="float32"), load(folder, precision="int8")
    before, after = plain.predict_proba(texts), rounded.predict_proba(texts)
    truth = np.array([plain.labels.index(example.label) for example in examples])
    assert comparison.reviews == len(texts) == 105
    read = rounded.logits(texts)
    share = read.tokens_read.sum() / read.tokens_total.sum()
    assert comparison.share_read == pytest.approx(share)
    assert comparison.flips == int((before.argmax(1) != after.argmax(1)).sum())
    assert comparison.largest_change == pytest.approx(np.abs(before - after).max())
    assert 0 < comparison.largest_change < 0.2
    assert comparison.float32.accuracy == pytest.approx((before.argmax(1) == truth).mean())
    assert comparison.int8.accuracy == pytest.approx((after.argmax(1) == truth).mean())
    assert comparison.int8.temperature == rounded.temperature != plain.temperature
    kept = msgspec.json.decode((folder / COMPARISON).read_bytes())
    assert kept["flips"] == comparison.flips
    assert kept["int8"]["accuracy"] == comparison.int8.accuracy


def test_int8_contributions_add_up(folder):
    export_int8(folder)
    model = load(folder, precision="int8")
    explanation = model.explain("A dull start, but what an ending!")
    ids = model.encoder.encode(["A dull start, but what an ending!"])[0].ids
    logits, contributions, base = model.network.contributions(ids)
    np.testing.assert_allclose(contributions.sum(axis=0) + base, logits, atol=1e-4)
    assert len(explanation.tokens) == len(ids)


def test_a_graph_that_did_not_become_int8_is_refused(folder, monkeypatch):
    from onnxruntime import quantization

    def nothing(source, target, **settings):
        shutil.copyfile(source, target)

    monkeypatch.setattr(quantization, "quantize_dynamic", nothing)
    with pytest.raises(ModelFolderError, match="not truly quantised: 0 of 1 LSTM nodes"):
        quantisation.quantise(folder / "model.onnx", folder / "model.int8.onnx")
    assert not (folder / "model.int8.onnx").exists()
    assert not list(folder.glob(".*tmp"))


def test_exporting_twice_gives_the_same_model(folder):
    export_int8(folder)
    first = (folder / "model.int8.onnx").read_bytes()
    export_int8(folder)
    assert (folder / "model.int8.onnx").read_bytes() == first


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json", "history.jsonl"])
def test_a_damaged_model_is_refused_and_not_signed_anew(folder, name):
    (folder / name).write_bytes(b"nothing")
    before = content(folder)
    with pytest.raises(ModelFolderError, match=f"{name} is damaged"):
        export_int8(folder)
    assert content(folder) == before


def test_a_failed_export_leaves_the_folder_as_it_was(folder):
    before = content(folder)
    with pytest.raises(DataError):
        export_int8(folder, source="no-such-file.csv")
    assert content(folder) == before


def test_figures_of_an_earlier_export_do_not_outlive_it(folder):
    export_int8(folder, source="sample")
    assert (folder / COMPARISON).exists()
    export_int8(folder)
    assert not (folder / COMPARISON).exists()
    assert (
        load(folder, precision="int8").temperature == load(folder, precision="float32").temperature
    )
