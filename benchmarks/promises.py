"""What the model inside the package promises, measured and checked.

    python -m benchmarks.promises --data SOURCE --output results/promises.json

The exit code is 1 and a line names each promise that is not kept; the file is written all the
same. Everything runs on two cores. With a million rows it takes about six minutes, four of them for
these rows.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.prediction import children
from benchmarks.prediction.face import Inputs
from benchmarks.promise_steps import Steps
from benchmarks.spread import write_result

IMDB = "../shared/data/aclImdb_v1.tar.gz"
CORES = 2


@dataclass(frozen=True)
class Promise:
    """A measured figure and its limit.

    Attributes:
        title: what was measured.
        value: the figure.
        limit: for it.
        unit: of both; may be empty.
        least: the limit is a lower one.
        note: another figure, without a limit, to show beside it.
    """

    title: str
    value: float
    limit: float
    unit: str
    least: bool = False
    note: str = ""

    @property
    def kept(self) -> bool:
        """Whether the figure is within its limit; NaN is not."""
        return self.value >= self.limit if self.least else self.value <= self.limit

    def line(self) -> str:
        """For the terminal, where the promise is not kept."""
        return f"NOT KEPT: {self.title}: {self.shown()}, {_limit(self)}"

    def shown(self) -> str:
        """The figure with its unit and its note."""
        return _with_unit(self.value, self.unit) + (f" ({self.note})" if self.note else "")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, write the JSON, say what is not kept; 1 if anything is not."""
    options = _parser().parse_args(arguments)
    children.hold_to_cores(CORES)
    try:
        with tempfile.TemporaryDirectory(prefix="undertone-promises-") as work:
            measured = _steps(options, Path(work)).run()
    except children.ChildError as error:
        _say(f"error: {error}")
        return 1
    found = promises(measured)
    listed = [{**asdict(each), "kept": each.kept} for each in found]
    kept = all(each.kept for each in found)
    result = {"kept": kept, "promises": listed, "data": _source(options), "measured": measured}
    write_result(options.output, result, "benchmarks.promises", seed=0)
    print(table(options.output))
    for each in found:
        if not each.kept:
            _say(each.line())
    return 0 if kept else 1


def promises(measured: dict[str, Any]) -> list[Promise]:
    """The figures with their limits.

    Args:
        measured: what :meth:`benchmarks.promise_steps.Steps.run` returns.
    """
    return [*_of_processes(measured), *_of_files(measured), *_of_the_model(measured)]


def table(path: Path) -> str:
    """Markdown of a result file, one row a promise.

    Args:
        path: JSON that ``python -m benchmarks.promises`` wrote.
    """
    listed = json.loads(path.read_text(encoding="utf-8"))["promises"]
    lines = ["| promise | measured | limit |", "|---|---|---|"]
    for each in listed:
        kept = each.pop("kept")
        promise = Promise(**each)
        value = promise.shown() + ("" if kept else " **not kept**")
        lines.append(f"| {promise.title} | {value} | {_limit(promise)} |")
    return "\n".join(lines)


def _of_processes(measured: dict[str, Any]) -> list[Promise]:
    start, latency = measured["cold_start"], measured["latency"]
    tokens = f"at {latency['tokens_read']:.0f} tokens"
    slowest = f"99th percentile {_with_unit(latency['p99_ms'], 'ms')}"
    return [
        Promise("`undertone predict` from a cold process", start["seconds"]["median"], 0.5, "s"),
        Promise("its peak memory", start["peak_mb"], 150, "MB"),
        Promise("`import undertone`", measured["import_seconds"]["median"] * 1e3, 50, "ms"),
        Promise(f"one review {tokens}, median", latency["p50_ms"], 3, "ms", note=slowest),
    ]


def _of_files(measured: dict[str, Any]) -> list[Promise]:
    file, memory = measured["file"], measured["memory"]
    rate = file["rows_per_second"]["median"]
    after = file["rows_per_second_after_start"]
    later = "" if after is None else f"{_with_unit(after, '')} without the start"
    pace = _with_unit(memory["large"]["rows_per_second"], "rows/s")
    few, many = memory["small"]["rows"], memory["large"]["rows"]
    wrong = file["misplaced"] + memory["small"]["misplaced"] + memory["large"]["misplaced"]
    ratio = f"peak memory of {many:,} short rows to that of {few:,}"
    title = f"a file of {file['rows']:,} reviews, start of the process included"
    return [
        Promise(title, rate, 1000, "reviews/s", least=True, note=later),
        Promise(ratio, memory["ratio"], 1.2, "times", note=pace),
        Promise("rows lost, added or out of order", wrong, 0, "rows"),
    ]


def _of_the_model(measured: dict[str, Any]) -> list[Promise]:
    explained = measured["explanations"]
    difference = max(explained["largest_from_same_call"], explained["largest_from_prediction"])
    title = f"contributions against the logit, largest gap on {explained['reviews']:,} reviews"
    return [
        Promise(title, difference, 1e-4, ""),
        Promise("the int8 model on disk", measured["model"]["bytes"] / 1e6, 8, "MB"),
    ]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="benchmarks.promises",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", default="", help=f"labelled reviews (default: {IMDB})")
    parser.add_argument("--model", help="a folder with an int8 graph (default: the one inside)")
    parser.add_argument("--output", type=Path, default=Path("results/promises.json"))
    parser.add_argument("--rows", type=_rows, help="of the large table (default: 1000000)")
    parser.add_argument(
        "--quick", action="store_true", help="a few sample reviews and rows; rates mean nothing"
    )
    return parser


def _rows(text: str) -> int:
    if not text.isdigit() or int(text) < 10:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of rows; give 10 or more")
    return int(text)


def _source(options: argparse.Namespace) -> str:
    return str(options.data or ("sample" if options.quick else IMDB))


def _steps(options: argparse.Namespace, work: Path) -> Steps:
    quick: bool = options.quick
    inputs = Inputs(
        source=_source(options),
        exclude=None,
        vocabulary="",
        model=options.model,
        float32_model=None,
        threads=CORES,
        reviews=40 if quick else 10_000,
        quick=quick,
    )
    rows = options.rows or (1000 if quick else 1_000_000)
    return Steps(work, inputs, rows, 1 if quick else 7, 1 if quick else 3, _say)


def _limit(promise: Promise) -> str:
    limit = _with_unit(promise.limit, promise.unit)
    return limit if not promise.limit else f"at {'least' if promise.least else 'most'} {limit}"


def _with_unit(value: float, unit: str) -> str:
    """Three digits, thousands with commas."""
    number = f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"
    return f"{number} {unit}".strip()


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
