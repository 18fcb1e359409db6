"""The tiny data set as a folder and as an archive."""

from __future__ import annotations

from pathlib import Path

import pytest
from datahelpers import layout, write_archive


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "aclImdb"
    for name, content in layout().items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (root / "train" / "labeledBow.feat").write_text("9 0:9 1:1\n")
    (root / "README").write_text("Large Movie Review Dataset\n")
    return root


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    members = {f"aclImdb/{name}": content for name, content in layout().items()}
    return write_archive(tmp_path / "tiny.tar.gz", members)
