"""A probe report as rows, as files, as Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import Struct

from undertone import files
from undertone.errors import MissingExtraError
from undertone.evaluation import drawing
from undertone.evaluation.markdown import origin_lines, plain, table
from undertone.evaluation.probes import figure
from undertone.evaluation.probes.figure import TITLES
from undertone.evaluation.probes.measure import FIGURES, ProbeReport, ProbeResult, Scores, Share
from undertone.evaluation.report import JSON_NAME, MARKDOWN_NAME, Report, check_target

PLOT_NAME = "phenomena"
NOTHING = "–"
_SUITES_NAMED = 4

_MEANINGS = {
    "accuracy": "share of texts with the right verdict.",
    "both": "share of pairs with the right verdict on both members.",
    "direction": "share of pairs of two labels whose positive member scores higher than the "
    "negative one; a tie counts one half.",
    "steady": "share of pairs of one label that get the same verdict twice, right or wrong.",
}


class Line(Struct, frozen=True):
    """One line of a table: a phenomenon, a kind of one, or all texts.

    Attributes:
        title: for people.
        level: 0 all texts, 1 a phenomenon, 2 a kind.
        scores: of each model.
    """

    title: str
    level: int
    scores: tuple[Scores, ...]


def write_report(report: ProbeReport, output: Path) -> Report:
    """Write ``metrics.json``, ``report.md`` and ``phenomena.png`` and ``.svg`` into a folder.

    Each file is written whole or not at all, ``metrics.json`` last. Without matplotlib there are
    no plots, and the report says what would bring them.

    Args:
        report: what :func:`report_on` returned.
        output: the folder, made where it is missing; files of an earlier report are replaced.

    Raises:
        OutputError: the folder is a model's, or cannot be written.
    """
    check_target(output)
    plots: tuple[Path, ...] = ()
    note = ""
    try:
        plots = drawing.save(figure.phenomena(report, model_names(report)), output / PLOT_NAME)
    except MissingExtraError as error:
        note = str(error)
    files.write_text(output / MARKDOWN_NAME, markdown(report, note))
    files.write_bytes(output / JSON_NAME, files.json_bytes(report))
    return Report(output / JSON_NAME, output / MARKDOWN_NAME, plots, note)


def lines(report: ProbeReport) -> Iterator[Line]:
    """All texts first, then every phenomenon with its kinds."""
    results = report.results
    yield Line("all texts", 0, tuple(each.overall for each in results))
    for groups in zip(*(each.phenomena for each in results), strict=True):
        yield Line(_readable(groups[0].name), 1, tuple(each.scores for each in groups))
        for kind in groups[0].kinds:
            yield Line(_readable(kind), 2, tuple(each.kinds[kind] for each in groups))


def figures_there(report: ProbeReport) -> list[str]:
    """Names of the figures that these suites have, in order."""
    overall = report.results[0].overall
    return [name for name, of in FIGURES.items() if of(overall) is not None]


def model_names(report: ProbeReport) -> list[str]:
    """What to call each model: its name, and a number where two have the same."""
    names = [each.model.name for each in report.results]
    double = {name for name, count in Counter(names).items() if count > 1}
    return [
        f"{name} ({number})" if name in double else name for number, name in enumerate(names, 1)
    ]


def shown(share: Share | None) -> str:
    """``"72.6% (62.1 to 81.3)"``, with the 95% interval; a dash where there is no figure."""
    if share is None:
        return NOTHING
    low, high = (f"{100.0 * end:.1f}" for end in share.interval)
    return f"{100.0 * share.share:.1f}% ({low} to {high})"


def markdown(report: ProbeReport, plots_note: str = "") -> str:
    """The report as Markdown.

    Args:
        report: what to tell.
        plots_note: why there are no plots; empty: link to them.
    """
    parts = [*_head(report)]
    for number, name in enumerate(model_names(report)):
        parts += [f"## `{plain(name)}`", _model_table(report, number)]
    parts.append(
        f"No plots: {plots_note}" if plots_note else f"![Figures by phenomenon]({PLOT_NAME}.png)"
    )
    return "\n\n".join([*parts, *_origin(report)]) + "\n"


def macro_row(result: ProbeResult, figures: Sequence[str]) -> list[str]:
    """The mean over phenomena of each figure."""
    means = [getattr(result.macro, name) for name in figures]
    return [NOTHING if mean is None else f"{100.0 * mean:.1f}%" for mean in means]


def ties_note(report: ProbeReport) -> str:
    """How often a direction was a tie; empty where it never was."""
    found = [
        f"{name}: {share.ties} of {share.of}"
        for name, result in zip(model_names(report), report.results, strict=True)
        if (share := result.overall.direction) is not None and share.ties
    ]
    return f"Ties, each counted one half in the direction: {', '.join(found)}." if found else ""


def suites_named(report: ProbeReport) -> str:
    """The suites by name where they are few, else how many there are."""
    few = len(report.suites) <= _SUITES_NAMED
    return ", ".join(report.suites) if few else f"{len(report.suites)} suites"


def _head(report: ProbeReport) -> Iterator[str]:
    overall = report.results[0].overall
    yield f"# Probes: {plain(suites_named(report))}"
    yield (
        f"{overall.texts:,} texts in {overall.pairs:,} pairs. All texts: every text and every "
        "pair counts the same (pooled). Mean of phenomena: every phenomenon counts the same. "
        "Brackets: 95% Wilson interval."
    )
    yield "\n".join(f"- {TITLES[name]}: {meaning}" for name, meaning in _MEANINGS.items())
    note = ties_note(report)
    if note:
        yield plain(note)


def _model_table(report: ProbeReport, number: int) -> str:
    figures, result = figures_there(report), report.results[number]
    rows = [
        [
            f"{'– ' if line.level > 1 else ''}{plain(line.title)}",
            f"{line.scores[number].texts:,}",
            *(shown(FIGURES[name](line.scores[number])) for name in figures),
        ]
        for line in lines(report)
    ]
    if len(result.phenomena) > 1:
        rows.insert(1, ["mean of phenomena", "", *macro_row(result, figures)])
    return table(("Phenomenon", "Texts", *(TITLES[name] for name in figures)), rows)


def _origin(report: ProbeReport) -> Iterator[str]:
    yield "## How this was made"
    models = [
        f"- Model `{plain(name)}`: {each.model.precision}, manifest (SHA-256) `{each.model.digest}`"
        for name, each in zip(model_names(report), report.results, strict=True)
    ]
    yield "\n".join([*origin_lines(report.provenance), *models])


def _readable(name: str) -> str:
    return name.replace("_", " ")
