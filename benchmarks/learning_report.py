"""The learning curve as a result file and as a Markdown table."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from undertone import modelfolder

if TYPE_CHECKING:  # scikit-learn and torch, which a table does not need
    from benchmarks.learning_points import Point, Recipe, Reviews

_HEAD = (
    *("labelled reviews", "seeds", "undertone", "TF-IDF (1, 2) + logistic regression"),
    *("difference, points", "McNemar's p"),
)


def table(path: Path) -> str:
    """The result file as Markdown, a row a number of labels; what is missing is said below."""
    result = json.loads(path.read_text(encoding="utf-8"))
    lines = [
        f"| {' | '.join(_HEAD)} |",
        "|" + "---|" * len(_HEAD),
    ]
    lines += [_row(each, result["all"]) for each in result["by_labels"]]
    lines += ["", _below(result)]
    if result["missing"]:
        lines += ["", f"**Not complete**: missing are {', '.join(result['missing'])}."]
    return "\n".join(lines)


def report(
    points: Sequence[Point], missing: Sequence[str], recipe: Recipe, reviews: Reviews
) -> dict[str, Any]:
    """The result file, without its origin.

    Args:
        points: those that are finished.
        missing: names of the others, ``"LABELS-SEED"``.
        recipe: of the network.
        reviews: that all points draw from and are measured on.
    """
    return {
        "all": len(reviews.training),
        "test_reviews": len(reviews.test),
        "complete": not missing,
        "missing": list(missing),
        "preset": recipe.config.preset,
        "least_steps": recipe.least_steps,
        "start_from": _start(recipe.start_from),
        "by_labels": [_summary(group) for group in _by_labels(points)],
        "points": [msgspec.to_builtins(each) for each in points],
    }


def _row(each: dict[str, Any], whole: int) -> str:
    name = f"all {whole:,}" if each["labels"] == whole else f"{each['labels']:,}"
    return (
        f"| {name} | {each['seeds']} | {each['network']:.2%} | {each['bigrams']:.2%} "
        f"| {100 * each['difference']:+.2f} | {_p_value(each['largest_p'])} |"
    )


def _below(result: dict[str, Any]) -> str:
    return (
        f"Means over seeds on {result['test_reviews']:,} test reviews; p is the largest of all "
        "seeds. The network's own validation part comes out of its labelled reviews."
    )


def _start(folder: Path) -> dict[str, Any]:
    """What the start was made of: the texts it read are no labels, but the reader wants to know."""
    manifest = modelfolder.read(folder, modelfolder.LANGUAGE_MODEL)
    digest = manifest.files[modelfolder.WEIGHTS].sha256
    return {"folder": folder.name, "weights": digest, "data": manifest.data}


def _by_labels(points: Sequence[Point]) -> Iterator[list[Point]]:
    for count in sorted({each.labels for each in points}):
        yield [each for each in points if each.labels == count]


def _summary(group: Sequence[Point]) -> dict[str, Any]:
    network = statistics.fmean(each.network.accuracy for each in group)
    bigrams = statistics.fmean(each.bigrams.accuracy for each in group)
    return {
        "labels": group[0].labels,
        "seeds": len(group),
        "network": network,
        "bigrams": bigrams,
        "difference": network - bigrams,
        "largest_p": max(each.p_value for each in group),
        "minutes": statistics.fmean(each.network.seconds for each in group) / 60,
    }


def _p_value(value: float) -> str:
    return "< 0.0001" if value < 0.0001 else f"{value:.4f}"
