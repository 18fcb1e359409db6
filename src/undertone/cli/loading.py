"""Which model a command uses."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from undertone import modelfolder
from undertone.cli.options import Precision
from undertone.errors import ModelFolderError

if TYPE_CHECKING:
    from undertone.inference import Model


def packaged() -> Path | None:
    """The model inside the package, or None where this installation has none."""
    folder = modelfolder.PACKAGED
    return folder if (folder / modelfolder.MANIFEST).is_file() else None


def load_model(path: Path | None, precision: Precision, threads: int | None) -> Model:
    """Load the named model, or the one inside the package.

    Raises:
        ModelFolderError: no model was named and there is none inside, or it cannot be used.
    """
    if path is None and packaged() is None:
        raise ModelFolderError(
            "there is no model inside this installation of undertone.",
            "Name a folder that undertone train wrote; undertone models lists those found.",
        )
    from undertone.inference import load

    return load(path, threads=threads, precision=precision)
