"""Runs the command line in this process and hands back what a user would see."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from click.testing import CliRunner

from undertone.cli import main


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one line on stderr; fails if there are more or none."""
        assert self.err.endswith("\n"), f"unfinished line: {self.err!r}"
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        assert self.out == ""
        return lines[0]


def call(*arguments: object, stdin: str | bytes = "") -> Outcome:
    with CliRunner().isolation(input=stdin) as streams:
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        code = ended.value.code
    assert isinstance(code, int)
    out, err = (stream.getvalue().decode() for stream in streams[:2])
    return Outcome(code, out, err)


@pytest.fixture
def cli() -> Callable[..., Outcome]:
    return call
