"""The bare install: only what `[project] dependencies` names, no torch, no network."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import venv
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NEVER = ("torch", "pandas", "sklearn", "matplotlib", "onnx", "pyarrow", "safetensors", "scipy")
NO_NETWORK = """
import socket

def _refuse(*arguments, **named):
    raise OSError("the network is blocked")

socket.socket.connect = socket.socket.connect_ex = socket.create_connection = _refuse
socket.getaddrinfo = _refuse
"""


def closure(name: str, seen: set[str]) -> set[str]:
    """Names of the distributions that ``name`` needs, itself left out, extras not followed."""
    for requirement in metadata.requires(name) or []:
        spec, _, marker = requirement.partition(";")
        needed = re.match(r"[A-Za-z0-9._-]+", spec)[0].lower()
        if "extra" in marker or needed in seen:
            continue
        try:
            metadata.distribution(needed)
        except metadata.PackageNotFoundError:
            continue  # its marker (platform, Python version) does not apply here
        seen.add(needed)
        closure(needed, seen)
    return seen


def link(distribution: str, site: Path) -> None:
    """Make the installed files of a distribution importable in another environment."""
    for file in metadata.files(distribution) or []:
        source = Path(file.locate())
        target = site / str(file)
        if ".." in file.parts or target.exists() or not source.exists():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(source)


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new environment with the built wheel and its declared dependencies, nothing else."""
    folder = tmp_path_factory.mktemp("bare")
    wheel = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--quiet"]
    subprocess.run([*wheel, "-w", str(folder), str(ROOT)], check=True, capture_output=True)
    venv.create(folder / "venv", with_pip=False, symlinks=True)
    python = folder / "venv" / "bin" / "python"
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    site = folder / "venv" / "lib" / version / "site-packages"
    (built,) = folder.glob("undertone-*.whl")
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps"]
    subprocess.run([*install, "--quiet", "--no-index", str(built)], check=True, capture_output=True)
    for distribution in sorted(closure("undertone", set())):
        link(distribution, site)
    (site / "sitecustomize.py").write_text(NO_NETWORK)
    return python


def run(python: Path, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    return subprocess.run(
        [str(python), *arguments], capture_output=True, text=True, env=clean, cwd=cwd, check=False
    )


def test_nothing_heavy_is_there(bare, tmp_path):
    code = f"import importlib.util as u; print([m for m in {NEVER!r} if u.find_spec(m)])"
    assert run(bare, "-c", code, cwd=tmp_path).stdout.strip() == "[]"


def test_predicts_offline(bare, tmp_path):
    done = run(bare, "-m", "undertone", "predict", "--json", "I loved it", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["label"] == "positive"
    assert answer["probability"] > 0.5
    assert answer["tokens_read"] == 3


def test_a_missing_extra_answers_with_its_install_command(bare, tmp_path):
    done = run(bare, "-m", "undertone", "train", "--data", "sample", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "pip install 'undertone[train]'" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_explains_and_scores_a_file_offline(bare, tmp_path):
    (tmp_path / "in.csv").write_text("id,review\n1,A wonderful film.\n2,A dreadful film.\n")
    arguments = ["predict", "--input", "in.csv", "--output", "out.csv"]
    done = run(bare, "-m", "undertone", *arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = (tmp_path / "out.csv").read_text().splitlines()
    assert [line.split(",")[:3] for line in lines] == [
        ["id", "review", "label"],
        ["1", "A wonderful film.", "positive"],
        ["2", "A dreadful film.", "negative"],
    ]
    explained = run(
        bare, "-m", "undertone", "predict", "--explain", "Good, not great", cwd=tmp_path
    )
    assert explained.returncode == 0, explained.stderr
