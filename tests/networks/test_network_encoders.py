"""Transformer and hybrid: torch against the ONNX graph, padding, gradients, refused settings."""

import itertools

import numpy as np
import onnxruntime
import pytest
import torch

from undertone import networks
from undertone.config import RunConfig, load_preset
from undertone.errors import ConfigError
from undertone.networks.hybrid import HybridClassifier
from undertone.networks.language_model import LanguageModel
from undertone.networks.lstm import LSTMClassifier
from undertone.settings import NetworkConfig, TextConfig, TrainConfig

VOCABULARY = 50
LENGTHS = [1, 600, 7, 300, 33]
BOTH = ("transformer", "hybrid")
POOLINGS = ("last", "mean", "max", "concat", "attention")


def run_config(architecture, pooling="concat", **network):
    usual = {"embedding_dim": 8, "hidden_dim": 8, "layers": 2, "heads": 2, "feedforward_dim": 16}
    return RunConfig(
        text=TextConfig(max_tokens=600),
        network=NetworkConfig(architecture=architecture, pooling=pooling, **usual | network),
        train=TrainConfig(word_dropout=0.0),
    )


def make(config, labels=2):
    torch.manual_seed(3)
    network = networks.build_network(config, VOCABULARY, labels).eval()
    with torch.no_grad():
        for weight in network.parameters():
            weight.add_(torch.randn_like(weight) * 0.3)
        network.embedding.weight[0].zero_()
    return network


def reviews(lengths=LENGTHS, width=None):
    torch.manual_seed(4)
    sizes = torch.tensor(lengths)
    width = width or max(lengths)
    ids = torch.randint(2, VOCABULARY, (len(lengths), width))
    ids[torch.arange(width)[None] >= sizes[:, None]] = 0
    return ids, sizes


def session(config, network):
    weights = {name: weight.detach().numpy() for name, weight in network.named_parameters()}
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    graph = networks.build_graph(config, weights).SerializeToString()
    return onnxruntime.InferenceSession(graph, options)


def feed(ids, lengths):
    return {"ids": ids.numpy(), "lengths": lengths.numpy().astype(np.int32)}


CASES = [
    *((name, pooling, {}, 2) for name, pooling in itertools.product(BOTH, POOLINGS)),
    *((name, "concat", {"layer_norm": True}, 3) for name in BOTH),
    ("transformer", "mean", {"positions": "learned", "hidden_dim": 12}, 2),
    ("transformer", "last", {"layer_norm": True, "embedding_dim": 5, "heads": 4}, 4),
    ("hybrid", "last", {"bidirectional": False, "attention_layers": 3}, 2),
    ("hybrid", "attention", {"layer_norm": True, "layers": 1, "attention_layers": 2}, 2),
]


@pytest.mark.parametrize(("architecture", "pooling", "settings", "labels"), CASES)
def test_graph_equals_torch_and_contributions_add_up(architecture, pooling, settings, labels):
    config = run_config(architecture, pooling, **settings)
    network = make(config, labels)
    counted = sum(weight.numel() for weight in network.parameters())
    assert networks.count_parameters(config, VOCABULARY, labels) == counted
    ids, lengths = reviews(width=608)
    with torch.no_grad():
        expected = network(ids, lengths).numpy()
    logits, contributions, base = session(config, network).run(None, feed(ids, lengths))
    assert expected.shape == (5, networks.outputs(labels))
    np.testing.assert_allclose(logits, expected, atol=1e-5, rtol=0)
    np.testing.assert_allclose(contributions.sum(axis=1) + base, logits, atol=1e-5, rtol=0)
    for row, length in enumerate(LENGTHS):
        assert not contributions[row, length:].any()  # padding contributes nothing


@pytest.mark.parametrize("architecture", BOTH)
def test_contributions_are_those_of_the_states(architecture):
    config = run_config(architecture, "mean")
    network = make(config)
    ids, lengths = reviews([6])
    with torch.no_grad():
        states = network.read(network.embedding(ids), lengths)[0]
        expected = states @ network.output.weight.T / 6
    contributions, base = session(config, network).run(
        ["contributions", "base"], feed(ids, lengths)
    )
    np.testing.assert_allclose(contributions[0], expected.numpy(), atol=1e-5, rtol=0)
    np.testing.assert_allclose(base[0], network.output.bias.detach().numpy(), atol=1e-6)


