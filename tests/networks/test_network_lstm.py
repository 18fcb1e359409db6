import itertools

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from undertone import networks
from undertone.config import RunConfig, load_preset
from undertone.errors import ConfigError
from undertone.settings import NetworkConfig

LENGTHS = [1, 2740, 7, 300, 33]


def run_config(pooling="concat", norm=False, bidirectional=True, layers=1, size=8):
    network = NetworkConfig(
        embedding_dim=size + 4,
        hidden_dim=size,
        layers=layers,
        bidirectional=bidirectional,
        pooling=pooling,
        layer_norm=norm,
    )
    return RunConfig(network=network)


def make(config, labels=2, vocabulary=50):
    torch.manual_seed(3)
    network = networks.build_network(config, vocabulary, labels).eval()
    with torch.no_grad():
        for weight in network.parameters():
            weight.add_(torch.randn_like(weight) * 0.3)
        network.embedding.weight[0].zero_()
    return network


def reviews(lengths=LENGTHS, vocabulary=50):
    torch.manual_seed(4)
    ids = torch.randint(2, vocabulary, (len(lengths), max(lengths)))
    sizes = torch.tensor(lengths)
    ids[torch.arange(max(lengths))[None] >= sizes[:, None]] = 0
    return ids, sizes


def session(config, network):
    weights = {name: weight.detach().numpy() for name, weight in network.state_dict().items()}
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    graph = networks.build_graph(config, weights).SerializeToString()
    return onnxruntime.InferenceSession(graph, options)


def feed(ids, lengths):
    return {"ids": ids.numpy(), "lengths": lengths.numpy().astype(np.int32)}


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("lstm-15m", 15_175_681), ("lstm-45m", 45_031_425), ("lstm-148m", 148_783_105)],
)
def test_presets_of_the_study_have_its_parameter_counts(name, parameters):
    assert networks.count_parameters(load_preset(name), 30_522, 2) == parameters


@pytest.mark.parametrize(
    ("pooling", "norm", "bidirectional", "layers", "labels"),
    [
        *itertools.product(
            ["last", "mean", "max", "concat", "attention"], [False, True], [True], [1], [2]
        ),
        ("last", True, True, 3, 2),
        ("last", False, False, 2, 4),
        ("concat", True, False, 2, 5),
        ("attention", False, False, 1, 3),
    ],
)
def test_graph_equals_torch_and_contributions_add_up(pooling, norm, bidirectional, layers, labels):
    config = run_config(pooling, norm, bidirectional, layers)
    network = make(config, labels)
    assert sum(weight.numel() for weight in network.parameters()) == networks.count_parameters(
        config, 50, labels
    )
    ids, lengths = reviews()
    with torch.no_grad():
        expected = network(ids, lengths).numpy()
    logits, contributions, base = session(config, network).run(None, feed(ids, lengths))
    assert expected.shape == (5, networks.outputs(labels))
    np.testing.assert_allclose(logits, expected, atol=1e-5, rtol=0)
    np.testing.assert_allclose(contributions.sum(axis=1) + base, logits, atol=1e-4, rtol=0)
    assert contributions[0, 1:].any() == False  # noqa: E712 (padding contributes nothing)
    assert np.abs(contributions[0, 0]).min() > 0


def test_a_review_scores_the_same_alone_and_in_a_batch():
    config = run_config()
    network = make(config)
    ids, lengths = reviews()
    graph = session(config, network)
    together = graph.run(["logits"], feed(ids, lengths))[0]
    for row, length in enumerate(LENGTHS):
        alone_ids, alone_length = ids[row : row + 1, :length], lengths[row : row + 1]
        with torch.no_grad():
            by_torch = network(alone_ids, alone_length).numpy()
        by_graph = graph.run(["logits"], feed(alone_ids, alone_length))[0]
        np.testing.assert_allclose(by_torch, together[row : row + 1], atol=1e-5, rtol=0)
        np.testing.assert_allclose(by_graph, together[row : row + 1], atol=1e-5, rtol=0)


def test_what_stands_on_padding_is_never_read():
    network = make(run_config("last", layers=2))
    ids, lengths = reviews([3, 6])
    with torch.no_grad():
        before = network(ids, lengths)
        ids[0, 3:] = 9
        after = network(ids, lengths)
    assert torch.equal(before, after)


def test_the_time_axis_is_free():
    config = run_config()
    weights = {name: w.detach().numpy() for name, w in make(config).state_dict().items()}
    model = networks.build_graph(config, weights)
    shapes = {
        value.name: [dim.dim_param for dim in value.type.tensor_type.shape.dim]
        for value in [*model.graph.input, *model.graph.output]
    }
    assert shapes["ids"] == ["B", "T"]
    assert shapes["contributions"] == ["B", "T", "K"]
    assert model.opset_import[0].version == 17
    onnx.checker.check_model(model, full_check=True)


def test_unknown_architecture_is_refused_with_the_choices():
    config = RunConfig(network=NetworkConfig(architecture="lsmt"))
    with pytest.raises(ConfigError, match=r"unknown architecture 'lsmt' \(did you mean 'lstm'\?\)"):
        networks.build_network(config, 50, 2)
