"""The one style of all plots, and how they become files.

Figures are made through matplotlib's object interface: pyplot and its global list of figures are
never touched. Colours are those of Okabe and Ito, which colour-blind readers can tell apart;
lines differ in dash and marker as well.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from undertone import files
from undertone.extras import require

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

BLUE, VERMILLION, GREEN = "#0072B2", "#D55E00", "#009E73"
ORANGE, SKY, PURPLE = "#E69F00", "#56B4E9", "#CC79A7"
INK, GREY, PALE = "#222222", "#6B6B6B", "#DDDDDD"


class Stroke(NamedTuple):
    """How one line of a plot looks."""

    colour: str
    dash: str
    marker: str


STROKES = (
    Stroke(BLUE, "-", "o"),
    Stroke(VERMILLION, "--", "s"),
    Stroke(GREEN, "-.", "^"),
    Stroke(PURPLE, ":", "D"),
    Stroke(ORANGE, "-", "v"),
    Stroke(SKY, "--", "P"),
)

_LONGEST_LABEL = 18

_STYLE = {
    "axes.axisbelow": True,
    "axes.edgecolor": GREY,
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.labelsize": 11,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlepad": 10,
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "figure.constrained_layout.h_pad": 0.12,
    "figure.constrained_layout.use": True,
    "figure.constrained_layout.w_pad": 0.12,
    "figure.dpi": 150,
    "figure.facecolor": "white",
    "font.family": "DejaVu Sans",
    "font.size": 10.5,
    "grid.color": PALE,
    "grid.linewidth": 0.8,
    "legend.fontsize": 10,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "lines.markersize": 5,
    "savefig.dpi": 150,
    # Equal figures give equal files.
    "svg.hashsalt": "undertone",
    # Letters stand where the font's own widths put them, at every size.
    "text.hinting": "none",
    # A dollar sign in a review or a label is a dollar sign.
    "text.parse_math": False,
    "xtick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.color": GREY,
    "ytick.labelcolor": INK,
}


@contextmanager
def style() -> Iterator[None]:
    """Draw and save in this project's style, whatever the user's settings; they come back after.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    matplotlib = require("matplotlib", "plots")
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)
        yield


def figure(width: float = 6.4, height: float = 4.2) -> Figure:
    """An empty figure of ``width`` by ``height`` inches."""
    made: Figure = require("matplotlib.figure", "plots").Figure(figsize=(width, height))
    require("matplotlib.backends.backend_agg", "plots").FigureCanvasAgg(made)
    return made


def percent_axis(axis: Axis) -> None:
    """Label a share of 1 in percent, with no more decimals than each tick needs."""
    formatter = require("matplotlib.ticker", "plots").FuncFormatter
    axis.set_major_formatter(formatter(lambda share, _: f"{100.0 * share:.6g}%"))


def short(label: str) -> str:
    """A label that fits beside an axis."""
    return label if len(label) <= _LONGEST_LABEL else label[: _LONGEST_LABEL - 1] + "…"


def legend_above(axes: Axes) -> None:
    """A legend between title and plot, where it hides no data."""
    axes.legend(loc="lower left", bbox_to_anchor=(-0.01, 1.0), ncols=3, borderaxespad=0.2)
    axes.set_title(axes.get_title(loc="left"), pad=28)


def save(made: Figure, path: Path) -> tuple[Path, Path]:
    """Write ``path`` with ``.png`` and with ``.svg`` appended, each whole or not at all.

    Returns:
        The two paths.

    Raises:
        OutputError: the disk is full or the folder cannot be written.
    """
    png, svg = path.with_name(f"{path.name}.png"), path.with_name(f"{path.name}.svg")
    with style():
        files.write_bytes(png, _rendered(made, "png", {"Software": None}))
        files.write_bytes(svg, _rendered(made, "svg", {"Date": None, "Creator": None}))
    return png, svg


def _rendered(made: Figure, kind: str, metadata: dict[str, None]) -> bytes:
    buffer = io.BytesIO()
    made.savefig(buffer, format=kind, metadata=metadata)
    return buffer.getvalue()
