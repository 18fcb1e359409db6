"""The entry point: runs a command and turns every exception into one line and an exit code."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import click
from click.exceptions import Exit

from undertone.cli.group import Session, group
from undertone.cli.wording import one_line
from undertone.errors import UndertoneError

_COMPLETION = "_UNDERTONE_COMPLETE"
_UNEXPECTED = 1
_USAGE = 2
_INTERRUPTED = 130
_BROKEN_PIPE = 128 + 13  # what a shell reports for a program ended by SIGPIPE


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one command and exit.

    Exit codes: 0 done; 1 an error nobody foresaw; 2 something the user can mend; 130 stopped by
    Ctrl-C; 141 the reader of the output went away.

    Args:
        arguments: what follows the program's name; taken from the process where None.
    """
    _never_fail_to_print()
    instruction = os.environ.get(_COMPLETION)
    if instruction:
        from click.shell_completion import shell_complete

        sys.exit(shell_complete(group, {}, "undertone", _COMPLETION, instruction))
    sys.exit(run(list(sys.argv[1:] if arguments is None else arguments)))


def run(arguments: list[str]) -> int:
    """Run one command; errors become one line on stderr.

    Returns:
        The exit code.
    """
    session = Session()
    try:
        with group.make_context("undertone", arguments, obj=session) as context:
            group.invoke(context)
        sys.stdout.flush()
    except Exit as done:
        return done.exit_code
    except BrokenPipeError:
        _discard_output()
        return _BROKEN_PIPE
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the last place to catch it
        if session.debug:
            import traceback

            traceback.print_exception(error)
        message, code = explain(error)
        click.echo(f"error: {one_line(message)}", err=True)
        return code
    return 0


def explain(error: BaseException) -> tuple[str, int]:
    """The line a user reads about an exception, and the exit code that goes with it."""
    if isinstance(error, UndertoneError):
        return str(error), error.exit_code
    if isinstance(error, click.ClickException):
        return _usage(error), _USAGE
    if isinstance(error, KeyboardInterrupt | click.Abort):
        return "stopped by Ctrl-C.", _INTERRUPTED
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        place = f" while writing {error.filename}" if error.filename else ""
        return f"the disk is full{place}. Free some space and run it again.", _USAGE
    remedy = "run again with --debug for the traceback."
    return f"unexpected {type(error).__name__}: {error}; {remedy}", _UNEXPECTED


def _usage(error: click.ClickException) -> str:
    message = error.format_message().rstrip()
    if isinstance(error, click.NoSuchOption):
        close = error.possibilities
        hint = f" (did you mean {close[0]!r}?)" if close else ""
        message = f"no such option {error.option_name!r}{hint}."
    context = error.ctx if isinstance(error, click.UsageError) else None
    help_command = f" See {context.command_path} --help." if context else ""
    return f"{message}{'' if message.endswith(('.', '?', ')')) else '.'}{help_command}"


def _never_fail_to_print() -> None:
    """Characters that the terminal's encoding lacks are escaped instead of raising."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def _discard_output() -> None:
    """Point stdout at nothing, or Python complains when it flushes at exit."""
    with open(os.devnull, "wb") as nothing:  # noqa: PTH123 - a device, not a file of ours
        os.dup2(nothing.fileno(), sys.stdout.fileno())
