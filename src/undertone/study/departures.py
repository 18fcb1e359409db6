"""The study's original settings, and each of its departures from its own text as a switch.

Its code thresholds the logit at 0.5 where its text means the probability, deletes negations with
the other stop words, and reports its last epoch; it reads the last states alone. A preset's
original has all of these; every further contender mends one, so the differences say what each one
costs. That its code also cuts a review of many word pieces at its number of words is not
reproduced.
"""

from __future__ import annotations

from pathlib import Path

from undertone.study.plan import Contender

THRESHOLD = 0.5
"""Of the logit, above which the study's code counts a review as positive: probability 0.62."""

_SAME = (
    "train.batch_size=1024",
    "train.clip=0.0",
    "train.keep=last",
    "train.patience=0",
    "network.pooling=last",
)
_MENDED = {
    "threshold": ("verdict at probability 0.5 instead of at logit 0.5", ()),
    "negations": (
        "negations, other stop words, digits and punctuation kept",
        ("text.cleaning=plain", "text.stopwords="),
    ),
    "best": ("best instead of last epoch", ("train.keep=best",)),
    "pooled": ("mean and max of all states instead of the last", ("network.pooling=concat",)),
}


def departures(preset: str, stopwords: Path) -> tuple[Contender, ...]:
    """The original settings of a preset, each departure mended, and all of them mended.

    Args:
        preset: one of the study's, ``lstm-15m``, ``lstm-45m`` or ``lstm-148m``, or a TOML file
            that stands for one.
        stopwords: file with the words that the study deletes, one a line.
    """
    name = f"{Path(preset).stem}-original"
    settings = (*_SAME, "text.cleaning=study", f"text.stopwords={stopwords}")
    original = Contender(name, preset, settings, "the study's settings", threshold=THRESHOLD)
    mended = [
        Contender(
            f"{name}-{switch}",
            preset,
            (*settings, *changes),
            title,
            weights="" if changes else name,
            threshold=THRESHOLD if changes else 0.0,
        )
        for switch, (title, changes) in _MENDED.items()
    ]
    every = tuple(change for _, changes in _MENDED.values() for change in changes)
    last = Contender(f"{name}-mended", preset, (*settings, *every), "all of these")
    return (original, *mended, last)
