"""The run configuration: the sections of :mod:`undertone.settings`, frozen and validated.

A configuration is a tree of frozen structs. It is read from a preset (a TOML file), changed with
``section.key=value`` overrides, stored in the model folder as JSON, and never changed after that.
All mistakes in it are reported at once, each with the nearest valid name.
"""

from __future__ import annotations

import difflib
import math
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, get_args, get_type_hints

import msgspec
from msgspec import Meta, Struct

from undertone.errors import ConfigError, nearest
from undertone.settings import (
    BAG,
    BagConfig,
    DataConfig,
    DistillConfig,
    NetworkConfig,
    PretrainConfig,
    TextConfig,
    TrainConfig,
)


class RunConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """One run: data, text, network and training settings, and the seed."""

    preset: Annotated[str, Meta(description="name of the preset the run started from")] = "custom"
    seed: Annotated[
        int, Meta(ge=0, lt=2**31, description="seed of weights, dropout and the order of reviews")
    ] = 0
    data: DataConfig = DataConfig()
    text: TextConfig = TextConfig()
    network: NetworkConfig = NetworkConfig()
    train: TrainConfig = TrainConfig()
    bag: BagConfig = BagConfig()
    distill: DistillConfig = DistillConfig()
    pretrain: PretrainConfig = PretrainConfig()

    def __post_init__(self) -> None:
        mistakes = list(_contradictions(self))
        if mistakes:
            raise ConfigError(" ".join(mistakes))


def _contradictions(config: RunConfig) -> Iterable[str]:
    data, text = config.data, config.text
    if data.folds == 1 or data.fold >= max(1, data.folds):
        yield (
            f"data.fold={data.fold} is no part of data.folds={data.folds}: "
            "choose two folds or more, and a fold below their number."
        )
    if text.cleaning == "study" and not text.stopwords:
        yield (
            "text.cleaning=study needs a stop word list: "
            "add text.stopwords=FILE, or use text.cleaning=plain."
        )
    if text.cleaning == "plain" and text.stopwords:
        yield (
            f"text.stopwords={text.stopwords} has no effect with text.cleaning=plain: "
            "add text.cleaning=study, or drop the list."
        )
    if text.cut == "words" and text.tokenizer == "word":
        yield (
            "text.cut=words has no effect with text.tokenizer=word, where every token is a word: "
            "use text.tokenizer=wordpiece, or drop it."
        )
    train = config.train
    if text.cleaning == "study" and (train.sentence_drop or train.sentence_shuffle or train.crop):
        yield (
            "text.cleaning=study deletes the full stops that train.sentence_drop, "
            "train.sentence_shuffle and train.crop look for: set these to 0, or use "
            "text.cleaning=plain."
        )
    if config.train.keep == "last" and config.train.patience:
        yield (
            f"train.keep=last contradicts train.patience={config.train.patience}: early stopping "
            "exists to keep the best epoch; add train.patience=0, or use train.keep=best."
        )
    yield from _network_contradictions(config.network)
    yield from _bag_contradictions(config)


# What an architecture does not read, each with the architectures that do.
_UNREAD = {
    "lstm": {
        "attention_layers": "hybrid",
        "heads": "transformer or hybrid",
        "feedforward_dim": "transformer or hybrid",
        "positions": "transformer",
    },
    "transformer": {"bidirectional": "lstm or hybrid", "attention_layers": "hybrid"},
    "hybrid": {"positions": "transformer"},
    BAG: {
        each.name: "lstm, transformer or hybrid"
        for each in msgspec.structs.fields(NetworkConfig)
        if each.name != "architecture"
    },
}
# What a bag of n-grams reads of [train]: a solver of its own takes the place of the loop.
_OF_A_BAG = {"class_weights", "device", "precision", "threads"}


