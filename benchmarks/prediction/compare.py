"""The comparison: every system prepared, measured in turns, and put side by side."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.prediction import children
from benchmarks.prediction.children import Child
from benchmarks.prediction.face import Inputs
from benchmarks.prediction.systems import REFERENCE
from benchmarks.spread import percentile, summary

_WORKER = ("-m", "benchmarks.prediction.worker")


@dataclass(frozen=True)
class Plan:
    """How long and how often.

    Attributes:
        rounds: passes over all systems; each system runs in a new process every time.
        seconds: for one throughput pass; slow systems read fewer reviews.
        calls: single predictions for each length and round, at most.
        call_seconds: for these.
        cold_starts: processes started to answer once.
    """

    rounds: int = 3
    seconds: float = 20.0
    calls: int = 200
    call_seconds: float = 3.0
    cold_starts: int = 5


@dataclass
class Measured:
    """What the processes of one system found."""

    prepared_in: float = 0.0
    rounds: list[dict[str, Any]] = field(default_factory=list)
    peaks_mib: list[float] = field(default_factory=list)
    starts: list[Child] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    accuracy: dict[str, Any] | None = None


class Comparison:
    """Runs the steps of all systems in a work folder.

    Args:
        names: of the systems.
        inputs: shared settings.
        plan: how long and how often.
        work: an empty folder.
        say: called with a line about each step.
    """

    def __init__(
        self,
        names: Sequence[str],
        inputs: Inputs,
        plan: Plan,
        work: Path,
        say: Callable[[str], None],
    ) -> None:
        self.inputs, self.plan, self.work, self.say = inputs, plan, work, say
        self.variables = children.environment(inputs.threads)
        self.skipped: dict[str, str] = {}
        self.measured = {name: Measured() for name in names}
        self.gemm: list[dict[str, float]] = []

    def run(self) -> dict[str, Any]:
        """All steps, in an order that spreads the machine's moods over the systems."""
        self.inputs.save(self.work)
        self._step("data")
        self._each(self._prepare)
        for _ in range(self.plan.rounds):
            self._measure_peak()
            self._each(self._measure)
        for _ in range(self.plan.cold_starts):
            self._each(self._start)
        self._each(self._judge)
        return self._result()

    def _each(self, step: Callable[[str, Measured], None]) -> None:
        """One step of every system; a system whose process fails is left out from there on."""
        for name, found in list(self.measured.items()):
            try:
                step(name, found)
            except children.ChildError as error:
                self._leave_out(name, f"failed: {error}")

    def _leave_out(self, name: str, reason: str) -> None:
        self.say(f"{name} is left out: {reason}")
        self.skipped[name] = reason
        del self.measured[name]

    def _step(self, mode: str, name: str = "", *numbers: float) -> Child:
        self.say(f"{mode} {name}".strip())
        arguments = [*_WORKER, mode, str(self.work), *([name] if name else [])]
        log = self.work / f"{name or 'all'}.{mode}.log"
        return children.run([*arguments, *map(str, numbers)], log, self.variables)

    def _found(self, mode: str, name: str) -> dict[str, Any]:
        content = (self.work / f"{name}.{mode}.json").read_text(encoding="utf-8")
        found: dict[str, Any] = json.loads(content)
        return found

    def _prepare(self, name: str, found: Measured) -> None:
        (self.work / name).mkdir()
        self._step("prepare", name)
        outcome = self._found("prepare", name)
        if "skipped" in outcome:
            self._leave_out(name, outcome["skipped"])
        else:
            found.prepared_in = outcome["seconds"]

    def _measure_peak(self) -> None:
        self._step("peak")
        self.gemm.append(json.loads((self.work / "peak.json").read_text(encoding="utf-8")))

    def _measure(self, name: str, found: Measured) -> None:
        plan = self.plan
        reviews = found.rounds[0]["reviews"] if found.rounds else 0
        child = self._step("measure", name, reviews, plan.seconds, plan.calls, plan.call_seconds)
        found.rounds.append(self._found("measure", name))
        found.peaks_mib.append(child.peak_mib)

    def _start(self, name: str, found: Measured) -> None:
        found.starts.append(self._step("first", name))

    def _judge(self, name: str, found: Measured) -> None:
        self._step("facts", name, found.rounds[0]["reviews"])
        found.facts = self._found("facts", name)
        if found.facts["training"] is not None:
            self._step("accuracy", name)
            found.accuracy = self._found("accuracy", name)

    def _result(self) -> dict[str, Any]:
        gemm = {kind: max(each[kind] for each in self.gemm) for kind in self.gemm[0]}
        systems = {name: figures(found, gemm) for name, found in self.measured.items()}
        skipped = {name: {"skipped": reason} for name, reason in self.skipped.items()}
        return {
            "ratios": ratios(systems),
            "data": {"source": self.inputs.source, "exclude": self.inputs.exclude},
            "threads": self.inputs.threads,
            "reviews": max((each["reviews"] for each in systems.values()), default=0),
            "gemm_peak_gflops": gemm,
            "systems": {**systems, **skipped},
        }


def ratios(systems: dict[str, dict[str, Any]]) -> dict[str, dict[str, float]]:
    """How many times better undertone's int8 model is: by figure, then by system.

    Empty without that model. Memory is that of the process that measured throughput.
    """
    if REFERENCE not in systems:
        return {}
    ours = _costs(systems[REFERENCE])
    theirs = {name: _costs(each) for name, each in systems.items()}
    return {
        figure: {name: costs[figure] / own for name, costs in theirs.items()}
        for figure, own in ours.items()
    }


def _costs(each: dict[str, Any]) -> dict[str, float]:
    """What a system costs, the less the better, from what :func:`figures` returns."""
    return {
        "throughput": 1 / each["reviews_per_second"]["median"],
        **{f"latency_{length}": few["p50"] for length, few in each["latency_ms"].items()},
        "cold_start": each["cold_start_seconds"]["median"],
        "memory": each["peak_mib"],
        "size": each["size_mb"],
    }


def figures(found: Measured, gemm: dict[str, float]) -> dict[str, Any]:
    """Everything about one system, from the raw numbers of its processes."""
    facts = found.facts
    rates = summary([each["reviews"] / each["seconds"] for each in found.rounds])
    gflops = rates["median"] * facts["flops"] / 1e9
    return {
        "title": facts["title"],
        "reviews_per_second": rates,
        "reviews": found.rounds[0]["reviews"],
        "latency_ms": {length: _latency(found, length) for length in found.rounds[0]["latency"]},
        "cold_start_seconds": summary([each.answered for each in found.starts]),
        "cold_start_peak_mib": max(each.peak_mib for each in found.starts),
        "peak_mib": max(found.peaks_mib),
        "size_mb": facts["size_bytes"] / 1e6,
        "accuracy": None if found.accuracy is None else found.accuracy["accuracy"],
        "test_reviews": None if found.accuracy is None else found.accuracy["reviews"],
        "trained_on": facts["training"],
        "prepare_seconds": found.prepared_in,
        "parameters": facts["parameters"],
        "tokens_read": facts["tokens_read"],
        "flops_per_review": facts["flops"],
        "gflops": gflops,
        "gemm_share": gflops / gemm[facts["precision"]],
        "precision": facts["precision"],
    }


def _latency(found: Measured, length: str) -> dict[str, float]:
    """Of all calls of all rounds."""
    calls = [seconds * 1e3 for each in found.rounds for seconds in each["latency"][length]]
    return {"p50": percentile(calls, 0.5), "p99": percentile(calls, 0.99), "calls": len(calls)}
