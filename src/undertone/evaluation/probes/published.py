"""Counterfactual pairs and contrast sets, in the TSV forms in which they were published.

Counterfactually-augmented IMDB (Kaushik et al., ICLR 2020): the columns Sentiment, Text and
batch_id; the two rows of a batch are a review and its revision, in this order. Contrast sets
(Gardner et al., Findings of EMNLP 2020): ``NAME_original.tsv`` and ``NAME_contrast.tsv`` with the
columns Sentiment and Text; rows of one number belong together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from undertone.data.examples import label_text, polarity
from undertone.data.rows import Row, cell_text, label_column, listed, open_rows, text_column
from undertone.errors import DataError
from undertone.evaluation.probes.pairs import NEGATIVE, POSITIVE, Probe, Suite

_BATCH = "batch_id"
_ORIGINAL, _REVISED, _CONTRAST = "original", "revised", "contrast"


def read(path: Path) -> Suite:
    """Read a TSV file of pairs; the file's name is the phenomenon.

    A text's ``kind`` is ``"original"``, or ``"revised"`` (``"contrast"`` in a contrast set).

    Args:
        path: a file with the column batch_id, or either file of a contrast set.

    Raises:
        DataError: missing or damaged, neither form, a label that is neither negative nor
            positive, an empty text, or a batch of other than two rows.
    """
    rows = open_rows(path, format="tsv")
    if _BATCH in rows.columns:
        return Suite(_stem(path), tuple(_counterfactual(path)))
    stem, _, part = _stem(path).rpartition("_")
    if part not in (_ORIGINAL, _CONTRAST):
        raise DataError(
            f"{path.name} has no column {_BATCH!r} (columns: {listed(rows.columns)}) and is not "
            f"called NAME_{_ORIGINAL}.tsv or NAME_{_CONTRAST}.tsv.",
            "These are the published forms; others fit into JSON Lines.",
        )
    ending = path.name.removeprefix(f"{stem}_{part}")
    parts = [path.with_name(f"{stem}_{kind}{ending}") for kind in (_ORIGINAL, _CONTRAST)]
    return Suite(f"{stem}_{_CONTRAST}", tuple(_contrast(stem, *parts)))


def _counterfactual(path: Path) -> Iterator[Probe]:
    batches: dict[str, list[tuple[Row, str]]] = defaultdict(list)
    for row in open_rows(path, format="tsv"):
        place = f"{path.name} row {row.number}"
        batch = label_text(row.fields[_BATCH], place, _BATCH)
        if batch is None:
            raise DataError(f"{place} has no {_BATCH}.", "Fill it in, or delete the row.")
        batches[batch].append((row, place))
    for batch, members in batches.items():
        if len(members) != 2:
            raise DataError(
                f"{members[-1][1]}: the {_BATCH} {batch} has {len(members)} rows, not two.",
                "A batch is a review and its revision.",
            )
        for (row, place), kind in zip(members, (_ORIGINAL, _REVISED), strict=True):
            yield _probe(row, place, phenomenon=_stem(path), pair=batch, kind=kind)


def _contrast(stem: str, original: Path, contrast: Path) -> Iterator[Probe]:
    parts = [list(open_rows(path, format="tsv")) for path in (original, contrast)]
    if len(parts[0]) != len(parts[1]):
        raise DataError(
            f"{original.name} has {len(parts[0]):,} rows, but {contrast.name} has "
            f"{len(parts[1]):,}.",
            "Rows of one number belong together: copy both files again.",
        )
    for rows in zip(*parts, strict=True):
        for row, path, kind in zip(rows, (original, contrast), (_ORIGINAL, _CONTRAST), strict=True):
            place = f"{path.name} row {row.number}"
            yield _probe(
                row, place, phenomenon=f"{stem}_{_CONTRAST}", pair=str(row.number), kind=kind
            )


def _probe(row: Row, place: str, *, phenomenon: str, pair: str, kind: str) -> Probe:
    columns = tuple(row.fields)
    text = cell_text(row, text_column(columns), place)
    if not text.strip():
        raise DataError(f"{place}: empty text.", "Fill it in, or delete its pair.")
    column = label_column(columns)
    label = None if column is None else label_text(row.fields[column], place)
    pole = None if label is None else polarity(label)
    if not pole:
        raise DataError(
            f"{place}: unknown label {label!r}.", f"The labels are {NEGATIVE} and {POSITIVE}."
        )
    return Probe(text, POSITIVE if pole > 0 else NEGATIVE, phenomenon, pair, kind)


def _stem(path: Path) -> str:
    return path.name.partition(".")[0]
