"""The bag of n-grams in use: numpy alone, behind the same face as a network's graph."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from undertone.errors import ModelFolderError
from undertone.inference.tensors import read_tensors
from undertone.inference.threads import side_by_side, thread_count
from undertone.settings import BagConfig
from undertone.text.bag import Bag
from undertone.text.ngrams import NGrams

# A batch ends where its tokens reach this number: some 10 MB of numbers between, longest texts
# apart, and small enough for them to stay in a core's cache.
_TOKENS = 8 * 1024

Tensors = dict[str, NDArray[Any]]


class BagOfNGrams:
    """A trained bag ready to read token ids. Safe to share by threads.

    Attributes:
        outputs: K, the number of logits.
    """

    def __init__(
        self, path: Path, config: BagConfig, *, vocabulary: int, threads: int | None
    ) -> None:
        """Read and check the file of a bag.

        Args:
            path: ``model.safetensors`` of the model folder.
            config: ``ngrams`` and ``weighting`` say which tensors there must be.
            vocabulary: number of distinct token ids.
            threads: batches that are read at the same time; None: one a core.

        Raises:
            ConfigError: not a number of threads.
            ModelFolderError: the file is damaged, or of another kind of model.
        """
        self._threads = thread_count(threads)
        tensors = read_tensors(path)
        flaw = _flaw(tensors, config, vocabulary)
        if flaw:
            raise ModelFolderError(
                f"{path} cannot be used: {flaw}.", "Copy the whole folder again, or train again."
            )
        levels = tuple(tensors[f"ngrams.{length}"] for length in range(1, config.ngrams + 1))
        self._bag = Bag(
            NGrams(levels, vocabulary), tensors["weight"], tensors["bias"], tensors.get("idf")
        )
        self.outputs = len(tensors["bias"])

    def logits(self, sequences: Sequence[NDArray[np.integer]]) -> NDArray[np.float32]:
        """Read texts.

        Args:
            sequences: token ids of N texts, each of one dimension; an empty one gives zeros.

        Returns:
            float32 (N, K), in the order of ``sequences``.
        """
        result = np.zeros((len(sequences), self.outputs), dtype=np.float32)
        lengths = np.array([len(ids) for ids in sequences], dtype=np.int64)
        filled = np.flatnonzero(lengths)

        def read(batch: NDArray[np.intp]) -> None:
            result[batch] = self._bag.logits([sequences[index] for index in batch])

        side_by_side(read, _batches(filled, lengths), self._threads)
        return result

    def contributions(
        self, ids: NDArray[np.integer]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """What each token of one text adds to the logits; see :meth:`Bag.contributions`.

        Args:
            ids: int (T,), not empty.

        Returns:
            Logits float32 (K,), contributions float32 (T, K) and base float32 (K,).
        """
        return self._bag.contributions(ids)


def _batches(filled: NDArray[np.intp], lengths: NDArray[np.int64]) -> list[NDArray[np.intp]]:
    """Texts in order, cut where their tokens pass a multiple of the limit."""
    if not len(filled):
        return []
    piece = np.cumsum(lengths[filled]) // _TOKENS
    return np.split(filled, np.flatnonzero(np.diff(piece)) + 1)


def _flaw(tensors: Tensors, config: BagConfig, vocabulary: int) -> str:
    """Why these tensors are no bag of that kind, or an empty string."""
    names = [f"ngrams.{length}" for length in range(1, config.ngrams + 1)]
    wanted = {*names, "weight", "bias"} | ({"idf"} if config.weighting == "tfidf" else set())
    if set(tensors) != wanted:
        return f"it holds the tensors {sorted(tensors)}, not {sorted(wanted)}"
    bad = [name for name in names if tensors[name].dtype != np.int64 or tensors[name].ndim != 1]
    bad += [name for name in wanted - set(names) if tensors[name].dtype != np.float32]
    if bad:
        return f"its tensor {min(bad)!r} is of the wrong type"
    levels = [tensors[name] for name in names]
    return _wrong_keys(levels, vocabulary) or _wrong_numbers(tensors, sum(map(len, levels)))


def _wrong_keys(levels: Sequence[NDArray[np.int64]], vocabulary: int) -> str:
    prefixes = 1
    for length, level in enumerate(levels, start=1):
        if len(level) and (
            level[0] < 0 or level[-1] >= prefixes * vocabulary or bool((np.diff(level) <= 0).any())
        ):
            return f"its keys of {length} tokens are not in order or not of this vocabulary"
        prefixes = len(level)
    return ""


def _wrong_numbers(tensors: Tensors, features: int) -> str:
    bias = tensors["bias"]
    shapes = {"bias": (bias.size,), "weight": (features, bias.size), "idf": (features,)}
    for name in sorted(shapes.keys() & tensors.keys()):
        tensor = tensors[name]
        if tensor.shape != shapes[name]:
            return f"its tensor {name!r} has shape {tensor.shape}, not {shapes[name]}"
        if not np.isfinite(tensor).all():
            return f"its tensor {name!r} holds numbers that are none"
    return "" if bias.size else "it has no outputs"
