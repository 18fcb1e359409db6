"""Several processes at once, each in a session of its own, and an orderly end for all of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

_LOOK_EVERY = 0.2  # seconds
_ERROR = "error: "


class Task(NamedTuple):
    """``python ARGUMENTS``, whose output goes to the file ``log``."""

    name: str
    arguments: tuple[str, ...]
    log: Path


class Ended(NamedTuple):
    """A process that ended: ``reason`` is empty, or says why it failed."""

    name: str
    reason: str


def environment(threads: int) -> dict[str, str]:
    """Variables that hold every library to its threads and to this machine."""
    number = str(threads)
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS")
    return {
        **os.environ,
        **dict.fromkeys(names, number),
        "TOKENIZERS_PARALLELISM": "true",
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    }


def work(
    tasks: Sequence[Task], workers: int, variables: dict[str, str], done: Callable[[Ended], None]
) -> None:
    """Run all tasks, at most ``workers`` at a time; one that fails does not stop the others.

    Whatever ends this function early (Ctrl-C, an error in ``done``) sends the running processes
    one Ctrl-C, so that they save what they have, and waits for them. The terminal's own Ctrl-C
    does not reach them: a second one would make them drop what they are saving.

    Args:
        tasks: in the order of their starts.
        workers: processes at once.
        variables: environment of all of them.
        done: called after each one, in the order of their ends.
    """
    waiting = deque(tasks)
    running: dict[Task, subprocess.Popen[bytes]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                task = waiting.popleft()
                running[task] = _start(task, variables)
            time.sleep(_LOOK_EVERY)
            for task, process in list(running.items()):
                if process.poll() is not None:
                    del running[task]
                    done(Ended(task.name, _reason(task.log) if process.returncode else ""))
    finally:
        for process in running.values():
            process.send_signal(signal.SIGINT)
        for process in running.values():
            process.wait()


@contextmanager
def interruptible() -> Iterator[None]:
    """Let Ctrl-C end what is done or started inside the block, where ``nohup`` or ``&`` hid it.

    A shell has SIGINT ignored by what it puts into the background, and so would every process
    that this one starts: none would save when it is told to end.
    """
    ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    if not ignored or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _start(task: Task, variables: dict[str, str]) -> subprocess.Popen[bytes]:
    task.log.parent.mkdir(parents=True, exist_ok=True)
    with task.log.open("ab") as log, interruptible():
        return subprocess.Popen(  # noqa: S603 - this interpreter, arguments as a list
            [sys.executable, *task.arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=variables,
            start_new_session=True,
        )


def _reason(log: Path) -> str:
    """Its last line that begins with "error: ", else its last line."""
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    errors = [line.removeprefix(_ERROR) for line in lines if line.startswith(_ERROR)]
    return (errors or lines or ["it ended without a word"])[-1]
