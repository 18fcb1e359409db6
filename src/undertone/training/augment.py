"""Training reviews with sentences left out, in another order, or alone.

What a review says survives most such changes, so each pass over the reviews shows the network
other texts with the same labels. Cutting a review to a stretch of it also shows short texts, which
are rare among reviews and common in use.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from undertone.errors import DataError
from undertone.settings import TrainConfig
from undertone.text.tokenizer import TextEncoder

_STREAM = 1  # tells these random numbers from others that follow from the same seed and step
_ENDS = ".!?"

Ids = NDArray[np.int32]


@dataclass(frozen=True)
class Augmentation:
    """What is done to the sentences of a batch; shares as in ``TrainConfig``.

    ``ends`` is bool (vocabulary,): True for tokens that end a sentence.
    """

    drop: float
    shuffle: float
    crop: float
    ends: NDArray[np.bool_]

    def __call__(self, sequences: Sequence[Ids], *, seed: int, step: int) -> list[Ids]:
        """The reviews of one step, changed; a function of the arguments alone.

        Every review keeps one whole sentence at least, and no token is made up.

        Args:
            sequences: token ids, int32 (n,) a review; they stay as they are.
            seed: of the run.
            step: number of the step.

        Returns:
            As many reviews, none longer than before.
        """
        random = np.random.default_rng([seed, step, _STREAM])
        return [self._changed(ids, random) for ids in sequences]

    def _changed(self, ids: Ids, random: np.random.Generator) -> Ids:
        parts = sentences(ids, self.ends)
        if len(parts) == 1:
            return ids
        if random.random() < self.crop:
            parts = _stretch(parts, random)
        if self.drop:
            parts = _thinned(parts, self.drop, random)
        if random.random() < self.shuffle:
            parts = [parts[place] for place in random.permutation(len(parts))]
        return np.concatenate(parts)


def build(config: TrainConfig, encoder: TextEncoder) -> Augmentation | None:
    """The augmentation that the settings ask for, or None where they ask for none.

    Raises:
        DataError: they do, and no token of the vocabulary ends a sentence.
    """
    if not asked_for(config):
        return None
    tokens = encoder.tokens(range(encoder.size))
    ends = np.array([not token.strip(_ENDS) for token in tokens])
    if not ends.any():
        raise DataError(
            "the training reviews have no sentences: none of . ! ? is in the vocabulary.",
            "Set train.sentence_drop, train.sentence_shuffle and train.crop to 0.",
        )
    return Augmentation(config.sentence_drop, config.sentence_shuffle, config.crop, ends)


def asked_for(config: TrainConfig) -> bool:
    """Whether any setting changes the reviews."""
    return max(config.sentence_drop, config.sentence_shuffle, config.crop) > 0.0


def sentences(ids: Ids, ends: NDArray[np.bool_]) -> list[Ids]:
    """Cut a review behind every run of tokens that end a sentence.

    >>> sentences(np.array([7, 1, 1, 8, 9, 1, 5]), np.arange(10) == 1)
    [array([7, 1, 1]), array([8, 9, 1]), array([5])]

    Args:
        ids: integers (n,), n >= 1.
        ends: bool (vocabulary,).

    Returns:
        One piece or more, none empty, which make up the review.
    """
    ending = ends[ids]
    return np.split(ids, np.flatnonzero(ending[:-1] & ~ending[1:]) + 1)


def _stretch(parts: list[Ids], random: np.random.Generator) -> list[Ids]:
    """Neighbouring sentences, from one to all but one; every number is as likely."""
    count = int(random.integers(1, len(parts)))
    start = int(random.integers(0, len(parts) - count + 1))
    return parts[start : start + count]


def _thinned(parts: list[Ids], share: float, random: np.random.Generator) -> list[Ids]:
    """Each sentence stays with probability 1 - share; if none would, a random one does."""
    kept = random.random(len(parts)) >= share
    if not kept.any():
        kept[random.integers(len(parts))] = True
    return [part for part, stays in zip(parts, kept, strict=True) if stays]
