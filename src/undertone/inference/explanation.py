"""Why a text got its score: what every token added, and how the verdict formed."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from undertone import calibration
from undertone.inference.curve import prefix_lengths, turns
from undertone.inference.results import LogitResult, Prediction
from undertone.text.tokenizer import Encoded

if TYPE_CHECKING:
    from undertone.inference.predictor import Model

_SENTENCE_ENDS = frozenset("!?.")


class TokenContribution(Struct, frozen=True):
    """One token of a text.

    Attributes:
        text: the characters it stands on, as the user wrote them.
        start: first of them, as an offset in the text.
        end: offset behind the last of them.
        contribution: what it adds to the logit; 0 where it was not read.
        read: False for tokens cut out of the middle of a long text.
    """

    text: str
    start: int
    end: int
    contribution: float
    read: bool


class CurvePoint(Struct, frozen=True):
    """The verdict on the tokens that are read up to here.

    That is the verdict as if the text ended here, unless it is longer than the model reads and
    the point stands behind the unread middle. There it is the verdict on the whole head and the
    tail so far; had the text really ended there, the model would read a longer piece before it.

    Attributes:
        token: index in ``Explanation.tokens`` of the last token read.
        end: offset in the text behind that token.
        probability: calibrated probability of the explained label.
    """

    token: int
    end: int
    probability: float


class TurningPoint(Struct, frozen=True):
    """Where the running probability turns; :func:`undertone.inference.curve.turns` says when.

    Attributes:
        token: index in ``Explanation.tokens`` of the first token read after the turn.
        start: offset in the text of that token.
        end: offset behind the last token before the next turn, or before the last extreme.
        before: running probability at the turn.
        after: running probability at ``end``.
        crosses: whether one half lies between the two, so that the verdict itself changes.
    """

    token: int
    start: int
    end: int
    before: float
    after: float
    crosses: bool


class Explanation(Struct, frozen=True):
    """Why a text got its score.

    ``base`` and the contributions of all tokens add up to ``logit``, which is what the network
    puts out before the temperature. With two labels the logit is the log-odds of ``label``.

    Attributes:
        text: the text.
        prediction: the verdict.
        label: the label that contributions above zero speak for.
        logit: of ``label``.
        base: what the network would say whatever the text.
        tokens: all tokens of the text in order, those that were not read included.
        curve: running verdict over the tokens that were read, each point read afresh; of a text
            with an unread middle see :class:`CurvePoint`.
        curve_is_sampled: the text is long, so the curve has points at evenly spaced tokens and
            ends of sentences instead of every token.
        turning_points: where the curve turns.
    """

    text: str
    prediction: Prediction
    label: str
    logit: float
    base: float
    tokens: tuple[TokenContribution, ...]
    curve: tuple[CurvePoint, ...]
    curve_is_sampled: bool
    turning_points: tuple[TurningPoint, ...]


class _Reading(NamedTuple):
    """The tokens that the model reads, int32 (T,), and their logits (K,)."""

    ids: NDArray[np.int32]
    logits: NDArray[np.float32]


def explain(model: Model, text: str, label: str | None) -> Explanation:
    """Explain the score of one text.

    Args:
        model: the model that gave it.
        text: the text; without tokens, everything is zero and the curve has no points.
        label: one of the model's labels, or None for the usual one.
    """
    whole = model.encoder.encode([text], spans=True, cut=False)[0]
    places = _read_places(model, whole.ids)
    ids = whole.ids[places]
    logits, parts, base = _sums(model, ids)
    prediction = model.predictions(
        LogitResult(logits[None], np.array([len(ids)], np.int32), np.array([whole.total], np.int32))
    )[0]
    label = label or (model.labels[1] if len(model.labels) == 2 else prediction.likeliest)
    chosen = model.labels[0] if label is None else label
    column, sign = _column(model.labels, chosen)
    tokens = _tokens(text, whole, places, sign * parts[:, column])
    curve = _curve(model, tokens, places, _Reading(ids, logits), chosen)
    return Explanation(
        text=text,
        prediction=prediction,
        label=chosen,
        logit=sign * float(logits[column]),
        base=sign * float(base[column]),
        tokens=tokens,
        curve=curve,
        curve_is_sampled=len(curve) < len(ids),
        turning_points=_turning_points(curve, tokens, places),
    )


def _read_places(model: Model, ids: NDArray[np.int32]) -> NDArray[np.intp]:
    """Indices of the tokens that the model reads, out of all tokens of the text."""
    (head, tail), total = model.encoder.kept(ids), len(ids)
    return np.concatenate([np.arange(head), np.arange(total - tail, total)])


def _sums(
    model: Model, ids: NDArray[np.int32]
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Logits (K,), contributions (T, K), base (K,)."""
    if len(ids):
        return model.network.contributions(ids)
    nothing = np.zeros(model.network.outputs, dtype=np.float32)
    return nothing, np.zeros((0, len(nothing)), dtype=np.float32), nothing


def _column(labels: tuple[str, ...], label: str) -> tuple[int, float]:
    """Where the logit of a label stands, and its sign: one logit serves two labels."""
    index = labels.index(label)
    return (index, 1.0) if len(labels) > 2 else (0, 1.0 if index == 1 else -1.0)


def _tokens(
    text: str, whole: Encoded, places: NDArray[np.intp], parts: NDArray[np.floating]
) -> tuple[TokenContribution, ...]:
    added = np.zeros(whole.total)
    added[places] = parts
    read = np.zeros(whole.total, dtype=bool)
    read[places] = True
    spans = np.zeros((0, 2)) if whole.spans is None else whole.spans
    return tuple(
        TokenContribution(text[start:end], start, end, part, seen)
        for (start, end), part, seen in zip(
            spans.tolist(), added.tolist(), read.tolist(), strict=True
        )
    )


def _curve(
    model: Model,
    tokens: tuple[TokenContribution, ...],
    places: NDArray[np.intp],
    reading: _Reading,
    label: str,
) -> tuple[CurvePoint, ...]:
    """Read prefixes of the tokens that the model reads: 127 at most, and the whole is known.

    Float32 graphs read them in batches. An int8 graph reads one at a time, so that each point is
    what it would say of that prefix alone, which makes a long text cost up to 127 runs.
    """
    if not len(places):
        return ()
    ends = [set(tokens[place].text) <= _SENTENCE_ENDS for place in places]
    lengths = prefix_lengths(np.array(ends))
    prefixes = model.network.logits([reading.ids[:length] for length in lengths[:-1]])
    logits = np.concatenate([prefixes, reading.logits[None]])
    running = calibration.probabilities(logits, model.temperature)[:, model.labels.index(label)]
    last = places[lengths - 1].tolist()
    return tuple(
        CurvePoint(token, tokens[token].end, probability)
        for token, probability in zip(last, running.tolist(), strict=True)
    )


def _turning_points(
    curve: tuple[CurvePoint, ...],
    tokens: tuple[TokenContribution, ...],
    places: NDArray[np.intp],
) -> tuple[TurningPoint, ...]:
    points = []
    for turn in turns([point.probability for point in curve]):
        before, after = curve[turn.at], curve[turn.until]
        first = int(places[np.searchsorted(places, before.token) + 1])
        points.append(
            TurningPoint(
                token=first,
                start=tokens[first].start,
                end=after.end,
                before=before.probability,
                after=after.probability,
                crosses=(before.probability - 0.5) * (after.probability - 0.5) < 0,
            )
        )
    return tuple(points)
