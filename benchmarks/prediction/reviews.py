"""The reviews that all systems are given, written to the work folder once."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterable
from pathlib import Path

from benchmarks.prediction.face import LATENCY, SAMPLE, TEST, TRAIN, Inputs
from undertone.data.examples import Example, SourceOptions
from undertone.data.source import load_split, load_training
from undertone.settings import DataConfig

LENGTHS = (50, 200, 1000)  # words and punctuation marks
_TEXTS = 20  # of each length
_TOKEN = re.compile(r"\w+|[^\w\s]")


def write(work: Path, inputs: Inputs) -> None:
    """Training reviews, test reviews, a shuffled sample of these, and texts of known length.

    Raises:
        SystemExit: the reviews do not have exactly two labels.
    """
    exclude = Path(inputs.exclude) if inputs.exclude else None
    data = load_training(inputs.source, SourceOptions(exclude=exclude), DataConfig())
    if len(data.labels) != 2:
        raise SystemExit(f"{inputs.source} has labels {data.labels}; two are needed")
    test = load_split(inputs.source, SourceOptions(), DataConfig(), "test", data.labels)
    _save(work / TRAIN, [*data.train, *data.validation], data.labels)
    _save(work / TEST, test, data.labels)
    mixed = random.Random(0).sample(test, len(test))
    _save(work / SAMPLE, mixed[: inputs.reviews], data.labels)
    texts = [each.text.replace("<br />", " ") for each in mixed]
    lengths = {str(length): of_length(texts, length) for length in LENGTHS}
    (work / LATENCY).write_text(json.dumps(lengths), encoding="utf-8")


def of_length(texts: list[str], length: int) -> list[str]:
    """Beginnings of ``texts`` that hold exactly ``length`` words and marks, a few at most.

    Texts that are too short are left out; where all are, their words are put together.
    """
    found = [cut for text in texts if (cut := _beginning(text, length)) is not None]
    if not found:
        joined = " ".join(texts)
        while (cut := _beginning(joined, length)) is None:
            joined = f"{joined} {joined}"
        found = [cut]
    return found[:_TEXTS]


def _beginning(text: str, length: int) -> str | None:
    for number, token in enumerate(_TOKEN.finditer(text), start=1):
        if number == length:
            return text[: token.end()]
    return None


def _save(path: Path, examples: Iterable[Example], labels: tuple[str, ...]) -> None:
    with path.open("w", encoding="utf-8") as stream:
        for each in examples:
            row = {"text": each.text, "label": labels.index(each.label or "")}
            stream.write(json.dumps(row) + "\n")
