"""The tables of README.md and docs/study.md, from a study that was made here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tools import study_tables

from undertone.study import report, tables

NAMES = {"narrow": "lstm-1m-original", "wide": "lstm-4m-original"}


@pytest.fixture
def place(small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A report as if it were of the study's sizes, and probes of every run in it."""
    content = small.done.report.data.read_text()
    for ours, theirs in NAMES.items():
        content = content.replace(f'"{ours}', f'"{theirs}')
    (tmp_path / "ladder").mkdir()
    (tmp_path / "ladder" / report.DATA).write_text(content)
    read = {"accuracy": {"share": 0.5}, "both": {"share": 0.25}}
    more = {"accuracy": {"share": 0.6}, "both": {"share": 0.35}}
    probed = {"lstm-1m-original-0": read, "lstm-4m-original-0": read, "lstm-4m-original-1": more}
    results = [{"model": {"name": name}, "overall": each} for name, each in probed.items()]
    (tmp_path / "nuance").mkdir()
    (tmp_path / "nuance" / "metrics.json").write_text(json.dumps({"results": results}))
    monkeypatch.setattr(study_tables, "STUDY", tmp_path)
    return tmp_path


def test_a_row_a_model_the_baseline_first(small, place: Path) -> None:
    rows = {row[0]: row for row in study_tables.main_rows()}
    assert list(rows) == ["`tfidf`", "`lstm-1m-original`", "`lstm-4m-original`"]
    models = {each.name: each for each in small.done.result.models}
    wide = models["wide"]
    assert rows["`lstm-4m-original`"] == (
        "`lstm-4m-original`",
        "",
        f"{wide.parameters / 1e6:.1f} M",
        "2",
        f"**{tables.share(wide.figures['test_accuracy'])}**",
        "55.0%",
        "30.0%",
        f"{wide.figures['minutes'].mean:,.0f} min",
    )
    assert rows["`tfidf`"][1].startswith("TF-IDF of words")
    assert rows["`tfidf`"][5:7] == ("", "")


def test_the_answer_compares_the_smallest_with_the_largest(small, place: Path) -> None:
    told = study_tables.answer()
    models = {each.name: each for each in small.done.result.models}
    for name, probes in (("narrow", "50.0%"), ("wide", "55.0%")):
        share = f"{models[name].figures['test_accuracy'].mean:.2%}"
        assert f"{share} of the test reviews right and, at probability 0.5, {probes} of" in told
    (pair,) = (
        each for each in small.done.result.comparisons if {each.first, each.second} == set(NAMES)
    )
    for ours, theirs in NAMES.items():
        assert theirs in told
        assert ours in pair.words


def test_nothing_is_said_of_what_was_not_measured(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(study_tables, "STUDY", tmp_path)
    assert (study_tables.main_rows(), study_tables.answer()) == ([], "")
    assert list(study_tables.changes("departures")) == []
