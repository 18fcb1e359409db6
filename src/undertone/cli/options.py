"""Options that several commands share, each defined once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args

import click
from click.core import ParameterSource

if TYPE_CHECKING:
    from undertone.data.examples import SourceOptions

Function = TypeVar("Function", bound=Callable[..., Any])
Precision = Literal["auto", "float32", "int8"]

SOURCE_HELP = (
    "A file (csv, tsv, jsonl, parquet), a folder in aclImdb layout or its tar.gz, "
    "'sample', 'imdb', or 'hf:NAME'."
)

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
model_option = click.option(
    "--model",
    type=click.Path(path_type=Path),
    help="A folder that undertone train wrote.  [default: the model inside the package]",
)
precision_option = click.option(
    "--precision",
    type=click.Choice(get_args(Precision)),
    default="auto",
    show_default=True,
    help="Which of the model's graphs to use; auto: int8 where the folder has it.",
)
threads_option = click.option(
    "--threads", type=click.IntRange(min=1), help="CPU threads.  [default: all cores]"
)
source_option = click.option("--data", "source", required=True, metavar="SOURCE", help=SOURCE_HELP)
start_from_option = click.option(
    "--start-from",
    type=click.Path(path_type=Path),
    help="Language model, or model, to start from, token vectors included: a folder, or built-in.",
)
also_option = click.option(
    "--also",
    multiple=True,
    metavar="SOURCE",
    help="More labelled reviews to learn from, never measured on; may be repeated.",
)
resume_option = click.option("--resume", is_flag=True, help="Go on with a run that was stopped.")
overwrite_option = click.option(
    "--overwrite", is_flag=True, help="Replace the model that stands in the folder."
)
seed_option = click.option(
    "--seed", type=click.IntRange(min=0), help="Of everything random.  [default: 0]"
)
preset_option = click.option(
    "--preset", default="small", show_default=True, help="A preset's name, or a TOML file."
)
set_option = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="SECTION.KEY=VALUE",
    help="Change one setting; may be repeated.",
)


def reading_options(function: Function) -> Function:
    """How a source of labelled reviews is read."""
    for option in (
        click.option("--encoding", default="utf-8", show_default=True, help="Of text files."),
        click.option(
            "--exclude",
            type=click.Path(path_type=Path),
            help="File with one name a line; these reviews are left out.",
        ),
        click.option("--label-column", help="Column with the labels, if its name is unusual."),
        click.option("--text-column", help="Column with the reviews, if its name is unusual."),
    ):
        function = option(function)
    return function


def source_options(
    text_column: str | None, label_column: str | None, exclude: Path | None, encoding: str
) -> SourceOptions:
    """The reading options as the data layer takes them."""
    from undertone.data.examples import SourceOptions

    return SourceOptions(text_column, label_column, exclude, encoding)


def reading_words(context: click.Context) -> list[str]:
    """The reading options as the user typed them, for a command that reads the same source."""
    return [
        word
        for name in ("text_column", "label_column", "exclude", "encoding")
        if given(context, name)
        for word in (spelling(context, name), str(context.params[name]))
    ]


def listed(text: str) -> list[str]:
    """``"a, b"`` as ``["a", "b"]``."""
    return [each.strip() for each in text.split(",") if each.strip()]


def given(context: click.Context, parameter: str) -> bool:
    """Whether the user typed the option, rather than leaving it at its default."""
    return context.get_parameter_source(parameter) is ParameterSource.COMMANDLINE


def refuse_together(
    context: click.Context, parameter: str, others: Sequence[str], why: str
) -> None:
    """Refuse options that contradict ``parameter``, in the user's own spelling.

    Args:
        context: of the command that was typed.
        parameter: the option that stands.
        others: the options that have no meaning beside it.
        why: ends the sentence "--a cannot go with --b: ".

    Raises:
        click.UsageError: one of the others was typed.
    """
    for other in others:
        if given(context, parameter) and given(context, other):
            names = (spelling(context, other), spelling(context, parameter))
            context.fail(f"{names[0]} cannot go with {names[1]}: {why}")


def refuse_resume_with_overwrite(context: click.Context) -> None:
    """Refuse two wishes for what stands in the output folder."""
    refuse_together(
        context, "resume", ["overwrite"], "one keeps what is there, the other deletes it."
    )


def refuse_without(context: click.Context, parameter: str, others: Sequence[str]) -> None:
    """Refuse options that only mean something beside ``parameter``, which was not typed."""
    for other in others:
        if given(context, other) and not given(context, parameter):
            needed = spelling(context, parameter)
            context.fail(f"{spelling(context, other)} needs {needed}: add {needed}, or drop it.")


def spelling(context: click.Context, parameter: str) -> str:
    """How the user types a parameter: ``--text-column``, or ``TEXT``."""
    for each in context.command.params:
        if each.name == parameter:
            if isinstance(each, click.Option):
                return each.opts[0]
            return each.human_readable_name.strip("[]")
    raise KeyError(parameter)
