"""The tables of a study as text, for the page and for Markdown alike."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

from msgspec import Struct

from undertone.study.comparisons import Comparison
from undertone.study.summary import Mean, ModelResult, StudyResult
from undertone.study.tricky import Reading, TrickyResult

NONE = "–"
_TWO_LABELS = 2
_HALF = 50.0


class Table(Struct, frozen=True):
    """A heading, rows of as many cells, and how to read them. The first column names the row."""

    heading: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


def models(result: StudyResult) -> Table:
    """What every model reached: a row a model."""
    return Table(
        (
            *("Model", "Seeds", "Test accuracy", "Test loss", "Validation accuracy"),
            *("Validation loss", "Train accuracy", "Train loss", "Best epoch", "Last epoch"),
        ),
        tuple(_reached(each) for each in result.models),
        note=(
            "Mean ± 95% interval over seeds (Student's t). Losses in nats, without temperature; "
            "train with dropout on; train and validation at the epoch whose weights are the model. "
            f"{'* Not trained in full.' if any(each.steps for each in result.models) else ''}"
        ).strip(),
    )


def costs(result: StudyResult) -> Table:
    """What every model costs: a row a model."""
    timed = {each.name: each.steps for each in result.models if each.steps}
    stars = "; ".join(f"{name} from {steps:,} steps" for name, steps in timed.items())
    return Table(
        (
            *("Model", "Parameters", "Training minutes", "Training reviews/s", "Training TFLOP"),
            *("Reading reviews/s", "Size (MB)"),
        ),
        tuple(_cost(each) for each in result.models),
        note=(
            "Means over seeds. Minutes are of training and validation; reading is from texts to "
            f"verdicts. {f'* Extrapolated, not trained in full: {stars}.' if stars else ''}"
        ).strip(),
    )


def comparisons(result: StudyResult) -> Table:
    """A row a pair."""
    return Table(
        ("Comparison", "Difference (points)", "95% interval", "McNemar p", "Bootstrap p"),
        tuple(_comparison(each) for each in result.comparisons),
        note=f"P-values are Holm-corrected. {result.method}",
    )


def changes(result: StudyResult) -> Table | None:
    """What each change of a model does; None where the study has no such models."""
    changed = {each.name: each for each in result.models if each.contender.against}
    bases = {each.contender.against for each in changed.values()}
    rows = [each for each in result.full if each.name in bases or each.name in changed]
    if not changed:
        return None
    return Table(
        ("Model", "What differs", "From", "Test accuracy", "Difference (points)", "Verdict"),
        tuple(_change(each, result.comparisons) for each in rows),
        note="Each row is compared with the model that it is a change of.",
    )


def lengths(result: StudyResult) -> Table:
    """A row a band, a column a model."""
    full = result.full
    bands = full[0].by_length if full else ()
    rows = [
        (
            band.title,
            f"{band.reviews:,}",
            *(share(each.by_length[place].accuracy) for each in full),
        )
        for place, band in enumerate(bands)
    ]
    return Table(("Words", "Reviews", *(each.name for each in full)), tuple(rows))


def tricky(result: StudyResult) -> Table | None:
    """A row a review, a column a model; None without tricky reviews."""
    if not result.tricky:
        return None
    names = tuple(each.model for each in result.tricky[0].readings)
    two = len(result.labels) == _TWO_LABELS
    what = (
        f"Probability of {result.labels[1]!r}"
        if two
        else "The likeliest label and its mean probability"
    )
    return Table(
        ("Review", "Author's reading", *names),
        tuple(_tricky(each, result.labels) for each in result.tricky),
        note=f"{what}: mean over seeds, lowest to highest in brackets. ✗: the seeds' verdicts are "
        "mostly another label than the author's; readings that are no label of the models are "
        "not judged.",
    )


def summary(result: StudyResult) -> Iterator[str]:
    """The findings in sentences."""
    if not result.full:
        return
    best = max(result.full, key=lambda each: each.figures["test_accuracy"].mean)
    yield (
        f"Highest test accuracy: {best.name} with "
        f"{share(best.figures['test_accuracy'])} on {result.test:,} reviews."
    )
    against = [
        (_other(each, best.name), _seen_from(each, best.name)) for each in result.comparisons
    ]
    for verdict, words in (
        ("better", "It is better than"),
        ("not distinguishable", "It is not distinguishable from"),
    ):
        others = [name for name, found in against if name and found == verdict]
        if others:
            yield f"{words} {', '.join(others)}."
    if result.missing:
        listed = "; ".join(f"{name}: {why}" for name, why in result.missing.items())
        yield f"Not complete. {listed}"


def share(figure: Mean | None) -> str:
    """``"86.25% ± 0.42"``."""
    return _mean(figure, 100.0, 2, "%")


def _mean(figure: Mean | None, scale: float, digits: int, unit: str = "") -> str:
    if figure is None:
        return NONE
    shown = f"{figure.mean * scale:,.{digits}f}{unit}"
    if figure.interval is None:
        return shown
    reach = (figure.interval.high - figure.interval.low) / 2 * scale
    # Two seeds can leave a share quite open: no interval is wider than all there is.
    return f"{shown} ± {'>50' if unit and reach > _HALF else f'{reach:.{digits}f}'}"


def _reached(model: ModelResult) -> tuple[str, ...]:
    figures, star = model.figures, _star(model)
    return (
        f"{model.name}{star}",
        str(len(model.runs)) if model.runs else NONE,
        *_pair(figures, "test"),
        *_pair(figures, "validation"),
        *_pair(figures, "train"),
        _epoch(figures.get("best_epoch")),
        _epoch(figures.get("last_epoch")) + star,
    )


def _cost(model: ModelResult) -> tuple[str, ...]:
    star, work = _star(model), model.mean("flops")
    return (
        f"{model.name}{star}",
        f"{model.parameters:,}",
        _count(model.mean("minutes"), 1, star),
        _count(model.mean("train_reviews_per_second"), 0),
        NONE if work is None else f"{work / 1e12:,.3g}{star}",
        _count(model.mean("reviews_per_second"), 0),
        f"{model.bytes / 1e6:,.1f}",
    )


def _star(model: ModelResult) -> str:
    return "*" if model.steps else ""


def _count(value: float | None, digits: int, star: str = "") -> str:
    return NONE if value is None else f"{value:,.{digits}f}{star}"


def _pair(figures: dict[str, Mean], part: str) -> tuple[str, str]:
    return share(figures.get(f"{part}_accuracy")), _mean(figures.get(f"{part}_loss"), 1.0, 4)


def _epoch(figure: Mean | None) -> str:
    """``"4"``, or ``"3–5"`` where seeds differ."""
    if figure is None:
        return NONE
    low, high = min(figure.values), max(figure.values)
    return f"{low:g}" if low == high else f"{low:g}–{high:g}"


def _comparison(each: Comparison) -> tuple[str, ...]:
    low, high = (100 * end for end in each.interval)
    return (
        each.words,
        f"{100 * each.difference:+.2f}",
        f"{low:+.2f} to {high:+.2f}",
        p_value(each.mcnemar_holm),
        p_value(each.bootstrap_holm),
    )


def p_value(value: float) -> str:
    """``"0.031"``, ``"< 0.001"``."""
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _change(model: ModelResult, pairs: tuple[Comparison, ...]) -> tuple[str, ...]:
    base = model.contender.against
    about = (
        model.name,
        model.contender.title or NONE,
        base or NONE,
        share(model.figures["test_accuracy"]),
    )
    for pair in pairs:
        if (pair.first, pair.second) == (base, model.name):
            low, high = sorted(-100 * end for end in pair.interval)
            verdict = _seen_from(pair, model.name)
            return (*about, f"{-100 * pair.difference:+.2f} ({low:+.2f} to {high:+.2f})", verdict)
    return (*about, NONE, NONE)


def _other(pair: Comparison, name: str) -> str:
    """The model that ``name`` is compared with; empty where the pair is about others."""
    if name not in (pair.first, pair.second):
        return ""
    return pair.second if pair.first == name else pair.first


def _seen_from(pair: Comparison, name: str) -> str:
    """What ``name``, one of the pair, is."""
    if pair.first == name or pair.verdict == "not distinguishable":
        return pair.verdict
    return "worse" if pair.verdict == "better" else "better"


def _tricky(each: TrickyResult, labels: tuple[str, ...]) -> tuple[str, ...]:
    review = each.review
    cells = (_reading(reading, review.label, labels) for reading in each.readings)
    return (review.text, review.label or NONE, *cells)


def _reading(reading: Reading, label: str, labels: tuple[str, ...]) -> str:
    means = [statistics.fmean(column) for column in zip(*reading.probabilities, strict=True)]
    place = 1 if len(labels) == _TWO_LABELS else means.index(max(means))
    values = [row[place] for row in reading.probabilities]
    wrong = sum(verdict != label for verdict in reading.verdicts)
    mark = " ✗" if label in labels and 2 * wrong > len(reading.verdicts) else ""
    shown = f"{means[place]:.2f}"
    if len(values) > 1:
        shown += f" ({min(values):.2f}–{max(values):.2f})"
    name = "" if len(labels) == _TWO_LABELS else f"{labels[place]} "
    return f"{name}{shown}{mark}"
