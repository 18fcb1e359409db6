"""``undertone evaluate``, on the model that the tests of ``train`` made."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest


def test_evaluate_as_json(cli, trained):
    outcome = cli("evaluate", trained.folder, "--data", trained.data, "--json")
    assert outcome.code == 0, outcome.err
    found = json.loads(outcome.out)
    assert found["labels"] == ["negative", "positive"]
    assert found["split"] == "test"
    assert found["reviews"] == 40
    assert found["figures"]["accuracy"] >= 0.9
    assert sum(map(sum, found["confusion"])) == 40
    assert found["model"]["name"] == "model"
    assert found["model"]["precision"] == "float32"


def test_evaluate_as_text_with_a_report(cli, trained, tmp_path):
    output = tmp_path / "report"
    outcome = cli(
        "evaluate", trained.folder, "--data", trained.data, "--split", "all", "--output", output
    )
    assert outcome.code == 0, outcome.err
    lines = [" ".join(line.split()) for line in outcome.out.splitlines()]
    assert lines[0] == f"model on {trained.data}, all: 200 reviews"
    found = json.loads((output / "metrics.json").read_bytes())
    row = found["confusion"][0]
    assert f"negative {row[0]} {row[1]}" in lines
    assert "true label said negative said positive" in lines
    assert any(line.startswith("Accuracy ") and "95% interval" in line for line in lines)
    assert f"report {output}/report.md" in lines
    plots = next(line for line in lines if line.startswith("plots "))
    assert all(Path(path).exists() for path in plots.removeprefix("plots ").split(", "))


BAD_EVALUATION = {
    "no such model": (["nowhere"], "no model folder at nowhere."),
    "not a model": (["."], "is not a finished model"),
    "unknown split": (["{model}", "--split", "tset"], "'tset' is not one of 'test'"),
    "no int8": (["{model}", "--precision", "int8"], "has no model.int8.onnx."),
    "report over a model": (["{model}", "--output", "{model}"], "is a model folder"),
    "unknown label": (["{model}", "--data", "other.csv", "--split", "all"], "'meh'"),
}


@pytest.mark.parametrize(("arguments", "expected"), BAD_EVALUATION.values(), ids=BAD_EVALUATION)
def test_bad_evaluations_are_one_line(cli, trained, tmp_path, monkeypatch, arguments, expected):
    monkeypatch.chdir(tmp_path)
    Path("other.csv").write_text("text,label\na film,meh\nb film,positive\n", encoding="utf-8")
    given = [argument.replace("{model}", str(trained.folder)) for argument in arguments]
    data = [] if "--data" in given else ["--data", trained.data]
    outcome = cli("evaluate", *given, *data)
    assert outcome.code == 2, outcome.err
    assert expected in outcome.error


def test_a_damaged_model_is_refused(cli, trained, tmp_path):
    folder = tmp_path / "copy"
    folder.mkdir()
    for path in trained.folder.iterdir():
        os.link(path, folder / path.name)
    (folder / "model.onnx").unlink()
    (folder / "model.onnx").write_bytes(b"x" * 10)
    outcome = cli("evaluate", folder, "--data", trained.data)
    assert outcome.code == 2
    assert "model.onnx is damaged: its size or digest differs" in outcome.error


def test_an_installation_without_a_model_says_so(cli, monkeypatch, trained):
    monkeypatch.setattr("undertone.cli.loading.packaged", lambda: None)
    outcome = cli("evaluate", "--data", trained.data)
    assert outcome.code == 2
    assert outcome.error == (
        "error: there is no model inside this installation of undertone. Name a folder that "
        "undertone train wrote; undertone models lists those found."
    )


def test_a_part_that_is_cut_off_is_said_to_be(cli, trained):
    done = cli("evaluate", trained.folder, "--data", trained.data)
    assert "names no test part: it is cut off by seed 0" in done.err
    assert "warning" not in done.err


def test_reviews_that_may_have_been_learnt_are_warned_of(cli, trained, tmp_path):
    """Leaving some rows out moves the cut: the model may have learnt what is now test."""
    (tmp_path / "left-out.txt").write_text(
        "reviews.csv row 1\nreviews.csv row 2\n", encoding="utf-8"
    )
    arguments = ["--data", trained.data, "--exclude", tmp_path / "left-out.txt"]
    done = cli("evaluate", trained.folder, *arguments)
    assert "warning: " in done.err
    assert "reviews that it learnt from may be among those measured" in done.err
