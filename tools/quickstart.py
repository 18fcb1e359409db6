"""What `make quickstart` shows: a model trained, measured and used on the sample reviews."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

TRICKY = (
    "I didn't hate it, but I wouldn't watch it again.",
    "The visuals were stunning, but the story lacked depth and the characters were flat.",
    "Not the masterpiece they promised, yet I left the cinema smiling.",
)
RUN = Path("runs/sample")
STEPS = (
    ["train", "--data", "sample", "--preset", "sample", "--output", str(RUN), "--overwrite"],
    ["evaluate", str(RUN), "--data", "sample", "--output", str(RUN / "evaluation")],
    *(["predict", "--model", str(RUN), text] for text in TRICKY),
)
CLOSING = f"""
This was a demonstration: a few hundred reviews make a weak model, and its figures say so.
  curves   {RUN}/loss_epoch_plot.png and {RUN}/accuracy_epoch_plot.png
  report   {RUN}/evaluation/report.md

A model worth using learns from IMDB (25,000 reviews, about a quarter of an hour on two cores):
  .venv/bin/undertone download imdb
  .venv/bin/undertone train --data imdb --preset small --output runs/imdb
or from your own table with a column of texts and a column of labels:
  .venv/bin/undertone inspect reviews.csv
  .venv/bin/undertone train --data reviews.csv --output runs/mine"""


def main() -> int:
    """Run the steps one after the other and stop at the first that fails."""
    for step in STEPS:
        print(f"\n$ undertone {shlex.join(step)}", flush=True)
        code = subprocess.run([sys.executable, "-m", "undertone", *step], check=False).returncode
        if code:
            return code
    print(CLOSING)
    return 0


if __name__ == "__main__":
    sys.exit(main())
