"""Shared by all tests: few threads, no network, the place of the optional real data."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

# Set before torch is imported anywhere: small tensors gain nothing from more threads, and two
# programs that spin on the same cores slow each other down a hundredfold.
os.environ.setdefault("OMP_NUM_THREADS", "1")

_REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder with the IMDB archive; tests that need it are skipped where it is absent."""
    root = Path(os.environ.get("UNDERTONE_SHARED", _REPOSITORY.parent / "shared"))
    if not (root / "data" / "aclImdb_v1.tar.gz").is_file():
        pytest.skip("the IMDB archive is not at hand; set UNDERTONE_SHARED to use it")
    return root / "data"


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    connect = socket.socket.connect

    def refuse(self: socket.socket, address: object) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            raise AssertionError(f"a test tried to reach {address!r}")
        connect(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture(scope="session")
def sample_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder trained for a few seconds on the reviews inside the package."""
    from undertone import training
    from undertone.config import load_preset

    folder = tmp_path_factory.mktemp("models") / "sample-model"
    settings = ["train.epochs=8", "train.threads=1", "network.embedding_dim=32"]
    training.train("sample", config=load_preset("sample", settings), output=folder)
    return folder
