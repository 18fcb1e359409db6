"""Where a result comes from: command, commit, date, machine and versions.

Nothing here names the machine or its user: no host name, and no path but the arguments as typed.
"""

from __future__ import annotations

import os
import platform
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

_PACKAGE = Path(__file__).resolve().parent
_VERSIONS = ("undertone", "onnxruntime", "numpy", "tokenizers", "torch")
_CPU_INFO = Path("/proc/cpuinfo")
_CPU_NAME_KEYS = ("model name", "Hardware", "cpu model")
_GIT_SECONDS = 10


def collect(seed: int | None = None) -> dict[str, Any]:
    """Describe this process, for a result that should be repeatable.

    Args:
        seed: of everything random behind the result; None where nothing was random.

    Returns:
        ``command`` as one would type it; ``commit`` of the program's own source, ending in
        ``+dirty`` where its code differs from that commit, None where it is not in a git
        repository; ``date`` (ISO 8601, UTC); ``seed``; ``machine`` (``cpu``, ``cores`` this
        process may use, ``memory_gib``, ``system``); ``versions`` of Python, undertone and the
        packages that decide its numbers, as far as they are installed.
    """
    return {
        "command": _command(sys.argv),
        "commit": _commit(_PACKAGE),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "seed": seed,
        "machine": _machine(),
        "versions": _versions(),
    }


def _command(argv: Sequence[str]) -> str:
    """The command line, with the program's name in place of the path it was started from."""
    program = Path(argv[0] if argv else "")
    if program.stem == "undertone" or program == _PACKAGE / "__main__.py":
        name = "undertone"
    elif program.name in ("", "-c", "-"):
        name = "python"
    else:
        name = program.name
    command = shlex.join([name, *argv[1:]])
    # Arguments that are not valid UTF-8 arrive as lone surrogates, which JSON cannot hold.
    return command.encode("utf-8", "replace").decode("utf-8")


def _commit(folder: Path) -> str | None:
    """Commit that holds ``folder``; None where git does not know its files.

    A package installed into an environment that lies inside some other repository must not
    borrow that repository's commit, hence the question whether this very file is tracked.
    """
    if not _git(folder, "ls-files", "--", Path(__file__).name):
        return None
    head = _git(folder, "rev-parse", "HEAD")
    if not head:
        return None
    return f"{head}+dirty" if _git(folder, "status", "--porcelain", "--", ".") else head


def _git(folder: Path, *arguments: str) -> str | None:
    """What git prints, stripped; None where it is missing, too slow, or fails."""
    program = shutil.which("git")
    if program is None:
        return None
    try:
        done = subprocess.run(  # noqa: S603 - fixed arguments, no shell
            [program, "--no-optional-locks", "-C", str(folder), *arguments],
            capture_output=True,
            check=True,
            encoding="utf-8",
            errors="replace",
            timeout=_GIT_SECONDS,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _machine() -> dict[str, Any]:
    return {
        "cpu": _cpu(),
        "cores": cores(),
        "memory_gib": _memory_gib(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
    }


def _cpu() -> str:
    try:
        lines = _CPU_INFO.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    named = dict(_key_and_value(line) for line in reversed(lines) if ":" in line)
    found = (named[key] for key in _CPU_NAME_KEYS if named.get(key))
    return next(found, platform.machine())


def _key_and_value(line: str) -> tuple[str, str]:
    key, _, value = line.partition(":")
    return key.strip(), value.strip()


def cores() -> int:
    """Cores this process may use, which a container or ``taskset`` can make fewer."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _memory_gib() -> float | None:
    """Memory of the machine, in GiB; None on systems that do not tell."""
    try:
        size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None
    return round(size / 2**30, 1)


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in _VERSIONS:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found
