"""The study's original settings, and each of its departures from its own text as a switch.

Its code thresholds the logit at 0.5 where its text means the probability, deletes negations with
the other stop words, cuts a review of many word pieces at its number of words, and reports its last
epoch; it reads the last states alone. An original has all of these; every further contender mends
one, so the differences say what each one costs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from msgspec import structs

from undertone.errors import ConfigError, nearest
from undertone.study.plan import Contender

THRESHOLD = 0.5
"""Of the logit, above which the study's code counts a review as positive: probability 0.62."""


class Switch(NamedTuple):
    """What mending one departure changes, in words and in settings."""

    title: str
    settings: tuple[str, ...]


SWITCHES: Mapping[str, Switch] = MappingProxyType(
    {
        "threshold": Switch("verdict at probability 0.5 instead of at logit 0.5", ()),
        "negations": Switch(
            "negations, other stop words, digits and punctuation kept",
            ("text.cleaning=plain", "text.stopwords="),
        ),
        "cut": Switch("no cut at the number of words", ("text.cut=tokens",)),
        "best": Switch("best instead of last epoch", ("train.keep=best",)),
        "pooled": Switch(
            "mean and max of all states instead of the last", ("network.pooling=concat",)
        ),
    }
)
"""By name. The threshold changes no setting: the same weights are read with the usual rule."""

_SAME = (
    "train.batch_size=1024",
    "train.clip=0.0",
    "train.keep=last",
    "train.patience=0",
    "network.pooling=last",
    "text.cut=words",
    "text.cleaning=study",
)
_ALL = "mended"


def original_settings(stopwords: Path) -> tuple[str, ...]:
    """What makes the study's run of one of its presets.

    Args:
        stopwords: file with the words that the study deletes, one a line.
    """
    return (*_SAME, f"text.stopwords={stopwords}")


def mended(names: Iterable[str]) -> tuple[str, ...]:
    """The settings that mend these departures, to be put behind those of the original.

    Raises:
        ConfigError: there is no such departure.
    """
    for name in names:
        if name not in SWITCHES:
            raise ConfigError(
                f"no departure {name!r}{nearest(name, SWITCHES)}.",
                f"There are {', '.join(SWITCHES)}.",
            )
    return tuple(setting for name in names for setting in SWITCHES[name].settings)


def changed(
    base: Contender, name: str, names: Iterable[str], settings: Iterable[str] = (), *, title: str
) -> Contender:
    """A contender with some departures mended and some settings changed.

    Where nothing but the threshold differs, it reads the weights of the one that it is a change of.

    Args:
        base: what it is a change of.
        name: of the new one.
        names: of the departures to mend.
        settings: to be put behind all others.
        title: what differs, in words.

    Raises:
        ConfigError: there is no such departure.
    """
    names = tuple(names)
    own = (*mended(names), *settings)
    return structs.replace(
        base,
        name=name,
        settings=(*base.settings, *own),
        title=title,
        weights="" if own else base.weights or base.name,
        threshold=0.0 if "threshold" in names else base.threshold,
        against=base.name,
    )


def switched(original: Contender) -> tuple[Contender, ...]:
    """One contender for each departure of an original that is mended, and one for all of them.

    Args:
        original: with the settings of :func:`original_settings` and their threshold.
    """
    one_each = (
        changed(original, f"{original.name}-{name}", [name], title=switch.title)
        for name, switch in SWITCHES.items()
    )
    every = changed(original, f"{original.name}-{_ALL}", SWITCHES, title="all of these mended")
    return (*one_each, every)


def departures(preset: str, stopwords: Path) -> tuple[Contender, ...]:
    """The original settings of a preset, each departure mended, and all of them mended.

    Args:
        preset: one of the study's, ``lstm-15m``, ``lstm-45m`` or ``lstm-148m``, or a TOML file
            that stands for one.
        stopwords: file with the words that the study deletes, one a line.
    """
    original = Contender(
        f"{Path(preset).stem}-original",
        preset,
        original_settings(stopwords),
        "the study's settings",
        threshold=THRESHOLD,
    )
    return (original, *switched(original))
