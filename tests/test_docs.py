"""Every command, link and file that the documentation shows exists."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from undertone.cli.group import COMMANDS, group
from undertone.config import load_preset, preset_names

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
COMMAND = re.compile(r"^ {4}(?:undertone|make) .*", re.MULTILINE)
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")


def commands(page: Path) -> list[list[str]]:
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    return [shlex.split(line, comments=True) for line in COMMAND.findall(text)]


SHOWN = [
    pytest.param(words, id=f"{page.name}: {' '.join(words)}")
    for page in PAGES
    for words in commands(page)
]


@pytest.mark.parametrize("words", [each for each in SHOWN if each.values[0][0] == "undertone"])
def test_every_command_shown_parses(words):
    name, arguments = words[1], words[2:]
    assert name in COMMANDS
    command = group.get_command(click.Context(group), name)
    context = command.make_context(name, list(arguments), obj=None)
    overrides = context.params.get("overrides", ())
    preset = context.params.get("preset", "small")
    if preset in preset_names():
        load_preset(preset, overrides)
    else:
        assert preset.endswith(".toml")


@pytest.mark.parametrize("words", [each for each in SHOWN if each.values[0][0] == "make"])
def test_every_target_shown_is_in_the_makefile(words):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(rf"^{re.escape(words[1])}:", makefile, re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_decisions_are_numbered_without_gaps_and_short():
    pages = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert [int(page.name[:4]) for page in pages] == list(range(1, len(pages) + 1))
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert text.startswith(f"# {int(page.name[:4])}. ")
        assert len(text.splitlines()) <= 40
        for part in ("## Context", "## Decision", "## Consequences"):
            assert text.count(part) == 1
