"""N-grams that a network learns beside: it learns what they leave, and to overrule them.

Cheng et al., "Wide & Deep Learning for Recommender Systems" (2016), train both parts together. Here
the n-grams come first and stay as they are, since a linear model alone is trained best by its own
solver. Of the reviews that they learnt from by heart, the network must not see what they say of
them, but what n-grams of other reviews say: they are fitted once more for every fold.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from undertone import calibration
from undertone.config import RunConfig
from undertone.data.source import TrainingData
from undertone.data.splits import dealt
from undertone.text.bag import Bag
from undertone.training import bag_run
from undertone.training.events import Listener, Note
from undertone.training.trainer import EncodedReviews, accuracy

FOLDS = 5
Logits = NDArray[np.float32]


class Beside(NamedTuple):
    """N-grams beside a network, and the reviews with what the n-grams say of each.

    Attributes:
        bag: its logits are what is added to the network's.
        training: with ``beside``.
        validation: with ``beside``.
    """

    bag: Bag
    training: EncodedReviews
    validation: EncodedReviews


def fit(
    data: TrainingData,
    training: EncodedReviews,
    validation: EncodedReviews,
    config: RunConfig,
    *,
    vocabulary: int,
    listen: Listener,
) -> Beside:
    """Fit n-grams to the labels of the source's own training reviews.

    Their logits are calibrated on what the folds say of each other, and count ``bag.beside`` times.

    Args:
        data: what the reviews were encoded from.
        training: reviews to learn from, the source's own first.
        validation: the reviews that choose the best epoch.
        config: ``bag``, ``data`` and ``train.class_weights`` count.
        vocabulary: number of distinct token ids.
        listen: hears what was fitted.

    Raises:
        DataError: too few reviews, or a label missing in a part of them.
    """
    own = int((training.places < len(data.train) - data.further).sum())
    reviews = [data.train[place] for place in training.places[:own]]
    index = {label: number for number, label in enumerate(data.labels)}
    targets = np.array([index[each.label or ""] for each in reviews], dtype=np.int64)
    known = training.sequences[:own]

    def learnt(places: NDArray[np.integer]) -> Bag:
        part = EncodedReviews([known[place] for place in places], targets[places], 0)
        return bag_run.fit(part, data.labels, config, vocabulary).bag

    bag = learnt(np.arange(own))
    logits = bag_run.logits(bag, training.sequences)
    fold = np.array(dealt(reviews, FOLDS, config.data))
    for number in range(FOLDS):
        places = np.flatnonzero(fold == number)
        if len(places):
            others = learnt(np.flatnonzero(fold != number))
            logits[places] = bag_run.logits(others, [known[place] for place in places])
    factor = config.bag.beside / calibration.fit_temperature(logits[:own], targets)
    listen(
        Note(
            f"{bag.ngrams.size:,} n-grams beside the network, right about "
            f"{accuracy(logits[:own], targets):.2%} of reviews that they did not learn from; "
            f"their logits count {factor:.3f} times."
        )
    )
    scaled = bag._replace(weight=_times(bag.weight, factor), bias=_times(bag.bias, factor))
    measured = bag_run.logits(scaled, validation.sequences)
    return Beside(
        scaled,
        replace(training, beside=_times(logits, factor)),
        replace(validation, beside=measured),
    )


def _times(values: Logits, factor: float) -> Logits:
    return (values * factor).astype(np.float32)
