"""What `benchmarks.promises` measures, each figure in fresh processes."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import promise_rows
from benchmarks.prediction import children
from benchmarks.prediction.children import Child
from benchmarks.prediction.face import SAMPLE, Inputs, read_reviews
from benchmarks.spread import summary

_TEXT = "I loved it"
_IMPORT = (
    "import time; started = time.perf_counter(); import undertone; "
    "print(time.perf_counter() - started)"
)


@dataclass(frozen=True)
class Steps:
    """Runs the steps.

    Attributes:
        work: an empty folder.
        inputs: source, model, threads; ``reviews`` is the size of the file of test reviews.
        rows: of the larger table.
        repetitions: processes behind every median of a start.
        passes: over the file of test reviews.
        say: called with a line about each step.
    """

    work: Path
    inputs: Inputs
    rows: int
    repetitions: int
    passes: int
    say: Callable[[str], None]

    def run(self) -> dict[str, Any]:
        """Everything, in order.

        Raises:
            benchmarks.prediction.children.ChildError: a step failed.
        """
        self.inputs.save(self.work)
        return {
            "model": self._worker("model"),
            "cold_start": self._cold_start(),
            "import_seconds": self._import(),
            "latency": self._worker("latency"),
            "file": self._file(),
            "explanations": self._worker("explanations"),
            "memory": self._memory(),
        }

    def _worker(self, mode: str) -> dict[str, Any]:
        self.say(mode)
        program = ["-m", "benchmarks.promise_worker", mode, str(self.work), self.inputs.model or ""]
        self._process(program)
        content = (self.work / f"{mode}.json").read_text(encoding="utf-8")
        found: dict[str, Any] = json.loads(content)
        return found

    def _process(self, arguments: list[str]) -> Child:
        variables = children.environment(self.inputs.threads)
        return children.run(arguments, self.work / "log", variables)

    def _predict(self, *arguments: str) -> Child:
        model = ["--model", self.inputs.model] if self.inputs.model else []
        return self._process(["-m", "undertone", "predict", *model, *arguments])

    def _score(self, table: Path) -> Child:
        """Of ``NAME.csv`` to ``NAME.scored.csv``."""
        output = str(table.with_suffix(".scored.csv"))
        return self._predict("--input", str(table), "--output", output, "--overwrite")

    def _cold_start(self) -> dict[str, Any]:
        self.say("cold start")
        starts = [self._predict(_TEXT) for _ in range(self.repetitions)]
        return {
            "seconds": summary([each.seconds for each in starts]),
            "peak_mb": max(_megabytes(each) for each in starts),
        }

    def _import(self) -> dict[str, Any]:
        """Clocked inside the process, so the start of the interpreter does not count."""
        self.say("import")
        found = [
            subprocess.run(
                [sys.executable, "-c", _IMPORT], check=True, capture_output=True, text=True
            )
            for _ in range(self.repetitions)
        ]
        return summary([float(each.stdout) for each in found])

    def _file(self) -> dict[str, Any]:
        """Rows a second of a file of reviews, and the same less what one row takes.

        The latter is None where the file is too small to tell.
        """
        self.say("file of reviews")
        table, one = self.work / "reviews.csv", self.work / "one.csv"
        rows = promise_rows.write_texts(self.work / SAMPLE, table)
        promise_rows.write_texts(self.work / SAMPLE, one, 1)
        start = statistics.median(self._score(one).seconds for _ in range(self.passes))
        scored = [self._score(table) for _ in range(self.passes)]
        after = statistics.median(each.seconds for each in scored) - start
        return {
            "rows": rows,
            "misplaced": promise_rows.misplaced(table.with_suffix(".scored.csv"), rows),
            "start_seconds": start,
            "rows_per_second": summary([rows / each.seconds for each in scored]),
            "rows_per_second_after_start": rows / after if after > 0 else None,
            "peak_mb": max(_megabytes(each) for each in scored),
        }

    def _memory(self) -> dict[str, Any]:
        """A table of short texts and one of a tenth of its rows."""
        few = max(1, self.rows // 10)
        self.say(f"table of {few:,} rows")
        texts = [row["text"] for row in read_reviews(self.work / SAMPLE)]
        openings = promise_rows.openings(texts)
        small = self._table(openings, few)
        minutes = self.rows / small["rows_per_second"] / 60
        self.say(f"table of {self.rows:,} rows, about {minutes:.1f} minutes")
        large = self._table(openings, self.rows)
        return {"small": small, "large": large, "ratio": large["peak_mb"] / small["peak_mb"]}

    def _table(self, openings: list[str], rows: int) -> dict[str, Any]:
        table = self.work / f"{rows}.csv"
        promise_rows.write_varied(table, openings, rows)
        child = self._score(table)
        output = table.with_suffix(".scored.csv")
        found = {
            "rows": rows,
            "misplaced": promise_rows.misplaced(output, rows),
            "seconds": child.seconds,
            "rows_per_second": rows / child.seconds,
            "peak_mb": _megabytes(child),
        }
        table.unlink()
        output.unlink()
        return found


def _megabytes(child: Child) -> float:
    return child.peak_mib * 2**20 / 1e6
