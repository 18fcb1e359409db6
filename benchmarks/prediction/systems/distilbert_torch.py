"""DistilBERT's architecture in PyTorch, as `transformers` runs it, with random weights."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import DistilBertConfig, DistilBertForSequenceClassification

from benchmarks import flops
from benchmarks.prediction import bert_tokens
from benchmarks.prediction.face import Facts, Inputs, by_length, folder_size

CUT = 512
BATCH = 8  # on CPU more gains nothing and pads more


def configuration(inputs: Inputs, vocabulary: int) -> DistilBertConfig:
    """distilbert-base-uncased's shape, or a tiny one for tests."""
    if inputs.quick:
        return DistilBertConfig(vocab_size=vocabulary, dim=32, hidden_dim=64, n_layers=2, n_heads=2)
    return DistilBertConfig(vocab_size=vocabulary)


def build(inputs: Inputs, vocabulary: int) -> DistilBertForSequenceClassification:
    """A network with random weights, equal every time, in evaluation mode."""
    torch.manual_seed(0)
    return _evaluating(DistilBertForSequenceClassification(configuration(inputs, vocabulary)))


def _evaluating(
    network: DistilBertForSequenceClassification,
) -> DistilBertForSequenceClassification:
    network.train(False)
    return network


def _work(config: DistilBertConfig, lengths: list[int]) -> float:
    """Mean operations of the encoder over texts of these lengths."""
    return flops.transformer(lengths, config.dim, config.hidden_dim, config.n_layers)


class DistilBertTorch:
    """float32, scaled-dot-product attention, 512 tokens at most."""

    title = "DistilBERT, PyTorch float32"
    precision = "float32"

    def __init__(self, folder: Path, inputs: Inputs) -> None:
        self.folder = folder
        self.inputs = inputs

    def prepare(self) -> None:
        """Write random weights in `transformers`' own format."""
        self._read_vocabulary()
        build(self.inputs, self.tokenizer.get_vocab_size()).save_pretrained(self.folder)

    def load(self) -> None:
        """Read them as a user would."""
        torch.set_num_threads(self.inputs.threads)
        self._read_vocabulary()
        self.network = _evaluating(
            DistilBertForSequenceClassification.from_pretrained(self.folder, local_files_only=True)
        )

    def predict(self, texts: list[str]) -> list[float]:
        """Batches of similar length, padded to the longest."""
        sequences = bert_tokens.encode(self.tokenizer, texts)
        found = [0.0] * len(texts)
        for index in by_length([len(each) for each in sequences], BATCH):
            ids, lengths = map(
                torch.from_numpy, bert_tokens.padded([sequences[each] for each in index])
            )
            mask = (torch.arange(ids.shape[1])[None, :] < lengths[:, None]).long()
            with torch.inference_mode():
                logits = self.network(input_ids=ids, attention_mask=mask).logits
            for place, value in zip(index, logits.softmax(1)[:, 1].tolist(), strict=True):
                found[place] = value
        return found

    def facts(self, texts: list[str]) -> Facts:
        """Operations of the encoder on the tokens that are read."""
        lengths = [len(each) for each in bert_tokens.encode(self.tokenizer, texts)]
        return Facts(
            parameters=sum(each.numel() for each in self.network.parameters()),
            size_bytes=folder_size(self.folder) + Path(self.inputs.vocabulary).stat().st_size,
            tokens_read=sum(lengths) / len(lengths),
            flops=_work(self.network.config, lengths),
        )

    def _read_vocabulary(self) -> None:
        self.tokenizer = bert_tokens.tokenizer(self.inputs.vocabulary, CUT, special=True)
