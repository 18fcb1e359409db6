"""Medians with their spread, and the origin of a result."""

from __future__ import annotations

import json
import shlex
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from undertone import files, provenance


def summary(values: Sequence[float]) -> dict[str, Any]:
    """Median, smallest, largest and all values of a repeated measurement."""
    return {
        "median": statistics.median(values),
        "min": min(values),
        "max": max(values),
        "all": list(values),
    }


def percentile(values: Sequence[float], share: float) -> float:
    """The value that ``share`` of all lie at or below (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, -(-int(share * 1000) * len(ordered) // 1000) - 1)]


def write_result(path: Path, result: dict[str, Any], program: str, seed: int) -> None:
    """Write a result with its origin as JSON, floats to five significant digits."""
    origin = provenance.collect(seed)
    origin["command"] = shlex.join(["python", "-m", program, *sys.argv[1:]])
    content = json.dumps(rounded({**result, "provenance": origin}), indent=2, ensure_ascii=False)
    files.write_text(path, content + "\n")


def rounded(value: Any) -> Any:
    """The same nested value with every float at five significant digits."""
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, dict):
        return {key: rounded(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(each) for each in value]
    return value
