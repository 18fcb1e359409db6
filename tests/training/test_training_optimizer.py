"""The weight average against a plain loop, and which parameters decay."""

import numpy as np
import pytest
import torch
from torch import nn
from traininghelpers import tiny_config

from undertone import networks
from undertone.settings import TrainConfig
from undertone.training import optimizer
from undertone.training.average import WeightAverage


def moved(network, generator):
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.from_numpy(generator.normal(size=parameter.shape)).float())


@pytest.mark.parametrize("decay", [0.5, 0.9, 0.999])
def test_the_average_is_a_plain_loop(decay):
    network = nn.Linear(3, 2)
    average = WeightAverage(network, decay)
    expected = {name: p.detach().numpy().astype(float) for name, p in network.named_parameters()}
    generator = np.random.default_rng(0)
    for step in range(60):
        moved(network, generator)
        average.update(network, step)
        keep = min(decay, (1 + step) / (10 + step))
        for name, parameter in network.named_parameters():
            current = parameter.detach().numpy()
            expected[name] = keep * expected[name] + (1 - keep) * current
    for name, value in expected.items():
        np.testing.assert_allclose(average.weights[name].numpy(), value, rtol=1e-5)


def test_without_decay_the_average_is_the_current_weights_exactly():
    network = nn.Linear(3, 2)
    average = WeightAverage(network, 0.0)
    moved(network, np.random.default_rng(1))
    average.update(network, 0)
    assert all(torch.equal(average.weights[name], p) for name, p in network.named_parameters())


def test_a_snapshot_is_a_copy_and_can_be_loaded_back():
    network = nn.Linear(3, 2)
    average = WeightAverage(network, 0.5)
    snapshot = average.snapshot()
    before = {name: weight.clone() for name, weight in snapshot.items()}
    moved(network, np.random.default_rng(2))
    average.update(network, 9)
    assert all(torch.equal(snapshot[name], before[name]) for name in before)
    assert not torch.equal(average.weights["weight"], before["weight"])
    average.load(snapshot)
    assert torch.equal(average.weights["weight"], before["weight"])


def decays(**settings):
    config = tiny_config(network={"layer_norm": True, "pooling": "attention"}, **settings)
    network = networks.build_network(config, 20, 2)
    built, names = optimizer.build(network, config.train)
    parameters = [parameter for group in built.param_groups for parameter in group["params"]]
    by_parameter = {
        id(parameter): group["weight_decay"]
        for group in built.param_groups
        for parameter in group["params"]
    }
    own = dict(network.named_parameters())
    assert [id(own[name]) for name in names] == [id(parameter) for parameter in parameters]
    assert set(names) == set(own)
    return {name: by_parameter[id(parameter)] for name, parameter in own.items()}


def test_matrices_decay_token_vectors_as_told_and_biases_never():
    found = decays(weight_decay=0.3, embedding_decay=0.01)
    assert found.pop("embedding.weight") == 0.01
    matrices = {name for name, decay in found.items() if decay == 0.3}
    rest = {name for name, decay in found.items() if decay == 0.0}
    assert matrices == {
        *(
            f"layers.0.{way}_lstm.weight_{kind}_l0"
            for way in ("forward", "backward")
            for kind in ("ih", "hh")
        ),
        "attention.score.weight",
        "output.weight",
    }
    assert rest == set(found) - matrices
    assert {"norm.weight", "norm.bias", "output.bias", "attention.score.bias"} < rest


def test_equal_decays_share_a_group_and_no_parameter_is_lost():
    assert set(decays(weight_decay=0.1, embedding_decay=0.1).values()) == {0.1, 0.0}
    assert set(decays(weight_decay=0.0, embedding_decay=0.0).values()) == {0.0}


def test_a_step_is_adamw_by_hand():
    """Loshchilov and Hutter (2019), algorithm 2, first step."""
    network = nn.Module()
    network.register_parameter("output", nn.Parameter(torch.tensor([[2.0, -1.0]])))
    config = TrainConfig(lr=0.1, weight_decay=0.5, beta2=0.99)
    built, _ = optimizer.build(network, config)
    network.output.grad = torch.tensor([[3.0, -0.5]])
    built.step()
    # The first step of Adam is the sign of the gradient; decay shrinks by 1 - lr * decay.
    expected = np.array([[2.0, -1.0]]) * (1 - 0.1 * 0.5) - 0.1 * np.array([[1.0, -1.0]])
    np.testing.assert_allclose(network.output.detach().numpy(), expected, rtol=1e-5)


def test_token_vectors_move_at_their_share_of_the_rate():
    network = nn.Module()
    network.embedding = nn.Embedding(4, 2)
    network.output = nn.Linear(2, 1)
    built, names = optimizer.build(network, TrainConfig(embedding_lr=0.25, embedding_decay=0.01))
    scales = {
        name: group["scale"]
        for group in built.param_groups
        for name in names
        if any(dict(network.named_parameters())[name] is p for p in group["params"])
    }
    assert scales == {"embedding.weight": 0.25, "output.weight": 1.0, "output.bias": 1.0}
