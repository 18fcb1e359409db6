"""A study as a TOML file: its models, of which one may be another one with a change.

protocol = "study"
[sizes]
4m = ["network.embedding_dim=96", "network.hidden_dim=96"]
[[models]]
name = "lstm-{size}-original"
preset = "lstm-15m"
original = true
[[models]]
name = "lstm-{size}-decay"
like = "lstm-{size}-original"
settings = ["train.weight_decay=0.1"]
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct, structs

from undertone.errors import ConfigError, nearest
from undertone.settings import Positive
from undertone.study.departures import THRESHOLD, changed, original_settings, switched
from undertone.study.plan import BASELINE, Contender

_SIZE = "{size}"
_Count = Annotated[int, Meta(ge=0, lt=2**31)]
_Settings = tuple[str, ...]


class _Model(Struct, frozen=True, forbid_unknown_fields=True):
    """One entry of ``[[models]]``; docs/study.md says what each word means."""

    name: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._{}-]+$")]
    preset: str = ""
    like: str = ""
    against: str = ""
    title: str = ""
    settings: _Settings = ()
    sizes: dict[str, _Settings] = {}
    original: bool = False
    mended: _Settings = ()
    switches: bool = False
    seeds: _Count = 0
    steps: _Count = 0
    start_from: str = ""


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    models: tuple[_Model, ...]
    protocol: Literal["standard", "study"] = "standard"
    seeds: Positive = 3
    settings: _Settings = ()
    sizes: dict[str, _Settings] = {}


class StudyFile(Struct, frozen=True):
    """What a file says; see :class:`undertone.study.plan.Plan` for the parts."""

    protocol: str
    seeds: int
    settings: tuple[str, ...]
    contenders: tuple[Contender, ...]


def read(
    path: Path,
    stopwords: Path | None = None,
    sizes: Sequence[str] = (),
    models: Sequence[str] = (),
) -> StudyFile:
    """Read a study, the baseline added where it is missing.

    Args:
        path: the TOML file.
        stopwords: the words that originals delete, one a line.
        sizes: which of the file's sizes to take; none: all.
        models: which of its models to take, beside the baseline and those that they are compared
            with or whose weights they read; none: all.

    Raises:
        ConfigError: the file cannot be read, a model in it does not fit, or it has none of a name.
    """
    content = _decoded(path)
    chosen = {name: content.sizes[name] for name in _chosen(path, content, sizes)}
    found: dict[str, Contender] = {}
    for model in content.models:
        _require_sizes(model, content.sizes)
        for each in _sized(model, chosen):
            for contender in _contenders(each, found, stopwords):
                if contender.name in found:
                    raise _unfit(contender.name, "it stands twice.", "Name each model once.")
                found[contender.name] = contender
    if BASELINE not in found:
        found[BASELINE] = Contender(BASELINE, BASELINE)
    taken = _named(path, found, models)
    return StudyFile(content.protocol, content.seeds, content.settings, taken)


def _named(path: Path, found: dict[str, Contender], names: Sequence[str]) -> tuple[Contender, ...]:
    for name in names:
        if name not in found:
            raise ConfigError(
                f"the study {path} has no model {name!r}{nearest(name, found)}.",
                f"Its models: {', '.join(found)}.",
            )
    if not names:
        return tuple(found.values())
    others = {each for name in names for each in (found[name].weights, found[name].against)}
    wanted = {BASELINE, *names, *others}
    return tuple(each for name, each in found.items() if name in wanted)


def _decoded(path: Path) -> _File:
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), _File)
    except OSError as error:
        raise ConfigError(f"cannot read the study {path}: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise ConfigError(
            f"the study {path} does not fit: {error}.", "docs/study.md says what one may hold."
        ) from error


def _chosen(path: Path, content: _File, sizes: Sequence[str]) -> Sequence[str]:
    for name in sizes:
        if name not in content.sizes:
            raise ConfigError(
                f"the study {path} has no size {name!r}{nearest(name, content.sizes)}.",
                f"Its sizes: {', '.join(content.sizes) or 'none'}.",
            )
    return sizes or tuple(content.sizes)


def _sized(model: _Model, sizes: dict[str, _Settings]) -> Iterator[_Model]:
    """The model in every size, or itself where its name has no place for one.

    What a model is like has the settings of the size already.
    """
    if _SIZE not in model.name:
        yield model
        return
    for size, settings in sizes.items():
        placed = {
            key: getattr(model, key).replace(_SIZE, size)
            for key in ("name", "like", "against", "title", "start_from")
        }
        first = () if model.like else settings
        own = (*first, *model.settings, *model.sizes.get(size, ()))
        yield structs.replace(model, **placed, settings=own)


def _require_sizes(model: _Model, sizes: dict[str, _Settings]) -> None:
    for size in model.sizes:
        if _SIZE not in model.name or size not in sizes:
            raise _unfit(
                model.name,
                f"it has settings of {size!r}, a size that it never has.",
                "Write {size} in its name, and the size in [sizes].",
            )


def _contenders(
    model: _Model, earlier: dict[str, Contender], stopwords: Path | None
) -> Iterator[Contender]:
    _require_sense(model, earlier)
    contender = _like(model, earlier[model.like]) if model.like else _new(model, stopwords)
    yield contender
    if model.switches:
        yield from switched(contender)


def _require_sense(model: _Model, earlier: dict[str, Contender]) -> None:
    if re.search("[{}]", model.name):
        raise _unfit(model.name, "no size takes this place.", "Write {size}, and [sizes].")
    if bool(model.preset) == bool(model.like):
        raise _unfit(model.name, "it needs either preset or like.", "Give one of them.")
    for other in (model.like, model.against):
        if other and other not in earlier:
            raise _unfit(
                model.name,
                f"no model {other!r} stands before it{nearest(other, earlier)}.",
                "Put that model first.",
            )
    if model.like and (model.original or model.against):
        raise _unfit(model.name, "like says original and against already.", "Drop these.")
    if model.mended and not model.like:
        raise _unfit(model.name, "mended changes another model.", "Name that one with like.")
    if model.switches and not model.original:
        raise _unfit(model.name, "switches are of an original.", "Add original = true.")


def _new(model: _Model, stopwords: Path | None) -> Contender:
    first: _Settings = ()
    if model.original:
        if stopwords is None:
            raise _unfit(
                model.name,
                "an original needs the words that the study deletes.",
                "Add --stopwords FILE.",
            )
        first = original_settings(stopwords)
    return Contender(
        name=model.name,
        preset=model.preset,
        settings=(*first, *model.settings),
        title=model.title or ("the study's settings" if model.original else ""),
        threshold=THRESHOLD if model.original else 0.0,
        steps=model.steps,
        seeds=model.seeds,
        start_from=model.start_from,
        against=model.against,
    )


def _like(model: _Model, base: Contender) -> Contender:
    """The earlier model with what this one changes."""
    contender = changed(base, model.name, model.mended, model.settings, title=model.title)
    elsewhere = model.start_from not in ("", base.start_from)
    return structs.replace(
        contender,
        weights="" if elsewhere else contender.weights,
        steps=model.steps,
        seeds=model.seeds or base.seeds,
        start_from=model.start_from or base.start_from,
    )


def _unfit(name: str, why: str, remedy: str) -> ConfigError:
    return ConfigError(f"{name}: {why}", remedy)
