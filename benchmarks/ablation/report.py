"""The result file as a Markdown table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_HEAD = (
    *("variant", "change", "seeds", "validation accuracy", "difference, points"),
    *("validation loss, nats", "difference", "minutes", "TFLOP"),
)
_NONE = "–"


def table(path: Path) -> str:
    """Markdown of a result file, a row a variant; what is missing is said below.

    Args:
        path: JSON that ``python -m benchmarks.ablation`` wrote.
    """
    result = json.loads(path.read_text(encoding="utf-8"))
    rows = [_row(name, each, name == result["base"]) for name, each in result["variants"].items()]
    lines = [_line(_HEAD), _line(["---"] * len(_HEAD)), *map(_line, rows), "", _below(result)]
    if result["missing"]:
        lines += ["", _missing(result)]
    return "\n".join(lines)


def _row(name: str, each: dict[str, Any], base: bool) -> list[str]:
    about = [f"`{name}`", each["change"], str(len(each["runs"]))]
    if not each["runs"]:
        return [*about, *[_NONE] * (len(_HEAD) - len(about))]
    compared = each["difference"] or {"accuracy": None, "loss": None}
    none = "the recipe" if base else _NONE
    work = each["flops"]
    return [
        *about,
        _figure(each["accuracy"], 100, 2, "%"),
        _difference(compared["accuracy"], 100, 2) or none,
        _figure(each["loss"], 1, 4, ""),
        _difference(compared["loss"], 1, 4) or none,
        f"{each['minutes']:.1f}",
        _NONE if work is None else f"{work / 1e12:,.3g}",
    ]


def _figure(value: dict[str, Any], scale: float, digits: int, unit: str) -> str:
    """``92.31% ± 0.42``."""
    shown = f"{value['mean'] * scale:.{digits}f}{unit}"
    if value["interval"] is None:
        return shown
    low, high = value["interval"]
    return f"{shown} ± {(high - low) / 2 * scale:.{digits}f}"


def _difference(value: dict[str, Any] | None, scale: float, digits: int) -> str:
    """``-0.52 (-1.10 to +0.06)``, in bold where the interval leaves zero out."""
    if value is None:
        return ""
    shown = f"{value['mean'] * scale:+.{digits}f}"
    if value["interval"] is None:
        return shown
    low, high = (end * scale for end in value["interval"])
    clear = low > 0 or high < 0
    return f"{f'**{shown}**' if clear else shown} ({low:+.{digits}f} to {high:+.{digits}f})"


def _below(result: dict[str, Any]) -> str:
    validation = result["validation"]
    on = f" on {validation['reviews']:,} validation reviews" if validation else ""
    machine = result["provenance"]["machine"]
    threads = sorted(
        {run["threads"] for each in result["variants"].values() for run in each["runs"]}
    )
    held = ", ".join(str(each or machine["cores"]) for each in threads) or _NONE
    return (
        f"Means over seeds{on}, with 95% intervals (Student's t). Differences to "
        f"`{result['base']}` are paired by seed; those in bold leave zero out. The best "
        "epoch was chosen on the same reviews. Minutes are of training alone, threads a run: "
        f"{held} ({machine['cpu']}, {machine['cores']} cores)."
    )


def _missing(result: dict[str, Any]) -> str:
    count = len(result["variants"]) * len(result["seeds"])
    return (
        f"**Not complete**: {len(result['missing'])} of {count} runs are missing "
        f"({', '.join(result['missing'])})."
    )


def _line(cells: list[str] | tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"
