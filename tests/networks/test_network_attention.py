"""Self-attention and encoder layers against torch's own, on real tokens only."""

import math

import pytest
import torch
from torch import nn

from undertone.networks.attention import EncoderLayer, SelfAttention, sinusoids
from undertone.settings import NetworkConfig, TrainConfig

LENGTHS = torch.tensor([5, 1, 9])
PADDING = torch.arange(9)[None] >= LENGTHS[:, None]


def encoder_layer(dropout=0.0):
    torch.manual_seed(1)
    network = NetworkConfig(architecture="transformer", hidden_dim=8, heads=2, feedforward_dim=20)
    layer = EncoderLayer(network, TrainConfig(layer_dropout=dropout, dropout_mask="element"))
    with torch.no_grad():
        for weight in layer.parameters():
            weight.add_(torch.randn_like(weight) * 0.1)
    return layer


def test_self_attention_equals_torchs():
    torch.manual_seed(1)
    ours = SelfAttention(8, heads=2)
    reference = nn.MultiheadAttention(8, 2, batch_first=True)
    reference.in_proj_weight.data.copy_(ours.inward.weight)
    reference.in_proj_bias.data.copy_(ours.inward.bias)
    reference.out_proj.load_state_dict(ours.outward.state_dict())
    states = torch.randn(3, 9, 8)
    expected, _ = reference(states, states, states, key_padding_mask=PADDING)
    got = ours(states, LENGTHS)
    torch.testing.assert_close(got[~PADDING], expected[~PADDING], atol=1e-6, rtol=0)


def test_encoder_layer_equals_torchs_with_norm_first():
    ours = encoder_layer()
    reference = nn.TransformerEncoderLayer(
        8, 2, 20, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
    )
    pairs = [
        (reference.norm1, ours.attention_norm),
        (reference.norm2, ours.feedforward_norm),
        (reference.linear1, ours.expand),
        (reference.linear2, ours.contract),
        (reference.self_attn.out_proj, ours.attention.outward),
    ]
    for theirs, our in pairs:
        theirs.load_state_dict(our.state_dict())
    reference.self_attn.in_proj_weight.data.copy_(ours.attention.inward.weight)
    reference.self_attn.in_proj_bias.data.copy_(ours.attention.inward.bias)
    states = torch.randn(3, 9, 8)
    expected = reference(states, src_key_padding_mask=PADDING)
    got = ours(states, LENGTHS)
    torch.testing.assert_close(got[~PADDING], expected[~PADDING], atol=1e-5, rtol=0)


def test_dropout_acts_on_what_a_layer_adds_and_not_on_what_passes_through():
    layer = encoder_layer(dropout=0.9).train()
    states = torch.full((1, 40, 8), 3.0)
    out = layer(states, torch.tensor([40]))
    untouched = (out == 3.0).float().mean()  # both halves dropped: 0.9 ** 2
    assert float(untouched) == pytest.approx(0.81, abs=0.1)
    torch.testing.assert_close(
        layer.eval()(states, torch.tensor([40]))[0, 0],
        out.new_tensor(layer(states, torch.tensor([40]))[0, 39].tolist()),
    )


def test_sinusoids_of_two_positions():
    expected = torch.tensor(
        [[0.0, 0.0, 1.0, 1.0], [math.sin(1), math.sin(0.01), math.cos(1), math.cos(0.01)]]
    )
    torch.testing.assert_close(sinusoids(torch.arange(2), 4), expected)


def test_sinusoids_tell_distances_apart_by_a_rotation():
    """Vaswani et al., section 3.5: a shift is the same linear map wherever it starts."""
    table = sinusoids(torch.arange(100), 16)
    products = table @ table.T
    torch.testing.assert_close(products[10, 17], products[60, 67], atol=1e-4, rtol=0)
    assert len({tuple(row) for row in table.tolist()}) == 100