@pytest.mark.parametrize("architecture", BOTH)
def test_max_pooling_gives_each_feature_to_the_position_that_has_it(architecture):
    config = run_config(architecture, "max")
    network = make(config)
    ids, lengths = reviews([5])
    with torch.no_grad():
        states = network.read(network.embedding(ids), lengths)[0]
    expected = torch.zeros(5)
    for feature, (value, place) in enumerate(zip(*states.max(dim=0), strict=True)):
        expected[place] += value * network.output.weight[0, feature].detach()
    (contributions,) = session(config, network).run(["contributions"], feed(ids, lengths))
    np.testing.assert_allclose(contributions[0, :, 0], expected.numpy(), atol=1e-5, rtol=0)


@pytest.mark.parametrize(("architecture", "pooling"), [*itertools.product(BOTH, POOLINGS)])
def test_a_review_scores_the_same_alone_and_in_a_batch(architecture, pooling):
    config = run_config(architecture, pooling)
    network = make(config)
    ids, lengths = reviews()
    graph = session(config, network)
    together = graph.run(["logits"], feed(ids, lengths))[0]
    for row, length in enumerate(LENGTHS):
        alone = ids[row : row + 1, :length], lengths[row : row + 1]
        with torch.no_grad():
            by_torch = network(*alone).numpy()
        by_graph = graph.run(["logits"], feed(*alone))[0]
        np.testing.assert_allclose(by_torch, together[row : row + 1], atol=1e-5, rtol=0)
        np.testing.assert_allclose(by_graph, together[row : row + 1], atol=1e-5, rtol=0)


@pytest.mark.parametrize("architecture", BOTH)
def test_what_stands_on_padding_is_never_read(architecture):
    network = make(run_config(architecture))
    ids, lengths = reviews([3, 6])
    with torch.no_grad():
        before = network(ids, lengths)
        ids[0, 3:] = 9
        after = network(ids, lengths)
    assert torch.equal(before, after)


@pytest.mark.parametrize(
    ("architecture", "settings"),
    [("transformer", {}), ("transformer", {"positions": "learned"}), ("hybrid", {})],
)
def test_the_order_of_words_counts(architecture, settings):
    network = make(run_config(architecture, "mean", **settings))
    ids = torch.tensor([[5, 9, 17, 23], [23, 17, 9, 5]])
    with torch.no_grad():
        one, other = network(ids, torch.tensor([4, 4])).flatten().tolist()
    assert abs(one - other) > 1e-3


@pytest.mark.parametrize("architecture", BOTH)
def test_every_token_hears_of_every_other(architecture):
    """A word far ahead changes the state of the first token, and the other way round."""
    network = make(run_config(architecture))
    ids, lengths = reviews([40])
    changed = ids.clone()
    changed[0, 39] = changed[0, 0] = 2 + (ids[0, 0] + 5) % 40
    with torch.no_grad():
        before = network.read(network.embedding(ids), lengths)[0]
        late = torch.cat([ids[:, :39], changed[:, 39:]], dim=1)
        early = torch.cat([changed[:, :1], ids[:, 1:]], dim=1)
        far = (network.read(network.embedding(late), lengths)[0, 0] - before[0]).abs().max()
        near = (network.read(network.embedding(early), lengths)[0, 39] - before[39]).abs().max()
    assert min(float(far), float(near)) > 1e-4


@pytest.mark.parametrize(
    ("architecture", "settings"),
    [
        ("transformer", {"positions": "learned", "embedding_dim": 6, "layer_norm": True}),
        ("hybrid", {"layer_norm": True, "attention_layers": 2}),
    ],
)
def test_gradients_reach_every_parameter_and_the_token_vectors(architecture, settings):
    network = make(run_config(architecture, "attention", **settings)).train()
    ids, lengths = reviews([4, 9])
    vectors = network.embedding(ids)
    vectors.retain_grad()
    network.classify(vectors, lengths).square().sum().backward()
    missing = [
        name for name, weight in network.named_parameters() if not weight.grad.abs().sum() > 0
    ]
    # A constant added to every score leaves a softmax as it is.
    assert missing in (["attention.score.bias"], [])
    assert vectors.grad[0, :4].abs().min(dim=0).values.sum() > 0
    assert not vectors.grad[0, 4:].any()  # nor does padding learn


@pytest.mark.parametrize("architecture", BOTH)
def test_ids_and_their_vectors_give_the_same_logits(architecture):
    network = make(run_config(architecture))
    ids, lengths = reviews([8, 3])
    with torch.no_grad():
        assert torch.equal(network(ids, lengths), network.classify(network.embedding(ids), lengths))