def _network_contradictions(network: NetworkConfig) -> Iterable[str]:
    name, usual = network.architecture, NetworkConfig()
    for key, readers in _UNREAD.get(name, {}).items():
        if (value := getattr(network, key)) != getattr(usual, key):
            yield (
                f"network.{key}={_spelled(value)} has no effect with network.architecture={name}: "
                f"use network.architecture={readers}, or drop it."
            )
    if name not in ("transformer", "hybrid"):
        return
    two = name == "hybrid" and network.bidirectional
    if (width := network.hidden_dim * (2 if two else 1)) % network.heads:
        yield (
            f"network.heads={network.heads} does not divide the {width} features of a token's "
            f"state (network.hidden_dim={network.hidden_dim}{', two directions' if two else ''}): "
            "choose a divisor."
        )
    if name == "transformer" and network.positions == "sinusoidal" and width % 2:
        yield (
            f"network.hidden_dim={width} is odd, and network.positions=sinusoidal needs pairs: "
            "choose an even number, or use network.positions=learned."
        )


def _bag_contradictions(config: RunConfig) -> Iterable[str]:
    bag = config.network.architecture == BAG
    if not bag and not config.network.wide:
        yield from _no_effect(
            "bag", config.bag, BagConfig(), "it belongs to architecture=bag and to undertone widen"
        )
    if bag:
        left = msgspec.structs.replace(
            config.train, **{name: getattr(TrainConfig(), name) for name in _OF_A_BAG}
        )
        yield from _no_effect("train", left, TrainConfig(), "use another network.architecture")


def _no_effect(section: str, given: Struct, usual: Struct, remedy: str) -> Iterable[str]:
    for each in msgspec.structs.fields(given):
        if (value := getattr(given, each.name)) != getattr(usual, each.name):
            name = f"{section}.{each.name}"
            yield f"{name}={_spelled(value)} has no effect here: {remedy}, or drop it."


def _spelled(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def from_dict(values: Mapping[str, Any]) -> RunConfig:
    """Build a configuration from nested plain values.

    Raises:
        ConfigError: names every unknown key (with the nearest valid one) and every value that
            does not fit, all in one message.
    """
    mistakes: list[str] = []
    checked = _checked(RunConfig, values, "", mistakes)
    if mistakes:
        raise ConfigError(" ".join(mistakes), "The help of each command lists its settings.")
    return RunConfig(**checked)


def to_dict(config: RunConfig) -> dict[str, Any]:
    """The configuration as nested plain values; ``from_dict`` reads it back."""
    values: dict[str, Any] = msgspec.to_builtins(config)
    return values


# Settings that are younger than checkpoints that people may have.
_YOUNG = (
    *("data.also_passes", "distill.context", "distill.sentences"),
    *("text.cut", "train.microbatch", "bag.beside"),
)


def deciding(config: RunConfig) -> dict[str, Any]:
    """The configuration as digests take it: :func:`to_dict` less young settings at their defaults.

    So a run or a reading that an older version began has the same digest and can be gone on with.
    """
    values, usual = to_dict(config), to_dict(RunConfig())
    for section, _, key in (name.partition(".") for name in _YOUNG):
        if values[section].get(key) == usual[section].get(key):
            values[section].pop(key, None)
    return values


def load_preset(
    name: str, overrides: Iterable[str] = (), seed: int | None = None, *, started: bool = False
) -> RunConfig:
    """Read a preset by name, or a TOML file by path, and apply overrides.

    Args:
        name: a name from :func:`preset_names`, or a path ending in ``.toml``.
        overrides: strings ``section.key=value``, values in TOML syntax or plain text.
        seed: replaces the preset's seed where given.
        started: the run starts from a model. Token vectors then come from there, whatever the
            preset says of ``train.vectors``: they would be learnt from texts in vain.

    Raises:
        ConfigError: no such preset, or a setting that does not fit.
    """
    values = _preset_values(name)
    values.setdefault("preset", Path(name).stem)
    if started:
        _apply(values, "train.vectors=random")
    for override in overrides:
        _apply(values, override)
        if seed is not None and override.partition("=")[0].strip() == "seed":
            raise ConfigError(f"the seed is given twice: {override} and {seed}.", "Give it once.")
    if seed is not None:
        values["seed"] = seed
    return from_dict(values)


def setting_mistakes(name: str, value: Any) -> list[str]:
    """What is wrong with ``section.key`` and one value for it, whatever the other settings are."""
    if name not in set(_names(RunConfig, "")):
        return [f"unknown setting {name}{_nearest_setting(name)}."]
    section, _, key = name.rpartition(".")
    mistakes: list[str] = []
    _checked(RunConfig, {section: {key: value}} if section else {key: value}, "", mistakes)
    return mistakes


def preset_names() -> list[str]:
    """Names of the presets inside the package, sorted."""
    folder = resources.files("undertone").joinpath("presets")
    return sorted(
        entry.name.removesuffix(".toml")
        for entry in folder.iterdir()
        if entry.name.endswith(".toml")
    )


def _preset_values(name: str) -> dict[str, Any]:
    if name.endswith(".toml"):
        try:
            content = Path(name).read_text(encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"cannot read preset file {name}: {error.strerror}.") from error
        except UnicodeDecodeError as error:
            raise ConfigError(
                f"preset file {name} is not UTF-8 (byte {error.start}).", "Save it as UTF-8."
            ) from error
    else:
        names = preset_names()
        if name not in names:
            raise ConfigError(
                f"unknown preset {name!r}{nearest(name, names)}.", f"Presets: {', '.join(names)}."
            )
        content = (
            resources.files("undertone").joinpath("presets", f"{name}.toml").read_text("utf-8")
        )
    try:
        return tomllib.loads(content)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"preset {name} is not valid TOML: {error}.") from error


