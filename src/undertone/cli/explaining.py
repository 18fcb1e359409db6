"""An explanation on a terminal: the marked review, the running verdict, its turns.

With colour, green speaks for the label and red, underlined, against it; bold is strong. Without
colour the same is said in signs: ``[+ word]`` and ``[++ word]`` for, ``[- word]`` and
``[-- word]`` against.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from undertone.cli.answers import cut_note, verdict
from undertone.cli.wording import printable, shortened

if TYPE_CHECKING:
    from undertone.inference import Explanation, TokenContribution

_WEAK, _STRONG = 0.15, 0.5
"""Shares of the largest contribution from which a token is marked, and marked as strong."""

_BARS = "▁▂▃▄▅▆▇█"
_DIGITS = "01234567"
_LONGEST_PASSAGE, _SHORTEST_PASSAGE = 60, 12


def render(explanation: Explanation, *, colour: bool, bars: bool, width: int) -> str:
    """The explanation as text of several lines.

    Args:
        explanation: of one text.
        colour: mark with colours instead of signs.
        bars: the output can show block characters.
        width: columns of a line, for the curve and the turns.
    """
    note = cut_note(explanation.prediction)
    head = verdict(explanation.prediction).rstrip() + (f"  ({note})" if note else "")
    if not explanation.curve:
        return head
    parts = [head, marked(explanation, colour=colour), legend(explanation, colour=colour)]
    parts.append(_running(explanation, bars=bars, width=width))
    return "\n\n".join([*parts[:2], "\n".join([*parts[2:], *_turns(explanation, width)])])


def marked(explanation: Explanation, *, colour: bool) -> str:
    """The review with every token marked by what it added; what was not read is said, not shown."""
    text, tokens = explanation.text, explanation.tokens
    largest = max((abs(token.contribution) for token in tokens), default=0.0)
    unread = sum(not token.read for token in tokens)
    pieces, position, skipped = [], 0, False
    for token in tokens:
        if token.read:
            pieces.append(printable(text[position : token.start]))
            pieces.append(_marked_token(token, _level(token.contribution, largest), colour=colour))
        elif not skipped:
            gap = printable(text[position : token.start])
            pieces.append(f"{gap}[... {unread:,} tokens not read ...]")
            skipped = True
        position = token.end
    return "".join([*pieces, printable(text[position:])]).strip()


def sparkline(values: Sequence[float], width: int, *, bars: bool = True) -> str:
    """Probabilities as one line of at most ``width`` characters, evenly picked, the last one kept.

    >>> sparkline([0.0, 0.5, 1.0], 10)
    '▁▅█'
    """
    signs = _BARS if bars else _DIGITS
    count = min(len(values), width)
    picked = [values[math.ceil((place + 1) * len(values) / count) - 1] for place in range(count)]
    return "".join(signs[min(len(signs) - 1, int(value * len(signs)))] for value in picked)


def legend(explanation: Explanation, *, colour: bool) -> str:
    """What the marks mean, and how the score adds up."""
    label = explanation.label
    labels = [name for name in explanation.prediction.probabilities if name != label]
    against = labels[0] if len(labels) == 1 else f"against {label}"
    plus, minus = _style(label, 2, colour=colour), _style(against, -2, colour=colour)
    total = sum(token.contribution for token in explanation.tokens)
    return (
        f"marks   {plus}  {minus}\n"
        f"score   {explanation.base:+.2f} at the start {total:+.2f} from the words "
        f"= {explanation.logit:+.2f} for {label}"
    )


def _level(contribution: float, largest: float) -> int:
    """-2 strongly against, -1 against, 0 hardly anything, 1 for, 2 strongly for."""
    share = abs(contribution) / largest if largest else 0.0
    strength = 2 if share >= _STRONG else 1 if share >= _WEAK else 0
    return strength if contribution > 0 else -strength


def _marked_token(token: TokenContribution, level: int, *, colour: bool) -> str:
    shown = printable(token.text)
    return _style(shown, level, colour=colour) if level else shown


def _style(text: str, level: int, *, colour: bool) -> str:
    if colour:
        strong = abs(level) > 1 or None
        if level > 0:
            return click.style(text, fg="green", bold=strong)
        return click.style(text, fg="red", bold=strong, underline=True)
    return f"[{('+' if level > 0 else '-') * abs(level)} {text}]"


def _running(explanation: Explanation, *, bars: bool, width: int) -> str:
    values = [point.probability for point in explanation.curve]
    title = f"p({explanation.label}) word by word, {values[0]:.2f} to {values[-1]:.2f}"
    line = sparkline(values, max(8, width - len(title) - 10), bars=bars)
    return f"curve   {line}  {title}"


def _turns(explanation: Explanation, width: int) -> Iterator[str]:
    for turn in explanation.turning_points:
        head = f'turn    {turn.before:.2f} to {turn.after:.2f} at "'
        tail = '", the verdict changes' if turn.crosses else '"'
        room = min(_LONGEST_PASSAGE, max(_SHORTEST_PASSAGE, width - len(head) - len(tail)))
        yield head + shortened(explanation.text[turn.start : turn.end], room) + tail