def test_padding_beyond_the_learned_positions_is_harmless():
    config = run_config("transformer", "concat", positions="learned")
    network = make(config)
    ids, lengths = reviews([600, 9])
    wider = torch.nn.functional.pad(ids, (0, 40))
    with torch.no_grad():
        expected = network(ids, lengths)
        torch.testing.assert_close(network(wider, lengths), expected, atol=1e-5, rtol=0)
    (logits,) = session(config, network).run(["logits"], feed(wider, lengths))
    np.testing.assert_allclose(logits, expected.numpy(), atol=1e-5, rtol=0)


@pytest.mark.parametrize("architecture", BOTH)
def test_presets_have_about_the_size_of_lstm_15m(architecture):
    config, study = load_preset(architecture), load_preset("lstm-15m")
    counted = networks.count_parameters(config, 30_522, 2)
    torch_counts = networks.build_network(config, 30_522, 2).parameters()
    assert counted == sum(weight.numel() for weight in torch_counts)
    assert counted == pytest.approx(networks.count_parameters(study, 30_522, 2), rel=0.02)
    assert config.text == study.text
    assert config.network.architecture == architecture


def test_without_self_attention_the_hybrid_is_the_lstm():
    """With output weights of zero an encoder layer adds nothing; only the last norm remains."""
    hybrid = make(run_config("hybrid", "mean"))
    lstm = LSTMClassifier(run_config("lstm", "mean", heads=4, feedforward_dim=512), VOCABULARY, 1)
    lstm.load_state_dict(hybrid.state_dict(), strict=False)
    for linear in (hybrid.layers[2].attention.outward, hybrid.layers[2].contract):
        torch.nn.init.zeros_(linear.weight)
        torch.nn.init.zeros_(linear.bias)
    ids, lengths = reviews([9, 4])
    with torch.no_grad():
        vectors = hybrid.embedding(ids)
        expected = hybrid.final_norm(lstm.eval().read(vectors, lengths))
        torch.testing.assert_close(hybrid.read(vectors, lengths), expected)


def test_the_hybrid_has_the_names_of_the_language_model_to_start_from():
    config = run_config("hybrid")
    language = LanguageModel(config, VOCABULARY, torch.ones(VOCABULARY))
    shapes = {
        name: weight.shape
        for name, weight in HybridClassifier(config, VOCABULARY, 1).named_parameters()
    }
    theirs = {name: weight.shape for name, weight in language.named_parameters()}
    shared = {name for name in theirs if shapes.get(name) == theirs[name]}
    recurrent = {name for name in theirs if name.startswith("layers.0.")}
    assert shared == recurrent | {"embedding.weight"}
    assert len(recurrent) == 8


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            {"architecture": "lstm", "heads": 8},
            (
                "network.heads=8 has no effect with network.architecture=lstm: "
                "use network.architecture=transformer or hybrid, or drop it."
            ),
        ),
        (
            {"architecture": "transformer", "bidirectional": False},
            (
                "network.bidirectional=false has no effect with network.architecture=transformer: "
                "use network.architecture=lstm or hybrid, or drop it."
            ),
        ),
        (
            {"architecture": "hybrid", "positions": "learned"},
            (
                "network.positions=learned has no effect with network.architecture=hybrid: "
                "use network.architecture=transformer, or drop it."
            ),
        ),
        (
            {"architecture": "hybrid", "heads": 3},
            (
                "network.heads=3 does not divide the 256 features of a token's state "
                "(network.hidden_dim=128, two directions): choose a divisor."
            ),
        ),
        (
            {"architecture": "transformer", "hidden_dim": 9, "heads": 3},
            (
                "network.hidden_dim=9 is odd, and network.positions=sinusoidal needs pairs: "
                "choose an even number, or use network.positions=learned."
            ),
        ),
    ],
)
def test_settings_without_effect_or_sense_are_refused(settings, said):
    with pytest.raises(ConfigError) as caught:
        RunConfig(network=NetworkConfig(**settings))
    assert str(caught.value) == said


def test_the_remedies_work():
    RunConfig(network=NetworkConfig(architecture="transformer", heads=8))
    RunConfig(network=NetworkConfig(architecture="hybrid", bidirectional=False, heads=8))
    odd = {"hidden_dim": 9, "heads": 3, "positions": "learned"}
    RunConfig(network=NetworkConfig(architecture="transformer", **odd))
