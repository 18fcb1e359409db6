"""How good a model is and how sure that is: figures, intervals, comparisons, reports."""

from undertone.evaluation.intervals import (
    BootstrapTest,
    Interval,
    McNemarTest,
    holm,
    mcnemar,
    paired_bootstrap,
    student_t,
    wilson,
)
from undertone.evaluation.measure import Evaluation, evaluate, summarise
from undertone.evaluation.metrics import METRICS, Metric, shown
from undertone.evaluation.report import Report, as_json, check_target, figure_rows, write_report
from undertone.evaluation.verdicts import Verdicts, collect_verdicts

__all__ = [
    "METRICS",
    "BootstrapTest",
    "Evaluation",
    "Interval",
    "McNemarTest",
    "Metric",
    "Report",
    "Verdicts",
    "as_json",
    "check_target",
    "collect_verdicts",
    "evaluate",
    "figure_rows",
    "holm",
    "mcnemar",
    "paired_bootstrap",
    "shown",
    "student_t",
    "summarise",
    "wilson",
    "write_report",
]
