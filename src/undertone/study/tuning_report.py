"""What a search found: its trials as a table, what mattered, and the best as a preset."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from undertone import files, provenance
from undertone.config import RunConfig, to_dict
from undertone.errors import MissingExtraError
from undertone.evaluation import drawing, markdown
from undertone.extras import require
from undertone.study import tuning_plots, tuning_space
from undertone.study.tuning_storage import NOT_NEEDED, REASON, states

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial

PRESET, TABLE, REPORT = "best.toml", "trials.csv", "report.md"

_LOST = "its worker fell silent"


class Row(Struct, frozen=True):
    """One trial; losses in nats, on validation. What it did not come to is None.

    Attributes:
        number: counted from 0 in the order of their starts.
        state: ``complete``, ``pruned``, ``failed``, ``running`` or ``waiting``.
        loss: of a complete trial that of the kept epoch, of a pruned one that of its last.
        accuracy: of the kept epoch.
        epochs: trained.
        best_epoch: the kept one.
        seconds: trained and validated.
        seed: of weights, dropout and the order of reviews.
        sampler_seed: of the draws.
        settings: what it drew.
        reason: why it is not complete.
    """

    number: int
    state: str
    loss: float | None
    accuracy: float | None
    epochs: int
    best_epoch: int | None
    seconds: float | None
    seed: int | None
    sampler_seed: int | None
    settings: dict[str, Any]
    reason: str


class Tuned(Struct, frozen=True):
    """A search as it stands.

    Attributes:
        name: of the search.
        rows: its trials by number, without those that were given up before they began.
        best: the complete trial with the lowest loss; None while none is complete.
        importances: share of each setting in the spread of the losses; empty where complete
            trials are too few to tell.
        preset: file of the best trial's settings; None as ``best``.
        written: all files that were written.
        not_drawn: why there are no plots; empty where there are.
    """

    name: str
    rows: tuple[Row, ...]
    best: Row | None
    importances: dict[str, float]
    preset: Path | None
    written: tuple[Path, ...]
    not_drawn: str

    def count(self, state: str) -> int:
        """How many trials are in a state."""
        return sum(row.state == state for row in self.rows)


def write(study: Study, config: RunConfig, source: str, output: Path) -> Tuned:
    """Write table, report, plots and the best preset of a search into ``output``.

    Workers that end at the same moment write the same files; each is whole whoever was last.

    Args:
        study: the search.
        config: what its trials have in common.
        source: of the reviews, for the command that trains the best settings.
        output: folder.

    Raises:
        OutputError: a file cannot be written.
    """
    rows = rows_of(study)
    best = best_of(rows)
    importances = importances_of(study, rows)
    written = [_write_table(rows, output / TABLE)]
    preset = None
    if best is not None:
        preset = output / PRESET
        files.write_text(preset, preset_text(config, best, study.study_name))
        written.append(preset)
    not_drawn = ""
    try:
        plots = [("history", tuning_plots.history(rows)), *_importance_plot(importances)]
        for name, figure in plots:
            written += drawing.save(figure, output / name)
    except MissingExtraError as error:
        not_drawn = str(error)
    tuned = Tuned(study.study_name, rows, best, importances, preset, (), not_drawn)
    files.write_text(output / REPORT, _report(tuned, source))
    return msgspec.structs.replace(tuned, written=(output / REPORT, *written))


def _importance_plot(importances: Mapping[str, float]) -> Iterator[tuple[str, Any]]:
    if importances:
        yield "importance", tuning_plots.importance(importances)


def rows_of(study: Study) -> tuple[Row, ...]:
    """The trials of a search by number."""
    trials = study.get_trials(deepcopy=False)
    return tuple(_row(each) for each in trials if each.user_attrs.get(REASON) != NOT_NEEDED)


def _row(trial: FrozenTrial) -> Row:
    named = {state: name for name, state in states()._asdict().items()}
    attributes, state = trial.user_attrs, named[trial.state]
    return Row(
        number=trial.number,
        state=state,
        loss=trial.value if state in ("complete", "pruned") else None,
        accuracy=attributes.get("accuracy"),
        epochs=attributes.get("epochs", max(trial.intermediate_values, default=0)),
        best_epoch=attributes.get("best_epoch"),
        seconds=attributes.get("seconds"),
        seed=attributes.get("seed"),
        sampler_seed=attributes.get("sampler_seed"),
        settings=dict(trial.params),
        reason=attributes.get(REASON, _LOST if state == "failed" else ""),
    )


def best_of(rows: Sequence[Row]) -> Row | None:
    """The complete trial with the lowest loss, the first of equals."""
    complete = [row for row in rows if row.state == "complete" and row.loss is not None]
    return min(complete, key=_loss, default=None)


def ranked(rows: Sequence[Row]) -> list[Row]:
    """Complete trials by loss, then pruned ones, then the rest."""
    order = ("complete", "pruned", "failed", "running", "waiting")
    return sorted(rows, key=lambda row: (order.index(row.state), _loss(row), row.number))


def _loss(row: Row) -> float:
    return float("inf") if row.loss is None else row.loss


def importances_of(study: Study, rows: Sequence[Row]) -> dict[str, float]:
    """Share of each setting in what told good trials from others, the largest first; sum 1.

    PED-ANOVA (Watanabe, Bansal and Hutter 2023), over complete trials. Empty with fewer than two
    settings, or fewer complete trials than twice the settings, or equal losses.
    """
    complete = [row for row in rows if row.state == "complete"]
    names = {name for row in complete for name in row.settings}
    losses = {row.loss for row in complete}
    if len(names) < 2 or len(complete) < 2 * len(names) or len(losses) < 2:
        return {}
    found = require("optuna.importance", "tune").get_param_importances(study)
    return {str(name): float(share) for name, share in found.items()}


def spelled(settings: Mapping[str, Any]) -> str:
    """``"train.lr=0.00213, network.pooling=max"``, numbers to three significant digits."""
    return ", ".join(f"{name}={short(value)}" for name, value in settings.items())


def short(value: Any) -> str:
    """A setting's value for a table."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def preset_text(config: RunConfig, best: Row, name: str) -> str:
    """The TOML file that trains with the settings of the best trial.

    Only what differs from the defaults is named, and nothing of the worker's machine.

    Args:
        config: what the trials have in common.
        best: the trial.
        name: of the search.
    """
    found = to_dict(tuning_space.changed(config, best.settings))
    usual = to_dict(RunConfig())
    title = json.dumps(name, ensure_ascii=False)
    lines = [
        f"# Trial {best.number} of the search {title}: validation loss {best.loss:.4f}.",
        f"preset = {_toml(f'{name}-best')}",
        f"seed = {found['seed']}",
    ]
    for section, values in found.items():
        if not isinstance(values, dict):
            continue
        differ = [
            f"{key} = {_toml(value)}"
            for key, value in values.items()
            if value != usual[section][key] and f"{section}.{key}" not in tuning_space.MACHINE
        ]
        if differ:
            lines += ["", f"[{section}]", *differ]
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    """A scalar in TOML; its strings, as far as settings have them, are those of JSON."""
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _write_table(rows: Sequence[Row], path: Path) -> Path:
    names = sorted({name for row in rows for name in row.settings})
    fixed = [each.name for each in msgspec.structs.fields(Row) if each.name != "settings"]
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([*fixed, *names])
    for row in rows:
        own = [getattr(row, each) for each in fixed]
        writer.writerow([*own, *(row.settings.get(name) for name in names)])
    files.write_text(path, buffer.getvalue())
    return path


