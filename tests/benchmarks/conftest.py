"""What tests of benchmarks and tools share."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def restored() -> Iterator[None]:
    """Whatever a test does to Ctrl-C."""
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def repository() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def exported_model(sample_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The trained sample model with an int8 graph beside the float32 one."""
    from undertone.evaluation.export import export_int8

    folder = tmp_path_factory.mktemp("exported") / "sample-model"
    shutil.copytree(sample_model, folder)
    export_int8(folder)
    return folder
