"""What a search may change: ranges and choices of settings, from a TOML file, and draws of them.

[space]
"train.lr" = {low = 1e-4, high = 1e-2, log = true}
"train.batch_size" = {choices = [16, 32, 64]}
"train.input_dropout" = {low = 0.0, high = 0.6, step = 0.1}
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

from msgspec import Struct

from undertone.config import RunConfig, from_dict, setting_mistakes, to_dict
from undertone.errors import ConfigError, nearest

if TYPE_CHECKING:
    from optuna.trial import Trial

MACHINE = ("train.threads", "train.device", "train.checkpoint_seconds", "train.tensorboard")
"""Settings of a worker's own machine, which leave what is learnt as it is."""

_TABLE = "space"
_RANGE = ("low", "high", "step", "log")
_WORDS = (*_RANGE, "choices")
_SECTIONS = ("text", "network", "train", "bag")
_REMEDY = "Each setting is {low, high}, with log = true or a step if need be, or {choices = [...]}."
_NOT_CHOSEN = "losses could not be compared, or it does not change what is learnt"
# A step is met if it misses the upper end by no more than rounding.
_TOLERANCE = 1e-9


class Range(Struct, frozen=True, tag="range"):
    """Numbers from ``low`` to ``high``, both included.

    ``step`` is 0 where every number between is meant; ``whole`` where the setting is an integer.
    """

    low: float
    high: float
    step: float = 0.0
    log: bool = False
    whole: bool = False


class Choices(Struct, frozen=True, tag="choices"):
    """One of several values."""

    values: tuple[bool | int | float | str, ...]


Space = Mapping[str, Range | Choices]
"""What may be drawn for each ``section.key``."""