def _report(tuned: Tuned, source: str) -> str:
    names = sorted({name for row in tuned.rows for name in row.settings})
    heading = ["trial", "state", "validation loss", "accuracy", "epochs", *names]
    cells = [
        [
            str(row.number),
            row.state,
            "-" if row.loss is None else f"{row.loss:.4f}",
            "-" if row.accuracy is None else f"{100 * row.accuracy:.1f}%",
            str(row.epochs),
            *(markdown.plain(short(row.settings.get(name, "-"))) for name in names),
        ]
        for row in ranked(tuned.rows)
    ]
    parts = [f"# Search {markdown.plain(tuned.name)}", *_findings(tuned, source)]
    parts += ["## Trials", markdown.table(heading, cells)]
    parts += ["## How it was made", "\n".join(_origin(tuned))]
    return "\n\n".join(parts) + "\n"


def _findings(tuned: Tuned, source: str) -> Iterator[str]:
    if tuned.best is None:
        yield "No trial is complete yet."
        return
    yield (
        f"The best of {tuned.count('complete')} complete and {tuned.count('pruned')} pruned trials "
        f"is {tuned.best.number}: validation loss {tuned.best.loss:.4f}. It was chosen by that "
        "very figure, which is therefore too good; no test review was read."
    )
    yield f"    undertone train --data {markdown.plain(source)} --preset {PRESET}"
    if not tuned.not_drawn:
        yield "![Validation loss of each trial](history.png)"
    if tuned.importances:
        rows = [[name, f"{100 * share:.0f}%"] for name, share in tuned.importances.items()]
        yield "## What mattered"
        yield markdown.table(["setting", "importance"], rows)


def _origin(tuned: Tuned) -> list[str]:
    seeds = sorted({row.seed for row in tuned.rows if row.seed is not None})
    spelled_out = ", ".join(map(str, seeds)) or "-"
    return [
        *markdown.origin_lines(provenance.collect()),
        f"- Seeds of the trainings: {spelled_out}; those of the draws stand in `{TABLE}`",
    ]
