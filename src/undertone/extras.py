"""Imports of optional packages, with an answer when one is missing."""

from __future__ import annotations

import importlib
from typing import Any

from undertone.errors import MissingExtraError


def require(module: str, extra: str) -> Any:
    """Import ``module``, or say which extra of undertone brings it.

    Args:
        module: dotted module name, e.g. ``"torch"``.
        extra: the extra in ``pyproject.toml`` that installs it, e.g. ``"train"``.

    Raises:
        MissingExtraError: the package is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != module.partition(".")[0]:
            raise
        raise MissingExtraError(
            f"this needs the package {error.name!r}, which is not installed.",
            f"Install it with: pip install 'undertone[{extra}]'",
        ) from error
