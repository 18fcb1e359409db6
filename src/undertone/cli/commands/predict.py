"""``undertone predict``: the sentiment of a text, of a file, or of lines from stdin."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from undertone.cli import answers, explaining, options, ticker
from undertone.cli.group import debug_option
from undertone.cli.loading import load_model
from undertone.cli.wording import facts

if TYPE_CHECKING:
    from undertone.inference import Model, ScoreResult
    from undertone.inference.scoring import OnProgress

_WIDTH_WITHOUT_TERMINAL = 100
_FOR_FILES = ("output", "text_column", "format", "overwrite")


@dataclass(frozen=True)
class Style:
    """How answers are written.

    Attributes:
        explain: with what every token contributed.
        json: as JSON Lines.
        colour: marks are colours, not signs.
        bars: the output's encoding has block characters.
        width: of the terminal; None where there is none.
    """

    explain: bool
    json: bool
    colour: bool
    bars: bool
    width: int | None


@click.command()
@click.argument("words", nargs=-1, metavar="[TEXT]")
@click.option(
    "--input",
    "source",
    metavar="FILE",
    help="A table of reviews, or - for stdin: one review a line (txt) unless --format says "
    "otherwise.",
)
@click.option("--output", metavar="FILE", help="Where to write it with a verdict on every row.")
@click.option("--text-column", help="Column with the reviews, if its name is unusual.")
@click.option("--format", help="Of --input, if no ending tells: csv, tsv, jsonl, parquet, txt.")
@click.option("--encoding", default="utf-8", show_default=True, help="Of --input or of stdin.")
@click.option("--overwrite", is_flag=True, help="Replace the file at --output.")
@options.model_option
@options.precision_option
@options.threads_option
@click.option(
    "--abstain",
    type=click.FloatRange(0.5, 0.999),
    metavar="COVERAGE",
    help="Say uncertain rather than be wrong on more than 1 - COVERAGE of all texts, e.g. 0.95.",
)
@click.option("--explain", is_flag=True, help="Show what every word contributed.")
@options.json_option
@debug_option
@click.pass_context
def command(
    context: click.Context,
    words: tuple[str, ...],
    source: str | None,
    output: str | None,
    text_column: str | None,
    format: str | None,  # noqa: A002 - the word users know
    encoding: str,
    overwrite: bool,
    model: Path | None,
    precision: options.Precision,
    threads: int | None,
    abstain: float | None,
    explain: bool,
    as_json: bool,
) -> None:
    """Read the sentiment of one TEXT, of a file, or of lines from stdin.

    A file keeps all its rows and columns; label, probability, tokens_read, tokens_total and status
    are added. A run that was stopped goes on when the same command is given again.
    """
    _refuse_contradictions(context, words)
    chosen = load_model(model, precision, threads)
    if abstain is not None:
        chosen = chosen.abstaining(abstain)
    if source is None:
        style = _style(explain=explain, json=as_json)
        for answer in answered(chosen, _texts(words, encoding), style):
            click.echo(answer)
        return
    from undertone.inference import score_file

    with _progress(output) as progress:
        result = score_file(
            chosen,
            source,
            output or "-",
            text_column=text_column,
            format=format,
            encoding=encoding,
            overwrite=overwrite,
            on_progress=progress,
            on_note=_say,
        )
    click.echo(summary(result, output or "-"), err=True)


def answered(model: Model, texts: Iterable[str], style: Style) -> Iterator[str | bytes]:
    """The answer to each text as soon as it is there, for whoever types or pipes lines."""
    for text in texts:
        if style.explain:
            yield _explained(model, text, style)
            continue
        found = model.predict(text)
        doubt = model.doubt(text) if found.status == "uncertain" else None
        if style.json:
            yield answers.document(text, found, doubt)
        else:
            yield answers.line(text, found, style.width, doubt)


def summary(result: ScoreResult, output: str) -> str:
    """What became of a file."""
    pairs = [("rows", f"{result.rows:,}" + (f" in {output}" if output != "-" else ""))]
    if result.resumed:
        pairs.append(("resumed", f"{result.resumed:,} rows were done by an earlier run"))
    if result.empty:
        pairs.append(("empty", f"{result.empty:,} rows have no text and no label"))
    if result.cut:
        pairs.append(("cut", f"{result.cut:,} rows are longer than the model reads"))
    pairs.append(("added", ", ".join(result.columns)))
    return facts(pairs)


def _refuse_contradictions(context: click.Context, words: tuple[str, ...]) -> None:
    if len(words) > 1:
        context.fail(f"predict reads one text, but {len(words)} came: put the text in quotes.")
    options.refuse_together(context, "words", ["source"], "give a text or a file.")
    options.refuse_together(context, "words", ["encoding"], "it is for files and stdin.")
    options.refuse_together(
        context, "source", ["explain"], "explanations are for a TEXT or for lines from stdin."
    )
    options.refuse_together(
        context, "source", ["as_json"], "the ending of --output tells the format; use .jsonl."
    )
    options.refuse_without(context, "source", _FOR_FILES)
    for name in ("source", "output"):
        if context.params[name] == "":
            option = options.spelling(context, name)
            context.fail(f"{option} is an empty name: give a file, or - for stdin and stdout.")
    nothing_given = not words and context.params["source"] is None
    if nothing_given and (sys.stdin is None or sys.stdin.isatty()):
        context.fail("there is nothing to read: give a TEXT, --input FILE, or lines on stdin.")


def _say(note: str) -> None:
    click.echo(f"{note}.", err=True)


def _progress(output: str | None) -> contextlib.AbstractContextManager[OnProgress | None]:
    """None where the rows themselves go to a terminal: a redrawn line would mix with them."""
    if output in (None, "-") and sys.stdout.isatty():
        return contextlib.nullcontext()
    return ticker.Ticker(ticker.rows)


def _texts(words: tuple[str, ...], encoding: str) -> Iterator[str]:
    if words:
        # Bytes of the command line that are not UTF-8 arrive as lone surrogates.
        yield words[0].encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        return
    from undertone.data.rows import open_rows

    for row in open_rows("-", encoding=encoding):
        yield row.fields["text"]


def _explained(model: Model, text: str, style: Style) -> str | bytes:
    explanation = model.explain(text)
    if style.json:
        return msgspec.json.encode(explanation)
    width = style.width or _WIDTH_WITHOUT_TERMINAL
    shown = explaining.render(explanation, colour=style.colour, bars=style.bars, width=width)
    return f"{shown}\n"


def _style(*, explain: bool, json: bool) -> Style:
    terminal = sys.stdout.isatty()
    return Style(
        explain=explain,
        json=json,
        colour=terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb",
        bars=(sys.stdout.encoding or "").lower().startswith("utf"),
        width=shutil.get_terminal_size().columns if terminal else None,
    )
