"""Progress of counted work."""

from __future__ import annotations

import pytest

from undertone.cli.ticker import Ticker, received, reviews, rows


def told(capsys, *, terminal: bool, seconds: list[float]) -> str:
    clock = iter(seconds)
    with Ticker(reviews, terminal, lambda: next(clock)) as ticker:
        for done in (100, 200, 300, 400):
            ticker(done, 800)
    shown = capsys.readouterr()
    assert shown.out == ""
    return shown.err


def test_without_a_terminal_a_line_comes_every_ten_seconds(capsys):
    assert told(capsys, terminal=False, seconds=[0, 5, 10, 15, 20]) == (
        "200 of 800 reviews, 20/s, 30 s left\n400 of 800 reviews, 20/s, 20 s left\n"
    )


def test_on_a_terminal_one_line_is_redrawn_and_then_cleared(capsys):
    erase = "\r\x1b[K"
    assert told(capsys, terminal=True, seconds=[0, 0.1, 0.2, 0.3, 0.5]) == (
        f"{erase}200 of 800 reviews, 1,000/s, 0.6 s left"
        f"{erase}400 of 800 reviews, 800/s, 0.5 s left{erase}"
    )


def test_the_line_is_cleared_when_work_fails(capsys):
    with pytest.raises(ValueError, match="x"), Ticker(reviews, terminal=True):
        raise ValueError("x")
    assert capsys.readouterr().err == "\r\x1b[K"


def test_wordings():
    assert reviews(1.0, 0, 10) == "0 of 10 reviews, 0/s"
    assert rows(9.0, 1200, 600.4, None) == "1,200 rows, 600/s"
    assert rows(9.0, 1200, 600.4, 365.0) == "1,200 rows, 600/s, 6 min 05 s left"
    assert received(4.0, 21_000_000, 84_000_000) == "21.0 MB of 84.0 MB, 25.0%, 5.2 MB/s"
