"""The study from token arrays on a CPU with toy sizes: trained, measured, skipped when done."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tools import study_gpu, tokens

import undertone
from undertone.config import load_preset
from undertone.data.examples import SourceOptions
from undertone.data.source import load_split
from undertone.study.plan import PROTOCOLS

TINY = """
[text]
tokenizer = "wordpiece"
vocabulary = 60
min_frequency = 1
max_tokens = 12
head = 1.0
[network]
embedding_dim = 8
hidden_dim = 6
[pretrain]
epochs = 1
streams = 4
stretch = 8
negatives = 6
[train]
epochs = 1
lr = 0.02
precision = "float32"
device = "cpu"
"""
STUDY = """
protocol = "study"
seeds = 1
[[models]]
name = "original"
preset = "{preset}"
original = true
settings = ["train.microbatch=16"]
[[models]]
name = "rule"
like = "original"
mended = ["threshold"]
[[models]]
name = "begun"
like = "original"
mended = ["negations", "best"]
start_from = "lm"
"""


def source(folder: Path) -> Path:
    rows = ["review,sentiment"]
    for number in range(60):
        rows += [f"film {number} was not great,negative", f"the film {number} was great,positive"]
    path = folder / "reviews.csv"
    path.write_text("\n".join(rows) + "\n")
    return path


@pytest.mark.slow
def test_runs_take_the_tokens_that_fit_and_are_measured_once(tmp_path: Path):
    words, preset, study = (tmp_path / name for name in ("words.txt", "tiny.toml", "study.toml"))
    words.write_text("not\nwas\n")
    preset.write_text(TINY)
    study.write_text(STUDY.format(preset=preset))
    reviews = str(source(tmp_path))
    cleaned = ("text.cleaning=study", f"text.stopwords={words}")
    for name, more in (("study", cleaned), ("plain", ())):
        config = load_preset(str(preset), (*PROTOCOLS["study"], *more))
        tokens.pack(reviews, SourceOptions(), config, tmp_path / f"{name}.safetensors")
    words.unlink()  # the machine with the GPU has no file of deleted words
    typed = ["--plan", study, "--stopwords", words, "--runs", tmp_path / "runs"]
    typed += ["--tokens", tmp_path / "study.safetensors", tmp_path / "plain.safetensors"]
    typed += ["--results", tmp_path / "results", "--set", "train.lr=0.01", "--threads", 1]
    assert study_gpu.main([str(each) for each in typed]) == 0
    made = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "results").iterdir()}
    assert sorted(made) == ["begun-0.json", "original-0.json", "rule-0.json"]
    found = json.loads((tmp_path / "results" / "begun-0.json").read_text())
    model = undertone.load(tmp_path / "runs" / "begun-0")
    examples = load_split(reviews, SourceOptions(), config.data, "test", model.labels)
    logits = model.logits([each.text for each in examples]).logits[:, 0]
    truth = np.array([each.label == "positive" for each in examples])
    assert found["test"]["accuracy"] == np.mean((logits > 0.5) == truth)
    assert (found["speed"]["tokens_per_second"] > 0, found["epochs"]) == (True, 1)
    assert study_gpu.main([str(each) for each in typed]) == 0
    assert made == {path.name: path.stat().st_mtime_ns for path in made_in(tmp_path)}


def made_in(folder: Path) -> list[Path]:
    return list((folder / "results").iterdir())
