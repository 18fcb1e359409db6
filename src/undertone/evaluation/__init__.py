"""How good a model is and how sure that is: figures, intervals, comparisons, reports."""

from undertone.evaluation.duplicates import NearDuplicate, near_duplicates
from undertone.evaluation.errors import Errors, Mistake, find_errors
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
from undertone.evaluation.verdicts import Verdicts, collect_verdicts, timed_verdicts

__all__ = [
    "METRICS",
    "BootstrapTest",
    "Errors",
    "Evaluation",
    "Interval",
    "McNemarTest",
    "Metric",
    "Mistake",
    "NearDuplicate",
    "Report",
    "Verdicts",
    "as_json",
    "check_target",
    "collect_verdicts",
    "evaluate",
    "figure_rows",
    "find_errors",
    "holm",
    "mcnemar",
    "near_duplicates",
    "paired_bootstrap",
    "shown",
    "student_t",
    "summarise",
    "timed_verdicts",
    "wilson",
    "write_report",
]
