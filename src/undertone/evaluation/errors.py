"""The most confident mistakes, and what led the model to them.

The verdict follows from the log-odds of the label it gave against the true one. These are a sum:
what the model would say of any text, plus what each word adds. So a mistake is explained by the
words that spoke for the wrong label and those that spoke for the right one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from undertone.data.examples import Example
from undertone.evaluation.duplicates import NearDuplicate, near_duplicates
from undertone.evaluation.excerpts import Passage, Word, heaviest_passages
from undertone.evaluation.verdicts import Verdicts
from undertone.text.vocabulary import CONTINUES

if TYPE_CHECKING:
    from undertone.inference.predictor import Model
    from undertone.text.tokenizer import Encoded

STRONGEST = 5
"""Words listed for the wrong label, and for the right one."""


class Tally(Struct, frozen=True):
    """A word, however often it stands in the review.

    Attributes:
        text: the word in lower case.
        count: how often it stands there.
        contribution: of all its places together.
    """

    text: str
    count: int
    contribution: float


class Side(Struct, frozen=True):
    """What speaks for one of two labels.

    Attributes:
        total: sum of the contributions of all distinct words that speak for it on the whole;
            above zero for the label given, below for the true one.
        strongest: the weightiest of these words, at most :data:`STRONGEST`.
    """

    total: float
    strongest: tuple[Tally, ...]


class Mistake(Struct, frozen=True, tag_field="kind", tag="mistake"):
    """A wrong verdict and what led to it.

    ``base`` and the contributions of all ``words`` add up to ``logit``; so do ``base`` and the
    totals of both sides.

    Attributes:
        index: place of the review among those measured, from 0.
        name: where it stands in the source.
        label: the true label.
        predicted: the label given.
        probability: of the label given, calibrated.
        tokens_read: tokens the model saw.
        tokens_total: tokens of the whole review.
        logit: log-odds of the label given against the true one, before the temperature.
        base: of these, what the model would say whatever the text.
        led: the words that led to the verdict.
        opposed: the words that spoke for the true label.
        passages: where the heaviest words stand, in order, :data:`.excerpts.EXCERPT`
            characters at most.
        words: all words that were read, in order.
        text: the review.
    """

    index: int
    name: str
    label: str
    predicted: str
    probability: float
    tokens_read: int
    tokens_total: int
    logit: float
    base: float
    led: Side
    opposed: Side
    passages: tuple[Passage, ...]
    words: tuple[Word, ...]
    text: str


class Errors(Struct, frozen=True):
    """What can be learnt from where a model and the labels disagree.

    Attributes:
        wrong: number of wrong verdicts; reviews without a verdict are not among them.
        mistakes: the most confident of these, the surest first.
        pairs: number of pairs of near-duplicates with different labels.
        near_duplicates: the most alike of these.
    """

    wrong: int
    mistakes: tuple[Mistake, ...]
    pairs: int
    near_duplicates: tuple[NearDuplicate, ...]


def find_errors(model: Model, examples: Sequence[Example], verdicts: Verdicts, most: int) -> Errors:
    """The ``most`` most confident mistakes, and as many near-duplicates with different labels.

    Args:
        model: the model that gave the verdicts.
        examples: the N reviews that were measured.
        verdicts: of these reviews, in the same order.
        most: how many of each kind, at least 0; fewer where there are fewer.
    """
    wrong = most_confident_mistakes(verdicts)
    pairs = near_duplicates(examples)
    return Errors(
        wrong=len(wrong),
        mistakes=tuple(_mistake(model, examples[at], verdicts, at) for at in wrong[:most].tolist()),
        pairs=len(pairs),
        near_duplicates=tuple(pairs[:most]),
    )


def most_confident_mistakes(verdicts: Verdicts) -> NDArray[np.intp]:
    """Indices of all wrong verdicts, the surest first and equally sure ones in order.

    Reviews in which there was nothing to read have no verdict, so there is nothing to learn from
    them; they are left out.
    """
    wrong = np.flatnonzero((verdicts.predicted >= 0) & ~verdicts.correct)
    return wrong[np.argsort(-verdicts.confidence[wrong], kind="stable")]


def _mistake(model: Model, example: Example, verdicts: Verdicts, at: int) -> Mistake:
    said, true = int(verdicts.predicted[at]), int(verdicts.targets[at])
    (encoded,) = model.encoder.encode([example.text], spans=True)
    logit, parts, base = (
        _odds(each, said, true) for each in model.network.contributions(encoded.ids)
    )
    words = tuple(_words(model, example.text, encoded, parts))
    led, opposed = _sides(words)
    return Mistake(
        index=at,
        name=example.name,
        label=verdicts.labels[true],
        predicted=verdicts.labels[said],
        probability=float(verdicts.confidence[at]),
        tokens_read=len(encoded.ids),
        tokens_total=encoded.total,
        logit=float(logit),
        base=float(base),
        led=led,
        opposed=opposed,
        passages=heaviest_passages(example.text, words),
        words=words,
        text=example.text,
    )


def _odds(values: NDArray[np.floating], said: int, true: int) -> NDArray[np.float64]:
    """Log-odds of one label against another, float64 (...), from the share of each logit (..., K).

    One logit serves two labels: it is the log-odds of the second.
    """
    exact = np.asarray(values, dtype=np.float64)
    if exact.shape[-1] == 1:
        return exact[..., 0] * (1.0 if said == 1 else -1.0)
    odds: NDArray[np.float64] = exact[..., said] - exact[..., true]
    return odds


def _words(model: Model, text: str, encoded: Encoded, parts: NDArray[np.float64]) -> Iterator[Word]:
    """The tokens that were read, each with the pieces that continue it.

    A piece behind the unread middle of a review stands alone if the start of its word was cut off.
    """
    spans = np.zeros((0, 2)) if encoded.spans is None else encoded.spans
    in_pieces = model.config.text.tokenizer == "wordpiece"
    groups: list[list[int]] = []
    for place, token in enumerate(model.encoder.tokens(encoded.ids)):
        continues = in_pieces and token.startswith(CONTINUES)
        if groups and continues and spans[place, 0] == spans[place - 1, 1]:
            groups[-1].append(place)
        else:
            groups.append([place])
    for group in groups:
        start, end = int(spans[group[0], 0]), int(spans[group[-1], 1])
        yield Word(text[start:end], start, end, float(parts[group].sum()))


def _sides(words: Sequence[Word]) -> tuple[Side, Side]:
    """What speaks for the label given, and what for the true one."""
    places: dict[str, list[float]] = defaultdict(list)
    for word in words:
        places[word.text.casefold()].append(word.contribution)
    tallies = [Tally(text, len(each), sum(each)) for text, each in places.items()]
    tallies.sort(key=lambda each: -abs(each.contribution))
    return (
        _side([each for each in tallies if each.contribution >= 0]),
        _side([each for each in tallies if each.contribution < 0]),
    )


def _side(tallies: Sequence[Tally]) -> Side:
    return Side(sum((each.contribution for each in tallies), 0.0), tuple(tallies[:STRONGEST]))
