"""The tables in README.md and docs, made from the files in `results/`."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.ablation import report as compared
from benchmarks.prediction import report

from benchmarks import learning_report
from benchmarks import promises as checked
from tools import study_tables

RESULTS = Path(__file__).resolve().parents[1] / "results"


# What each model of the README is, in the order of its table.
MODELS = {
    "base": "three LSTMs of 128 units a direction in one, with n-grams; reads whole reviews",
    "small": "LSTM of 128 units a direction from a language model, taught, with n-grams",
    "bag": "n-grams with naive Bayes weights",
    "imdb-small": "LSTM of 128 units a direction, from scratch",
}


def accuracy() -> str:
    """Accuracy of the models on IMDB's test reviews."""
    header = ("", "", "test accuracy", "95% interval", "log loss", "calibration error", "training")
    rows = [_accuracy(name, what) for name, what in MODELS.items() if _measured(name)]
    if not rows:
        return "Nothing was measured yet."
    machine = _machine(_read(f"{next(filter(_measured, MODELS))}/metrics.json"))
    return _table(header, rows) + f"\n\n{machine}; each training is the last step alone."


def _measured(name: str) -> bool:
    return (RESULTS / name / "metrics.json").exists()


def _accuracy(name: str, what: str) -> tuple[str, ...]:
    measured, trained = _read(f"{name}/metrics.json"), _read(f"{name}/training.json")
    (low, high), figures = measured["accuracy_interval"], measured["figures"]
    return (
        f"`{name}`",
        what,
        f"**{figures['accuracy']:.2%}**",
        f"{low:.2%} to {high:.2%}",
        f"{figures['loss']:.4f}",
        f"{figures['ece']:.2%}",
        f"{trained['training_seconds'] / 60:.1f} min",
    )


def training_speed() -> str:
    """Speed of `lstm-15m`'s training step against packed sequences."""
    result = _read("training-speed.json")
    return (
        f"A training step of `lstm-15m` (batch 64, real reviews, length 256) is "
        f"**{result['ratio']:.1f} times** as fast as the same step with packed sequences "
        f"in a plain `nn.LSTM`, both measured in one process ({_machine(result)})."
    )


def prediction_speed() -> str:
    """Speed of prediction against the alternatives."""
    return report.table(RESULTS / "prediction-speed.json")


def promises() -> str:
    """What is promised of the model inside the package, and what was measured."""
    return checked.table(RESULTS / "promises.json")


def ablation() -> str:
    """The recipe with one technique added or removed at a time."""
    return _if_measured("ablation", compared.table)


def learning_curve() -> str:
    """Accuracy by number of labelled reviews, as a picture and as a table."""
    table = _if_measured("learning-curve", learning_report.table)
    if not (RESULTS / "learning-curve.svg").is_file():
        return table
    return f"![Accuracy by number of labelled reviews](../results/learning-curve.svg)\n\n{table}"


# What each model of docs/nuance.md has learnt from, in the order of its table.
READERS = {
    "bag": "n-grams, from reviews",
    "pupil": "language model, teachers, short texts",
    "reader": "then short texts, over and over",
    "pupil-2": "then teachers, sentences, short texts and counterfactual pairs",
    "widened": "with n-grams beside it",
    "small": "then beside its n-grams and under attack, short texts again",
    "base": "`pupil-2`, `small` and one that knows reviews alone, with n-grams",
}
# The steps were measured before `small` went on from `widened`, which then had its name.
_RENAMED = {"small": "widened", "base": ""}


def nuance() -> str:
    """Probes and counterfactual pairs, model by model."""
    probes, pairs = _probed("probes"), _probed("counterfactual")
    if not probes or not pairs:
        return "Not measured yet: `make nuance` does it."
    header = ("", "", "probes", "both", "revised", "both")
    rows = [
        (
            f"`{name}`",
            what,
            *(_share(probes[name]["overall"][figure]) for figure in ("accuracy", "both")),
            _share(_kind(pairs[name], "revised")["accuracy"]),
            _share(pairs[name]["overall"]["both"]),
        )
        for name, what in READERS.items()
        if name in probes and name in pairs
    ]
    return _table(header, rows)


def _probed(name: str) -> dict[str, Any]:
    """Results by model: of the steps on the way, and of the models that came of them."""
    found: dict[str, Any] = {}
    for folder, names in ((f"{name}-steps", _RENAMED), (name, {})):
        path = RESULTS / folder / "metrics.json"
        results = json.loads(path.read_text())["results"] if path.is_file() else []
        models = ((each["model"]["name"], each) for each in results)
        found |= {names.get(model, model): each for model, each in models}
    return found


def _share(figure: dict[str, Any]) -> str:
    low, high = figure["interval"]
    return f"{figure['share']:.1%} ({100 * low:.0f}–{100 * high:.0f})"


def _kind(result: dict[str, Any], name: str) -> dict[str, Any]:
    (phenomenon,) = result["phenomena"]
    scores: dict[str, Any] = phenomenon["kinds"][name]
    return scores


def study() -> str:
    """The models of the study: sizes, and what is better than size."""
    rows = study_tables.main_rows()
    if not rows:
        return "Not measured yet: `make study` does it."
    table, answer = _table(study_tables.HEADER, rows), study_tables.answer()
    return f"{table}\n\n{answer} {_taught()}" if answer else table


def _taught() -> str:
    """What a small model reads that learnt from more than labels."""
    share = _probed("probes")["small"]["overall"]["accuracy"]["share"]
    parameters = _read("small/training.json")["parameters"] / 1e6
    return (
        f"What a model has learnt from counts for more: `small`, of {parameters:.1f} million, "
        f"reads {share:.1%} of the same probes."
    )


def study_changes() -> str:
    """What mending each departure of the study does, and what each improvement."""
    found = study_tables.changes("departures", "improvements")
    shown = [_table(each.heading, each.rows) for each in found]
    return "\n\n".join(shown) or "Not measured yet: `make study` does it."


def int8() -> str:
    """What quantising the model inside the package costs."""
    result = _read("default-model/int8.json")
    rows = [
        (name, f"{value['accuracy']:.2%}", f"{value['ece']:.2%}", f"{value['bytes'] / 1e6:.1f} MB")
        for name, value in (("float32", result["float32"]), ("int8", result["int8"]))
    ]
    return (
        _table(("", "accuracy", "calibration error", "size"), rows)
        + f"\n\n{result['flips']:,} of {result['reviews']:,} decisions differ; the largest change "
        f"of a probability is {result['largest_change']:.3f}."
    )


def _if_measured(name: str, table: Callable[[Path], str]) -> str:
    """A table of ``results/NAME.json``, or the command that makes the file."""
    path = RESULTS / f"{name}.json"
    return table(path) if path.is_file() else f"Not measured yet: `make {name}` does it."


def _read(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((RESULTS / name).read_text(encoding="utf-8"))
    return content


def _machine(result: dict[str, Any]) -> str:
    machine = result["provenance"]["machine"]
    return f"{machine['cpu']}, {machine['cores']} cores"


def _table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [header, tuple("---" for _ in header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
