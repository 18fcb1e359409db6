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
from undertone.data.rows import RowSource, table_format
from undertone.errors import ConfigError, OutputError, RunInterruptedError
from undertone.inference.partial import Key, PartialFile, Sink, StandardOutput, Tally
from undertone.inference.prefetch import ahead
from undertone.inference.results import Prediction
from undertone.inference.table import Layout, Review, Source, layout, reviews
from undertone.inference.writers import ENCODERS, Encoder, write_parquet
from undertone.text.tokenizer import Encoded

if TYPE_CHECKING:
    from undertone.inference.predictor import Model

OnProgress = Callable[[int, float, float | None], None]
"""Told rows done, rows a second, and seconds left or None."""

# A chunk is tokenized, read, written and safe at once. It ends where either number is reached,
# counted from the first row, so a run that goes on cuts the same chunks.
_ROWS = 1024
_CHARACTERS = 8 * 2**20

_STANDARD = "-"
_FORMATS = (*ENCODERS, "parquet")
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
) -> ScoreResult:
    """Score every row of a table in constant memory.

    All rows and columns are kept in order; ``label``, ``probability`` (of the label, six digits),
    ``tokens_read``, ``tokens_total`` and ``status`` are added, with ``predicted_`` before a name
    that the input has already. A row without text is kept with the status ``empty``. A file is
    read through once first, so that a flawed row is reported before any work is done.

    A run that is killed leaves ``OUTPUT.partial``; the same call goes on with it and ends in the
    same bytes as one never killed. Standard input, output and pipes can only start anew.

    Args:
        model: the model.
        input: a file, or ``"-"`` for standard input.
        output: the file to write, in the format that its ending tells, else in that of the input
            (CSV for plain text); or ``"-"`` for standard output. Parquet is written from Parquet
            alone. Text is UTF-8.
        text_column: column of the reviews; None: found by the usual names.
        format: of the input: csv, tsv, jsonl, parquet, txt; None: by its ending, and txt for
            standard input.
        encoding: of a text input.
        overwrite: replace ``output`` where it exists.
        on_progress: called after every chunk.

    Raises:
        ConfigError: formats that do not go together.
        DataError: the input is missing, or a row of it cannot be used.
        MissingExtraError: Parquet without pyarrow.
        OutputError: ``output`` exists, is the input, or cannot be written.
        RunInterruptedError: Ctrl-C; what was done is kept as said above.
    """
    source = Source(_path(input), format, encoding)
    target = _path(output)
    written = _written_format(source, target)
    _check_target(source, target, overwrite=overwrite)
    started = time.monotonic()
    encoder = ENCODERS.get(written, ENCODERS["jsonl"])
    rows = source.open()
    plan = layout(rows, text_column, fixed=encoder.fixed_columns)
    total = None
    if source.repeatable:
        total = sum(1 for _ in reviews(rows, plan))
        rows = source.open()
    job = _Job(model, plan, written, encoder, total, on_progress)
    if target is None:
        resumed, sink = 0, StandardOutput()
        job.run(rows, sink)
        done = sink.done
    else:
        resumed, done = _into_file(job, rows, source, target)
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


def _into_file(job: _Job, rows: RowSource, source: Source, target: Path) -> tuple[int, Tally]:
    """Rows taken over from a killed run, and all rows of the finished file."""
    with PartialFile(target, _key(job, source)) as partial:
        resumed = partial.done.rows
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
            write_parquet(source.path, partial.path, target, job.plan.added)
            partial.discard()
        else:
            partial.become_output()
        return resumed, partial.done


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


def _path(given: str | Path) -> Path | None:
    return None if str(given) == _STANDARD else Path(given)


def _written_format(source: Source, target: Path | None) -> str:
    origin = source.format or (table_format(source.path) if source.path is not None else None)
    named = None if target is None else table_format(target)
    if target is not None and (target.suffix.lower() == ".gz" or named == "txt"):
        raise ConfigError(
            f"cannot write {target.name}: a table of scores is plain {', '.join(_FORMATS)}.",
            f"Name it for example {target.name.partition('.')[0]}.csv.",
        )
    if named is not None:
        if named == "parquet" and origin != "parquet":
            raise ConfigError(
                f"cannot write {target}: Parquet is written from Parquet alone, because "
                f"{origin or 'the input'} does not say which types its columns have.",
                "Name the output .csv or .jsonl.",
            )
        return named
    if origin == "parquet" and target is None:
        return "jsonl"
    return origin if origin in _FORMATS else "csv"


def _check_target(source: Source, target: Path | None, *, overwrite: bool) -> None:
    if target is None or not target.exists():
        return
    if target.is_dir():
        raise OutputError(f"{target} is a folder.", "Name a file in it.")
    if source.path is not None and source.path.exists() and target.samefile(source.path):
        raise OutputError(f"{target} is the input itself.", "Choose another name.")
    if not overwrite:
        raise OutputError(f"{target} exists.", "Choose another name, or add --overwrite.")
