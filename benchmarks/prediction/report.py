"""The result file as a Markdown table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.prediction.systems import REFERENCE

_HEAD = (
    *("system", "reviews/s", "undertone int8 against it"),
    *("ms a review, p50 (p99), 50 tokens", "200", "1,000"),
    *("cold start, s", "peak memory, MiB", "on disk, MB", "test accuracy"),
    *("MFLOP a review", "share of GEMM peak"),
)


def table(path: Path) -> str:
    """Markdown of a result file, one row a system; what was left out stands below with its reason.

    Args:
        path: JSON that ``python -m benchmarks.prediction`` wrote.
    """
    result = json.loads(path.read_text(encoding="utf-8"))
    faster = result["ratios"].get("undertone_int8_times_as_fast", {})
    systems = result["systems"]
    rows = [
        _row(name, each, faster.get(name), result["reviews"])
        for name, each in systems.items()
        if "title" in each
    ]
    lines = [_line(_HEAD), _line(["---"] * len(_HEAD)), *map(_line, rows)]
    for name, each in systems.items():
        if "skipped" in each:
            lines += ["", f"{name} was left out: {each['skipped']}"]
    return "\n".join(lines)


def _row(name: str, each: dict[str, Any], faster: float | None, reviews: int) -> list[str]:
    calls = [f"{few['p50']:.3g} ({few['p99']:.3g})" for few in each["latency_ms"].values()]
    accuracy = each["accuracy"]
    few = f" (on {each['reviews']:,})" if each["reviews"] < reviews else ""
    return [
        each["title"],
        _number(each["reviews_per_second"]["median"]) + few,
        "-" if faster is None or name == REFERENCE else f"{_number(faster)}×",
        *calls,
        f"{each['cold_start_seconds']['median']:.2f}",
        _number(each["peak_mib"]),
        _number(each["size_mb"]),
        "random weights" if accuracy is None else f"{accuracy:.2%}",
        _number(each["flops_per_review"] / 1e6),
        f"{_share(each['gemm_share'])} of {each['precision']}",
    ]


def _number(value: float) -> str:
    """Three digits, with commas and without exponents."""
    if value < 0.01:
        return "< 0.01"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _share(value: float) -> str:
    return "< 1%" if value < 0.01 else f"{value:.0%}"


def _line(cells: list[str] | tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"
