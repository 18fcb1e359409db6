"""``undertone study`` as one types it; the study itself is tested in tests/study."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click import BadParameter

from undertone.cli.commands import study

TINY = """
[text]
min_frequency = 1
max_tokens = 20
[network]
embedding_dim = 4
hidden_dim = 4
[train]
epochs = 2
batch_size = 16
ema = 0.0
patience = 0
"""


def write(folder: Path) -> tuple[Path, Path]:
    rows = ["review,sentiment"]
    for number in range(30):
        rows += [f"film {number} was great,positive", f"film {number} was awful,negative"]
    data, tiny = folder / "reviews.csv", folder / "tiny.toml"
    data.write_text("\n".join(rows) + "\n")
    tiny.write_text(TINY)
    return data, tiny


def test_steps_are_of_all_networks_or_of_those_named():
    presets = ["small", "bag", "x/lstm-45m.toml"]
    assert study._steps("20", presets) == {"small": 20, "lstm-45m": 20}
    assert study._steps("lstm-45m=5", presets) == {"lstm-45m": 5}
    assert study._steps(None, presets) == {}
    for wrong in ("many", "small=", "0", "-3"):
        with pytest.raises(BadParameter, match="names no number of steps"):
            study._steps(wrong, presets)


def test_mistakes_are_one_line(cli, tmp_path: Path):
    data, tiny = write(tmp_path)
    typed = ("study", "--data", data, "--presets", tiny, "--output", tmp_path / "out")
    assert "--departures and --stopwords belong together" in cli(*typed, "--departures", "a").error
    assert (
        "unknown preset 'smal' (did you mean 'small'?)"
        in cli("study", "--data", data, "--presets", "smal", "--output", tmp_path / "out").error
    )
    assert "no run in" in cli(*typed, "--report").error
    assert cli(*typed, "--steps-only", "x").code == 2
    assert "--models needs --plan" in cli(*typed, "--models", "tiny").err


@pytest.mark.slow
def test_a_study_is_stopped_gone_on_with_and_reported(cli, tmp_path: Path):
    data, tiny = write(tmp_path)
    output = tmp_path / "out"
    words = ["study", "--data", str(data), "--presets", str(tiny), "--seeds", "2"]
    words += ["--output", str(output), "--workers", "1", "--protocol", "study"]
    process = subprocess.Popen(
        [sys.executable, "-m", "undertone", *words],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ},
    )
    while not (output / "runs" / "tiny-0" / "config.json").exists():
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    assert process.communicate()[1].endswith("stopped. The same command goes on.\n")
    assert process.returncode == 130
    done = cli(*words)
    assert done.code == 0, done.err
    assert "runs to train: 2 of 3" in done.err
    assert "tiny-0: trained" not in done.err
    assert "Highest test accuracy:" in done.out
    assert (output / "report.html").is_file()
    assert "runs to train: 0 of 3" in cli(*words).err
