"""The bag of n-grams: logistic regression on weighted n-grams, with hard or soft labels."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from undertone.errors import DataError
from undertone.extras import require
from undertone.settings import BagConfig
from undertone.text import ngrams
from undertone.text.bag import Bag, values
from undertone.text.ngrams import NGrams

# Texts counted at once: bounds the memory beside the matrix itself.
_CHUNK = 2048
_SMOOTHING = 1.0  # added to every count of the naive Bayes ratio, as in the paper
_MOST_ITERATIONS = 1000

Sequences = Sequence[NDArray[np.integer]]


class Fitted(NamedTuple):
    """A trained bag, how many steps the solver took, and whether it came to its end."""

    bag: Bag
    iterations: int
    converged: bool


def fit(
    sequences: Sequences,
    targets: NDArray[np.integer] | NDArray[np.floating],
    config: BagConfig,
    *,
    vocabulary: int,
    labels: int,
    weights: NDArray[np.floating] | None = None,
) -> Fitted:
    """Train a bag.

    ``tfidf`` is multinomial logistic regression on TF-IDF values. ``nb`` is logistic regression on
    presence times the log-count ratio r (Wang and Manning, "Baselines and Bigrams", ACL 2012,
    equation 3); as r belongs to a label, more than two labels are told each from all others. The
    bias is not penalised. The solver is L-BFGS; nothing is random.

    A text with soft labels becomes a row for each label of probability p > 0, weighted by p, which
    gives exactly the cross-entropy to the soft labels.

    Args:
        sequences: token ids of N texts, each int (T,).
        targets: int (N,), indices of labels, or float (N, C), their probabilities.
        config: all of it counts.
        vocabulary: number of distinct token ids.
        labels: C, at least 2.
        weights: float (N,), how much each text counts; None: all the same.

    Raises:
        DataError: no n-gram is frequent enough.
    """
    soft = _soft(targets, labels, weights)
    known = ngrams.learn(sequences, vocabulary, config)
    if not known.size:
        raise DataError(
            f"no word of the vocabulary stands in {config.min_reviews} training reviews or more.",
            "Give more reviews, or lower bag.min_reviews.",
        )
    idf = None
    if config.weighting == "tfidf":
        idf = _idf(_matrix(known, sequences, None))
    matrix = _matrix(known, sequences, idf)
    fitted = [
        _regression(matrix, columns, ratio, config.c)
        for columns, ratio in _problems(matrix, soft, config)
    ]
    bag = Bag(
        ngrams=known,
        weight=np.concatenate([each.weight for each in fitted], axis=1, dtype=np.float32),
        bias=np.concatenate([each.bias for each in fitted], dtype=np.float32),
        idf=idf,
    )
    iterations = max(each.iterations for each in fitted)
    return Fitted(bag, iterations, iterations < _MOST_ITERATIONS)


class _Regression(NamedTuple):
    """Weights float64 (F, K), bias (K,) and the steps that finding them took."""

    weight: NDArray[np.float64]
    bias: NDArray[np.float64]
    iterations: int


def _problems(
    matrix: Any, soft: NDArray[np.float64], config: BagConfig
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """What is to be solved: weighted labels (N, C) and a scale of the features (F,)."""
    if config.weighting == "tfidf":
        yield soft, np.ones(matrix.shape[1])
        return
    labels = soft.shape[1]
    for label in range(labels) if labels > 2 else (1,):
        against = np.stack([soft.sum(axis=1) - soft[:, label], soft[:, label]], axis=1)
        yield against, _log_count_ratio(matrix, against)


def _log_count_ratio(matrix: Any, soft: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much more likely each feature is under the second label, float64 (F,), in nats."""
    counts = matrix.T @ soft + _SMOOTHING
    shares = np.log(counts / counts.sum(axis=0))
    ratio: NDArray[np.float64] = shares[:, 1] - shares[:, 0]
    return ratio


def _regression(
    matrix: Any, soft: NDArray[np.float64], scale: NDArray[np.float64], c: float
) -> _Regression:
    """Logistic regression on the columns of ``matrix`` times ``scale``."""
    model = require("sklearn.linear_model", "train").LogisticRegression(
        C=c, max_iter=_MOST_ITERATIONS
    )
    rows, classes = np.nonzero(soft)
    scaled = matrix.multiply(scale).tocsr()
    if not np.array_equal(rows, np.arange(matrix.shape[0])):
        scaled = scaled[rows]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a solver that stops early is reported in the result
        model.fit(scaled, classes, sample_weight=soft[rows, classes])
    weight = model.coef_.T * scale[:, None]
    return _Regression(weight, model.intercept_, int(np.max(model.n_iter_)))


def _matrix(known: NGrams, sequences: Sequences, idf: NDArray[np.float32] | None) -> Any:
    """The values of all texts, a scipy CSR matrix of float64 (N, F)."""
    sparse = require("scipy.sparse", "train")
    blocks = []
    for start in range(0, len(sequences), _CHUNK):
        chunk = sequences[start : start + _CHUNK]
        counts = known.tally(known.find(chunk))
        rows = np.bincount(counts.text, minlength=len(chunk))
        ends = np.concatenate([[0], np.cumsum(rows)])
        cells = (values(counts, idf), counts.feature.astype(np.int32), ends)
        blocks.append(sparse.csr_matrix(cells, shape=(len(chunk), known.size)))
    return sparse.vstack(blocks, format="csr")


def _idf(presence: Any) -> NDArray[np.float32]:
    """``log((1 + N) / (1 + n)) + 1`` for features in n of N texts, as scikit-learn smooths it."""
    texts = np.bincount(presence.indices, minlength=presence.shape[1])
    inverse = np.log((1 + presence.shape[0]) / (1 + texts)) + 1
    result: NDArray[np.float32] = inverse.astype(np.float32)
    return result


def _soft(
    targets: NDArray[Any], labels: int, weights: NDArray[np.floating] | None
) -> NDArray[np.float64]:
    """Probabilities of the labels times the weight of the text, float64 (N, C)."""
    if targets.ndim == 1:
        targets = np.eye(labels)[targets]
    soft: NDArray[np.float64] = targets.astype(np.float64)
    return soft if weights is None else soft * weights[:, None]
