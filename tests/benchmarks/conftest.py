"""What tests of benchmarks and tools share."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


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
