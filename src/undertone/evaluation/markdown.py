"""What all Markdown reports share: tables, safe text, and where the figures come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; every column but the first is aligned to the right."""
    rule = ["---", *["---:"] * (len(heading) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in [heading, rule, *rows])


def plain(text: str) -> str:
    """``text`` on one line, without the characters that would end a cell or a code span."""
    return " ".join(text.split()).replace("`", "'").replace("|", "\\|")


def origin_lines(provenance: Mapping[str, Any]) -> list[str]:
    """What :func:`undertone.provenance.collect` found, as items of a list."""
    machine, versions = provenance["machine"], provenance["versions"]
    memory = f", {machine['memory_gib']} GiB" if machine["memory_gib"] else ""
    return [
        f"- Command: `{plain(provenance['command'])}`",
        f"- Date: {provenance['date']}; commit: {provenance['commit'] or 'not known'}",
        f"- Machine: {machine['cpu']}, {machine['cores']} cores{memory}, {machine['system']}",
        f"- Versions: {', '.join(f'{name} {value}' for name, value in versions.items())}",
    ]
