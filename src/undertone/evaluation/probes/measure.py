"""How a model does on suites of probes: pure functions from model and suites to figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from undertone import calibration, provenance
from undertone.data.examples import polarity
from undertone.errors import ConfigError
from undertone.evaluation.intervals import Interval, wilson
from undertone.evaluation.measure import MeasuredModel, identity
from undertone.evaluation.probes.pairs import POSITIVE, Probe, Suite
from undertone.evaluation.probes.suites import load_suites
from undertone.evaluation.verdicts import Classifier, Progress, verdicts_from_logits

# A text scores the same alone and in company up to this difference of its log-odds.
_TIE = 1e-5
_BLOCK = 2048


class Share(Struct, frozen=True):
    """So many of so many.

    Attributes:
        count: how many; a tie counts one half.
        of: of how many.
        ties: how many ties there are among them.
        share: ``count / of``.
        interval: Wilson interval of the share, 95%.
    """

    count: float
    of: int
    ties: int
    share: float
    interval: Interval


class Scores(Struct, frozen=True):
    """The figures of a group of texts; None where the group has nothing to count.

    Attributes:
        texts: how many texts.
        pairs: how many pairs have both members in the group.
        accuracy: texts with the right verdict.
        both: pairs with the right verdict on both members.
        direction: pairs of two labels whose positive member scores higher than the negative one.
        steady: pairs of one label that get the same verdict twice, right or wrong.
    """

    texts: int
    pairs: int
    accuracy: Share | None
    both: Share | None
    direction: Share | None
    steady: Share | None


class Means(Struct, frozen=True):
    """Means over the phenomena that have the figure, each counting the same; None: none has it."""

    accuracy: float | None
    both: float | None
    direction: float | None
    steady: float | None


class Phenomenon(Struct, frozen=True):
    """The figures of one phenomenon and, where its texts are of several kinds, of each kind."""

    name: str
    scores: Scores
    kinds: dict[str, Scores]


class ProbeResult(Struct, frozen=True):
    """One model on suites of probes.

    Attributes:
        model: which model it was.
        overall: pooled: every text counts the same, every pair too.
        macro: every phenomenon counts the same.
        phenomena: in the order of the suites.
    """

    model: MeasuredModel
    overall: Scores
    macro: Means
    phenomena: tuple[Phenomenon, ...]


class ProbeReport(Struct, frozen=True):
    """Several models on the same suites.

    Attributes:
        suites: their names.
        results: one of each model.
        provenance: command, commit, date, machine and versions.
    """

    suites: tuple[str, ...]
    results: tuple[ProbeResult, ...]
    provenance: dict[str, Any]


class Answers(Struct, frozen=True, eq=False):
    """What a model says of N probes.

    Attributes:
        probes: N probes.
        pairs: int (P, 2), the members of each pair.
        correct: bool (N,), whether the verdict is right.
        predicted: int (N,), the verdict; -1 for none.
        scores: float64 (N,), log-odds of positive over negative; 0 where nothing was read.
    """

    probes: tuple[Probe, ...]
    pairs: NDArray[np.int64]
    correct: NDArray[np.bool_]
    predicted: NDArray[np.int64]
    scores: NDArray[np.float64]


def probe(
    model: Classifier,
    suites: Sequence[Suite] | None = None,
    *,
    on_progress: Progress | None = None,
) -> ProbeResult:
    """Measure a model on suites of probes.

    Args:
        model: what :func:`undertone.load` returns, with a negative and a positive label.
        suites: what :func:`load_suites` returns; None: all suites inside the package.
        on_progress: told (texts read, texts in all) from time to time.

    Raises:
        ConfigError: the model has other labels, or there are no suites.
    """
    answers = ask(model, load_suites() if suites is None else suites, on_progress)
    phenomena = tuple(
        Phenomenon(name, _scores(answers, chosen), _kinds(answers, chosen))
        for name, chosen in _groups([each.phenomenon for each in answers.probes]).items()
    )
    everything = np.ones(len(answers.probes), dtype=np.bool_)
    means = Means(*(_mean(name, phenomena) for name in Means.__struct_fields__))
    return ProbeResult(identity(model), _scores(answers, everything), means, phenomena)


def report_on(suites: Sequence[Suite], results: Sequence[ProbeResult]) -> ProbeReport:
    """The results of several models on the same suites, with how they came to be."""
    return ProbeReport(tuple(suite.name for suite in suites), tuple(results), provenance.collect())


def check_labels(model: Classifier) -> dict[int, int]:
    """Which output is the negative label (-1) and which the positive one (1).

    Raises:
        ConfigError: the model's labels are not one negative and one positive.
    """
    outputs = {polarity(label): number for number, label in enumerate(model.labels)}
    if len(model.labels) != 2 or set(outputs) != {-1, 1}:
        raise ConfigError(
            f"{model.name} has the labels {', '.join(model.labels)}, which are not a negative "
            "and a positive one.",
            "Probes measure models whose two labels are called negative and positive, neg and "
            "pos, or 0 and 1.",
        )
    return {-1: outputs[-1], 1: outputs[1]}


def ask(model: Classifier, suites: Sequence[Suite], on_progress: Progress | None = None) -> Answers:
    """Let the model read all texts of the suites.

    Raises:
        ConfigError: the model has other labels, or there are no suites.
    """
    outputs = check_labels(model)
    probes = tuple(each for suite in suites for each in suite.probes)
    if not probes:
        raise ConfigError("there are no probes to read.", "Name a suite.")
    logits, read = _read(model, [each.text for each in probes], on_progress)
    targets = np.array([outputs[1 if each.label == POSITIVE else -1] for each in probes])
    verdicts = verdicts_from_logits(
        model.labels, targets, logits, model.temperature, tokens=(read, read)
    )
    sides = calibration.two_sided(logits.astype(np.float64))
    scores = np.where(read > 0, sides[:, outputs[1]] - sides[:, outputs[-1]], 0.0)
    return Answers(probes, _pairs(suites), verdicts.correct, verdicts.predicted, scores)


def _read(
    model: Classifier, texts: Sequence[str], on_progress: Progress | None
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    logits, read = [], []
    for start in range(0, len(texts), _BLOCK):
        block = texts[start : start + _BLOCK]
        result = model.logits(block)
        logits.append(result.logits)
        read.append(result.tokens_read)
        if on_progress is not None:
            on_progress(start + len(block), len(texts))
    return np.concatenate(logits), np.concatenate(read)


def _pairs(suites: Sequence[Suite]) -> NDArray[np.int64]:
    """Pairs of all suites, as indices into the probes of all suites together."""
    parts, start = [], 0
    for suite in suites:
        parts.append(np.array(suite.pairs(), dtype=np.int64).reshape(-1, 2) + start)
        start += len(suite.probes)
    return np.concatenate(parts)


def _groups(names: Sequence[str]) -> dict[str, NDArray[np.bool_]]:
    """Which entries carry each name, bool (N,), in the order in which the names are met."""
    column = np.array(names)
    return {name: column == name for name in dict.fromkeys(names)}


def _kinds(answers: Answers, chosen: NDArray[np.bool_]) -> dict[str, Scores]:
    groups = _groups([each.kind for each in answers.probes])
    return {
        kind: _scores(answers, chosen & of_kind)
        for kind, of_kind in groups.items()
        if kind and (chosen & of_kind).any()
    }


def _scores(answers: Answers, chosen: NDArray[np.bool_]) -> Scores:
    pairs = answers.pairs[chosen[answers.pairs].all(axis=1)]
    labels = np.array([each.label == POSITIVE for each in answers.probes])
    turns = labels[pairs[:, 0]] != labels[pairs[:, 1]]
    opposite, alike = pairs[turns], pairs[~turns]
    right, verdicts = answers.correct[pairs], answers.predicted[alike]
    return Scores(
        texts=int(chosen.sum()),
        pairs=len(pairs),
        accuracy=_share(answers.correct[chosen]),
        both=_share(right[:, 0] & right[:, 1]),
        direction=_direction(answers.scores, opposite, labels),
        steady=_share(verdicts[:, 0] == verdicts[:, 1]),
    )


def _direction(
    scores: NDArray[np.float64], pairs: NDArray[np.int64], positive: NDArray[np.bool_]
) -> Share | None:
    """The Mann-Whitney statistic within pairs: ties count one half."""
    sign = np.where(positive[pairs[:, 0]], 1.0, -1.0)
    lead = sign * (scores[pairs[:, 0]] - scores[pairs[:, 1]])
    ties = np.abs(lead) <= _TIE
    return _share((lead > 0) & ~ties, int(ties.sum()))


def _share(successes: NDArray[np.bool_], ties: int = 0) -> Share | None:
    trials = len(successes)
    if trials == 0:
        return None
    count = int(successes.sum()) + ties / 2.0
    return Share(count, trials, ties, count / trials, wilson(count, trials))


def _mean(figure: str, phenomena: Sequence[Phenomenon]) -> float | None:
    found = [FIGURES[figure](each.scores) for each in phenomena]
    shares = [each.share for each in found if each is not None]
    return sum(shares) / len(shares) if shares else None


FIGURES: Mapping[str, Callable[[Scores], Share | None]] = MappingProxyType(
    {
        "accuracy": lambda scores: scores.accuracy,
        "both": lambda scores: scores.both,
        "direction": lambda scores: scores.direction,
        "steady": lambda scores: scores.steady,
    }
)
"""Every figure by the name it has in JSON, in the order of reports."""
