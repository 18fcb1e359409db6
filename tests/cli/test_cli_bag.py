"""The linear baseline from the command line: the same commands as for networks."""

from __future__ import annotations

import json

import pytest

SETTINGS = ("--preset", "bag", "--set", "text.min_frequency=1")


@pytest.fixture
def trained(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = {"positive": ("superb", "great"), "negative": ("boring", "awful")}
    rows = [
        f"film {number} was {words[label][number % 2]},{label}"
        for number in range(60)
        for label in words
    ]
    (tmp_path / "reviews.csv").write_text("\n".join(["review,sentiment", *rows]) + "\n")
    outcome = cli("train", "--data", "reviews.csv", *SETTINGS)
    assert outcome.code == 0, outcome.err
    return tmp_path / "runs" / "bag-reviews"


def test_train_evaluate_predict_explain(cli, trained):
    assert (trained / "loss_epoch_plot.png").is_file()
    measured = json.loads(cli("evaluate", trained, "--data", "reviews.csv", "--json").out)
    assert measured["figures"]["accuracy"] == 1.0
    answer = json.loads(cli("predict", "--model", trained, "--json", "It was superb").out)
    assert answer["label"] == "positive"
    probed = json.loads(cli("probe", trained, "--suite", "negation", "--json").out)
    assert probed["results"][0]["overall"]["texts"] == 82
    explained = cli("predict", "--model", trained, "--explain", "It was boring")
    assert explained.code == 0
    assert "boring" in explained.out


def test_models_counts_its_weights_once_it_is_trained(cli, trained):
    found = json.loads(cli("models", "--json").out)
    presets = {each["name"]: each for each in found["presets"]}
    assert presets["bag"]["parameters"] is None
    assert presets["bag"]["bag"]["weighting"] == "nb"
    assert presets["tfidf"]["bag"]["weighting"] == "tfidf"
    assert presets["small"]["bag"] is None
    (mine,) = (each for each in found["models"] if each["path"] == "runs/bag-reviews")
    metrics = json.loads((trained / "metrics.json").read_text())
    assert mine["parameters"] == metrics["parameters"] > 100
    lines = [" ".join(line.split()) for line in cli("models").out.splitlines()]
    assert any(
        line.startswith("bag - 100000 tokens bag, 1 to 3 words, nb weights") for line in lines
    )


def test_what_it_lacks_is_one_line(cli, trained):
    exported = cli("export", trained, "--no-measure")
    assert exported.code == 2
    assert "is a bag of n-grams, which has no int8 form." in exported.error
    resumed = cli("train", "--data", "reviews.csv", *SETTINGS, "--output", "new", "--resume")
    assert resumed.code == 2
    assert "nothing to resume" in resumed.error
    assert not (trained.parent.parent / "new").exists()
