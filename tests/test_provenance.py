"""Where a result comes from."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from importlib import metadata
from pathlib import Path

import msgspec
import pytest

from undertone import provenance

PACKAGE = Path(provenance.__file__).parent


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["/usr/bin/undertone", "train", "--data", "my reviews.csv"],
         "undertone train --data 'my reviews.csv'"),
        (["undertone.exe", "models"], "undertone models"),
        ([str(PACKAGE / "__main__.py"), "models"], "undertone models"),
        (["/home/someone/benchmarks/prediction.py", "--n", "3"], "prediction.py --n 3"),
        (["-c", "x"], "python x"),
        ([""], "python"),
        ([], "python"),
        (["undertone", "predict", "caf\udce9"], "undertone predict 'caf?'"),
    ],
)  # fmt: skip
def test_the_command_is_what_one_would_type(argv, expected):
    assert provenance._command(argv) == expected


def test_everything_is_collected_and_fits_into_json(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/opt/venv/bin/undertone", "evaluate", "runs/a"])
    found = provenance.collect(seed=7)
    assert list(found) == ["command", "commit", "date", "seed", "machine", "versions"]
    assert found["command"] == "undertone evaluate runs/a"
    assert found["seed"] == 7
    assert provenance.collect()["seed"] is None
    assert datetime.now(UTC) - datetime.fromisoformat(found["date"]) < timedelta(minutes=1)
    assert found["machine"]["cores"] == len(os.sched_getaffinity(0))
    assert 0.1 < found["machine"]["memory_gib"] < 1e5
    assert found["versions"]["numpy"] == metadata.version("numpy")
    assert msgspec.json.decode(msgspec.json.encode(found)) == found


def test_what_is_not_installed_has_no_version(monkeypatch):
    real = metadata.version

    def version(name: str) -> str:
        if name == "torch":
            raise metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(metadata, "version", version)
    versions = provenance._versions()
    assert "torch" not in versions
    assert versions["onnxruntime"] == real("onnxruntime")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("processor : 0\nmodel name\t: Some CPU @ 2 GHz\n\nmodel name : Other\n",
         "Some CPU @ 2 GHz"),
        ("processor : 0\nHardware : Board\n", "Board"),
        ("processor : 0\n", "riscv64"),
    ],
)  # fmt: skip
def test_the_processor_is_named(tmp_path, monkeypatch, content, expected):
    (tmp_path / "cpuinfo").write_text(content)
    monkeypatch.setattr(provenance, "_CPU_INFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(provenance.platform, "machine", lambda: "riscv64")
    assert provenance._cpu() == expected


def test_systems_that_tell_less(tmp_path, monkeypatch):
    monkeypatch.setattr(provenance, "_CPU_INFO", tmp_path / "none")
    monkeypatch.setattr(provenance.platform, "processor", lambda: "arm")
    assert provenance._cpu() == "arm"
    monkeypatch.delattr(os, "sysconf")
    assert provenance._memory_gib() is None
    monkeypatch.delattr(os, "sched_getaffinity")
    assert provenance.cores() == os.cpu_count()


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A git repository with one commit that holds a package folder."""
    for name in list(os.environ):
        if name.startswith("GIT_"):
            monkeypatch.delenv(name)
    package = tmp_path / "repository" / "src"
    package.mkdir(parents=True)
    (package / "provenance.py").write_text("first\n")
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    for words in (["init", "-q"], ["add", "."], [*identity, "commit", "-q", "-m", "first"]):
        subprocess.run(["git", "-C", package.parent, *words], check=True, capture_output=True)
    return package


def _head(folder: Path) -> str:
    done = subprocess.run(
        ["git", "-C", folder, "rev-parse", "HEAD"], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def test_the_commit_is_that_of_the_program(repository):
    head = _head(repository)
    assert len(head) == 40
    assert provenance._commit(repository) == head


def test_changed_or_added_code_is_dirty_and_a_result_beside_it_is_not(repository):
    (repository.parent / "result.json").write_text("{}")
    assert provenance._commit(repository) == _head(repository)
    (repository / "new.py").write_text("")
    assert provenance._commit(repository) == f"{_head(repository)}+dirty"
    (repository / "new.py").unlink()
    (repository / "provenance.py").write_text("second\n")
    assert provenance._commit(repository) == f"{_head(repository)}+dirty"


def test_a_package_installed_inside_another_repository_has_no_commit(repository):
    installed = repository.parent / ".venv" / "undertone"
    installed.mkdir(parents=True)
    (installed / "provenance.py").write_text("first\n")
    assert provenance._commit(installed) is None


def test_without_repository_or_git_there_is_no_commit(tmp_path, repository, monkeypatch):
    assert provenance._commit(tmp_path) is None
    monkeypatch.setattr(provenance.shutil, "which", lambda name: None)
    assert provenance._commit(repository) is None


def test_a_git_that_hangs_is_given_up(repository, monkeypatch):
    def hang(*args: object, **kwargs: object) -> None:
        raise subprocess.TimeoutExpired("git", 10)

    monkeypatch.setattr(provenance.subprocess, "run", hang)
    assert provenance._commit(repository) is None
