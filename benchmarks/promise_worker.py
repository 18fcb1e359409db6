"""Steps of `benchmarks.promises` that need numpy or a model: ``promise_worker MODE WORK MODEL``.

Each runs in a process of its own, so that the program that weighs processes stays small, and
leaves ``MODE.json`` in the work folder. MODEL is a folder, or empty for the model in the package.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import undertone
from benchmarks.prediction import reviews
from benchmarks.prediction.face import SAMPLE, TEST, Inputs, read_reviews
from benchmarks.spread import percentile
from undertone import modelfolder
from undertone.errors import UndertoneError

TOKENS = 200
_CALLS, _QUICK_CALLS = 1000, 20
_CHUNK = 2048
_TEXTS = 20


def main(arguments: list[str]) -> int:
    """Run one step; 1, and a line on standard error, where it cannot."""
    mode, work, folder = arguments[0], Path(arguments[1]), arguments[2] or None
    inputs = Inputs.load(work)
    try:
        found = _STEPS[mode](work, inputs, undertone.load(folder, precision="int8"))
    except UndertoneError as error:
        print(error, file=sys.stderr)
        return 1
    (work / f"{mode}.json").write_text(json.dumps(found), encoding="utf-8")
    return 0


def _model(work: Path, inputs: Inputs, model: undertone.Model) -> dict[str, Any]:
    """Write the reviews; what the model is, and the bytes that prediction needs."""
    reviews.write(work, inputs)
    needed = [modelfolder.MANIFEST, modelfolder.TOKENIZER]
    needed += [modelfolder.CALIBRATION, modelfolder.GRAPH_INT8]
    needed += [modelfolder.WIDE] if model.config.network.wide else []
    return {
        "name": model.name,
        "preset": model.config.preset,
        "digest": model.digest,
        "bytes": sum((model.folder / name).stat().st_size for name in needed),
    }


def _latency(work: Path, inputs: Inputs, model: undertone.Model) -> dict[str, Any]:
    """Milliseconds of single predictions, after twenty without the clock."""
    texts = of_length(model, [row["text"] for row in islice(read_reviews(work / SAMPLE), 200)])
    read = model.predict([*texts, *islice(cycle(texts), 20)])[: len(texts)]
    calls: list[float] = []
    for text in islice(cycle(texts), _QUICK_CALLS if inputs.quick else _CALLS):
        started = time.perf_counter()
        model.predict(text)
        calls.append((time.perf_counter() - started) * 1e3)
    return {
        "tokens_read": sum(each.tokens_read for each in read) / len(read),
        "calls": len(calls),
        "p50_ms": percentile(calls, 0.5),
        "p99_ms": percentile(calls, 0.99),
    }


def of_length(model: undertone.Model, texts: Sequence[str]) -> list[str]:
    """Beginnings of texts that hold exactly 200 of the model's tokens, twenty at most.

    Where the texts are too short, all of them together make one.
    """
    whole = [*texts, " ".join(texts)]
    encoded = model.encoder.encode(whole, spans=True, cut=False)
    return [
        text[: each.spans[TOKENS - 1, 1]]
        for text, each in zip(whole, encoded, strict=True)
        if each.spans is not None and each.total >= TOKENS
    ][:_TEXTS]


def _explanations(work: Path, inputs: Inputs, model: undertone.Model) -> dict[str, Any]:
    """How far contributions and base are from the logits, on every test review."""
    started = time.perf_counter()
    texts = [row["text"] for row in read_reviews(work / TEST)]
    parts = [
        differences(model, texts[start : start + _CHUNK], inputs.threads)
        for start in range(0, len(texts), _CHUNK)
    ]
    found = np.concatenate(parts)
    return {
        "reviews": len(texts),
        "without_tokens": len(texts) - len(found),
        "largest_from_same_call": float(found[:, 0].max()),
        "largest_from_prediction": float(found[:, 1].max()),
        "seconds": time.perf_counter() - started,
    }


def differences(model: undertone.Model, texts: Sequence[str], threads: int) -> NDArray[np.float64]:
    """Sums of contributions and base against the logits, for each text that has tokens.

    Returns:
        float64 (N, 2): largest difference over the outputs, from the logits of the same call and
        from those that prediction uses.
    """
    encoded = [each for each in model.encoder.encode(texts) if len(each.ids)]
    predicted = model.read(encoded).logits

    def difference(index: int) -> tuple[float, float]:
        logits, parts, base = model.network.contributions(encoded[index].ids)
        total = parts.sum(axis=0, dtype=np.float64) + base
        return float(abs(total - logits).max()), float(abs(total - predicted[index]).max())

    with ThreadPoolExecutor(threads) as pool:
        found = list(pool.map(difference, range(len(encoded))))
    return np.array(found, dtype=np.float64).reshape(-1, 2)


_STEPS = {"model": _model, "latency": _latency, "explanations": _explanations}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
