"""The promises benchmark: its checks, its tables of rows, and a small run of the whole."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks.promises import Promise

import undertone
from benchmarks import promise_rows, promise_worker, promises


def _measured() -> dict[str, Any]:
    """Every figure exactly at its limit."""
    table = {"rows": 100, "misplaced": 0, "rows_per_second": 5000.0}
    return {
        "model": {"bytes": 8_000_000},
        "cold_start": {"seconds": {"median": 0.5}, "peak_mb": 150.0},
        "import_seconds": {"median": 0.05},
        "latency": {"tokens_read": 199.7, "p50_ms": 3.0, "p99_ms": 9.0},
        "file": {
            "rows": 10_000,
            "misplaced": 0,
            "rows_per_second": {"median": 1000.0},
            "rows_per_second_after_start": 1040.0,
        },
        "explanations": {
            "reviews": 25_000,
            "largest_from_same_call": 1e-6,
            "largest_from_prediction": 1e-4,
        },
        "memory": {"small": table, "large": {**table, "rows": 1000}, "ratio": 1.2},
    }


def test_figures_at_their_limits_are_kept():
    found = promises.promises(_measured())
    assert len(found) == 9
    assert all(each.kept for each in found)


@pytest.mark.parametrize(
    ("path", "value", "title"),
    [
        (("cold_start", "seconds", "median"), 0.51, "`undertone predict` from a cold process"),
        (("cold_start", "peak_mb"), 151.0, "its peak memory"),
        (("import_seconds", "median"), 0.051, "`import undertone`"),
        (("latency", "p50_ms"), 3.1, "one review at 200 tokens, median"),
        (
            ("file", "rows_per_second", "median"),
            999.0,
            "a file of 10,000 reviews, start of the process included",
        ),
        (("memory", "ratio"), 1.21, "peak memory of 1,000 short rows to that of 100"),
        (("memory", "large", "misplaced"), 1, "rows lost, added or out of order"),
        (
            ("explanations", "largest_from_same_call"),
            float("nan"),
            "contributions against the logit, largest gap on 25,000 reviews",
        ),
        (
            ("explanations", "largest_from_prediction"),
            2e-4,
            "contributions against the logit, largest gap on 25,000 reviews",
        ),
        (("model", "bytes"), 8_000_001, "the int8 model on disk"),
    ],
)
def test_each_promise_can_be_broken(path: tuple[str, ...], value: float, title: str):
    measured = _measured()
    place = measured
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    assert [each.title for each in promises.promises(measured) if not each.kept] == [title]


def test_the_table_has_a_row_a_promise(tmp_path: Path):
    kept = Promise("a file", 1234.4, 1000, "reviews/s", least=True)
    broken = Promise("import", 61.25, 50, "ms", note="p99 70 ms")
    exact = Promise("rows lost", 0, 0, "rows")
    listed = [{**each.__dict__, "kept": each.kept} for each in (kept, broken, exact)]
    path = tmp_path / "promises.json"
    path.write_text(json.dumps({"promises": listed}))
    assert promises.table(path).splitlines()[2:] == [
        "| a file | 1,234 reviews/s | at least 1,000 reviews/s |",
        "| import | 61.2 ms (p99 70 ms) **not kept** | at most 50 ms |",
        "| rows lost | 0 rows | 0 rows |",
    ]
    assert broken.line() == "NOT KEPT: import: 61.2 ms (p99 70 ms), at most 50 ms"


def test_short_texts_repeat_turned():
    openings = promise_rows.openings(["one two<br />three", " ".join("abcdefghijklmnopqrstuvwxyz")])
    assert openings == ["one two three", "a b c d e f g h i j k l m n o p q r s t"]
    found = list(promise_rows.varied(openings, 5))
    assert found[:3] == [*openings, "two three one"]
    assert found[3].startswith("h i j")
    assert found[4] == "three one two"


def _scored(path: Path, rows: list[tuple[int, str]]) -> Path:
    path.write_text("id,text,status\n" + "".join(f"{n},a,{status}\n" for n, status in rows))
    return path


def test_rows_that_are_missing_or_out_of_place_are_counted(tmp_path: Path):
    whole = [(0, "ok"), (1, "empty"), (2, "ok")]
    path = tmp_path / "scored.csv"
    assert promise_rows.misplaced(_scored(path, whole), 3) == 0
    assert promise_rows.misplaced(_scored(path, whole), 5) == 2
    assert promise_rows.misplaced(_scored(path, [whole[0], whole[2], whole[1]]), 3) == 2
    assert promise_rows.misplaced(_scored(path, [*whole, (3, "")]), 4) == 1


def test_reviews_become_numbered_rows(tmp_path: Path):
    source, table = tmp_path / "reviews.jsonl", tmp_path / "reviews.csv"
    source.write_text("".join(json.dumps({"text": text}) + "\n" for text in ('a, "b"', "c", "d")))
    assert promise_rows.write_texts(source, table, 2) == 2
    assert table.read_text() == 'id,text\n0,"a, ""b"""\n1,c\n'
    assert promise_rows.write_texts(source, table) == 3