def _apply(values: dict[str, Any], override: str) -> None:
    path, equals, text = override.partition("=")
    keys = path.strip().split(".")
    if not equals or not all(keys):
        raise ConfigError(
            f"cannot read the setting {override!r}.", "Write it as section.key=value."
        )
    if keys == ["preset"]:
        raise ConfigError(f"{override!r} would only change a name.", "Choose it with --preset.")
    target = values
    for key in keys[:-1]:
        target = target.setdefault(key, {})
        if not isinstance(target, dict):
            raise ConfigError(f"{path!r} is not a section.", "Write it as section.key=value.")
    target[keys[-1]] = _value(text.strip())


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _checked(
    struct: type[Struct], values: Mapping[str, Any], prefix: str, mistakes: list[str]
) -> dict[str, Any]:
    """Convert the fields of one section, noting every mistake instead of stopping at the first."""
    hints = get_type_hints(struct, include_extras=True)
    result: dict[str, Any] = {}
    for key, value in values.items():
        if key not in hints:
            mistakes.append(f"unknown setting {prefix}{key}{_nearest_setting(prefix + key)}.")
            continue
        kind = hints[key]
        if isinstance(kind, type) and issubclass(kind, Struct):
            if not isinstance(value, Mapping):
                mistakes.append(f"{prefix}{key} is a section, not a value: {value!r}.")
                continue
            result[key] = kind(**_checked(kind, value, f"{prefix}{key}.", mistakes))
            continue
        try:
            result[key] = msgspec.convert(value, kind, strict=True)
        except msgspec.ValidationError as error:
            mistakes.append(f"{prefix}{key}={value!r}: {_reason(value, kind, str(error))}.")
            continue
        if isinstance(value, float) and not math.isfinite(value):  # JSON cannot hold it
            mistakes.append(f"{prefix}{key}={value!r}: expected a finite number.")
    return result


def _nearest_setting(name: str) -> str:
    """A hint at the setting that was meant: one whose last part is the same, or similar."""
    known: dict[str, list[str]] = {key: [key] for key in get_type_hints(RunConfig)}
    for full in _names(RunConfig, ""):
        known.setdefault(full.rpartition(".")[2], []).append(full)
    close = difflib.get_close_matches(name.rpartition(".")[2], known, n=1)
    return nearest(name, known[close[0]], cutoff=0.0) if close else ""


def _names(struct: type[Struct], prefix: str) -> Iterator[str]:
    for key, kind in get_type_hints(struct).items():
        if isinstance(kind, type) and issubclass(kind, Struct):
            yield from _names(kind, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"


_PLAIN = {
    "`float`": "a number",
    "`int`": "a whole number",
    "`str`": "text",
    "`bool`": "true or false",
}


def _reason(value: Any, kind: Any, error: str) -> str:
    """Why a value does not fit; for a choice, what there is to choose from."""
    choices = [choice for part in get_args(kind)[:1] for choice in get_args(part)]
    if not choices:
        for word, plain in _PLAIN.items():
            error = error.replace(word, plain)
        return error[0].lower() + error[1:]
    return f"choose one of {', '.join(choices)}{nearest(str(value), choices)}"
