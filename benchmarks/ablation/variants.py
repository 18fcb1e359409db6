"""The file of variants, read and checked, and the runs that it asks for."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from undertone import modelfolder
from undertone.config import RunConfig, load_preset
from undertone.errors import ConfigError, UndertoneError, nearest
from undertone.study.plan import differences

__all__ = ["Job", "Plan", "Variant", "differences", "jobs", "read", "require_known"]

Name = Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9-]*$")]
Seed = Annotated[int, Meta(ge=0, lt=2**31)]


class Variant(Struct, frozen=True, forbid_unknown_fields=True, rename={"settings": "set"}):
    """The recipe with one change.

    Attributes:
        name: of its folders, with the seed behind it.
        change: what it adds or removes, in words.
        settings: overrides ``section.key=value``, after those of the recipe.
        start_from: folder that training starts from; None: that of the recipe; empty: none.
        teachers: model folders; with any, the variant is distilled from them.
        passes: forward and backward passes a step, where a technique takes more than one.
    """

    name: Name
    change: str
    settings: tuple[str, ...] = ()
    start_from: str | None = None
    teachers: tuple[str, ...] = ()
    passes: Annotated[float, Meta(ge=1.0)] = 1.0


class Plan(
    Struct,
    frozen=True,
    forbid_unknown_fields=True,
    rename={"settings": "set", "variants": "variant"},
):
    """The recipe that all variants share, and the variants.

    Attributes:
        base: name of the variant that is the recipe itself.
        preset: that every run starts from.
        variants: the recipe and its changes.
        seeds: every variant is trained once with each.
        settings: overrides ``section.key=value`` of every run.
        start_from: folder that training starts from; empty: none.
    """

    base: str
    preset: str
    variants: tuple[Variant, ...]
    seeds: tuple[Seed, ...] = (0, 1, 2)
    settings: tuple[str, ...] = ()
    start_from: str = ""


class Job(Struct, frozen=True):
    """One variant with one seed, to be trained in ``folder``."""

    variant: Variant
    seed: int
    preset: str
    settings: tuple[str, ...]
    start_from: str
    config: RunConfig
    folder: Path

    @property
    def name(self) -> str:
        """``"VARIANT-SEED"``."""
        return f"{self.variant.name}-{self.seed}"

    @property
    def finished(self) -> bool:
        """Whether the folder holds a model; its manifest is written last."""
        return (self.folder / modelfolder.MANIFEST).is_file()

    def command(self, data: str, exclude: Path | None, threads: int) -> tuple[str, ...]:
        """Arguments of ``python`` that train the run, or go on with it."""
        overrides = [*self.settings, f"train.threads={threads}"]
        teachers = ",".join(self.variant.teachers)
        return (
            *("-m", "undertone", "distill" if teachers else "train"),
            *("--data", data, "--preset", self.preset, "--seed", str(self.seed)),
            *(["--teachers", teachers] if teachers else []),
            *(["--exclude", str(exclude)] if exclude else []),
            *(["--start-from", self.start_from] if self.start_from else []),
            *(part for each in overrides for part in ("--set", each)),
            *("--output", str(self.folder), "--resume"),
        )


def read(path: Path) -> Plan:
    """Read a file of variants.

    Raises:
        ConfigError: it is missing, no TOML, or does not hold what a :class:`Plan` needs.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
        plan = msgspec.convert(values, Plan)
    except OSError as error:
        raise ConfigError(
            f"cannot read {path}: {error.strerror}.", "Name it with --file."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise ConfigError(f"{path}: {error}.", "benchmarks/ablation.toml is an example.") from error
    names = [each.name for each in plan.variants]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(f"{path} has the variant {twice[0]!r} twice.", "Rename one of them.")
    require_known([plan.base], names)
    return plan


def require_known(wanted: Sequence[str], names: Sequence[str]) -> None:
    """Refuse the name of a variant that does not exist.

    Raises:
        ConfigError: names the first such name.
    """
    for name in wanted:
        if name not in names:
            hint = nearest(name, names)
            raise ConfigError(f"no variant {name!r}{hint}.", f"Variants: {', '.join(names)}.")


def jobs(plan: Plan, seeds: Sequence[int], runs: Path) -> list[Job]:
    """Every run of the plan: all variants with the first seed, then all with the next.

    So an ablation that is stopped early has every variant once rather than a few of them often.

    Raises:
        ConfigError: a setting does not fit; the variant is named.
    """
    return [_job(plan, variant, seed, runs) for seed in seeds for variant in plan.variants]


def _job(plan: Plan, variant: Variant, seed: int, runs: Path) -> Job:
    settings = (*plan.settings, *variant.settings)
    start = plan.start_from if variant.start_from is None else variant.start_from
    try:
        config = load_preset(plan.preset, settings, seed, started=bool(start))
    except UndertoneError as error:
        raise ConfigError(f"variant {variant.name}: {error.what}", error.remedy) from error
    folder = runs / f"{variant.name}-{seed}"
    return Job(variant, seed, plan.preset, settings, start, config, folder)
