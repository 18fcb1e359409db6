"""Near-duplicates with different labels: at least one label of such a pair is doubtful.

Two texts are as alike as their sets of shingles, runs of three words: the Jaccard index, or
resemblance, of Broder ("On the resemblance and containment of documents", SEQUENCES 1997). The
limit of one half is that of Broder, Glassman, Manasse and Zweig ("Syntactic clustering of the
Web", 1997).

Pairs are found exactly and not by sampled hashes. Sets that are alike enough share one of their
rarest members (prefix filter: Chaudhuri, Ganti and Kaushik, ICDE 2006), so only reviews that share
a rare shingle are compared. That is fast because most shingles of a text stand in no other.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import chain

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from undertone.data.examples import Example
from undertone.data.overlap import bare

ALIKE = Fraction(1, 2)
"""Resemblance from which two reviews count as near-duplicates."""

SHINGLE = 3
"""Words of a shingle."""

# Signs that can be all that tells two remarks apart (a thumb up, a thumb down) count as words.
_WORD = re.compile("\\w+|[\u2600-\u27bf\U0001f000-\U0001fbff]")
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)

_Shingles = NDArray[np.uint64]
_Ranks = NDArray[np.int64]


class Twin(Struct, frozen=True):
    """One side of a pair.

    Attributes:
        index: place of the review among those measured, from 0; of several the first.
        name: where it stands in the source.
        label: its true label.
        copies: how many of the measured reviews have the same words and this label.
        text: the review.
    """

    index: int
    name: str
    label: str | None
    copies: int
    text: str


class NearDuplicate(Struct, frozen=True, tag_field="kind", tag="near_duplicate"):
    """Two reviews that say nearly the same and have different labels.

    Attributes:
        similarity: resemblance, above one half; 1 where the words are the same.
        first: the one that stands first in the source.
        second: the other.
    """

    similarity: float
    first: Twin
    second: Twin


def words(text: str) -> tuple[str, ...]:
    """The words of a text as they are compared: no case, punctuation, apostrophes or markup.

    >>> words("I didn’t <br />HATE it... 👎")
    ('i', 'didnt', 'hate', 'it', '👎')
    """
    return tuple(_WORD.findall(bare(text)))


def near_duplicates(examples: Sequence[Example]) -> list[NearDuplicate]:
    """All pairs of near-duplicates with different labels, the most alike first.

    Reviews with the same words and the same label are one review with several copies. Texts
    without words are left out; a text of fewer words than a shingle has one shingle, itself.

    Time grows with the words and with the pairs that share a rare shingle: the 25,000 test reviews
    of IMDB take 7 seconds of one core. Memory is about 70 bytes a word.

    Args:
        examples: reviews, with or without a label; None is a label like others.
    """
    places: dict[bytes, dict[str | None, list[int]]] = defaultdict(dict)
    for index, (example, numbers) in enumerate(zip(examples, _numbered(examples), strict=True)):
        if numbers:
            places[numbers].setdefault(example.label, []).append(index)
    sides = [
        [_twin(examples, indices) for indices in labels.values()] for labels in places.values()
    ]
    same = [(number, number, 1.0) for number, each in enumerate(sides) if len(each) > 1]
    labels = [frozenset(each) for each in places.values()]
    alike = _alike(list(_shingle_sets(places)), labels)
    pairs = [
        _pair(similarity, one, other)
        for first, second, similarity in chain(same, alike)
        for place, one in enumerate(sides[first])
        for other in sides[second][place + 1 if first == second else 0 :]
        if one.label != other.label
    ]
    return sorted(pairs, key=lambda each: (-each.similarity, each.first.index, each.second.index))


def _twin(examples: Sequence[Example], indices: Sequence[int]) -> Twin:
    example = examples[indices[0]]
    return Twin(indices[0], example.name, example.label, len(indices), example.text)


def _pair(similarity: float, one: Twin, other: Twin) -> NearDuplicate:
    first, second = sorted((one, other), key=lambda each: each.index)
    return NearDuplicate(similarity, first, second)


def _numbered(examples: Iterable[Example]) -> Iterator[bytes]:
    """The words of each review by number, uint32; equal for equal words, empty for none."""
    numbers: dict[str, int] = {}
    for example in examples:
        found = [numbers.setdefault(word, len(numbers) + 1) for word in words(example.text)]
        yield np.array(found, np.uint32).tobytes()


def _shingle_sets(texts: Iterable[bytes]) -> Iterator[_Shingles]:
    """The distinct shingles of each text of :func:`_numbered`, uint64 (S,), ascending.

    A shingle is a polynomial in the numbers of its words, modulo 2^64: among ten million, two
    different ones are taken for the same with a chance of some millionths.
    """
    for text in texts:
        ids = np.frombuffer(text, np.uint32).astype(np.uint64)
        size = min(SHINGLE, len(ids))
        count = len(ids) - size + 1
        mixed = np.zeros(count, np.uint64)
        for offset in range(size):
            mixed = mixed * _MULTIPLIER + ids[offset : offset + count]
        yield np.unique(mixed)


def _alike(
    sets: Sequence[_Shingles], labels: Sequence[frozenset[str | None]]
) -> Iterator[tuple[int, int, float]]:
    """Pairs of different sets that resemble each other and differ in a label."""
    ranked = _by_rarity(sets)
    sizes = np.array([len(each) for each in ranked])
    done: set[tuple[int, int]] = set()
    for first, second in _candidates(ranked):
        # Of two sets, the resemblance is at most the smaller size over the larger.
        smaller = np.minimum(sizes[first], sizes[second])
        larger = np.maximum(sizes[first], sizes[second])
        near = smaller * ALIKE.denominator >= larger * ALIKE.numerator
        for pair in zip(first[near].tolist(), second[near].tolist(), strict=True):
            one, other = pair
            if pair in done or (labels[one] == labels[other] and len(labels[one]) == 1):
                continue
            done.add(pair)
            similarity = _resemblance(ranked[one], ranked[other])
            if similarity >= ALIKE:
                yield one, other, float(similarity)


def _by_rarity(sets: Sequence[_Shingles]) -> list[_Ranks]:
    """The sets with every shingle replaced by its rank, rare ones low; int64 (S,), ascending."""
    if not sets:
        return []
    _, kinds, counts = np.unique(np.concatenate(sets), return_inverse=True, return_counts=True)
    rank = np.empty(len(counts), np.int64)
    rank[np.argsort(counts, kind="stable")] = np.arange(len(counts))
    ends = np.cumsum([len(each) for each in sets])[:-1]
    return [np.sort(each) for each in np.split(rank[kinds], ends)]


def _candidates(ranked: Sequence[_Ranks]) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Pairs (first below second) that share a shingle of their prefixes, some more than once.

    Two sets whose resemblance is t or more share at least t times the size of either. So one of
    the shared members is not among the last ``ceil(t * size) - 1`` of the set, in any order that
    all sets follow.
    """
    prefixes = [each[: len(each) - _least_shared(len(each)) + 1] for each in ranked]
    if not prefixes:
        return
    owners = np.repeat(np.arange(len(prefixes)), [len(each) for each in prefixes])
    members = np.concatenate(prefixes)
    order = np.argsort(members, kind="stable")  # keeps owners ascending within a member
    owners, members = owners[order], members[order]
    for step in range(1, len(members)):
        same = members[step:] == members[:-step]
        if not same.any():
            return
        yield owners[:-step][same], owners[step:][same]


def _least_shared(size: int) -> int:
    return -(-size * ALIKE.numerator // ALIKE.denominator)


def _resemblance(one: _Ranks, other: _Ranks) -> Fraction:
    shared = len(np.intersect1d(one, other, assume_unique=True))
    return Fraction(shared, len(one) + len(other) - shared)
