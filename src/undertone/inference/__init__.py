"""A trained model in use: onnxruntime and numpy, no torch."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from undertone.inference.explanation import CurvePoint, Explanation, TokenContribution, TurningPoint
from undertone.inference.predictor import Model, load
from undertone.inference.results import LogitResult, Prediction

if TYPE_CHECKING:
    from undertone.inference.scoring import ScoreResult, score_file

__all__ = [
    "CurvePoint",
    "Explanation",
    "LogitResult",
    "Model",
    "Prediction",
    "ScoreResult",
    "TokenContribution",
    "TurningPoint",
    "load",
    "score_file",
]


def __getattr__(name: str) -> object:
    """Import what scores files on first use: a single prediction needs no reader of tables."""
    if name in ("ScoreResult", "score_file"):
        return getattr(importlib.import_module("undertone.inference.scoring"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
