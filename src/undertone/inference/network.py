"""The ONNX graph of a model, run by onnxruntime."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from undertone.batches import bucket_by_length, collate
from undertone.errors import ModelFolderError
from undertone.inference.threads import side_by_side, thread_count

# Bounds the memory of a batch of long texts.
_PADDED_TOKENS = 16 * 1024


class Network:
    """A network ready to read token ids. Safe to share by threads.

    Attributes:
        outputs: K, the number of logits.
    """

    def __init__(self, path: Path, *, vocabulary: int, batch: int, threads: int | None) -> None:
        """Open a graph and let it read two tokens, so that flaws show at once.

        Args:
            path: a graph with the inputs ``ids``, ``lengths`` and the outputs ``logits``,
                ``contributions``, ``base``.
            vocabulary: number of token ids it must know.
            batch: texts in a batch at most.
            threads: batches that are read at the same time; None: one a core.

        Raises:
            ConfigError: not a number of threads.
            ModelFolderError: onnxruntime cannot read the graph, or it is of another kind.
        """
        self._batch = batch
        self._threads = thread_count(threads)
        try:
            self._session = onnxruntime.InferenceSession(
                path, _session_options(), providers=["CPUExecutionProvider"]
            )
            logits, _, _ = self._run(
                ["logits", "contributions", "base"], [np.array([1, vocabulary - 1])]
            )
        except Exception as error:  # onnxruntime's exceptions share no base class
            raise ModelFolderError(
                f"{path} cannot be used: {str(error).partition(chr(10))[0][:200]}.",
                "Copy the whole folder again, or train again.",
            ) from error
        self.outputs = int(logits.shape[1])

    def logits(self, sequences: Sequence[NDArray[np.integer]]) -> NDArray[np.float32]:
        """Read texts in batches of similar length.

        Args:
            sequences: token ids of N texts, each of one dimension; an empty one gives zeros.

        Returns:
            float32 (N, K), in the order of ``sequences``.
        """
        result = np.zeros((len(sequences), self.outputs), dtype=np.float32)
        lengths = np.array([len(ids) for ids in sequences], dtype=np.int64)
        filled = np.flatnonzero(lengths)
        batches = [filled[part] for part in _batches(lengths[filled], self._batch)]

        def read(batch: NDArray[np.intp]) -> None:
            result[batch] = self._run(["logits"], [sequences[index] for index in batch])[0]

        side_by_side(read, batches, self._threads)
        return result

    def contributions(
        self, ids: NDArray[np.integer]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """What each token of one text adds to the logits.

        Args:
            ids: int (T,), not empty.

        Returns:
            Logits float32 (K,), contributions float32 (T, K) and base float32 (K,): over the
            tokens, the contributions and the base sum to the logits.
        """
        logits, parts, base = self._run(["logits", "contributions", "base"], [ids])
        return logits[0], parts[0], base[0]

    def _run(self, outputs: list[str], sequences: Sequence[NDArray[np.integer]]) -> list[Any]:
        batch = collate(sequences, multiple=1)
        inputs = {"ids": batch.ids, "lengths": batch.lengths.astype(np.int32)}
        results: list[Any] = self._session.run(outputs, inputs)
        return results


def _batches(lengths: NDArray[np.integer], most: int) -> list[NDArray[np.integer]]:
    """Indices of similar length, the longest first, so that no long batch runs alone at the end."""
    batches = []
    for bucket in reversed(bucket_by_length(lengths, most)):
        size = max(1, _PADDED_TOKENS // int(lengths[bucket[-1]]))
        batches += [bucket[start : start + size] for start in range(0, len(bucket), size)]
    return batches


def _session_options() -> Any:
    options = onnxruntime.SessionOptions()
    # Batches side by side on one thread each are a fifth faster than one batch on two threads
    # (measured on two cores with the small preset), and one text waits for no other thread.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.enable_mem_pattern = False  # plans memory for repeated shapes; ours change
    options.log_severity_level = 3
    return options
