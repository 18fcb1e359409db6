"""``undertone inspect``: what a source holds, before anything is trained on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from undertone.cli import options
from undertone.cli.group import debug_option
from undertone.cli.settings import CommandWithSettings
from undertone.cli.wording import facts, percent, table

if TYPE_CHECKING:
    from undertone.data.inspect import Inspection, Lengths


class _Command(CommandWithSettings):
    uses = ("data", "text")


@click.command(cls=_Command)
@click.argument("source", metavar="SOURCE")
@options.preset_option
@options.set_option
@options.reading_options
@options.json_option
@debug_option
def command(
    source: str,
    preset: str,
    overrides: tuple[str, ...],
    text_column: str | None,
    label_column: str | None,
    exclude: Path | None,
    encoding: str,
    as_json: bool,
) -> None:
    """Describe a source of reviews before anything is trained on it.

    The preset and its settings say how the reviews would be divided and how much of a long one
    would be read. SOURCE is a file (csv, tsv, jsonl, parquet), a folder in aclImdb layout or its
    tar.gz, 'sample', 'imdb', or 'hf:NAME'.
    """
    from undertone.config import load_preset
    from undertone.data.inspect import inspect_source

    found = inspect_source(
        source,
        options.source_options(text_column, label_column, exclude, encoding),
        load_preset(preset, overrides),
    )
    click.echo(msgspec.json.encode(found) if as_json else describe(found))


def describe(found: Inspection) -> str:
    """The findings as a page of text."""
    sections = [facts(list(_facts(found))), _parts(found), _lengths(found)]
    remarks = [*(f"problem: {text}" for text in found.problems), *found.notes]
    if remarks:
        sections.append("\n".join(remarks))
    return "\n\n".join(section for section in sections if section)


def _facts(found: Inspection) -> Iterator[tuple[str, str]]:
    yield "source", found.source
    yield "reviews", f"{found.reviews:,}" + _also(found.unlabelled, "in an unlabelled part")
    if found.labels:
        order = f"{', '.join(found.labels)} (in the order of a model's outputs)"
        yield "labels", order + _also(found.without_label, "without a label")
        yield "balance", f"{percent(found.balance)} have the most frequent label"
    yield "empty", f"{found.empty:,}" + _names(found.empty_names)
    yield "duplicates", f"{found.duplicates:,} reviews repeat the text of an earlier one"
    yield "in two parts", _shared(found.shared_texts, "texts")
    if found.groups:
        yield "groups", f"{found.groups:,}; {_shared(found.shared_groups, 'in two parts')}"
    yield (
        "contradictions",
        f"{found.contradictions:,} texts stand with different labels"
        + _names(found.contradiction_names),
    )
    yield (
        "too long",
        f"{percent(found.longer)} have more than {found.max_tokens} tokens and are read in part",
    )
    yield "odd", ", ".join(f"{name} {percent(share)}" for name, share in found.odd.items())


def _parts(found: Inspection) -> str:
    rows = [("part", "reviews", *found.labels, "")]
    rows += [
        (
            part.name,
            f"{part.reviews:,}",
            *(f"{part.labels.get(label, 0):,}" for label in found.labels),
            "as given" if part.given else "cut by seed" if len(found.parts) > 1 else "",
        )
        for part in found.parts
    ]
    return table(rows, right=range(1, len(rows[0]) - 1))


def _lengths(found: Inspection) -> str:
    rows = [
        ("length in", "shortest", "median", "90%", "99%", "longest"),
        _row("words", found.words),
        _row("tokens", found.tokens),
    ]
    return table(rows, right=range(1, 6))


def _row(name: str, lengths: Lengths) -> tuple[str, ...]:
    return (name, *(f"{value:,}" for value in msgspec.structs.astuple(lengths)))


def _also(count: int, what: str) -> str:
    return f"; {count:,} {what}" if count else ""


def _names(names: tuple[str, ...]) -> str:
    return f" (first: {', '.join(names)})" if names else ""


def _shared(counts: dict[str, int], what: str) -> str:
    if not any(counts.values()):
        return f"0 {what}"
    return ", ".join(f"{count:,} {what} in {pair}" for pair, count in counts.items() if count)
