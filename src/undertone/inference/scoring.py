"""Files of any size: rows in, the same rows out with a verdict on each."""

from __future__ import annotations

import itertools
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import onnxruntime
from msgspec import Struct

from undertone import files
from undertone.data.rows import RowSource
from undertone.errors import RunInterruptedError
from undertone.inference.partial import Key, PartialFile, Sink, StandardOutput, Tally
from undertone.inference.prefetch import ahead
from undertone.inference.results import Prediction
from undertone.inference.table import Layout, Review, Source, layout, reviews
from undertone.inference.target import path_of, place_of, written_format
from undertone.inference.writers import ENCODERS, Encoder, write_parquet
from undertone.text.tokenizer import Encoded

if TYPE_CHECKING:
    from undertone.inference.predictor import Model

OnProgress = Callable[[int, float, float | None], None]
"""Told rows done, rows a second, and seconds left or None."""

OnNote = Callable[[str], None]
"""Told what a user should know, one line at a time."""

# A chunk is tokenized, read, written and safe at once. It ends where either number is reached,
# counted from the first row, so a run that goes on cuts the same chunks. Tokens of a text take
# dozens of times its own memory, so the characters bound what a run needs, longest rows apart.
_ROWS = 1024
_CHARACTERS = 2**20
# A smaller file is checked before a note about it could be read.
_BYTES_WORTH_A_NOTE = 64 * 2**20

_DIGITS = 6


class ScoreResult(Struct, frozen=True):
    """What a run did.

    Attributes:
        rows: rows of the output.
        empty: rows without tokens; they have no label.
        cut: rows whose text was longer than the model's limit.
        resumed: rows taken over from a run that was killed.
        seconds: of this run.
        columns: the new columns; a name that the input has already got ``predicted_`` before it.
    """

    rows: int
    empty: int
    cut: int
    resumed: int
    seconds: float
    columns: tuple[str, ...]


class _Chunk(Struct, frozen=True):
    reviews: list[Review]
    encoded: list[Encoded]


def score_file(
    model: Model,
    input: str | Path,  # noqa: A002 - the word users know
    output: str | Path,
    *,
    text_column: str | None = None,
    format: str | None = None,  # noqa: A002 - the word users know
    encoding: str = "utf-8",
    overwrite: bool = False,
    on_progress: OnProgress | None = None,
    on_note: OnNote | None = None,
) -> ScoreResult:
    """Score every row of a table in constant memory.

    All rows and columns are kept in order; ``label``, ``probability`` (of the label, six digits),
    ``tokens_read``, ``tokens_total`` and ``status`` are added, with ``predicted_`` before a name
    that the input has already. A row without text is kept with the status ``empty``. A file is
    read through once first, so that a flawed row is reported before any work is done.

    A run that is killed leaves ``OUTPUT.partial``; the same call goes on with it and ends in the
    same bytes as one never killed. Standard input, output and pipes can only start anew, as does
    a call with another input, model or setting, with a note. Two runs cannot write one output at
    the same time. An output that is a link stays one: the file it leads to is written.

    Args:
        model: the model.
        input: a file, or ``"-"`` for standard input.
        output: the file to write, in the format that its ending tells; a name without an ending
            gets the format of the input (CSV for plain text). Or ``"-"`` for standard output.
            Parquet is written from Parquet alone. Text is UTF-8.
        text_column: column of the reviews; None: found by the usual names.
        format: of the input: csv, tsv, jsonl, parquet, txt; None: by its ending, and txt for
            standard input.
        encoding: of a text input.
        overwrite: replace ``output`` where it exists.
        on_progress: called after every chunk.
        on_note: called when a large file is checked before the first chunk, and when the rows of
            an unfinished run of another kind are thrown away.

    Raises:
        ConfigError: an empty name, an ending that tells no format, or formats that do not go
            together.
        DataError: the input is missing, or a row of it cannot be used.
        MissingExtraError: Parquet without pyarrow.
        OutputError: ``output`` exists, is the input, is no plain file, is being written by
            another run, or cannot be written; or ``OUTPUT.partial`` is not from such a run.
        RunInterruptedError: Ctrl-C; what was done is kept as said above.
    """
    source = Source(path_of(input, "input"), format, encoding)
    target = path_of(output, "output")
    written = written_format(source, target)
    place = None if target is None else place_of(target, source, overwrite=overwrite)
    started = time.monotonic()
    note = on_note or _unheard
    encoder = ENCODERS.get(written, ENCODERS["jsonl"])
    rows = source.open()
    plan = layout(rows, text_column, fixed=encoder.fixed_columns)
    total = None
    if source.repeatable:
        total = _checked_rows(source, rows, plan, note)
        rows = source.open()
    job = _Job(model, plan, written, encoder, total, on_progress)
    if place is None:
        resumed, sink = 0, StandardOutput()
        job.run(rows, sink)
        done = sink.done
    else:
        with PartialFile(place, _key(job, source)) as partial:
            place_of(place, source, overwrite=overwrite)  # another run may have ended meanwhile
            resumed, done = _into_file(job, rows, source, partial, note)
    seconds = time.monotonic() - started
    return ScoreResult(done.rows, done.empty, done.cut, resumed, seconds, plan.added)


