"""The prediction benchmark: its arithmetic, its table, and, slowly, a small run of it."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from benchmarks.prediction import children, compare, report, reviews
from benchmarks.prediction.children import Child
from benchmarks.prediction.compare import Measured

from benchmarks import flops, spread


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


def test_ratios_are_relative_to_undertone_int8():
    rates = {"undertone-int8": 1000.0, "distilbert-torch": 4.0}
    systems = {name: {"reviews_per_second": {"median": rate}} for name, rate in rates.items()}
    assert compare.ratios(systems) == {
        "throughput_relative_to_undertone_int8": {"undertone-int8": 1.0, "distilbert-torch": 0.004},
        "undertone_int8_times_as_fast": {"undertone-int8": 1.0, "distilbert-torch": 250.0},
    }
    assert compare.ratios({"distilbert-torch": systems["distilbert-torch"]}) == {}


def test_the_table_has_a_row_a_system_and_the_reason_of_those_left_out(tmp_path: Path):
    gemm = {"int8": 4.0}
    systems: dict[str, Any] = {
        "undertone-int8": compare.figures(_measured(500.0, training="reviews"), gemm),
        "distilbert-torch": compare.figures(_measured(4.0, training=None), gemm),
    }
    systems["distilbert-torch"]["reviews"] = 25
    ratios = compare.ratios(systems)
    systems["fasttext"] = {"skipped": "No module named 'fasttext'"}
    path = tmp_path / "result.json"
    path.write_text(json.dumps({"ratios": ratios, "reviews": 100, "systems": systems}))
    lines = report.table(path).splitlines()
    assert lines[2] == (
        "| a system | 500 | - | 1 (3) | 2 (2) | 4 (4) | 0.30 | 100 | 4.5 | 91.00% | 2 "
        "| 25% of int8 |"
    )
    assert lines[3].startswith("| a system | 4 (on 25) | 125× |")
    assert "random weights" in lines[3]
    assert lines[-1] == "fasttext was left out: No module named 'fasttext'"


NEEDED = {
    "plain-lstm": "torch",
    "tfidf-logistic": "sklearn",
    "fasttext": "fasttext",
    "distilbert-torch": "transformers",
    "distilbert-onnx-int8": "transformers",
}


@pytest.mark.slow
def test_a_small_run_of_all_that_is_installed(repository: Path, tmp_path: Path):
    """Random weights and the sample reviews; a missing package leaves its system out."""
    vocabulary = tmp_path / "pieces.txt"
    letters = "abcdefghijklmnopqrstuvwxyz"
    pieces = [*("[PAD]", "[UNK]", "[CLS]", "[SEP]", "the", "film"), *letters]
    vocabulary.write_text("\n".join([*pieces, *(f"##{letter}" for letter in letters)]))
    output = tmp_path / "result.json"
    options = ["--quick", "--threads", "1", "--systems", ",".join(NEEDED)]
    files = ["--vocab", str(vocabulary), "--output", str(output)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.prediction", *options, *files],
        cwd=repository,
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    systems = json.loads(output.read_text())["systems"]
    assert set(systems) == set(NEEDED)
    for name, module in NEEDED.items():
        if importlib.util.find_spec(module) is None:
            assert module in systems[name]["skipped"]
            continue
        assert systems[name].get("skipped") is None
        assert systems[name]["reviews_per_second"]["median"] > 0
        trained = name in ("tfidf-logistic", "fasttext")
        assert (systems[name]["accuracy"] is not None) == trained
    assert systems["tfidf-logistic"]["accuracy"] > 0.7
