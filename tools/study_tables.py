"""Tables of the study for README.md and docs/study.md, from the reports in ``results/study``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import msgspec

from undertone.study import report, tables
from undertone.study.plan import BASELINE
from undertone.study.summary import ModelResult, StudyResult

STUDY = Path(__file__).resolve().parents[1] / "results" / "study"
HEADER = (
    *("", "", "parameters", "seeds", "test accuracy"),
    *("probes", "both of a pair", "training"),
)
# Of the improvements, those that are all of them together.
_TOGETHER = ("-improved", "-started")
_ORIGINAL = "-original"
_TFIDF = "TF-IDF of words and word pairs, logistic regression"
_PROBED = ("accuracy", "both")
_Probes = Mapping[str, Sequence[dict[str, Any]]]


def main_rows() -> list[tuple[str, ...]]:
    """A row of :data:`HEADER` for every model in full: the baseline, sizes, improved ones."""
    ladder, improvements = read("ladder"), read("improvements")
    found = {each.name: each for each in (*_full(improvements), *_full(ladder))}
    ours = {each.name for each in _full(ladder)}
    wanted = [each for name, each in found.items() if name in ours or name.endswith(_TOGETHER)]
    probes = _probes()
    return [_row(each, probes) for each in sorted(wanted, key=_place)]


def answer() -> str:
    """The sizes of the study in a sentence: reviews, probes, and whether they can be told apart."""
    ladder = read("ladder")
    sizes = sorted(
        (each for each in _full(ladder) if each.name.endswith(_ORIGINAL)),
        key=lambda each: each.parameters,
    )
    if ladder is None or len(sizes) < 2:
        return ""
    small, large = sizes[0], sizes[-1]
    pair = next(
        each for each in ladder.comparisons if {each.first, each.second} == {small.name, large.name}
    )
    probes = _probes()
    return (
        f"With the study's settings, {_said(small, probes)}; {_said(large, probes)}: on reviews, "
        f"{pair.words}, and on probes a coin has 50%."
    )


def _said(model: ModelResult, probes: _Probes) -> str:
    figure = model.figures["test_accuracy"].mean
    read = [each["accuracy"]["share"] for each in probes.get(model.name, ())]
    nuance = f" and, at probability 0.5, {fmean(read):.1%} of the probes" if read else ""
    return (
        f"{model.parameters / 1e6:.1f} million parameters read {figure:.2%} of the test reviews "
        f"right{nuance}"
    )


def changes(*names: str) -> Iterator[tables.Table]:
    """What each change of a model does, of those reports that there are."""
    for name in names:
        result = read(name)
        found = None if result is None else tables.changes(result)
        if found is not None:
            yield found


def read(name: str) -> StudyResult | None:
    """A report of ``results/study``; None where it was not made."""
    path = STUDY / name / report.DATA
    return msgspec.json.decode(path.read_bytes(), type=StudyResult) if path.is_file() else None


def _full(result: StudyResult | None) -> tuple[ModelResult, ...]:
    return () if result is None else result.full


def _place(model: ModelResult) -> tuple[bool, int, bool, str]:
    """The baseline first, then models of about as many parameters together, originals first."""
    size = round(model.parameters / 1e6)
    return model.name != BASELINE, size, not model.name.endswith(_ORIGINAL), model.name


def _probes() -> _Probes:
    """What every seed of a model read of the probes, by the name of the model."""
    path, found = STUDY / "nuance" / "metrics.json", dict[str, list[dict[str, Any]]]()
    if path.is_file():
        for each in json.loads(path.read_text(encoding="utf-8"))["results"]:
            found.setdefault(each["model"]["name"].rpartition("-")[0], []).append(each["overall"])
    return found


def _row(model: ModelResult, probes: _Probes) -> tuple[str, ...]:
    read = probes.get(model.name, ())
    nuance = (f"{fmean(each[part]['share'] for each in read):.1%}" for part in _PROBED)
    return (
        f"`{model.name}`",
        _TFIDF if model.name == BASELINE else model.contender.title,
        f"{model.parameters / 1e6:.1f} M",
        str(len(model.runs)),
        f"**{tables.share(model.figures['test_accuracy'])}**",
        *(nuance if read else ("", "")),
        f"{model.figures['minutes'].mean:,.0f} min",
    )
