"""Running a step in a fresh process, timed and weighed from outside.

The kernel counts the memory that the parent had when it started a child towards the child's peak,
so the program that starts them stays small: it imports neither numpy nor any system.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from undertone.study.side_by_side import environment

__all__ = ["Child", "ChildError", "environment", "hold_to_cores", "run"]


class ChildError(Exception):
    """A process failed; the message is the last line it printed."""


@dataclass(frozen=True)
class Child:
    """A finished process.

    Attributes:
        answered: seconds from its start to its first line of output; to its end without any.
        seconds: from its start to its end.
        peak_mib: its largest resident set (``ru_maxrss``).
    """

    answered: float
    seconds: float
    peak_mib: float


def hold_to_cores(threads: int) -> None:
    """Keep this process and its children on as many cores as they have threads."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def run(arguments: Sequence[str], log: Path, variables: dict[str, str]) -> Child:
    """Run ``python ARGUMENTS`` to its end.

    Args:
        arguments: after the interpreter.
        log: file that takes its standard error.
        variables: its environment.

    Raises:
        ChildError: it did not end with status 0.
    """
    with log.open("wb") as errors:
        started = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, *arguments], stdout=subprocess.PIPE, stderr=errors, env=variables
        )
        assert process.stdout is not None  # noqa: S101 (asked for above)
        with process.stdout as output:
            output.readline()
            answered = time.perf_counter() - started
            output.read()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        raise ChildError(said[-1] if said else f"it ended with status {process.returncode}")
    return Child(answered, seconds, usage.ru_maxrss / 1024)
