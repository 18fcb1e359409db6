"""The study's network as one writes it first: packed sequences into one stacked ``nn.LSTM``."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

from undertone.settings import NetworkConfig

STUDY = NetworkConfig(
    embedding_dim=256, hidden_dim=256, layers=5, pooling="last", layer_norm=True
)  # 15,175,681 parameters with 30,522 word pieces


class PackedLSTM(nn.Module):
    """Embedding, stacked bidirectional LSTM, both last states, LayerNorm, one linear layer.

    Args:
        shape: widths and number of layers; pooling is always by the last states.
        vocabulary: number of distinct tokens.
        dropout: between layers and before the linear layer.
    """

    def __init__(self, shape: NetworkConfig, vocabulary: int, dropout: float = 0.5) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, shape.embedding_dim, padding_idx=0)
        self.lstm = nn.LSTM(
            shape.embedding_dim,
            shape.hidden_dim,
            num_layers=shape.layers,
            batch_first=True,
            bidirectional=True,
            dropout=dropout,
        )
        self.dropout = nn.Dropout(dropout)
        self.norm = nn.LayerNorm(2 * shape.hidden_dim)
        self.output = nn.Linear(2 * shape.hidden_dim, 1)

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """Ids int64 (B, T) and lengths int64 (B,) to logits float32 (B, 1)."""
        packed = pack_padded_sequence(
            self.embedding(ids), lengths.cpu(), batch_first=True, enforce_sorted=False
        )
        last = self.lstm(packed)[1][0]
        logits: Tensor = self.output(self.norm(self.dropout(torch.cat([last[-2], last[-1]], 1))))
        return logits


def take_weights(plain: PackedLSTM, undertone: dict[str, Tensor]) -> None:
    """Give ``plain`` the weights of undertone's LSTM of the same shape, so both compute one thing.

    Raises:
        RuntimeError: the shapes differ.
    """
    plain.load_state_dict({_plain_name(name): weight for name, weight in undertone.items()})


def _plain_name(name: str) -> str:
    """``layers.2.backward_lstm.bias_hh_l0`` is called ``lstm.bias_hh_l2_reverse`` there."""
    parts = name.split(".")
    if parts[0] != "layers":
        return name
    kind = parts[3].removesuffix("_l0")
    return f"lstm.{kind}_l{parts[1]}" + ("_reverse" if parts[2] == "backward_lstm" else "")
