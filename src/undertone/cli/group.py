"""The ``undertone`` command group; a command's file is imported when the command is invoked."""

from __future__ import annotations

import importlib
from dataclasses import dataclass

import click

from undertone.errors import nearest

# A new command is one file in ``commands/`` and one line here.
COMMANDS = {
    "predict": "Read the sentiment of a text, of a file, or of lines from stdin.",
    "pretrain": "Teach a language model from texts, for a model to start from.",
    "train": "Train a model on labelled reviews.",
    "distill": "Train a small model on the verdicts of larger ones.",
    "tune": "Search for better settings, with as many workers as there are.",
    "widen": "Put networks side by side in one, and n-grams beside them.",
    "evaluate": "Measure a model on labelled reviews.",
    "probe": "Measure how well models read what is hard, by phenomenon.",
    "export": "Write the int8 model beside the float32 one, and measure both.",
    "study": "Compare presets over several seeds, and report what can be told apart.",
    "inspect": "Describe a source of reviews before anything is trained on it.",
    "models": "List the presets, and the trained models found.",
    "download": "Fetch a public data set.",
}


@dataclass
class Session:
    """What the global options say; one object for one run of the program."""

    debug: bool = False


class LazyGroup(click.Group):
    """A group that knows its commands' names and one-line helps without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import the file of one command."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"undertone.cli.commands.{cmd_name}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or refuse with the nearest name."""
        if args[0] not in COMMANDS and not ctx.resilient_parsing:
            hint = nearest(args[0], COMMANDS) or f" (commands: {', '.join(COMMANDS)})"
            ctx.fail(f"no such command {args[0]!r}{hint}.")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the list of commands from the table, so that help imports no command."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def _note_debug(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value:
        context.ensure_object(Session).debug = True


debug_option = click.option(
    "--debug",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_note_debug,
    help="Show the traceback of an error.",
)


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="undertone", message="undertone %(version)s")
@debug_option
@click.pass_context
def group(context: click.Context) -> None:
    """LSTM models that read the sentiment of reviews."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())
