"""What a model says about a text."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray


class Prediction(Struct, frozen=True):
    """The verdict on one text.

    Attributes:
        label: the likeliest label; None for a text without tokens.
        probability: calibrated probability of ``label``, 0 to 1; None for a text without tokens.
        probabilities: probability of every label, in the order of the model; empty for a text
            without tokens.
        tokens_read: tokens the model saw.
        tokens_total: tokens of the text; more than ``tokens_read`` where its middle was left out.
        status: ``"ok"``, or ``"empty"`` for a text without tokens.
    """

    label: str | None
    probability: float | None
    probabilities: dict[str, float]
    tokens_read: int
    tokens_total: int
    status: Literal["ok", "empty"]


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
    labels: tuple[str, ...], probabilities: NDArray[np.float64], read: int, total: int
) -> Prediction:
    """The verdict from the probabilities float64 (C,) of one text.

    Args:
        labels: C names.
        probabilities: of each label; of no account where nothing was read.
        read: tokens the model saw.
        total: tokens of the text.
    """
    if read == 0:
        return Prediction(None, None, {}, read, total, "empty")
    best = int(probabilities.argmax())
    by_label = dict(zip(labels, probabilities.tolist(), strict=True))
    return Prediction(labels[best], by_label[labels[best]], by_label, read, total, "ok")
