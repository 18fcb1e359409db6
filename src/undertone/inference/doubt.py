"""Why a text leaves a model in doubt: it speaks for both sides, or for neither."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Doubt = Literal["mixed", "unclear"]

STRONG = math.log(3.0)
"""Log-odds that count as strong: alone, they turn even odds into three to one."""


def kind_of_doubt(contributions: NDArray[np.floating]) -> Doubt:
    """``"mixed"`` where both sides are strong, else ``"unclear"``.

    A side is the sum of all contributions of its sign.

    Args:
        contributions: float (T,), what each token adds to the calibrated log-odds of one label
            over another.

    >>> kind_of_doubt(np.array([2.0, -1.5])), kind_of_doubt(np.array([2.0, -0.5]))
    ('mixed', 'unclear')
    """
    weaker = min(contributions.clip(min=0.0).sum(), -contributions.clip(max=0.0).sum())
    return "mixed" if weaker >= STRONG else "unclear"


def between(
    contributions: NDArray[np.floating], logits: NDArray[np.floating]
) -> NDArray[np.floating]:
    """What each token adds to the log-odds of the two likeliest labels.

    Args:
        contributions: float (T, K).
        logits: float (K,); K=1: the log-odds of the second of two labels.

    Returns:
        float (T,).
    """
    if len(logits) == 1:
        return contributions[:, 0]
    second, first = np.argsort(logits, kind="stable")[-2:]
    return contributions[:, first] - contributions[:, second]
