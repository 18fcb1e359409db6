"""Texts as bags of n-grams, and a linear score of them: the whole of a trained bag."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from undertone.text.ngrams import Counts, NGrams

Floats = NDArray[np.float32]


class Bag(NamedTuple):
    """A linear model of the n-grams of a text.

    Its logits are ``bias`` plus, for every n-gram that the text holds, the n-gram's value times
    its weight. :func:`values` says what the value is.

    Attributes:
        ngrams: the F features.
        weight: float32 (F, K); K=1 for two labels, else one column a label.
        bias: float32 (K,).
        idf: float32 (F,), inverse document frequencies; None: the mere presence counts.
    """

    ngrams: NGrams
    weight: Floats
    bias: Floats
    idf: Floats | None

    def logits(self, sequences: Sequence[NDArray[np.integer]]) -> Floats:
        """Scores of N texts, float32 (N, K). A text's score does not depend on its company.

        Args:
            sequences: token ids of N texts, each int (T,).
        """
        counts = self.ngrams.tally(self.ngrams.find(sequences))
        value = values(counts, self.idf)
        columns = [
            np.bincount(counts.text, value * column[counts.feature], len(sequences)) + bias
            for column, bias in zip(self.weight.T, self.bias, strict=True)
        ]
        return np.stack(columns, axis=1).astype(np.float32)

    def contributions(self, ids: NDArray[np.integer]) -> tuple[Floats, Floats, Floats]:
        """What each token of one text adds to the logits.

        What an n-gram adds is divided evenly among the places where it stands, and at each place
        evenly among its tokens.

        Args:
            ids: int (T,).

        Returns:
            Logits float32 (K,), contributions float32 (T, K) and base float32 (K,): over the
            tokens, the contributions and the base sum to the logits.
        """
        found = self.ngrams.find([ids])
        counts = self.ngrams.tally(found)
        pair = np.searchsorted(counts.feature, found.feature)  # one text: features are unique
        share = (values(counts, self.idf) / counts.times)[pair] / found.length
        parts = np.zeros((len(ids), len(self.bias)))
        for place in range(len(self.ngrams.levels)):
            covers = place < found.length
            added = share[covers, None] * self.weight[found.feature[covers]]
            np.add.at(parts, found.start[covers] + place, added)
        return self.logits([ids])[0], parts.astype(np.float32), self.bias


def values(counts: Counts, idf: Floats | None) -> NDArray[np.float64]:
    """The value of every n-gram of every text.

    With ``idf``: ``(1 + log times) * idf``, each text then scaled to unit length (Manning,
    Raghavan and Schütze, "Introduction to Information Retrieval", 2008, section 6.4). Without: 1.

    Args:
        counts: of U pairs of text and feature.
        idf: float32 (F,) or None.

    Returns:
        float64 (U,).
    """
    if idf is None:
        return np.ones(len(counts.text))
    plain = (1.0 + np.log(counts.times)) * idf[counts.feature]
    length = np.sqrt(np.bincount(counts.text, plain**2))
    scaled: NDArray[np.float64] = plain / length[counts.text]
    return scaled
