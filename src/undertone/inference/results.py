"""What a model says about a text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

UNCERTAIN = "uncertain"
"""The label of a text on which a model abstains."""


class Prediction(Struct, frozen=True):
    """The verdict on one text.

    Attributes:
        label: the likeliest label, or ``"uncertain"``; None for a text without tokens.
        probability: calibrated probability of the likeliest label, 0 to 1; None for a text
            without tokens.
        probabilities: probability of every label, in the order of the model; empty for a text
            without tokens.
        tokens_read: tokens the model saw.
        tokens_total: tokens of the text; more than ``tokens_read`` where its middle was left out.
        status: ``"ok"``; ``"empty"`` for a text without tokens; ``"uncertain"`` where a model
            that may abstain does (see :meth:`undertone.Model.abstaining`).
    """

    label: str | None
    probability: float | None
    probabilities: dict[str, float]
    tokens_read: int
    tokens_total: int
    status: Literal["ok", "empty", "uncertain"]

    @property
    def likeliest(self) -> str | None:
        """The label with the highest probability, whether certain or not."""
        return max(self.probabilities, key=self.probabilities.__getitem__, default=None)


class LogitResult(NamedTuple):
    """What the network puts out for N texts.

    Attributes:
        logits: float32 (N, K), before the temperature. K=1 for two labels: the log-odds of the
            second. 0 for a text without tokens.
        tokens_read: int32 (N,).
        tokens_total: int32 (N,), before long texts are cut.
    """

    logits: NDArray[np.float32]
    tokens_read: NDArray[np.int32]
    tokens_total: NDArray[np.int32]


def prediction(
    labels: tuple[str, ...],
    probabilities: NDArray[np.float64],
    read: int,
    total: int,
    possible: Sequence[bool] = (),
) -> Prediction:
    """The verdict from the probabilities float64 (C,) of one text.

    Args:
        labels: C names.
        probabilities: of each label; of no account where nothing was read.
        read: tokens the model saw.
        total: tokens of the text.
        possible: which labels stay possible, of a model that abstains unless it is one.
    """
    if read == 0:
        return Prediction(None, None, {}, read, total, "empty")
    best = int(probabilities.argmax())
    by_label = dict(zip(labels, probabilities.tolist(), strict=True))
    if len(possible) and sum(possible) != 1:
        return Prediction(UNCERTAIN, max(by_label.values()), by_label, read, total, "uncertain")
    return Prediction(labels[best], by_label[labels[best]], by_label, read, total, "ok")
