"""The prediction benchmark: its arithmetic, its table, and, slowly, a small run of it."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from benchmarks.prediction import children, compare, report, reviews
from benchmarks.prediction.children import Child
from benchmarks.prediction.compare import Measured

from benchmarks import flops, spread
from undertone import modelfolder


def test_percentiles_are_nearest_ranks():
    hundred = [float(number) for number in range(100, 0, -1)]
    assert spread.percentile(hundred, 0.5) == 50.0
    assert spread.percentile(hundred, 0.99) == 99.0
    assert spread.percentile([7.0], 0.99) == 7.0


def test_operations_of_an_lstm_and_a_transformer():
    # One direction, one layer: four gates of 3 units from 2 inputs and 3 states.
    assert flops.lstm_token(2, 3, layers=1, directions=1) == 2 * 4 * 3 * (2 + 3)
    assert flops.lstm_token(256, 256, layers=5) == 14_680_064
    # DistilBERT on 512 tokens: 85 million products in its layers for each token, and attention.
    layers = 6 * (4 * 768**2 + 2 * 768 * 3072)
    attention = 6 * 4 * 512**2 * 768
    assert flops.transformer([512], 768, 3072, 6) == 2 * 512 * layers + attention


def test_texts_of_known_length_are_cut_from_long_ones_only():
    texts = ["Too short.", "One, two; three four.", "It's five and six more words!"]
    assert reviews.of_length(texts, 5) == ["One, two; three", "It's five and"]


def test_texts_of_known_length_are_joined_where_all_are_short():
    assert reviews.of_length(["a b", "c"], 7) == ["a b c a b c a"]


def test_a_process_is_timed_to_its_first_line_and_weighed(tmp_path: Path):
    program = "import time; print('here', flush=True); x = bytearray(80 << 20); time.sleep(0.3)"
    child = children.run(["-c", program], tmp_path / "log", children.environment(1))
    assert child.answered + 0.25 < child.seconds
    assert child.peak_mib > 80


def test_a_failing_process_tells_its_last_line(tmp_path: Path):
    with pytest.raises(children.ChildError, match=r"^ValueError: no luck$"):
        children.run(["-c", "raise ValueError('no luck')"], tmp_path / "log", {})


def _measured(rate: float, *, training: str | None) -> Measured:
    latency = {"50": [0.001, 0.003], "200": [0.002, 0.002], "1000": [0.004, 0.004]}
    return Measured(
        rounds=[{"reviews": 100, "seconds": 100 / rate, "latency": latency}] * 3,
        peaks_mib=[90.0, 100.0, 95.0],
        starts=[Child(seconds, seconds + 0.1, 80.0) for seconds in (0.3, 0.2, 0.9)],
        facts={
            "title": "a system",
            "precision": "int8",
            "parameters": 10,
            "size_bytes": 4_500_000,
            "tokens_read": 200.0,
            "flops": 2e6,
            "training": training,
        },
        accuracy=None if training is None else {"accuracy": 0.91, "reviews": 25_000},
    )


def test_figures_come_from_the_raw_numbers():
    found = compare.figures(_measured(500.0, training="24,260 reviews"), {"int8": 4.0})
    assert found["reviews_per_second"]["median"] == pytest.approx(500.0)
    assert found["latency_ms"]["50"] == {"p50": 1.0, "p99": 3.0, "calls": 6}
    assert found["cold_start_seconds"]["median"] == 0.3
    assert found["peak_mib"] == 100.0
    assert found["size_mb"] == 4.5
    assert found["accuracy"] == 0.91
    assert found["gflops"] == pytest.approx(1.0)
    assert found["gemm_share"] == pytest.approx(0.25)


def test_ratios_say_how_many_times_better_undertone_int8_is():
    systems = {
        "undertone-int8": compare.figures(_measured(1000.0, training="reviews"), {"int8": 4.0}),
        "distilbert-torch": compare.figures(_measured(4.0, training=None), {"int8": 4.0}),
    }
    systems["distilbert-torch"]["latency_ms"]["200"]["p50"] = 50.0
    systems["distilbert-torch"] |= {"peak_mib": 800.0, "size_mb": 268.0}
    systems["distilbert-torch"]["cold_start_seconds"]["median"] = 4.5
    found = compare.ratios(systems)
    assert {name: each["undertone-int8"] for name, each in found.items()} == dict.fromkeys(found, 1)
    theirs = {name: each["distilbert-torch"] for name, each in found.items()}
    assert theirs == pytest.approx(
        {
            "throughput": 250.0,
            "latency_50": 1.0,
            "latency_200": 25.0,
            "latency_1000": 1.0,
            "cold_start": 15.0,
            "memory": 8.0,
            "size": 268 / 4.5,
        }
    )
    assert compare.ratios({"distilbert-torch": systems["distilbert-torch"]}) == {}


def test_the_table_has_ratios_first_then_a_row_a_system_and_the_reason_of_those_left_out(
    tmp_path: Path,
):
    gemm = {"int8": 4.0}
    systems: dict[str, Any] = {
        "undertone-int8": compare.figures(_measured(500.0, training="reviews"), gemm),
        "distilbert-torch": compare.figures(_measured(4.0, training=None), gemm),
    }
    systems["distilbert-torch"] |= {"title": "another", "reviews": 25}
    ratios = compare.ratios(systems)
    systems["fasttext"] = {"skipped": "No module named 'fasttext'"}
    command_line = {
        "text": {"seconds": {"median": 0.312}, "peak_mib": 101.2},
        "file": {"reviews": 10_000, "reviews_per_second": 1034.0, "peak_mib": 140.0},
    }
    path = tmp_path / "result.json"
    content = {"ratios": ratios, "reviews": 100, "command_line": command_line, "systems": systems}
    path.write_text(json.dumps(content))
    lines = report.table(path).splitlines()
    assert lines[0].startswith("| undertone int8 is better by, against | throughput |")
    assert lines[2] == "| another | 125× | 1× | 1× | 1× | 1× | 1× | 1× |"
    assert lines[6] == (
        "| a system | 500 | 1 (3) | 2 (2) | 4 (4) | 0.30 | 100 | 4.5 | 91.00% | 2 | 25% of int8 |"
    )
    assert lines[7].startswith("| another | 4 (on 25) |")
    assert "random weights" in lines[7]
    assert lines[9] == (
        "`undertone predict`, a new process each: one short text in 0.31 s and 101 MiB; a file of "
        "10,000 reviews at 1,034 reviews/s and 140 MiB, start included."
    )
    assert lines[-1] == "fasttext was left out: No module named 'fasttext'"


def test_float32_may_stand_in_another_folder_or_is_left_out(exported_model: Path, tmp_path: Path):
    from benchmarks.prediction import face, systems

    small = tmp_path / "int8-only"
    shutil.copytree(exported_model, small)
    manifest = modelfolder.read(small)
    (small / modelfolder.GRAPH).unlink()
    modelfolder.write(small, manifest)
    inputs = face.Inputs("sample", None, "", str(small), str(exported_model), 1, 10, quick=True)
    system = systems.create("undertone-float32", tmp_path, inputs)
    system.prepare()
    assert system.model.folder == exported_model
    assert system.model.precision == "float32"
    alone = replace(inputs, float32_model=None)
    assert systems.create("undertone-int8", tmp_path, alone).source() == str(small)
    with pytest.raises(face.Unavailable, match=r"has no model\.onnx"):
        systems.create("undertone-float32", tmp_path, alone).prepare()


OURS = ("undertone-int8", "undertone-float32")
NEEDED = {
    "plain-lstm": "torch",
    "tfidf-logistic": "sklearn",
    "fasttext": "fasttext",
    "distilbert-torch": "transformers",
    "distilbert-onnx-int8": "transformers",
}


@pytest.mark.slow
def test_a_small_run_of_all_that_is_installed(
    repository: Path, exported_model: Path, tmp_path: Path
):
    """A tiny model, random weights, sample reviews; a missing package leaves its system out."""
    vocabulary = tmp_path / "pieces.txt"
    letters = "abcdefghijklmnopqrstuvwxyz"
    pieces = [*("[PAD]", "[UNK]", "[CLS]", "[SEP]", "the", "film"), *letters]
    vocabulary.write_text("\n".join([*pieces, *(f"##{letter}" for letter in letters)]))
    output = tmp_path / "result.json"
    options = ["--quick", "--threads", "1", "--systems", ",".join([*OURS, *NEEDED])]
    files = ["--model", str(exported_model), "--vocab", str(vocabulary), "--output", str(output)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.prediction", *options, *files],
        cwd=repository,
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(output.read_text())
    systems = result["systems"]
    assert set(systems) == {*OURS, *NEEDED}
    for name in OURS:
        assert systems[name]["accuracy"] > 0.6
        assert result["ratios"]["throughput"][name] > 0
    assert systems["undertone-int8"]["size_mb"] < systems["undertone-float32"]["size_mb"]
    command_line = result["command_line"]
    assert command_line["file"]["reviews"] == 40
    assert (
        0 < command_line["text"]["seconds"]["median"] < command_line["text"]["seconds"]["max"] + 1
    )
    assert "`undertone predict`, a new process each" in done.stdout
    for name, module in NEEDED.items():
        if importlib.util.find_spec(module) is None:
            assert module in systems[name]["skipped"]
            continue
        assert systems[name].get("skipped") is None
        assert systems[name]["reviews_per_second"]["median"] > 0
        trained = name in ("tfidf-logistic", "fasttext")
        assert (systems[name]["accuracy"] is not None) == trained
    assert systems["tfidf-logistic"]["accuracy"] > 0.7
