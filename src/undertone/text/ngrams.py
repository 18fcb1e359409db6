"""Runs of tokens, called n-grams, as numbered features: exact, in sorted arrays, nothing hashed.

An n-gram of n tokens has the key ``rank * vocabulary + id``, where ``rank`` is the place of its
first n-1 tokens among the known n-grams of that length and ``id`` its last token. The prefix of an
n-gram stands in at least as many texts as the n-gram does, so one that is frequent enough to be
known has a known prefix (Agrawal and Srikant, "Fast Algorithms for Mining Association Rules", VLDB
1994). Keys of any length therefore fit into 64 bits, and no two n-grams share one.

A word outside the vocabulary is in no n-gram: it is rare, and so is whatever it stands in.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from undertone.settings import BagConfig
from undertone.text.tokenizer import UNK

Places = NDArray[np.int64]


class Found(NamedTuple):
    """Where known n-grams stand in some texts.

    Attributes:
        text: int64 (M,), index of the text.
        feature: int64 (M,), number of the n-gram.
        start: int64 (M,), index of its first token in the text.
        length: int64 (M,), its number of tokens.
    """

    text: Places
    feature: Places
    start: Places
    length: Places


class Counts(NamedTuple):
    """How often each text holds each n-gram that it holds; sorted by text, then by feature.

    Attributes:
        text: int64 (U,), index of the text.
        feature: int64 (U,), number of the n-gram.
        times: int64 (U,), at least 1.
    """

    text: Places
    feature: Places
    times: Places


class NGrams(NamedTuple):
    """The known n-grams. Features are numbered level by level, in the order of the keys.

    Attributes:
        levels: for each length from 1 on, the keys int64 (F_n,), strictly increasing.
        vocabulary: number of distinct token ids.
    """

    levels: tuple[Places, ...]
    vocabulary: int

    @property
    def size(self) -> int:
        """F, the number of features."""
        return sum(len(level) for level in self.levels)

    def find(self, sequences: Sequence[NDArray[np.integer]]) -> Found:
        """Every place at which a known n-gram stands.

        Args:
            sequences: token ids of N texts, each int (T,).
        """
        laid = _lay_out(sequences)
        spots = _Spots.everywhere(laid)
        offset, parts = 0, []
        for length, level in enumerate(self.levels, start=1):
            spots = spots.extended(laid, length, self.vocabulary).known(level)
            text = laid.text[spots.place]
            start = spots.place - laid.first[text]
            parts.append(Found(text, spots.value + offset, start, np.full_like(text, length)))
            offset += len(level)
        return Found(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))

    def tally(self, found: Found) -> Counts:
        """Occurrences put together."""
        pairs = np.sort(found.text * self.size + found.feature)
        first = np.flatnonzero(np.diff(pairs, prepend=-1))
        text, feature = np.divmod(pairs[first], max(1, self.size))
        return Counts(text, feature, np.diff(first, append=len(pairs)))


def learn(sequences: Sequence[NDArray[np.integer]], vocabulary: int, config: BagConfig) -> NGrams:
    """The n-grams of up to ``config.ngrams`` tokens in at least ``config.min_reviews`` texts.

    Takes some 50 bytes a token of all texts.

    Args:
        sequences: token ids of N texts, each int (T,).
        vocabulary: number of distinct token ids.
        config: ``ngrams`` and ``min_reviews`` count.
    """
    laid = _lay_out(sequences)
    spots = _Spots.everywhere(laid)
    levels = []
    for length in range(1, config.ngrams + 1):
        spots = spots.extended(laid, length, vocabulary)
        levels.append(_frequent(spots.value, laid.text[spots.place], config.min_reviews))
        spots = spots.known(levels[-1])
    return NGrams(tuple(levels), vocabulary)


class _Laid(NamedTuple):
    """Texts end to end, an unknown token behind each, so that no n-gram reaches into the next.

    ``ids`` and ``text`` (index of the text) are int64 (all tokens + N,), ``first`` (where each
    text starts) is int64 (N,).
    """

    ids: Places
    text: Places
    first: Places


def _lay_out(sequences: Sequence[NDArray[np.integer]]) -> _Laid:
    lengths = np.array([len(sequence) + 1 for sequence in sequences], dtype=np.int64)
    first = np.cumsum(lengths) - lengths
    ids = np.full(int(lengths.sum()), UNK, dtype=np.int64)
    for start, sequence in zip(first.tolist(), sequences, strict=True):
        ids[start : start + len(sequence)] = sequence
    return _Laid(ids, np.repeat(np.arange(len(sequences)), lengths), first)


class _Spots(NamedTuple):
    """Places in the laid-out texts, each with a value: rank or key of the n-gram starting there."""

    place: Places
    value: Places

    @classmethod
    def everywhere(cls, laid: _Laid) -> _Spots:
        """The empty n-gram, which is known, has rank 0, and starts everywhere."""
        return cls(np.arange(len(laid.ids)), np.zeros(len(laid.ids), dtype=np.int64))

    def extended(self, laid: _Laid, length: int, vocabulary: int) -> _Spots:
        """From ranks of known n-grams to keys of those that are one token longer, ``length``."""
        last = laid.ids[self.place + (length - 1)]
        goes_on = last > UNK
        return _Spots(self.place[goes_on], self.value[goes_on] * vocabulary + last[goes_on])

    def known(self, level: Places) -> _Spots:
        """From keys to ranks in ``level``; places of other keys are left out."""
        if not len(level):
            return _Spots(self.place[:0], self.value[:0])
        rank = np.searchsorted(level, self.value)
        rank[rank == len(level)] = 0
        hit = level[rank] == self.value
        return _Spots(self.place[hit], rank[hit])


def _frequent(keys: Places, text: Places, least: int) -> Places:
    """Distinct keys that stand in ``least`` texts or more, sorted; ``text`` must not fall."""
    order = np.argsort(keys, kind="stable")
    keys, text = keys[order], text[order]
    new_key = np.diff(keys, prepend=-1) != 0
    in_texts = new_key | (np.diff(text, prepend=-1) != 0)
    distinct = keys[in_texts]
    first = np.flatnonzero(new_key[in_texts])
    reviews = np.diff(first, append=len(distinct))
    result: Places = distinct[first[reviews >= least]]
    return result
