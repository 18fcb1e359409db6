"""Prediction with undertone and with the alternatives, in one run on one machine.

    python -m benchmarks.prediction --data SOURCE --output results/prediction-speed.json

Every system trains on the same reviews or has random weights, answers in fresh processes on the
same two threads, and is measured in turns with the others. Cold starts are of the process: the
files are in the page cache. All systems together take about a quarter of an hour.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, replace
from importlib import metadata
from pathlib import Path

from benchmarks.prediction import children, command_line
from benchmarks.prediction.compare import Comparison, Plan
from benchmarks.prediction.face import Inputs
from benchmarks.prediction.report import table
from benchmarks.prediction.systems import REFERENCE, SYSTEMS
from benchmarks.spread import write_result

IMDB = "../shared/data/aclImdb_v1.tar.gz"
VOCABULARY = "../shared/data/seed/bert_base_uncased_vocab.txt"
_COMPARED = ("transformers", "scikit-learn", "fasttext-community")
QUICK = Plan(rounds=1, seconds=0.2, calls=3, call_seconds=0.5, cold_starts=1)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, write the JSON, print the table."""
    options = _parser().parse_args(arguments)
    plan = _plan(options)
    children.hold_to_cores(options.threads)
    inputs = _inputs(options)
    with tempfile.TemporaryDirectory(prefix="undertone-benchmark-") as work:
        comparison = Comparison(options.systems, inputs, plan, Path(work), _say)
        result = comparison.run()
        if REFERENCE in comparison.measured:
            _say("undertone predict")
            result["command_line"] = command_line.measure(Path(work), inputs, plan.cold_starts)
    result |= {"plan": asdict(plan), "versions": _versions()}
    write_result(options.output, result, "benchmarks.prediction", seed=0)
    print(table(options.output))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks.prediction", description=__doc__)
    parser.add_argument("--data", default="", help=f"labelled reviews (default: {IMDB})")
    parser.add_argument("--exclude", help="file of reviews that must not be trained on")
    parser.add_argument("--vocab", default=VOCABULARY, help="BERT's word pieces, one a line")
    parser.add_argument("--model", help="undertone's model folder (default: the one inside)")
    parser.add_argument(
        "--float32-model",
        help="folder of the same model with model.onnx, which the one inside lacks "
        "(default: that of --model); left out with a reason where there is none",
    )
    parser.add_argument("--output", type=Path, default=Path("results/prediction-speed.json"))
    parser.add_argument(
        "--systems", type=_names, default=list(SYSTEMS), help=f"of {', '.join(SYSTEMS)}"
    )
    parser.add_argument("--reviews", type=int, default=10_000, help="of the test part, at most")
    parser.add_argument("--rounds", type=int, help=f"over all systems (default: {Plan.rounds})")
    parser.add_argument(
        "--seconds",
        type=float,
        help=f"of a throughput pass; slow systems read fewer reviews (default: {Plan.seconds:g})",
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="tiny shapes on the sample reviews")
    return parser


def _plan(options: argparse.Namespace) -> Plan:
    given = {name: getattr(options, name) for name in ("rounds", "seconds")}
    given = {name: value for name, value in given.items() if value is not None}
    return replace(QUICK if options.quick else Plan(), **given)


def _inputs(options: argparse.Namespace) -> Inputs:
    return Inputs(
        source=options.data or ("sample" if options.quick else IMDB),
        exclude=options.exclude,
        vocabulary=options.vocab,
        model=options.model,
        float32_model=options.float32_model,
        threads=options.threads,
        reviews=min(options.reviews, 40) if options.quick else options.reviews,
        quick=options.quick,
    )


def _names(text: str) -> list[str]:
    names = text.split(",")
    for name in names:
        if name not in SYSTEMS:
            raise argparse.ArgumentTypeError(f"no system {name!r}; there are {', '.join(SYSTEMS)}")
    return names


def _versions() -> dict[str, str]:
    """Of the packages that undertone is compared with, as far as they are installed."""
    installed = {each.name: each.version for each in metadata.distributions()}
    return {name: installed[name] for name in _COMPARED if name in installed}


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
