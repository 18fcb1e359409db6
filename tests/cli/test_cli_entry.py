"""The entry point: every exception becomes one line and the right exit code."""

from __future__ import annotations

import errno
import subprocess
import sys
import time

import click
import pytest

from undertone.cli import group as grouping
from undertone.cli.entry import explain
from undertone.errors import DataError, RunInterruptedError

ALL = ", ".join(grouping.COMMANDS)


@pytest.fixture
def failing(monkeypatch):
    """Make ``undertone models`` raise what the test wants."""

    def install(error: BaseException) -> None:
        @click.command()
        @grouping.debug_option
        def command() -> None:
            raise error

        monkeypatch.setattr("undertone.cli.commands.models.command", command)

    return install


def test_a_users_mistake_is_one_line_and_2(cli, failing):
    failing(DataError("no such file 'a.csv'.", "Check the path."))
    outcome = cli("models")
    assert outcome.code == 2
    assert outcome.error == "error: no such file 'a.csv'. Check the path."


def test_an_interrupted_run_is_130(cli, failing):
    failing(RunInterruptedError("stopped after step 12.", "Go on with --resume."))
    outcome = cli("models")
    assert outcome.code == 130
    assert outcome.error == "error: stopped after step 12. Go on with --resume."


def test_ctrl_c_is_one_line_and_130(cli, failing):
    failing(KeyboardInterrupt())
    outcome = cli("models")
    assert outcome.code == 130
    assert outcome.error == "error: stopped by Ctrl-C."


def test_a_full_disk_is_one_line_and_2(cli, failing):
    failing(OSError(errno.ENOSPC, "No space left on device", "scored.csv"))
    outcome = cli("models")
    assert outcome.code == 2
    assert outcome.error == (
        "error: the disk is full while writing scored.csv. Free some space and run it again."
    )


def test_the_unforeseen_is_one_line_and_1(cli, failing):
    failing(ValueError("first\nsecond"))
    outcome = cli("models")
    assert outcome.code == 1
    assert outcome.error == (
        "error: unexpected ValueError: first second; run again with --debug for the traceback."
    )


@pytest.mark.parametrize("arguments", [("--debug", "models"), ("models", "--debug")])
def test_debug_shows_the_traceback_before_or_after_the_command(cli, failing, arguments):
    failing(DataError("no such file 'a.csv'."))
    outcome = cli(*arguments)
    assert outcome.code == 2
    assert "Traceback (most recent call last)" in outcome.err
    assert outcome.err.endswith("error: no such file 'a.csv'.\n")


def test_a_broken_pipe_is_quiet(cli, failing, monkeypatch):
    monkeypatch.setattr("undertone.cli.entry._discard_output", lambda: None)
    failing(BrokenPipeError())
    outcome = cli("models")
    assert (outcome.code, outcome.out, outcome.err) == (141, "", "")


def test_a_closed_reader_ends_the_program_quietly():
    script = f"{sys.executable} -m undertone --help | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=30)
    assert done.stderr == ""
    assert done.stdout.strip() in ("0", "141")


def test_control_characters_of_hostile_names_are_escaped(cli, failing):
    failing(DataError("member 'a\x1b[31m\u202eb' \x00."))
    assert cli("models").error == r"error: member 'a\x1b[31mb' \x00."


@pytest.mark.parametrize(
    ("argument", "line"),
    [
        ("trian", "no such command 'trian' (did you mean 'train'?). See undertone --help."),
        ("qqq", f"no such command 'qqq' (commands: {ALL}). See undertone --help."),
        ("train", "Missing option '--data'. See undertone train --help."),
    ],
)
def test_usage_errors_are_one_line(cli, argument, line):
    outcome = cli(argument)
    assert (outcome.code, outcome.error) == (2, f"error: {line}")


@pytest.mark.parametrize(
    ("option", "line"),
    [
        ("--presett", "no such option '--presett' (did you mean '--preset'?)."),
        ("--qqq", "no such option '--qqq'."),
    ],
)
def test_a_mistyped_option_names_the_nearest(cli, option, line):
    outcome = cli("train", "--data", "sample", option, "small")
    assert (outcome.code, outcome.error) == (2, f"error: {line} See undertone train --help.")


def test_usage_errors_without_a_context_still_read_well():
    assert explain(click.ClickException("odd")) == ("odd.", 2)


def test_bare_call_and_help_list_every_command(cli):
    bare, asked = cli(), cli("--help")
    assert bare.code == asked.code == 0
    assert bare.out == asked.out
    for name, text in grouping.COMMANDS.items():
        assert f"  {name}" in bare.out
        assert text in " ".join(bare.out.split())


@pytest.mark.parametrize("name", grouping.COMMANDS)
def test_each_command_explains_itself_and_takes_debug(cli, name):
    outcome = cli(name, "--help")
    assert outcome.code == 0
    assert "--debug" in outcome.out
    assert outcome.out.startswith(f"Usage: undertone {name}")


def test_version(cli):
    import undertone

    assert cli("--version").out == f"undertone {undertone.__version__}\n"


def test_help_imports_no_command_and_no_heavy_package():
    script = (
        "import sys\n"
        "from undertone.cli.entry import run\n"
        "run(['--help'])\n"
        "heavy = ('numpy', 'onnxruntime', 'tokenizers', 'rich', 'undertone.cli.commands.')\n"
        "bad = [m for m in sys.modules if m.startswith(heavy)]\n"
        "sys.exit(str(bad) if bad else 0)\n"
    )
    started = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert time.perf_counter() - started < 3.0


def test_completion_is_offered_to_shells():
    typed = {"COMP_WORDS": "undertone tr", "COMP_CWORD": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "undertone"],
        env={"_UNDERTONE_COMPLETE": "bash_complete", **typed},
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == ["plain,train"]
