"""Word vectors learnt from the texts themselves, in seconds, without labels.

Positive pointwise mutual information of words that stand near each other, factorised by a
truncated singular value decomposition: Levy and Goldberg, "Neural Word Embedding as Implicit
Matrix Factorization" (NeurIPS 2014), with the context smoothing and the symmetric square root of
Levy, Goldberg and Dagan (TACL 2015). "boring" lands beside "dull" and "tedious".
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from undertone.extras import require

_WINDOW = 5
_SMOOTHING = 0.75  # Levy, Goldberg and Dagan (2015), section 3.2
_ROUNDING = 1e-6  # the decomposition gives words without neighbours a vector about as long
_RESERVED = 2  # padding and the unknown token have no neighbours worth counting


def word_vectors(
    sequences: Iterable[NDArray[np.int32]], vocabulary: int, width: int, *, seed: int
) -> NDArray[np.float32]:
    """Vectors of all words of a vocabulary.

    Args:
        sequences: token ids of each text, int32 (n,); a window never spans two texts.
        vocabulary: number of distinct ids.
        width: length of a vector; where the texts support fewer dimensions the rest are zero.
        seed: of the randomised decomposition.

    Returns:
        float32 (vocabulary, width) of unit length; zero rows for padding, the unknown token and
        words without neighbours.

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    extmath = require("sklearn.utils.extmath", "train")
    information = _information(_counts(_line_up(sequences), vocabulary))
    vectors = np.zeros((vocabulary, width), dtype=np.float32)
    rank = min(width, vocabulary - 1)
    if information.nnz:
        left, values, _ = extmath.randomized_svd(
            information, n_components=rank, n_iter=3, random_state=seed
        )
        vectors[:, :rank] = left * np.sqrt(values)
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors[norms[:, 0] <= _ROUNDING] = 0.0
    vectors /= np.where(norms > _ROUNDING, norms, 1.0)
    return vectors


def _line_up(sequences: Iterable[NDArray[np.int32]]) -> NDArray[np.int64]:
    """All texts one after the other, as far apart as a window is wide."""
    gap = np.zeros(_WINDOW, dtype=np.int32)
    parts = [part for sequence in sequences for part in (sequence, gap)]
    return np.concatenate([gap, *parts]).astype(np.int64)


def _counts(line: NDArray[np.int64], vocabulary: int) -> Any:
    """Symmetric sparse (V, V) of how often two words stand within a window, weighed by 1/distance.

    For the line [2, 3, 2] of one text: words 2 and 3 meet twice at distance 1, and word 2 meets
    itself at distance 2, which counts 1/2 in both directions.
    """
    sparse = require("scipy.sparse", "train")
    shape = (vocabulary, vocabulary)
    total = sparse.csr_matrix(shape, dtype=np.float32)
    for distance in range(1, _WINDOW + 1):
        left, right = line[:-distance], line[distance:]
        seen = (left >= _RESERVED) & (right >= _RESERVED)
        low, high = np.minimum(left[seen], right[seen]), np.maximum(left[seen], right[seen])
        pairs, times = np.unique(low * vocabulary + high, return_counts=True)
        weights = times.astype(np.float32) / distance
        cells = (pairs // vocabulary, pairs % vocabulary)
        total = total + sparse.csr_matrix((weights, cells), shape=shape)
    return total + total.T


def _information(counts: Any) -> Any:
    """Positive pointwise mutual information, sparse float32 (V, V)."""
    sparse = require("scipy.sparse", "train")
    cells = counts.tocoo()
    words = np.asarray(counts.sum(axis=1), dtype=np.float64).ravel() + 1.0
    contexts = words**_SMOOTHING / (words**_SMOOTHING).sum()
    expected = words[cells.row] * contexts[cells.col]
    information = np.log(np.maximum(cells.data, 1e-12) / expected)
    kept = information > 0
    values = information[kept].astype(np.float32)
    return sparse.csr_matrix((values, (cells.row[kept], cells.col[kept])), shape=counts.shape)
