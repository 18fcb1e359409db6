"""The run configuration as help text, read from the one place where each setting is described."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args, get_type_hints

import click
import msgspec

from undertone.config import RunConfig


@dataclass(frozen=True)
class Setting:
    """One setting that ``--set`` changes."""

    key: str
    default: Any
    description: str


def settings() -> Iterator[Setting]:
    """Every ``section.key`` of the configuration with its default and description."""
    for section in msgspec.structs.fields(RunConfig):
        if isinstance(section.type, type) and issubclass(section.type, msgspec.Struct):
            yield from _of_section(section.name, section.type)


def _of_section(name: str, struct: type[msgspec.Struct]) -> Iterator[Setting]:
    hints = get_type_hints(struct, include_extras=True)
    for field in msgspec.structs.fields(struct):
        notes = [note.description for note in get_args(hints[field.name])[1:] if note.description]
        yield Setting(f"{name}.{field.name}", field.default, " ".join(notes))


class CommandWithSettings(click.Command):
    """A command whose help ends with the settings that ``--set`` takes; it refuses all others.

    Attributes:
        uses: sections, or single settings, that change what the command does.
    """

    uses: tuple[str, ...] = ()

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Refuse settings that exist but would change nothing here; unknown ones are left."""
        rest = super().parse_args(ctx, args)
        idle = {each.key for each in settings() if not self.used(each)}
        for override in ctx.params.get("overrides", ()):
            key = override.partition("=")[0].strip()
            if key in idle:
                ctx.fail(f"{ctx.command_path} makes no use of {key}: drop it.")
        return rest

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the settings after the options."""
        with formatter.section("Settings for --set (defaults before the preset is applied)"):
            formatter.write_dl(
                [
                    (f"{each.key}={_shown(each.default)}", each.description)
                    for each in settings()
                    if self.used(each)
                ]
            )
        super().format_epilog(ctx, formatter)

    def used(self, setting: Setting) -> bool:
        """Whether the setting, or its whole section, is among those that the command uses."""
        return setting.key in self.uses or setting.key.partition(".")[0] in self.uses


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else repr(value)
