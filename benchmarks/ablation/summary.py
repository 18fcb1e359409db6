"""From finished runs to means, intervals over seeds, and differences to the recipe."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import to_builtins

from benchmarks.ablation import measured
from benchmarks.ablation.measured import Run
from benchmarks.ablation.variants import Plan, Variant
from undertone.evaluation import student_t

Runs = Mapping[str, Sequence[Run]]
"""Finished runs by name of the variant."""


def summarise(
    plan: Plan, seeds: Sequence[int], runs: Runs, missing: dict[str, str]
) -> dict[str, Any]:
    """The result file, without its origin.

    Args:
        plan: all variants.
        seeds: that were asked for.
        runs: those that are finished.
        missing: why the others are not there, by name of the run.
    """
    base = runs.get(plan.base, ())
    return {
        "complete": not missing,
        "missing": missing,
        "base": plan.base,
        "preset": plan.preset,
        "set": list(plan.settings),
        "seeds": list(seeds),
        "validation": _validation(runs),
        "intervals": "95%, Student's t over seeds; differences are paired by seed",
        "flops": {"formula": measured.FORMULA, "source": measured.SOURCE},
        "variants": {
            each.name: _described(plan, each, runs.get(each.name, ()), base)
            for each in plan.variants
        },
    }


def of_one_digest(plan: Plan, runs: Runs) -> tuple[Runs, dict[str, str]]:
    """Drop runs that learnt from, or were validated on, other reviews than the recipe's first run.

    Returns:
        The runs that can be compared, and the reason for each of the others by name.
    """
    ordered = [*runs.get(plan.base, ()), *(each for group in runs.values() for each in group)]
    wanted = ordered[0].digest if ordered else ""
    kept = {name: [each for each in group if each.digest == wanted] for name, group in runs.items()}
    others = {
        f"{name}-{each.seed}": "it was trained on other reviews than the rest"
        for name, group in runs.items()
        for each in group
        if each.digest != wanted
    }
    return kept, others


def mean_interval(values: Sequence[float]) -> dict[str, Any]:
    """Mean and its 95% interval by Student's t (Biometrika 6, 1908); no interval of one value.

    The interval speaks of seeds alone: all of them are validated on the same reviews.
    """
    mean = statistics.fmean(values)
    interval = student_t(values)
    return {"mean": mean, "interval": None if interval is None else list(interval)}


def difference(runs: Sequence[Run], base: Sequence[Run]) -> dict[str, Any] | None:
    """Runs less the recipe's runs of the same seeds; None where they share no seed."""
    mine, theirs = ({each.seed: each for each in group} for group in (runs, base))
    seeds = [seed for seed in mine if seed in theirs]
    if not seeds:
        return None
    return {
        "seeds": seeds,
        "accuracy": mean_interval([mine[seed].accuracy - theirs[seed].accuracy for seed in seeds]),
        "loss": mean_interval([mine[seed].loss - theirs[seed].loss for seed in seeds]),
    }


def _described(
    plan: Plan, variant: Variant, runs: Sequence[Run], base: Sequence[Run]
) -> dict[str, Any]:
    start = plan.start_from if variant.start_from is None else variant.start_from
    before = {each: measured.minutes(each) for each in (start, *variant.teachers) if each}
    about = {
        "change": variant.change,
        "set": list(variant.settings),
        "start_from": start,
        "teachers": list(variant.teachers),
        "passes": variant.passes,
        "minutes_before": before,
        "runs": [to_builtins(each) for each in runs],
    }
    if not runs:
        return about
    work = [each.flops for each in runs if each.flops is not None]
    return about | {
        "accuracy": mean_interval([each.accuracy for each in runs]),
        "loss": mean_interval([each.loss for each in runs]),
        "minutes": statistics.fmean(each.minutes for each in runs),
        "flops": statistics.fmean(work) if work else None,
        "difference": None if variant.name == plan.base else difference(runs, base),
    }


def _validation(runs: Runs) -> dict[str, Any] | None:
    for group in runs.values():
        for each in group:
            return {"reviews": each.reviews, "digest": each.digest}
    return None
