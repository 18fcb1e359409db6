"""Probes of nuance: suites of pairs, how a model does on them, and whether they leaked."""

from undertone.evaluation.probes.leaks import Leak, find_leaks
from undertone.evaluation.probes.measure import (
    FIGURES,
    Means,
    Phenomenon,
    ProbeReport,
    ProbeResult,
    Scores,
    Share,
    check_labels,
    probe,
    report_on,
)
from undertone.evaluation.probes.pairs import Probe, Suite
from undertone.evaluation.probes.report import write_report
from undertone.evaluation.probes.suites import PACKAGE, load_suite, load_suites, packaged_names

__all__ = [
    "FIGURES",
    "PACKAGE",
    "Leak",
    "Means",
    "Phenomenon",
    "Probe",
    "ProbeReport",
    "ProbeResult",
    "Scores",
    "Share",
    "Suite",
    "check_labels",
    "find_leaks",
    "load_suite",
    "load_suites",
    "packaged_names",
    "probe",
    "report_on",
    "write_report",
]
