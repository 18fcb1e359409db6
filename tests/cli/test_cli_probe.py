"""``undertone probe``, on the model that the tests of ``train`` made."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

LINES = [
    {"text": "wonderful and superb", "label": "positive", "phenomenon": "plain", "pair": "1"},
    {"text": "dreadful and boring", "label": "negative", "phenomenon": "plain", "pair": "1"},
    {"text": "a GREAT film", "label": "positive", "phenomenon": "case", "pair": "2"},
    {"text": "a great film", "label": "positive", "phenomenon": "case", "pair": "2"},
]


@pytest.fixture
def mine(tmp_path) -> Path:
    path = tmp_path / "mine.jsonl"
    path.write_text("".join(f"{json.dumps(each)}\n" for each in LINES), encoding="utf-8")
    return path


def test_probe_as_json(cli, trained, mine):
    outcome = cli("probe", trained.folder, "--suite", mine, "--json")
    assert outcome.code == 0, outcome.err
    found = json.loads(outcome.out)
    assert found["suites"] == ["mine"]
    (result,) = found["results"]
    assert result["model"]["name"] == "model"
    assert result["overall"]["accuracy"]["of"] == 4
    assert result["overall"]["direction"]["share"] == 1.0
    assert result["overall"]["steady"]["share"] == 1.0
    assert [each["name"] for each in result["phenomena"]] == ["plain", "case"]


def test_one_model_is_one_table(cli, trained, mine):
    outcome = cli("probe", trained.folder, "--suite", mine)
    assert outcome.code == 0, outcome.err
    rows = [" ".join(line.split()) for line in outcome.out.splitlines()]
    assert rows[0].startswith("mine: 4 texts in 2 pairs. ")
    assert "phenomenon Accuracy Both of a pair Direction Steady" in rows
    assert "plain 100.0% 34-100 100.0% 21-100 100.0% 21-100 -" in rows
    assert "mean of phenomena 100.0% 100.0% 100.0% 100.0%" in rows


def test_several_models_stand_side_by_side(cli, trained, mine, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(trained.folder, other)
    output = tmp_path / "report"
    outcome = cli("probe", trained.folder, other, "--suite", mine, "--output", output)
    assert outcome.code == 0, outcome.err
    rows = [" ".join(line.split()) for line in outcome.out.splitlines()]
    assert rows.count("phenomenon model other") == 4
    assert [row for row in rows if row in ("Accuracy", "Both of a pair", "Direction", "Steady")]
    assert f"report {output}/report.md" in rows
    assert f"plot {output}/phenomena.png" in rows
    assert len(json.loads((output / "metrics.json").read_bytes())["results"]) == 2


def test_the_packaged_model_on_packaged_suites(cli):
    outcome = cli("probe", "--suite", "robustness", "--suite", "irony", "--threads", 1, "--json")
    assert outcome.code == 0, outcome.err
    (result,) = json.loads(outcome.out)["results"]
    assert result["model"]["name"] == "built-in"
    assert result["overall"]["texts"] == 164
    assert set(result["phenomena"][0]["kinds"]) == {"typo", "case", "name", "neutral"}


BAD = {
    "no such model": (["nowhere"], "no model folder at nowhere."),
    "no such suite": (["--suite", "ironi"], "no suite 'ironi' (did you mean 'irony'?)."),
    "a flaw": (["--suite", "bad.jsonl"], "bad.jsonl line 1: the pair '1' has one member, not two."),
    "report over a model": (["--output", "{model}"], "is a model folder"),
}


@pytest.mark.parametrize(("arguments", "expected"), BAD.values(), ids=BAD)
def test_mistakes_are_one_line(cli, trained, tmp_path, monkeypatch, arguments, expected):
    monkeypatch.chdir(tmp_path)
    Path("bad.jsonl").write_text(json.dumps(LINES[0]) + "\n", encoding="utf-8")
    outcome = cli("probe", *(each.replace("{model}", str(trained.folder)) for each in arguments))
    assert outcome.code == 2, outcome.err
    assert expected in outcome.error
