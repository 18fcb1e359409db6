"""The compared systems, one file each; a system is imported only in its own processes."""

from __future__ import annotations

import importlib
from pathlib import Path

from benchmarks.prediction.face import Inputs, System

REFERENCE = "undertone-int8"

SYSTEMS = {
    REFERENCE: ("undertone_model", "UndertoneInt8"),
    "undertone-float32": ("undertone_model", "UndertoneFloat32"),
    "distilbert-torch": ("distilbert_torch", "DistilBertTorch"),
    "distilbert-onnx-int8": ("distilbert_onnx", "DistilBertInt8"),
    "tfidf-logistic": ("tfidf", "TfidfLogistic"),
    "fasttext": ("fasttext_bigrams", "FastTextBigrams"),
    "plain-lstm": ("plain", "PlainLSTM"),
}


def create(name: str, folder: Path, inputs: Inputs) -> System:
    """The system of that name; ``folder`` is its own."""
    module, kind = SYSTEMS[name]
    made: System = getattr(importlib.import_module(f"{__name__}.{module}"), kind)(folder, inputs)
    return made
