"""The study's 15-million-parameter LSTM as a plain ``nn.LSTM`` predictor, with random weights."""

from __future__ import annotations

from pathlib import Path

import msgspec
import torch
from safetensors.torch import load_file, save_file

from benchmarks import flops
from benchmarks.plain_lstm import STUDY, PackedLSTM
from benchmarks.prediction import bert_tokens
from benchmarks.prediction.face import Facts, Inputs, by_length, folder_size

_CUT = 256
_BATCH = 64
_WEIGHTS = "model.safetensors"


class PlainLSTM:
    """Packed sequences through five bidirectional layers, 256 word pieces at most."""

    title = "plain nn.LSTM of the study's 15M shape"
    precision = "float32"

    def __init__(self, folder: Path, inputs: Inputs) -> None:
        self.folder = folder
        self.inputs = inputs
        small = msgspec.structs.replace(STUDY, embedding_dim=8, hidden_dim=8, layers=2)
        self.shape = small if inputs.quick else STUDY

    def prepare(self) -> None:
        """Write random weights."""
        torch.manual_seed(0)
        save_file(self._network().state_dict(), self.folder / _WEIGHTS)

    def load(self) -> None:
        """Read them, and the vocabulary."""
        torch.set_num_threads(self.inputs.threads)
        self.network = self._network()
        self.network.load_state_dict(load_file(self.folder / _WEIGHTS))
        self.network.eval()

    def predict(self, texts: list[str]) -> list[float]:
        """Batches of similar length, packed."""
        sequences = bert_tokens.encode(self.tokenizer, texts)
        found = [0.0] * len(texts)
        for index in by_length([len(each) for each in sequences], _BATCH):
            ids, lengths = bert_tokens.padded([sequences[each] for each in index])
            with torch.inference_mode():
                logits = self.network(torch.from_numpy(ids), torch.from_numpy(lengths))
            for place, value in zip(index, logits[:, 0].sigmoid().tolist(), strict=True):
                found[place] = value
        return found

    def facts(self, texts: list[str]) -> Facts:
        """Operations of the LSTM layers on the pieces that are read."""
        tokens = sum(map(len, bert_tokens.encode(self.tokenizer, texts))) / len(texts)
        shape = self.shape
        return Facts(
            parameters=sum(each.numel() for each in self.network.parameters()),
            size_bytes=folder_size(self.folder) + Path(self.inputs.vocabulary).stat().st_size,
            tokens_read=tokens,
            flops=tokens * flops.lstm_token(shape.embedding_dim, shape.hidden_dim, shape.layers),
        )

    def _network(self) -> PackedLSTM:
        self.tokenizer = bert_tokens.tokenizer(self.inputs.vocabulary, _CUT, special=False)
        return PackedLSTM(self.shape, self.tokenizer.get_vocab_size())
