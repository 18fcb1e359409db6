"""The exceptions undertone raises.

Every message is one line that says what went wrong, shows the offending value and ends with the
remedy. The command line prints that line and exits with :attr:`UndertoneError.exit_code`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UndertoneError(Exception):
    """Base of all errors a user can cause and mend.

    Args:
        what: what went wrong, with the offending value.
        remedy: what to do about it; appended to the message.
    """

    exit_code = 2

    def __init__(self, what: str, remedy: str = "") -> None:
        self.what = what
        self.remedy = remedy
        super().__init__(f"{what} {remedy}".strip())


class ConfigError(UndertoneError):
    """A setting is unknown, out of range, or contradicts another one."""


class DataError(UndertoneError):
    """A source of reviews is missing, damaged, or not what was asked for."""


class ModelFolderError(UndertoneError):
    """A model folder is missing, damaged, foreign, or newer than this program."""


class TrainingError(UndertoneError):
    """Training cannot go on, for example because the loss is not a number."""


class OutputError(UndertoneError):
    """A result cannot be written: the target exists, or the disk is full."""


class MissingExtraError(UndertoneError):
    """A feature needs a package that the bare install leaves out."""


class RunInterruptedError(UndertoneError):
    """The user stopped a run; what was done so far is saved."""

    exit_code = 130


def nearest(name: str, choices: Iterable[str], cutoff: float = 0.6) -> str:
    """``", did you mean 'x'?"``-style hint for the closest choice, or an empty string.

    Args:
        name: what was written.
        choices: what there is.
        cutoff: likeness, from 0 to 1, below which nothing is close.
    """
    close = difflib.get_close_matches(name, list(choices), n=1, cutoff=cutoff)
    return f" (did you mean {close[0]!r}?)" if close else ""
