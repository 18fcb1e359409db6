"""Transformer and hybrid from reviews to verdicts: trained, read back, explained, exported."""

import json

import numpy as np
import onnx
import pytest

from undertone import modelfolder, networks, training
from undertone.config import load_preset
from undertone.evaluation.export import export_int8
from undertone.inference.predictor import load

SHAPE = {
    "transformer": ["network.hidden_dim=32", "network.positions=learned"],
    "hybrid": ["network.hidden_dim=16"],
}
TEXT = "A dull start, but what an ending! I cried, and I would watch it again."


@pytest.fixture(scope="module", params=["transformer", "hybrid"])
def trained(request, tmp_path_factory):
    settings = [
        *SHAPE[request.param],
        f"network.architecture={request.param}",
        *("network.embedding_dim=24", "network.heads=2", "network.feedforward_dim=48"),
        *("train.epochs=5", "train.threads=1", "train.lr=4e-3", "train.ema=0.9"),
        *(f"train.{kind}_dropout=0.05" for kind in ("word", "embedding", "input", "layer")),
        "train.output_dropout=0.1",
    ]
    folder = tmp_path_factory.mktemp("models") / request.param
    training.train("sample", config=load_preset("sample", settings), output=folder)
    return folder


def test_training_learns_and_the_folder_predicts(trained):
    history = [json.loads(line) for line in (trained / "history.jsonl").read_text().splitlines()]
    assert history[-1]["train_loss"] < history[0]["train_loss"] - 0.05
    model = load(trained, precision="float32")
    manifest = modelfolder.read(trained)
    metrics = json.loads((trained / "metrics.json").read_text())
    counted = networks.count_parameters(manifest.config, model.encoder.size, 2)
    assert metrics["parameters"] == counted
    texts = ["Wonderful, moving and funny. I loved it.", "Boring, bad and awful. I hated it."]
    good, bad = (verdict.probabilities["positive"] for verdict in model.predict(texts))
    assert good > bad + 0.1


def test_a_text_scores_the_same_alone_and_among_others(trained):
    texts = ["Good.", TEXT, "bad " * 200, "A film about a man and a dog. " * 6]
    for precision in ("float32", "int8"):
        if precision == "int8":
            export_int8(trained)
        model = load(trained, precision=precision)
        together = model.logits(texts).logits
        alone = np.concatenate([model.logits([text]).logits for text in texts])
        np.testing.assert_allclose(together, alone, atol=1e-5, rtol=0)


def test_an_explanation_adds_up_and_its_curve_ends_at_the_verdict(trained):
    model = load(trained, precision="float32")
    told = model.explain(TEXT)
    total = told.base + sum(token.contribution for token in told.tokens)
    assert total == pytest.approx(told.logit, abs=1e-5)
    assert sum(abs(token.contribution) for token in told.tokens) > 0.01
    assert len(told.curve) == len(told.tokens)
    for point in (told.curve[3], told.curve[-1]):  # a point is the verdict on that much text
        verdict = model.predict(TEXT[: point.end]).probabilities["positive"]
        assert point.probability == pytest.approx(verdict, abs=1e-5)


def test_int8_rounds_every_layer_and_contributions_still_add_up(trained):
    before = load(trained, precision="float32").predict_proba([TEXT, "Dull.", "Great fun!"])
    comparison = export_int8(trained, source="sample")
    graph = onnx.load(trained / "model.int8.onnx")
    wide = [
        each.name
        for each in graph.graph.initializer
        if each.data_type == onnx.TensorProto.FLOAT
        and len(each.dims) > 1
        and not each.name.endswith("_scale")
    ]
    operators = [node.op_type for node in graph.graph.node]
    if "hybrid" in trained.name:
        # An LSTM's biases are one row a direction.
        assert sorted(wide) == ["lstm0.B", "output.weight"]
        assert operators.count("DynamicQuantizeLSTM") == 1
        assert operators.count("MatMulInteger") == 4
    else:
        assert wide == ["output.weight"]
        assert operators.count("MatMulInteger") == 5
    assert (trained / "model.int8.onnx").stat().st_size < 0.5 * (
        trained / "model.onnx"
    ).stat().st_size
    model = load(trained, precision="int8")
    logits, contributions, base = model.network.contributions(model.encoder.encode([TEXT])[0].ids)
    np.testing.assert_allclose(contributions.sum(axis=0) + base, logits, atol=1e-5)
    after = model.predict_proba([TEXT, "Dull.", "Great fun!"])
    np.testing.assert_allclose(after, before, atol=0.1)
    assert comparison.flips <= comparison.reviews // 10
