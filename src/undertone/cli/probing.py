"""A probe report on a terminal."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from undertone.cli.wording import one_line, percent

if TYPE_CHECKING:
    from rich.table import Table

    from undertone.evaluation.probes import Means, ProbeReport, Share

_WIDEST = 200
_CELL = 14
_INTERVAL = 8


def show(report: ProbeReport) -> None:
    """Print tables: one of all figures for one model, one a figure for models side by side."""
    from rich.console import Console

    from undertone.evaluation.probes.report import suites_named, ties_note

    # What goes into a file or a pipe is not folded to a width that nobody has.
    terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if terminal else _WIDEST
    console = Console(file=sys.stdout, width=width, highlight=False, markup=False)
    overall = report.results[0].overall
    console.print(
        f"{one_line(suites_named(report))}: {overall.texts:,} texts in {overall.pairs:,} pairs. "
        "Beside each figure stands its 95% interval.\n",
        soft_wrap=True,
    )
    for table in _tables(report):
        console.print(table)
    note = ties_note(report)
    if note:
        console.print(one_line(note), soft_wrap=True)


def _tables(report: ProbeReport) -> Iterator[Table]:
    from undertone.evaluation.probes.figure import TITLES
    from undertone.evaluation.probes.report import figures_there, model_names

    names = [one_line(name) for name in model_names(report)]
    figures = figures_there(report)
    if len(names) == 1:
        columns = [(TITLES[figure], 0, figure) for figure in figures]
        yield _table(report, names[0], columns)
        return
    for figure in figures:
        columns = [(name, number, figure) for number, name in enumerate(names)]
        yield _table(report, TITLES[figure], columns)


def _table(report: ProbeReport, title: str, columns: list[tuple[str, int, str]]) -> Table:
    """One table.

    Args:
        report: what to show.
        title: above it.
        columns: heading, number of the model, and name of the figure.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from undertone.evaluation.probes.measure import FIGURES
    from undertone.evaluation.probes.report import lines

    made = Table(
        title=Text(title), title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, padding=0
    )
    made.add_column("phenomenon")
    for heading, _, _ in columns:
        made.add_column(Text(heading), justify="right", min_width=_CELL)
    for line in lines(report):
        shares = [FIGURES[figure](line.scores[number]) for _, number, figure in columns]
        if not any(shares):
            continue
        name = Text(f"{'  ' * max(0, line.level - 1)}{one_line(line.title)}")
        made.add_row(name, *map(_cell, shares), style="dim" if line.level > 1 else None)
        if line.level == 0:
            if len(report.results[0].phenomena) > 1:
                macros = [(report.results[number].macro, figure) for _, number, figure in columns]
                made.add_row("mean of phenomena", *(_mean(*each) for each in macros))
            made.add_section()
    return made


def _cell(share: Share | None) -> str:
    """``"72.6%  62-81 "``, as wide in every row."""
    if share is None:
        return "-" + " " * _INTERVAL
    low, high = (f"{100.0 * end:.0f}" for end in share.interval)
    return f"{percent(share.share)} {f'{low}-{high}':>6} "


def _mean(macro: Means, figure: str) -> str:
    return percent(getattr(macro, figure)) + " " * _INTERVAL
