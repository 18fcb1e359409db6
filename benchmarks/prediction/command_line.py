"""The command `undertone predict` from a cold process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.prediction import children
from benchmarks.prediction.face import SAMPLE, Inputs
from benchmarks.spread import summary

_TEXT = "I loved it"


def measure(work: Path, inputs: Inputs, starts: int) -> dict[str, Any]:
    """Seconds and memory of one text, from start to end, and of the sample as a file.

    Args:
        work: folder that holds the sample.
        inputs: shared settings.
        starts: processes started for the one text.
    """
    variables = children.environment(inputs.threads)
    program = ["-m", "undertone", "predict", *(["--model", inputs.model] if inputs.model else [])]
    log = work / "command.log"
    once = [children.run([*program, _TEXT], log, variables) for _ in range(starts)]
    files = ["--input", str(work / SAMPLE), "--output", str(work / "scored.jsonl")]
    scored = children.run([*program, *files], log, variables)
    with (work / SAMPLE).open("rb") as stream:
        reviews = sum(1 for _ in stream)
    return {
        "text": {
            "seconds": summary([each.seconds for each in once]),
            "peak_mib": max(each.peak_mib for each in once),
        },
        "file": {
            "reviews": reviews,
            "reviews_per_second": reviews / scored.seconds,
            "peak_mib": scored.peak_mib,
        },
    }
