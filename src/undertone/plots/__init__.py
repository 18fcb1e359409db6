"""Pictures of training, evaluation and explanation.

Every function returns matplotlib figures that belong to the caller; :func:`save` writes one as
PNG and SVG. They are drawn through matplotlib's object interface, so nothing that a program draws
with pyplot is touched, and nothing is left open.
"""

from undertone.evaluation.drawing import save
from undertone.evaluation.figures import by_length, confusion, reliability, risk_coverage, roc
from undertone.plots.contributions import explanation
from undertone.plots.epochs import HistoryFigures, history, save_history

__all__ = [
    "HistoryFigures",
    "by_length",
    "confusion",
    "explanation",
    "history",
    "reliability",
    "risk_coverage",
    "roc",
    "save",
    "save_history",
]
