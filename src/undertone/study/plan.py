"""Which models a study compares, and the runs that it takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from msgspec import Struct

from undertone import config as configuration
from undertone import modelfolder
from undertone.config import RunConfig, load_preset
from undertone.data.examples import SourceOptions
from undertone.errors import ConfigError
from undertone.settings import BAG, DataConfig

BASELINE = "tfidf"
"""The preset that every study holds: TF-IDF of words and word pairs, logistic regression."""

PROTOCOLS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "standard": (),
        "study": (
            "data.splits=random",
            "data.test=0.2",
            "data.validation=0.125",
            "data.group=none",
        ),
    }
)
"""How the source is divided. standard: as its own parts and the presets say; study: all labelled
reviews at random, 70% to train on, 10% validation, 20% test."""

# What a bag of n-grams reads of [train].
_BAG_TOO = ("train.class_weights=", "train.threads=")


class Contender(Struct, frozen=True):
    """One model of the comparison, trained once with each seed.

    Attributes:
        name: of its row, and of its folders with the seed behind it.
        preset: name, or path of a TOML file.
        settings: overrides ``section.key=value`` of this one alone.
        title: what is special about it, in words; empty for a preset as it is.
        weights: name of the contender whose runs it reads with a rule of its own; empty: itself.
        threshold: its verdict is the second of two labels where the logit lies above this.
        steps: train so many steps only, to measure the speed; 0: train in full.
        seeds: train it with so many of the study's seeds; 0: with all of them.
        start_from: folder of a language model, or of a model, to start from; empty: from scratch.
        against: name of the contender that it is a change of; empty: of none.
    """

    name: str
    preset: str
    settings: tuple[str, ...] = ()
    title: str = ""
    weights: str = ""
    threshold: float = 0.0
    steps: int = 0
    seeds: int = 0
    start_from: str = ""
    against: str = ""


class Plan(Struct, frozen=True):
    """A whole study.

    Attributes:
        source: of the labelled reviews.
        options: how the source is read.
        protocol: a name in :data:`PROTOCOLS`.
        settings: overrides of every contender that they mean something to, after all others.
        contenders: in the order of the tables.
        seeds: every contender is trained once with each.
        output: folder of the report.
        threads: of each run.
        runs: folder of the runs, which several studies may share; None: ``runs`` in ``output``.
    """

    source: str
    options: SourceOptions
    protocol: str
    settings: tuple[str, ...]
    contenders: tuple[Contender, ...]
    seeds: tuple[int, ...]
    output: Path
    threads: int
    runs: Path | None = None

    @property
    def models(self) -> Path:
        """The folder that holds a folder for every run."""
        return self.output / "runs" if self.runs is None else self.runs


class Job(Struct, frozen=True):
    """One contender with one seed, trained in ``folder`` with ``overrides``."""

    contender: Contender
    seed: int
    config: RunConfig
    overrides: tuple[str, ...]
    folder: Path

    @property
    def name(self) -> str:
        """``"CONTENDER-SEED"``."""
        return f"{self.contender.name}-{self.seed}"

    @property
    def finished(self) -> bool:
        """Whether the folder holds a model; its manifest is written last."""
        return (self.folder / modelfolder.MANIFEST).is_file()


def contenders(presets: Sequence[str], steps: Mapping[str, int]) -> tuple[Contender, ...]:
    """The presets as contenders, the baseline among them.

    Args:
        presets: names, or TOML files.
        steps: how many steps to train, by name; a preset that is not in it is trained in full.

    Raises:
        ConfigError: a preset stands twice, or a bag of n-grams is to be trained in steps.
    """
    named = [*presets, *([] if BASELINE in presets else [BASELINE])]
    found = tuple(
        Contender(Path(each).stem, each, steps=steps.get(Path(each).stem, 0)) for each in named
    )
    names = [each.name for each in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(f"the preset {twice[0]!r} stands twice.", "Name each preset once.")
    strangers = sorted(set(steps) - set(names))
    if strangers:
        raise ConfigError(
            f"no preset {strangers[0]!r} to train for some steps only.",
            f"Presets of this study: {', '.join(names)}.",
        )
    return found


def jobs(plan: Plan) -> list[Job]:
    """Every run to train: all contenders with the first seed, then all with the next.

    So a study that is stopped early has every contender once rather than a few of them often. A
    bag of n-grams learns the same whatever the seed and is trained once; a contender that reads
    another one's weights, or is trained in steps only, has no run here.

    Raises:
        ConfigError: a setting does not fit; the contender is named. Or contenders would be given
            different reviews.
    """
    found = [
        job
        for number, seed in enumerate(plan.seeds)
        for each in plan.contenders
        if not each.weights and not each.steps and number < (each.seeds or len(plan.seeds))
        for job in [job_of(plan, each, seed)]
        if seed == plan.seeds[0] or job.config.network.architecture != BAG
    ]
    _require_same_reviews(found)
    _require_all_read(plan)
    return found


def job_of(plan: Plan, contender: Contender, seed: int) -> Job:
    """The run of one contender with one seed.

    Raises:
        ConfigError: a setting does not fit; the contender is named.
    """
    try:
        overrides = (
            *PROTOCOLS[plan.protocol],
            *contender.settings,
            *_read_by(load_preset(contender.preset), plan.settings),
            f"train.threads={plan.threads}",
        )
        started = bool(contender.start_from)
        config = load_preset(contender.preset, overrides, seed, started=started)
    except ConfigError as error:
        raise ConfigError(f"{contender.name}: {error.what}", error.remedy) from error
    if contender.steps and config.network.architecture == BAG:
        raise ConfigError(
            f"{contender.name} is a bag of n-grams, which has no steps.", "Train it in full."
        )
    owner = contender.weights or contender.name
    return Job(contender, seed, config, overrides, plan.models / f"{owner}-{seed}")


def _read_by(config: RunConfig, settings: Sequence[str]) -> tuple[str, ...]:
    """The settings of a whole study that mean something to one preset.

    A bag of n-grams has no network and no loop; a network alone has no bag.
    """
    if config.network.architecture == BAG:
        return tuple(
            each
            for each in settings
            if not each.startswith(("network.", "train.")) or each.startswith(_BAG_TOO)
        )
    wide = config.network.wide
    return tuple(each for each in settings if wide or not each.startswith("bag."))


def command(plan: Plan, job: Job) -> tuple[str, ...]:
    """Arguments of ``python`` that train the run, or go on with it."""
    options = plan.options
    named = {
        "--text-column": options.text_column,
        "--label-column": options.label_column,
        "--exclude": options.exclude and str(options.exclude),
        "--start-from": job.contender.start_from,
        "--encoding": options.encoding if options.encoding != SourceOptions().encoding else None,
    }
    # A bag is trained in one go: what a killed run left of it is written anew.
    again = "--overwrite" if job.config.network.architecture == BAG else "--resume"
    return (
        *("-m", "undertone", "train", "--data", plan.source),
        *("--preset", job.contender.preset, "--seed", str(job.seed)),
        *(word for name, value in named.items() if value for word in (name, value)),
        *(word for each in job.overrides for word in ("--set", each)),
        *("--output", str(job.folder), again),
    )


def data_config(found: Sequence[Job]) -> DataConfig:
    """How the reviews are divided, which all runs share."""
    return found[0].config.data


def differences(first: RunConfig, second: RunConfig) -> list[str]:
    """Names of the settings in which two runs differ, less those that leave the weights alone."""
    free = {"train.threads", "train.checkpoint_seconds", "train.tensorboard"}
    one, other = (dict(_flat(configuration.to_dict(each), "")) for each in (first, second))
    return [name for name in one if name not in free and one[name] != other[name]]


def _flat(values: dict[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _require_all_read(plan: Plan) -> None:
    read = {
        setting
        for each in plan.contenders
        for setting in job_of(plan, each, plan.seeds[0]).overrides
    }
    for setting in plan.settings:
        if setting not in read:
            raise ConfigError(f"{setting} means nothing to any model of this study.", "Drop it.")


def _require_same_reviews(found: Sequence[Job]) -> None:
    for job in found[1:]:
        if job.config.data != found[0].config.data:
            raise ConfigError(
                f"{job.contender.name} divides the reviews differently from "
                f"{found[0].contender.name}.",
                "Give all of them the same data settings with --set data.KEY=VALUE.",
            )


def steps_file(plan: Plan, job: Job) -> Path:
    """Where the speed of a contender is kept that is trained for some steps only."""
    return plan.models / f"{job.contender.name}-steps.json"
