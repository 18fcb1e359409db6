"""An evaluation as files: JSON for programs, Markdown and plots for people."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from undertone import files, modelfolder
from undertone.errors import MissingExtraError, OutputError
from undertone.evaluation import drawing, error_pages, figures
from undertone.evaluation.errors import Errors
from undertone.evaluation.markdown import origin_lines, plain, table
from undertone.evaluation.measure import Evaluation
from undertone.evaluation.metrics import METRICS, shown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

JSON_NAME = "metrics.json"
MARKDOWN_NAME = "report.md"
ERRORS_NAME = "errors.jsonl"

_COVERAGES = (0.5, 0.7, 0.8, 0.9, 0.95, 1.0)

PLOTS: Mapping[str, Callable[[Evaluation], Figure]] = MappingProxyType(
    {
        "confusion": figures.confusion,
        "reliability": figures.reliability,
        "roc": figures.roc,
        "risk_coverage": figures.risk_coverage,
        "accuracy_by_length": figures.by_length,
    }
)
"""The plots of a report by file name; a new one is a function and an entry."""


class Report(Struct, frozen=True):
    """What was written.

    Attributes:
        metrics: the JSON file.
        markdown: the report.
        plots: PNG and SVG files.
        note: why there are no plots; empty where there are.
        errors: mistakes and near-duplicates as JSON Lines; None where they were not asked for.
    """

    metrics: Path
    markdown: Path
    plots: tuple[Path, ...]
    note: str
    errors: Path | None = None


def write_report(evaluation: Evaluation, output: Path, errors: Errors | None = None) -> Report:
    """Write ``metrics.json``, ``report.md`` and the plots into a folder, errors where given.

    Each file is written whole or not at all, ``metrics.json`` last. Without matplotlib there are
    no plots, and the report says what would bring them. Without ``errors``, the ``errors.jsonl``
    of an earlier report goes.

    Args:
        evaluation: what :func:`evaluate` returned.
        output: the folder, made where it is missing; files of an earlier report are replaced.
        errors: what :func:`find_errors` returned: sections of the report, and ``errors.jsonl``.

    Raises:
        OutputError: the folder is a model's, or cannot be written.
    """
    check_target(output)
    plots, note = _write_plots(evaluation, output)
    listed = _write_errors(errors, output / ERRORS_NAME)
    files.write_text(output / MARKDOWN_NAME, markdown(evaluation, note, errors))
    files.write_bytes(output / JSON_NAME, as_json(evaluation))
    return Report(output / JSON_NAME, output / MARKDOWN_NAME, plots, note, listed)


def check_target(output: Path) -> None:
    """Refuse a folder that no report can go into, before anything is measured.

    Raises:
        OutputError: a model stands in it, or it is a file.
    """
    if (output / modelfolder.MANIFEST).exists():
        raise OutputError(
            f"{output} is a model folder; a report would replace the model's own {JSON_NAME}.",
            "Name another folder, for example one inside it.",
        )
    if output.exists() and not output.is_dir():
        raise OutputError(f"{output} is a file.", "Name a folder.")


def as_json(evaluation: Evaluation, errors: Errors | None = None) -> bytes:
    """The evaluation as indented JSON, ending in a line feed; errors under their own name."""
    if errors is None:
        return files.json_bytes(evaluation)
    return files.json_bytes({**msgspec.to_builtins(evaluation), "errors": errors})


def figure_rows(evaluation: Evaluation) -> list[tuple[str, str]]:
    """Title and value of each figure as people read them; undefined ones are left out."""
    low, high = (shown("accuracy", end) for end in evaluation.accuracy_interval)
    rows = []
    for name, value in evaluation.figures.items():
        if value is not None:
            extra = f" (95% interval {low} to {high})" if name == "accuracy" else ""
            rows.append((METRICS[name].title, shown(name, value) + extra))
    return rows


def markdown(evaluation: Evaluation, plots_note: str = "", errors: Errors | None = None) -> str:
    """The report as Markdown.

    Args:
        evaluation: what to tell.
        plots_note: why there are no plots; empty: link to them.
        errors: what to tell of mistakes and near-duplicates.
    """
    parts: list[str] = []
    for section, pictures in _SECTIONS:
        parts += section(evaluation)
        parts += [f"![{_ALT[name]}]({name}.png)" for name in pictures if not plots_note]
    parts += [] if errors is None else error_pages.sections(errors)
    parts += _origin(evaluation)
    return "\n\n".join([*parts, *([f"No plots: {plots_note}"] if plots_note else [])]) + "\n"


def _write_plots(evaluation: Evaluation, output: Path) -> tuple[tuple[Path, ...], str]:
    try:
        pictures = {name: draw(evaluation) for name, draw in PLOTS.items()}
    except MissingExtraError as error:
        return (), str(error)
    written = (drawing.save(picture, output / name) for name, picture in pictures.items())
    return tuple(path for pair in written for path in pair), ""


def _write_errors(errors: Errors | None, path: Path) -> Path | None:
    if errors is None:
        path.unlink(missing_ok=True)  # it would speak of other verdicts than the report beside it
        return None
    files.write_bytes(path, error_pages.json_lines(errors))
    return path


def _head(evaluation: Evaluation) -> Iterator[str]:
    where = f"`{plain(evaluation.source)}`, " if evaluation.source else ""
    yield f"# `{plain(evaluation.model.name)}` on {where}{plain(evaluation.split)} split"
    low, high = (shown("accuracy", end) for end in evaluation.accuracy_interval)
    yield (
        f"**{shown('accuracy', evaluation.accuracy)} of {evaluation.reviews:,} reviews right** "
        f"(95% interval {low} to {high}), "
        f"read at {evaluation.reviews_per_second:,.0f} reviews a second."
    )
    if evaluation.empty:
        yield (
            f"Reviews without a token to read: {evaluation.empty:,}. Each has no verdict and "
            "counts as wrong, with the same probability for every label."
        )
    if evaluation.tokens_read < evaluation.tokens_total:
        yield (
            f"Of {evaluation.tokens_total:,} tokens, {evaluation.tokens_read:,} were read: "
            "the middle of a long review is left out."
        )


def _figures(evaluation: Evaluation) -> Iterator[str]:
    yield "## Figures"
    yield table(("Figure", "Value"), figure_rows(evaluation))
    if len(evaluation.labels) == 2:
        yield (
            f"Precision, recall and F1 are those of `{plain(evaluation.labels[1])}`; macro is "
            "the mean over both labels. Log loss, calibration error and Brier score are better "
            "when lower, the others when higher."
        )


def _labels(evaluation: Evaluation) -> Iterator[str]:
    yield "## By label"
    rows = [
        (
            plain(each.label),
            f"{each.reviews:,}",
            *(shown(name, getattr(each, name)) for name in ("precision", "recall", "f1")),
        )
        for each in evaluation.by_label
    ]
    yield table(("Label", "Reviews", "Precision", "Recall", "F1"), rows)


def _confusion(evaluation: Evaluation) -> Iterator[str]:
    yield "## Confusion matrix"
    labels = [plain(label) for label in evaluation.labels]
    rows = [
        (label, *(f"{cell:,}" for cell in row))
        for label, row in zip(labels, evaluation.confusion, strict=True)
    ]
    yield table(("True label", *labels), rows)


def _calibration(evaluation: Evaluation) -> Iterator[str]:
    yield "## Calibration"
    rows = [
        (
            f"{100 * each.low:.1f}% to {100 * each.high:.1f}%",
            f"{each.reviews:,}",
            shown("accuracy", each.confidence),
            shown("accuracy", each.accuracy),
        )
        for each in evaluation.confidence_bins
    ]
    yield table(("Confidence", "Reviews", "Mean confidence", "Accuracy"), rows)


def _risk(evaluation: Evaluation) -> Iterator[str]:
    yield "## Doubt"
    curve = evaluation.risk
    points = [
        max(index for index, share in enumerate(curve.coverage) if index == 0 or share <= wanted)
        for wanted in _COVERAGES
    ]
    rows = [
        (shown("accuracy", curve.coverage[at]), shown("accuracy", curve.risk[at]))
        for at in dict.fromkeys(points)
    ]
    yield table(("The surest of all reviews", "Wrong verdicts among them"), rows)
    if evaluation.promises:
        yield "Abstaining (`predict --abstain COVERAGE`), as promised and as found:"
        yield table(
            ("Asked", "Found", "95% interval", "Answered", "Right among them"), _kept(evaluation)
        )


def _kept(evaluation: Evaluation) -> list[tuple[str, ...]]:
    return [
        (
            shown("accuracy", each.coverage),
            shown("accuracy", each.found),
            " to ".join(shown("accuracy", end) for end in each.interval),
            shown("accuracy", each.answered),
            shown("accuracy", each.accuracy),
        )
        for each in evaluation.promises
    ]


def _lengths(evaluation: Evaluation) -> Iterator[str]:
    yield "## By length"
    rows = [
        (
            band.title,
            f"{band.reviews:,}",
            shown("accuracy", band.accuracy),
            " to ".join(shown("accuracy", end) for end in band.accuracy_interval),
            shown("share_read", band.share_read),
        )
        for band in evaluation.by_length
    ]
    yield table(("Tokens", "Reviews", "Accuracy", "95% interval", "Text read"), rows)


def _origin(evaluation: Evaluation) -> Iterator[str]:
    model = evaluation.model
    yield "## How this was made"
    yield "\n".join(
        [
            *origin_lines(evaluation.provenance),
            f"- Model: {model.precision}, temperature {model.temperature:.3f}",
            f"- Model manifest (SHA-256): `{model.digest}`",
            f"- Time: {evaluation.seconds:.1f} s for {evaluation.reviews:,} reviews",
        ]
    )


_SECTIONS: tuple[tuple[Callable[[Evaluation], Iterator[str]], tuple[str, ...]], ...] = (
    (_head, ()),
    (_figures, ()),
    (_labels, ()),
    (_confusion, ("confusion", "roc")),
    (_calibration, ("reliability",)),
    (_risk, ("risk_coverage",)),
    (_lengths, ("accuracy_by_length",)),
)
_ALT = {
    "confusion": "Confusion matrix",
    "roc": "ROC curve",
    "reliability": "Reliability diagram",
    "risk_coverage": "Risk over coverage",
    "accuracy_by_length": "Accuracy by length",
}
