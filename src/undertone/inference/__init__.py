"""A trained model in use: onnxruntime and numpy, no torch."""

from __future__ import annotations

from undertone.inference.explanation import CurvePoint, Explanation, TokenContribution, TurningPoint
from undertone.inference.predictor import Model, load
from undertone.inference.results import LogitResult, Prediction
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
