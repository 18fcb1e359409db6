"""The result file as a Markdown table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.prediction.systems import REFERENCE

_HEAD = (
    *("system", "reviews/s", "ms a review, p50 (p99), 50 tokens", "200", "1,000"),
    *("cold start, s", "peak memory, MiB", "on disk, MB", "test accuracy"),
    *("MFLOP a review", "share of GEMM peak"),
)
_RATIOS = {
    "throughput": "throughput",
    "latency_50": "latency, 50 tokens",
    "latency_200": "200",
    "latency_1000": "1,000",
    "cold_start": "cold start",
    "memory": "peak memory",
    "size": "size on disk",
}


def table(path: Path) -> str:
    """Markdown of a result file: ratios first, then the figures, one row a system each.

    What was left out stands below with its reason, and so does the command line.

    Args:
        path: JSON that ``python -m benchmarks.prediction`` wrote.
    """
    result = json.loads(path.read_text(encoding="utf-8"))
    systems = {name: each for name, each in result["systems"].items() if "title" in each}
    lines = _ratio_table(result["ratios"], systems) if result["ratios"] else []
    rows = [_row(each, result["reviews"]) for each in systems.values()]
    lines += [_line(_HEAD), _line(["---"] * len(_HEAD)), *map(_line, rows)]
    if "command_line" in result:
        lines += ["", _command_line(result["command_line"])]
    for name, each in result["systems"].items():
        if "skipped" in each:
            lines += ["", f"{name} was left out: {each['skipped']}"]
    return "\n".join(lines)


def _ratio_table(
    ratios: dict[str, dict[str, float]], systems: dict[str, dict[str, Any]]
) -> list[str]:
    head = ["undertone int8 is better by, against", *_RATIOS.values()]
    rows = [
        [each["title"], *(f"{_number(ratios[figure][name])}×" for figure in _RATIOS)]
        for name, each in systems.items()
        if name != REFERENCE
    ]
    return [_line(head), _line(["---"] * len(head)), *map(_line, rows), ""] if rows else []


def _command_line(measured: dict[str, Any]) -> str:
    text, file = measured["text"], measured["file"]
    return (
        f"`undertone predict`, a new process each: one short text in "
        f"{text['seconds']['median']:.2f} s and {_number(text['peak_mib'])} MiB; a file of "
        f"{file['reviews']:,} reviews at {_number(file['reviews_per_second'])} reviews/s and "
        f"{_number(file['peak_mib'])} MiB, start included."
    )


def _row(each: dict[str, Any], reviews: int) -> list[str]:
    calls = [f"{few['p50']:.3g} ({few['p99']:.3g})" for few in each["latency_ms"].values()]
    accuracy = each["accuracy"]
    few = f" (on {each['reviews']:,})" if each["reviews"] < reviews else ""
    return [
        each["title"],
        _number(each["reviews_per_second"]["median"]) + few,
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