def read(path: Path) -> Space:
    """Read a search space from a TOML file.

    Raises:
        ConfigError: the file cannot be read, or something in it does not fit the settings; all
            mistakes are named in one message.
    """
    try:
        return parse(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ConfigError(f"cannot read the search space {path}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"the search space {path} is not UTF-8 (byte {error.start}).", "Save it as UTF-8."
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"the search space {path} is not valid TOML: {error}.") from error


def parse(content: Mapping[str, Any]) -> Space:
    """Check the content of such a file.

    Raises:
        ConfigError: as :func:`read`.
    """
    mistakes = [
        f"unknown table [{key}]{nearest(key, [_TABLE])}." for key in content if key != _TABLE
    ]
    table = content.get(_TABLE)
    if not isinstance(table, Mapping) or not table:
        mistakes.append("there is no table [space] with settings in it.")
        table = {}
    space = {}
    for name, spec in _flat(table):
        wrong = list(_mistakes(name, spec))
        mistakes += wrong
        if not wrong:
            space[name] = _part(name, spec)
    if mistakes:
        raise ConfigError(f"the search space does not fit: {' '.join(mistakes)}", _REMEDY)
    return space


def draw(space: Space, trial: Trial) -> dict[str, Any]:
    """Have a trial draw a value for every setting of the space."""
    return {name: _drawn(name, part, trial) for name, part in space.items()}


def settings(config: RunConfig) -> dict[str, Any]:
    """Every ``section.key`` of a configuration with its value."""
    return {
        f"{section}.{key}": value
        for section, values in to_dict(config).items()
        if isinstance(values, dict)
        for key, value in values.items()
    }


def changed(config: RunConfig, drawn: Mapping[str, Any]) -> RunConfig:
    """A configuration with some settings replaced.

    Raises:
        ConfigError: they contradict each other, or the rest.
    """
    values = to_dict(config)
    for name, value in drawn.items():
        section, _, key = name.rpartition(".")
        values[section][key] = value
    return from_dict(values)


def _drawn(name: str, part: Range | Choices, trial: Trial) -> Any:
    if isinstance(part, Choices):
        return trial.suggest_categorical(name, part.values)
    if part.whole:
        step = int(part.step) or 1
        return trial.suggest_int(name, int(part.low), int(part.high), step=step, log=part.log)
    return trial.suggest_float(name, part.low, part.high, step=part.step or None, log=part.log)


def _flat(table: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Settings by full name; ``train.lr = ...`` without quotes is a table in a table to TOML."""
    sections = {name.partition(".")[0] for name in settings(RunConfig())}
    for key, value in table.items():
        if key in sections and isinstance(value, Mapping):
            yield from ((f"{key}.{inner}", spec) for inner, spec in value.items())
        else:
            yield key, value


def _part(name: str, spec: Mapping[str, Any]) -> Range | Choices:
    if "choices" in spec:
        return Choices(tuple(spec["choices"]))
    whole = _kind(name) is int
    return Range(spec["low"], spec["high"], spec.get("step", 0), spec.get("log", False), whole)


def _kind(name: str) -> Any:
    section, _, key = name.rpartition(".")
    owner = get_type_hints(RunConfig)[section] if section else RunConfig
    return get_type_hints(owner)[key]


def _mistakes(name: str, spec: Any) -> Iterable[str]:
    """All that is wrong with one line of the space."""
    unknown = [each for each in setting_mistakes(name, None) if each.startswith("unknown")]
    if unknown:
        return unknown
    if name.partition(".")[0] not in _SECTIONS or name in MACHINE:
        return [f"{name} is not for a search to choose: {_NOT_CHOSEN}."]
    if not isinstance(spec, Mapping):
        return [f"{name} = {spec!r} is one value; set it with --set, or give a range."]
    strange = [
        f"{name}: unknown word {key!r}{nearest(key, _WORDS)}." for key in spec if key not in _WORDS
    ]
    if "choices" not in spec:
        return [*strange, *_range_mistakes(name, spec)]
    if set(spec) & set(_RANGE):
        strange.append(f"{name} has choices and a range: keep one of them.")
    return [*strange, *_choice_mistakes(name, spec["choices"])]


def _choice_mistakes(name: str, choices: Any) -> list[str]:
    if not isinstance(choices, list) or len(choices) < 2:
        return [f"{name}: choices = {choices!r} are not two values or more."]
    wrong = [mistake for value in choices for mistake in setting_mistakes(name, value)]
    if not wrong and len(set(choices)) < len(choices):
        wrong = [f"{name}: choices = {choices!r} name a value twice."]
    return wrong


def _range_mistakes(name: str, spec: Mapping[str, Any]) -> list[str]:
    if _kind(name) not in (int, float):
        return [f"{name} is not a number, and so has no range: give choices."]
    missing = [key for key in ("low", "high") if key not in spec]
    if missing:
        return [f"{name}: {' and '.join(missing)} missing."]
    wrong = [mistake for key in ("low", "high") for mistake in setting_mistakes(name, spec[key])]
    if not isinstance(spec.get("log", False), bool):
        wrong.append(f"{name}: log = {spec['log']!r} is neither true nor false.")
    return wrong or list(_order_mistakes(name, spec))


def _order_mistakes(name: str, spec: Mapping[str, Any]) -> Iterator[str]:
    low, high, step, log = spec["low"], spec["high"], spec.get("step"), spec.get("log", False)
    if low >= high:
        yield f"{name}: low = {low} is not below high = {high}."
    if log and low <= 0:
        yield f"{name}: low = {low} has no logarithm; begin above 0, or drop log."
    if step is None:
        return
    kinds = (int,) if _kind(name) is int else (int, float)
    if isinstance(step, bool) or not isinstance(step, kinds) or step <= 0:
        whole = "a whole number" if kinds == (int,) else "a number"
        yield f"{name}: step = {step!r} is not {whole} above 0."
    elif log:
        yield f"{name}: step and log exclude each other; drop one."
    elif low < high and abs((steps := (high - low) / step) - round(steps)) > _TOLERANCE * steps:
        yield f"{name}: steps of {step} from {low} miss high = {high}."
