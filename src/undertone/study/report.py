"""The report of a study as files: a page, Markdown with pictures, and JSON for programs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from msgspec import Struct, to_builtins

from undertone import files
from undertone.errors import MissingExtraError
from undertone.study import markdown, page, pictures
from undertone.study.charts import charts
from undertone.study.summary import StudyResult

PAGE, MARKDOWN, DATA = "report.html", "report.md", "study.json"
_DIGITS = 6


class Report(Struct, frozen=True):
    """What was written.

    Attributes:
        page: one HTML file that opens offline.
        markdown: the same as Markdown.
        data: all figures as JSON.
        pictures: PNG and SVG files.
        note: why there are no pictures; empty where there are.
    """

    page: Path
    markdown: Path
    data: Path
    pictures: tuple[Path, ...]
    note: str


def write(result: StudyResult, output: Path) -> Report:
    """Write ``report.html``, ``report.md``, ``study.json`` and the pictures, each whole.

    Args:
        result: of the study.
        output: the folder, made where it is missing; an earlier report in it is replaced.

    Raises:
        OutputError: the disk is full or the folder cannot be written.
    """
    drawn = charts(result)
    try:
        paths, note = pictures.save(drawn, output), ""
    except MissingExtraError as error:
        paths, note = (), str(error)
    files.write_text(output / PAGE, page.html(result, drawn))
    files.write_text(output / MARKDOWN, markdown.report(result, drawn, note))
    files.write_json(output / DATA, _rounded(to_builtins(result)))
    return Report(output / PAGE, output / MARKDOWN, output / DATA, paths, note)


def _rounded(value: Any) -> Any:
    """The same nested value with floats at six significant digits."""
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}")
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(each) for each in value]
    return value
