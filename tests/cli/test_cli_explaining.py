"""An explanation as marked text, a line of bars and turns."""

from __future__ import annotations

import msgspec
import pytest

from undertone.cli import explaining
from undertone.cli.wording import cells
from undertone.inference import (
    CurvePoint,
    Explanation,
    Prediction,
    TokenContribution,
    TurningPoint,
)


def explanation(*parts: float) -> Explanation:
    """An explanation made up for the purpose: tokens a, b, c, ... in a row."""
    words = "abcdefgh"[: len(parts)]
    total = sum(parts)
    spans = [(2 * place, 2 * place + 1) for place in range(len(parts))]
    tokens = tuple(
        TokenContribution(word, start, end, part, True)
        for word, (start, end), part in zip(words, spans, parts, strict=True)
    )
    running = [0.9, 0.2, 0.6, 0.6][: len(parts)]
    curve = tuple(CurvePoint(place, spans[place][1], value) for place, value in enumerate(running))
    turn = TurningPoint(1, 2, 3, 0.9, 0.2, True)
    probabilities = {"negative": 0.4, "positive": 0.6}
    prediction = Prediction("positive", 0.6, probabilities, len(parts), len(parts), "ok")
    return Explanation(
        " ".join(words), prediction, "positive", total, 0.0, tokens, curve, False, (turn,)
    )


def test_signs_and_colours_tell_direction_and_strength():
    made_up = explanation(1.0, 0.3, 0.1, -0.6)
    assert explaining.marked(made_up, colour=False) == "[++ a] [+ b] c [-- d]"
    assert explaining.marked(made_up, colour=True) == (
        "\x1b[32m\x1b[1ma\x1b[0m \x1b[32mb\x1b[0m c \x1b[31m\x1b[1m\x1b[4md\x1b[0m"
    )


def test_a_whole_page():
    page = explaining.render(explanation(1.0, 0.3, 0.1, -0.6), colour=False, bars=True, width=80)
    assert page == (
        "positive  0.60\n\n[++ a] [+ b] c [-- d]\n\n"
        "marks   [++ positive]  [-- negative]\n"
        "score   +0.00 at the start +0.80 from the words = +0.80 for positive\n"
        "curve   █▂▅▅  p(positive) word by word, 0.90 to 0.60\n"
        'turn    0.90 to 0.20 at "b", the verdict changes'
    )


@pytest.mark.parametrize("width", [60, 80, 100])
@pytest.mark.parametrize("words", ["a very long passage " * 9, "電影" * 60])
def test_turns_fit_the_terminal(words, width):
    base = explanation(1.0, -1.0)
    turn = msgspec.structs.replace(base.turning_points[0], start=0, end=len(words))
    made_up = msgspec.structs.replace(base, text=words, turning_points=(turn,))
    shown = explaining.render(made_up, colour=False, bars=True, width=width).splitlines()[-1]
    assert shown.startswith('turn    0.90 to 0.20 at "')
    assert shown.endswith('…", the verdict changes')
    assert width - 2 <= cells(shown) <= width


@pytest.mark.parametrize(
    ("values", "width", "bars", "expected"),
    [
        ([0.0, 0.124, 0.126, 0.5, 1.0], 9, True, "▁▁▂▅█"),
        ([0.0, 0.5, 1.0], 9, False, "047"),
        ([0.0, 0.1, 0.2, 0.99], 2, True, "▁█"),
        ([i / 100 for i in range(101)], 8, False, "02245677"),
        ([0.5], 9, True, "▅"),
    ],
)
def test_sparkline(values, width, bars, expected):
    assert explaining.sparkline(values, width, bars=bars) == expected
