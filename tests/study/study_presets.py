"""Writes preset files."""

from __future__ import annotations

from pathlib import Path


def preset(folder: Path, name: str, content: str) -> Path:
    path = folder / f"{name}.toml"
    path.write_text(content, encoding="utf-8")
    return path