class _Job(Struct, frozen=True):
    """What stays the same while a table is scored."""

    model: Model
    plan: Layout
    written: str
    encoder: Encoder
    total: int | None
    on_progress: OnProgress | None

    def run(self, rows: RowSource, sink: Sink) -> None:
        """Score what the sink does not hold yet."""
        before, started = sink.done.rows, time.monotonic()
        todo = itertools.islice(reviews(rows, self.plan), before, None)
        for chunk in ahead(_chunks(todo, self.model)):
            predictions = self.model.predictions(self.model.read(chunk.encoded))
            header = b"" if sink.done.rows else self._header()
            sink.append(header + self._lines(chunk.reviews, predictions), _tally(predictions))
            self._tell(sink.done.rows, sink.done.rows - before, time.monotonic() - started)
        if not sink.done.rows:
            sink.append(self._header(), Tally())

    def _header(self) -> bytes:
        return self.encoder.header(self.plan.all)

    def _lines(self, reviews: list[Review], predictions: list[Prediction]) -> bytes:
        """Rows with their scores; for Parquet the scores alone, which meet the rows at the end."""
        scores = (_scores(self.plan.added, prediction) for prediction in predictions)
        if self.written == "parquet":
            return self.encoder.rows(scores, self.plan.added)
        merged = ({**each.row.fields, **new} for each, new in zip(reviews, scores, strict=True))
        return self.encoder.rows(merged, self.plan.all)

    def _tell(self, done: int, fresh: int, seconds: float) -> None:
        if self.on_progress is not None:
            rate = fresh / max(seconds, 1e-9)
            left = None if self.total is None else (self.total - done) / rate
            self.on_progress(done, rate, left)


def _checked_rows(source: Source, rows: RowSource, plan: Layout, note: OnNote) -> int:
    """Number of rows of a file, none of them flawed."""
    if source.path is not None and source.path.stat().st_size >= _BYTES_WORTH_A_NOTE:
        note(f"checking the rows of {rows.name} before the first one is scored")
    return sum(1 for _ in reviews(rows, plan))


def _into_file(
    job: _Job, rows: RowSource, source: Source, partial: PartialFile, note: OnNote
) -> tuple[int, Tally]:
    """Rows taken over from a killed run, and all rows of the finished file."""
    resumed = partial.done.rows
    if partial.anew:
        note(f"{partial.path} is of another input, model or setting: starting anew")
    try:
        job.run(rows, partial)
    except KeyboardInterrupt:
        raise RunInterruptedError(
            f"stopped after {partial.done.rows:,} rows.",
            "The same command goes on from there."
            if source.repeatable
            else "Standard input or a pipe cannot be gone on with: start again.",
        ) from None
    if job.written == "parquet" and source.path is not None:
        write_parquet(source.path, partial.path, partial.output, job.plan.added)
        partial.discard()
    else:
        partial.become_output()
    return resumed, partial.done


def _unheard(_line: str) -> None:
    """Takes the notes of a caller who wants none."""


def _chunks(reviews: Iterator[Review], model: Model) -> Iterator[_Chunk]:
    chunk: list[Review] = []
    characters = 0
    for each in reviews:
        chunk.append(each)
        characters += len(each.text)
        if len(chunk) == _ROWS or characters >= _CHARACTERS:
            yield _encoded(chunk, model)
            chunk, characters = [], 0
    if chunk:
        yield _encoded(chunk, model)


def _encoded(chunk: list[Review], model: Model) -> _Chunk:
    return _Chunk(chunk, model.encoder.encode([each.text for each in chunk]))


def _scores(names: tuple[str, ...], prediction: Prediction) -> dict[str, Any]:
    probability = prediction.probability
    values = (
        prediction.label,
        None if probability is None else round(probability, _DIGITS),
        prediction.tokens_read,
        prediction.tokens_total,
        prediction.status,
    )
    return dict(zip(names, values, strict=True))


def _tally(predictions: list[Prediction]) -> Tally:
    return Tally(
        rows=len(predictions),
        empty=sum(each.status == "empty" for each in predictions),
        cut=sum(each.tokens_read < each.tokens_total for each in predictions),
    )


def _key(job: _Job, source: Source) -> Key:
    """What decides the bytes of the output. Standard input gets a key that never comes again."""
    again = source.path if source.repeatable else None
    content = secrets.token_hex(16) if again is None else files.sha256(again)
    return {
        "input": content,
        "format": str(source.format),
        "encoding": source.encoding,
        "text": job.plan.text,
        "output": job.written,
        "model": job.model.digest,
        "onnxruntime": onnxruntime.__version__,
    }
