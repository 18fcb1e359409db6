"""Operations of a review, against counts by hand."""

from __future__ import annotations

import pytest

from undertone.settings import NetworkConfig
from undertone.study import flops


def test_an_lstm_grows_with_its_tokens():
    network = NetworkConfig(embedding_dim=256, hidden_dim=256, layers=5)
    assert flops.forward(network, 200) == 200 * 14_680_064
    one_way = NetworkConfig(embedding_dim=2, hidden_dim=3, layers=1, bidirectional=False)
    assert flops.forward(one_way, 10) == 10 * 2 * 4 * 3 * (2 + 3)


def test_a_transformer_is_counted_like_an_encoder():
    network = NetworkConfig(
        architecture="transformer", embedding_dim=64, hidden_dim=64, layers=2, feedforward_dim=128
    )
    encoder = flops.transformer([50], 64, 128, 2)
    assert flops.forward(network, 50) == encoder
    widened = NetworkConfig(
        architecture="transformer", embedding_dim=32, hidden_dim=64, layers=2, feedforward_dim=128
    )
    assert flops.forward(widened, 50) == encoder + 2 * 50 * 32 * 64


def test_a_hybrid_is_both():
    network = NetworkConfig(
        architecture="hybrid",
        embedding_dim=8,
        hidden_dim=16,
        feedforward_dim=64,
        attention_layers=2,
    )
    lstm = 30 * flops.lstm_token(8, 16, 1)
    assert flops.forward(network, 30) == pytest.approx(lstm + flops.transformer([30], 32, 64, 2))


def test_a_bag_has_no_such_count():
    assert flops.forward(NetworkConfig(architecture="bag"), 100) is None