def test_sums_are_compared_with_both_logits(exported_model: Path):
    model = undertone.load(exported_model, threads=1)
    texts = ["A good film.", "", "Dull, slow and far too long.", "?" * 3]
    found = promise_worker.differences(model, texts, threads=2)
    assert len(found) == sum(len(each.ids) > 0 for each in model.encoder.encode(texts))
    assert found.max() < 1e-5
    assert promise_worker.differences(model, [""], threads=2).shape == (0, 2)

    class Skewed:
        """Reads the last text a little off, as a broken export would."""

        encoder = model.encoder
        network = model.network

        def read(self, encoded):
            result = model.read(encoded)
            result.logits[-1] += np.float32(0.5)
            return result

    skewed = promise_worker.differences(Skewed(), texts, threads=1)
    assert skewed[-1, 1] == pytest.approx(0.5, abs=1e-4)
    assert skewed[:, 0].max() < 1e-5


def test_texts_of_the_latency_hold_as_many_tokens_as_they_say(exported_model: Path):
    model = undertone.load(exported_model, threads=1)
    texts = ["Good, isn't it? " * 60, "Short.", "Not a film - an ordeal! " * 80]
    found = promise_worker.of_length(model, texts)
    assert [text[:4] for text in found] == ["Good", "Not ", "Good"]
    assert {len(each.ids) for each in model.encoder.encode(found, cut=False)} == {200}


def _run(repository: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.promises", "--quick", *options],
        cwd=repository,
        capture_output=True,
        check=False,
        text=True,
    )


@pytest.mark.slow
def test_a_small_run_writes_its_file_and_fails_for_the_rate_of_forty_reviews(
    repository: Path, exported_model: Path, tmp_path: Path
):
    output = tmp_path / "promises.json"
    done = _run(
        repository, "--rows", "300", "--model", str(exported_model), "--output", str(output)
    )
    result = json.loads(output.read_text())
    verdicts = {each["title"]: each["kept"] for each in result["promises"]}
    assert not verdicts["a file of 40 reviews, start of the process included"]
    assert done.returncode == 1
    assert not result["kept"]
    assert "NOT KEPT: a file of 40 reviews" in done.stderr
    assert verdicts["rows lost, added or out of order"]
    assert verdicts["the int8 model on disk"]
    assert verdicts["peak memory of 300 short rows to that of 30"]
    explained = result["measured"]["explanations"]
    assert 0 < explained["largest_from_prediction"] < 1e-4
    assert explained["reviews"] > 40
    assert result["provenance"]["command"].startswith("python -m benchmarks.promises --quick")
    assert promises.table(output) in done.stdout


def test_a_folder_that_is_no_model_is_one_line(repository: Path, tmp_path: Path):
    done = _run(repository, "--model", str(tmp_path), "--output", str(tmp_path / "promises.json"))
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"error: {tmp_path} is not a finished model")
    assert not (tmp_path / "promises.json").exists()
