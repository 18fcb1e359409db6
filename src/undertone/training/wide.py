"""N-grams beside a network: what each is good at, added up.

Cheng et al., "Wide & Deep Learning for Recommender Systems" (2016): a linear model of rare, telling
features remembers what a network smooths over. Here the two are trained one after the other, on
the same tokens, and their logits are added, each times a factor fitted on the validation reviews;
the sum is still an exact sum over tokens.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from undertone import calibration
from undertone.config import RunConfig
from undertone.extras import require
from undertone.text.bag import Bag
from undertone.training import bag_run
from undertone.training.events import Listener, Note
from undertone.training.trainer import EncodedReviews, accuracy

Logits = NDArray[np.float32]


class Joined(NamedTuple):
    """A network and a bag whose logits add up.

    Attributes:
        bag: the n-grams, scaled.
        weights: those of the network, its output layer scaled.
        logits: float32 (N, K), their sum on the validation reviews.
    """

    bag: Bag
    weights: dict[str, Tensor]
    logits: Logits


def join(
    weights: dict[str, Tensor],
    logits: Logits,
    training: EncodedReviews,
    validation: EncodedReviews,
    config: RunConfig,
    *,
    vocabulary: int,
    labels: tuple[str, ...],
    listen: Listener,
) -> Joined:
    """Train the bag and fit both factors.

    Args:
        weights: of the trained network, by name.
        logits: float32 (N, K), what it says of the validation reviews.
        training: what the network learnt from, soft labels included.
        validation: reviews that decide how much each counts.
        config: ``bag`` says which n-grams.
        vocabulary: number of distinct token ids.
        labels: in the order of the outputs.
        listen: hears what came of it.
    """
    learnt = bag_run.fit(training, labels, config, vocabulary).bag
    linear = bag_run.logits(learnt, validation.sequences)
    deep, wide = factors(logits, linear, validation.targets)
    total = (deep * logits + wide * linear).astype(np.float32)
    figures = [f"{accuracy(each, validation.targets):.2%}" for each in (logits, linear, total)]
    listen(
        Note(
            f"{learnt.ngrams.size:,} n-grams beside the network. Validation accuracy: network "
            f"{figures[0]}, n-grams {figures[1]}, both {figures[2]} (factors {deep:.2f}, "
            f"{wide:.2f})."
        )
    )
    scaled = {
        name: weight * deep if name.startswith("output.") else weight
        for name, weight in weights.items()
    }
    bag = learnt._replace(
        weight=(learnt.weight * wide).astype(np.float32),
        bias=(learnt.bias * wide).astype(np.float32),
    )
    return Joined(bag, scaled, total)


def factors(first: Logits, second: Logits, targets: NDArray[np.integer]) -> tuple[float, float]:
    """The two factors, not below zero, whose weighted sum has the least log loss.

    Args:
        first: float32 (N, K).
        second: float32 (N, K).
        targets: int (N,), indices of labels.
    """
    minimize = require("scipy.optimize", "train").minimize

    def loss(point: NDArray[np.float64]) -> float:
        return calibration.log_loss(point[0] * first + point[1] * second, targets)

    found = minimize(loss, [0.5, 0.5], method="L-BFGS-B", bounds=[(0.0, None)] * 2)
    return float(found.x[0]), float(found.x[1])
