"""The training-speed benchmark, in small, as the command that makes the result file."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("onnx")

CALL = ["--quick", "--threads", "1", "--batches", "2", "--repetitions", "3"]


@pytest.fixture(scope="module")
def run(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], str]:
    """The result file and what the command printed."""
    output = tmp_path_factory.mktemp("speed") / "training-speed.json"
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.training_speed", *CALL, "--output", str(output)],
        cwd=repository,
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(output.read_text()), done.stdout


def test_the_ratio_is_the_quotient_of_the_medians(run):
    result, _ = run
    assert next(iter(result)) == "ratio"
    seconds = {name: each["seconds"] for name, each in result["candidates"].items()}
    for each in seconds.values():
        assert len(each["all"]) == 3
        assert each["median"] == statistics.median(each["all"])
    wanted = seconds["plain"]["median"] / seconds["undertone"]["median"]
    assert result["ratio"] == pytest.approx(wanted, rel=1e-4)
    least, most = result["ratio_range"]
    assert least <= most


def test_both_networks_are_one_and_the_same(run):
    result, _ = run
    assert len(set(result["parameters"].values())) == 1
    assert result["largest_logit_difference"] <= 1e-5


def test_rates_follow_from_seconds_and_work(run):
    result, _ = run
    batches = result["batches"]
    assert batches["count"] == 2
    assert batches["size"] == 8
    # Two layers, two directions, width 8: 2 * (2*4*8*16 + 2*4*8*24) forward, three times that.
    assert result["flops_per_review"] == pytest.approx(3 * 5120 * batches["mean_tokens"], rel=1e-3)
    for each in result["candidates"].values():
        rate = 16 / each["seconds"]["median"]
        assert each["reviews_per_second"]["median"] == pytest.approx(rate, rel=1e-3)
        assert each["gflops"] == pytest.approx(rate * result["flops_per_review"] / 1e9, rel=1e-3)
        share = each["gflops"] / result["gemm_peak_gflops"][each["precision"]]
        assert each["gemm_share"] == pytest.approx(share, rel=1e-3)


def test_the_result_says_where_it_comes_from(run):
    result, _ = run
    origin = result["provenance"]
    assert origin["command"].startswith("python -m benchmarks.training_speed --quick")
    assert {"commit", "date", "machine", "versions"} <= set(origin)


def test_the_table_is_printed(run):
    result, printed = run
    assert "| plain packed nn.LSTM, float32 |" in printed
    assert f"Ratio **{result['ratio']:.1f}**" in printed


def test_the_compared_shape_has_the_parameters_of_the_study():
    from benchmarks.plain_lstm import STUDY, PackedLSTM

    from undertone.config import load_preset

    shape = load_preset("lstm-15m").network
    count = sum(each.numel() for each in PackedLSTM(shape, 30522).parameters())
    assert count == 15_175_681
    assert shape == STUDY
