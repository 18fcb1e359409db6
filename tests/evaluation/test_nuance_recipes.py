"""The pairs written to be learnt from: well formed, and none of them a probe."""

from collections import Counter, defaultdict
from pathlib import Path

import msgspec
import pytest

from undertone.data.examples import Example
from undertone.evaluation.probes import find_leaks, load_suites

FOLDER = Path(__file__).parents[2] / "recipes" / "nuance"
FILES = sorted(FOLDER.glob("*.jsonl"))


class Line(msgspec.Struct, forbid_unknown_fields=True):
    text: str
    label: str
    phenomenon: str
    pair: str | None = None


def lines(path: Path) -> list[Line]:
    return [msgspec.json.decode(line, type=Line) for line in path.read_bytes().splitlines()]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_pairs_are_complete_and_balanced(path: Path) -> None:
    found = lines(path)
    pairs: dict[str, list[str]] = defaultdict(list)
    for line in found:
        if line.pair is not None:
            pairs[line.pair].append(line.label)
    assert all(sorted(labels) == ["negative", "positive"] for labels in pairs.values())
    counts = Counter(line.label for line in found)
    assert counts["negative"] == pytest.approx(counts["positive"], rel=0.05)


def test_no_text_stands_twice_or_is_a_probe() -> None:
    assert FILES
    texts = [line.text for path in FILES for line in lines(path)]
    assert [text for text, count in Counter(texts).items() if count > 1] == []
    examples = [Example(text=text, label=None, name=text) for text in texts]
    assert [(leak.probe.text, leak.name) for leak in find_leaks(load_suites(), examples)] == []
