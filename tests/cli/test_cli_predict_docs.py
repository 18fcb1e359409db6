"""What docs/prediction.md shows is what comes out."""

from __future__ import annotations

import json
import re
from pathlib import Path

import msgspec
import pytest

import undertone

PAGE = Path(__file__).resolve().parents[2] / "docs" / "prediction.md"
BLOCK = re.compile(r"^```(python|json)\n(.*?)^```", re.MULTILINE | re.DOTALL)
BLOCKS = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
SHAPES = [json.loads(text) for kind, text in BLOCKS if kind == "json"]
TEXT = "Great at first, then dull."


def test_the_json_of_a_prediction_has_the_fields_shown(cli, trained):
    (shown, _) = SHAPES
    found = json.loads(cli("predict", "--json", TEXT, "--model", trained.folder).out)
    assert list(found) == list(shown)
    same = ("text", "tokens_read", "tokens_total", "status")
    assert [found[name] for name in same] == [shown[name] for name in same]
    assert list(found["probabilities"]) == list(shown["probabilities"])


def test_the_json_of_an_explanation_has_the_fields_shown(cli, trained):
    (prediction, shown) = SHAPES
    found = json.loads(cli("predict", "--explain", "--json", TEXT, "--model", trained.folder).out)
    assert list(found) == list(shown)
    assert list(found["prediction"]) == list(shown["prediction"])
    assert prediction == {"text": TEXT, **shown["prediction"]}
    for token in shown["tokens"]:
        same = next(each for each in found["tokens"] if each["start"] == token["start"])
        assert {**same, "contribution": 0} == {**token, "contribution": 0}
    for point in shown["curve"]:
        same = found["curve"][point["token"]]
        assert {**same, "probability": 0} == {**point, "probability": 0}
    fields = msgspec.structs.fields(undertone.TurningPoint)
    assert [each.name for each in fields] == list(shown["turning_points"][0])
    msgspec.convert(shown, undertone.Explanation)


def test_the_python_shown_runs(trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("reviews.csv").write_text("review,label\nDull.,x\n,y\n", encoding="utf-8")
    ((kind, code), *_) = BLOCKS
    assert kind == "python"
    assert "undertone.load()" in code
    names: dict[str, object] = {}
    code = code.replace("undertone.load()", f"undertone.load({str(trained.folder)!r})")
    exec(code, names)  # noqa: S102 - our own page
    assert names["total"] == pytest.approx(names["told"].logit, abs=1e-4)
    assert [each.status for each in names["many"]] == ["ok", "ok", "empty"]
    assert names["shares"].sum(axis=1) == pytest.approx([1.0, 1.0])
    done = names["done"]
    assert (done.rows, done.empty, done.cut, done.resumed) == (2, 1, 0, 0)
    assert done.columns[0] == "predicted_label"
