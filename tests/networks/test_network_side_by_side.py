"""Networks side by side in one: its logits are a weighted sum of theirs."""

from __future__ import annotations

import pytest
import torch
from msgspec.structs import replace

from undertone import networks
from undertone.config import RunConfig
from undertone.networks.side_by_side import Member, combined, merged
from undertone.settings import NetworkConfig, TrainConfig

WORDS = 40


def built(seed, **shape):
    config = RunConfig(network=NetworkConfig(**shape), train=TrainConfig())
    torch.manual_seed(seed)
    return config, networks.build_network(config, WORDS, 1).eval()


@pytest.mark.parametrize("pooling", ["last", "mean", "max", "concat"])
@pytest.mark.parametrize(("layers", "bidirectional"), [(1, True), (2, True), (2, False)])
def test_the_logits_are_the_weighted_sum(pooling, layers, bidirectional):
    same = {"pooling": pooling, "layers": layers, "bidirectional": bidirectional}
    parts = [
        built(number, embedding_dim=size, hidden_dim=size + 1, **same)
        for number, size in enumerate((3, 5, 4))
    ]
    factors = (0.5, 2.0, 1.5)
    shape = combined([config.network for config, _ in parts])
    assert (shape.embedding_dim, shape.hidden_dim) == (12, 15)
    weights = merged(
        [
            Member(config.network, network.state_dict(), factor)
            for (config, network), factor in zip(parts, factors, strict=True)
        ]
    )
    whole = networks.build_network(replace(parts[0][0], network=shape), WORDS, 1).eval()
    whole.load_state_dict(weights)
    ids, lengths = torch.randint(1, WORDS, (5, 9)), torch.tensor([9, 1, 4, 7, 2])
    with torch.no_grad():
        expected = sum(
            factor * network(ids, lengths)
            for (_, network), factor in zip(parts, factors, strict=True)
        )
        torch.testing.assert_close(whole(ids, lengths), expected, atol=1e-5, rtol=1e-5)


def test_one_alone_keeps_its_shape():
    config, network = built(0, embedding_dim=3, hidden_dim=4, pooling="attention")
    assert combined([config.network]) == config.network
    weights = merged([Member(config.network, network.state_dict(), 3.0)])
    for name, weight in network.state_dict().items():
        times = 3.0 if name.startswith("output.") else 1.0
        assert torch.equal(weights[name], weight * times)
