"""DistilBERT's architecture in onnxruntime, int8, with the random weights of the PyTorch one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from benchmarks import flops
from benchmarks.prediction import bert_tokens
from benchmarks.prediction.face import Facts, Inputs, Unavailable, by_length, folder_size

if TYPE_CHECKING:
    from transformers import DistilBertForSequenceClassification

_CUT = 512
_BATCH = 8
_FLOAT, _INT8, _SHAPE = "model.onnx", "model.int8.onnx", "shape.json"
_TOLERANCE = 1e-4


class DistilBertInt8:
    """Fused operators, dynamically quantised; predicting needs neither torch nor transformers."""

    title = "DistilBERT, onnxruntime int8"
    precision = "int8"

    def __init__(self, folder: Path, inputs: Inputs) -> None:
        self.folder = folder
        self.inputs = inputs

    def prepare(self) -> None:
        """Build the graph, compare it with PyTorch, quantise it.

        Raises:
            Unavailable: it computes something else than PyTorch, or stayed in float32.
        """
        import onnx

        from benchmarks.prediction import distilbert_graph
        from benchmarks.prediction.systems import distilbert_torch

        self._read_vocabulary()
        network = distilbert_torch.build(self.inputs, self.tokenizer.get_vocab_size())
        config = network.config
        weights = {name: weight.numpy() for name, weight in network.state_dict().items()}
        graph = distilbert_graph.build(weights, config.n_layers, config.n_heads)
        source = self.folder / _FLOAT
        onnx.save(graph, source)
        _compare(_session(source, self.inputs.threads), network)
        distilbert_graph.quantise(source, self.folder / _INT8, config.n_layers)
        source.unlink()
        shape = [config.dim, config.hidden_dim, config.n_layers]
        numbers = {"parameters": sum(each.size for each in weights.values()), "shape": shape}
        (self.folder / _SHAPE).write_text(json.dumps(numbers), encoding="utf-8")

    def load(self) -> None:
        """Open the int8 graph."""
        self._read_vocabulary()
        self.session = _session(self.folder / _INT8, self.inputs.threads)

    def predict(self, texts: list[str]) -> list[float]:
        """Batches of similar length, padded to the longest."""
        sequences = bert_tokens.encode(self.tokenizer, texts)
        found = np.zeros(len(texts))
        for index in by_length([len(each) for each in sequences], _BATCH):
            ids, lengths = bert_tokens.padded([sequences[each] for each in index])
            logits = _logits(self.session, ids, lengths)
            found[index] = 1.0 / (1.0 + np.exp(logits[:, 0] - logits[:, 1]))
        return found.tolist()

    def facts(self, texts: list[str]) -> Facts:
        """Operations of the encoder on the tokens that are read."""
        lengths = [len(each) for each in bert_tokens.encode(self.tokenizer, texts)]
        numbers = json.loads((self.folder / _SHAPE).read_text(encoding="utf-8"))
        return Facts(
            parameters=numbers["parameters"],
            size_bytes=folder_size(self.folder) + Path(self.inputs.vocabulary).stat().st_size,
            tokens_read=sum(lengths) / len(lengths),
            flops=flops.transformer(lengths, *numbers["shape"]),
        )

    def _read_vocabulary(self) -> None:
        self.tokenizer = bert_tokens.tokenizer(self.inputs.vocabulary, _CUT, special=True)


def _session(graph: Path, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def _logits(
    session: onnxruntime.InferenceSession, ids: NDArray[np.int64], lengths: NDArray[np.int64]
) -> NDArray[np.float32]:
    found: NDArray[np.float32] = session.run(
        ["logits"], {"ids": ids, "lengths": lengths.astype(np.int32)}
    )[0]
    return found


def _compare(
    session: onnxruntime.InferenceSession, network: DistilBertForSequenceClassification
) -> None:
    """Refuse a graph that computes something else than `transformers`."""
    import torch

    ids, lengths = bert_tokens.padded([[2] * 5, list(range(2, 22)), [9, 8, 7]])
    mask = torch.arange(ids.shape[1])[None, :] < torch.from_numpy(lengths)[:, None]
    with torch.inference_mode():
        wanted = network(input_ids=torch.from_numpy(ids), attention_mask=mask.long()).logits
    difference = float(np.abs(_logits(session, ids, lengths) - wanted.numpy()).max())
    if difference > _TOLERANCE:
        raise Unavailable(f"its graph differs from PyTorch by {difference:.2g}")
