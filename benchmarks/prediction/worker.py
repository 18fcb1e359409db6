"""One step of one system in a process of its own: ``worker MODE WORK [SYSTEM] [NUMBER ...]``.

What is found goes to a JSON file in the system's folder; standard output carries one line. Nothing
heavy is imported before the system asks for it, so a cold start is the system's own.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from dataclasses import asdict
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from benchmarks.prediction.face import (
    LATENCY,
    SAMPLE,
    TEST,
    Inputs,
    System,
    Unavailable,
    read_reviews,
)
from benchmarks.prediction.systems import create

_PILOT = 32  # reviews that the number of reviews is planned from
_FEWEST_CALLS = 5
_SHORT = "I loved it"


def main(arguments: list[str]) -> None:
    """Run one step."""
    mode, work = arguments[0], Path(arguments[1])
    inputs = Inputs.load(work)
    if mode in _WITHOUT_SYSTEM:
        _WITHOUT_SYSTEM[mode](work, inputs)
        return
    folder = work / arguments[2]
    found = _STEPS[mode](folder, inputs, [float(each) for each in arguments[3:]])
    (folder.parent / f"{folder.name}.{mode}.json").write_text(json.dumps(found), encoding="utf-8")


def _data(work: Path, inputs: Inputs) -> None:
    from benchmarks.prediction import reviews

    reviews.write(work, inputs)


def _peak(work: Path, inputs: Inputs) -> None:
    import torch

    from benchmarks import peak

    torch.set_num_threads(inputs.threads)
    size, seconds = (256, 0.05) if inputs.quick else (2048, 2.0)
    (work / "peak.json").write_text(json.dumps(peak.measure(size, seconds)), encoding="utf-8")


def _prepare(folder: Path, inputs: Inputs, _: list[float]) -> dict[str, Any]:
    """Build the system; how long it took, or why it is left out."""
    logging.disable(logging.WARNING)
    started = time.perf_counter()
    try:
        create(folder.name, folder, inputs).prepare()
    except (Unavailable, ModuleNotFoundError) as error:
        return {"skipped": _reason(error)}
    return {"seconds": time.perf_counter() - started}


def _first(folder: Path, inputs: Inputs, _: list[float]) -> dict[str, Any]:
    """Load, answer once, say so."""
    answer = _loaded(folder, inputs).predict([_SHORT])[0]
    print(answer, flush=True)
    return {"answer": answer}


def _measure(folder: Path, inputs: Inputs, settings: list[float]) -> dict[str, Any]:
    """Throughput on the sample, then latency on single texts.

    ``settings``: reviews (0: as many as fit into the seconds that follow), those seconds, latency
    calls for each length at most, and seconds for each length.
    """
    reviews, seconds, calls, call_seconds = settings
    system = _loaded(folder, inputs)
    texts = [row["text"] for row in read_reviews(folder.parent / SAMPLE)]
    system.predict(texts[:8])
    if not reviews:
        pilot = _seconds(system, texts[:_PILOT])
        reviews = max(_PILOT, int(_PILOT / pilot * seconds))
    texts = texts[: int(reviews)]
    took = _seconds(system, texts)
    lengths = json.loads((folder.parent / LATENCY).read_text(encoding="utf-8"))
    latency = {
        length: _latency(system, singles, int(calls), call_seconds)
        for length, singles in lengths.items()
    }
    return {"reviews": len(texts), "seconds": took, "latency": latency}


def _facts(folder: Path, inputs: Inputs, settings: list[float]) -> dict[str, Any]:
    """Size and work on the reviews that throughput was measured on."""
    system = _loaded(folder, inputs)
    rows = list(read_reviews(folder.parent / SAMPLE))[: int(settings[0])]
    facts = asdict(system.facts([row["text"] for row in rows]))
    return {"title": system.title, "precision": system.precision, **facts}


def _accuracy(folder: Path, inputs: Inputs, _: list[float]) -> dict[str, Any]:
    """Share of right answers on all test reviews."""
    rows = list(read_reviews(folder.parent / TEST))
    found = _loaded(folder, inputs).predict([row["text"] for row in rows])
    right = sum((share > 0.5) == row["label"] for share, row in zip(found, rows, strict=True))
    return {"accuracy": right / len(rows), "reviews": len(rows)}


def _loaded(folder: Path, inputs: Inputs) -> System:
    system = create(folder.name, folder, inputs)
    system.load()
    return system


def _latency(system: System, texts: list[str], calls: int, seconds: float) -> list[float]:
    """Seconds of single predictions, after two without the clock."""
    for text in texts[:2]:
        system.predict([text])
    found: list[float] = []
    end = time.perf_counter() + seconds
    for text in islice(cycle(texts), calls):
        if len(found) >= _FEWEST_CALLS and time.perf_counter() > end:
            break
        found.append(_seconds(system, [text]))
    return found


def _seconds(system: System, texts: list[str]) -> float:
    started = time.perf_counter()
    system.predict(texts)
    return time.perf_counter() - started


def _reason(error: Exception) -> str:
    """Why a system is left out, without paths of this machine."""
    remedy = ""
    if isinstance(error, ModuleNotFoundError):
        remedy = "; install benchmarks/requirements.txt"
    return str(error).replace(f"{Path.cwd()}/", "") + remedy


_WITHOUT_SYSTEM = {"data": _data, "peak": _peak}
_STEPS = {
    "prepare": _prepare,
    "first": _first,
    "measure": _measure,
    "facts": _facts,
    "accuracy": _accuracy,
}

if __name__ == "__main__":
    main(sys.argv[1:])
