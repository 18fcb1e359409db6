"""``undertone download``: fetch a public data set, checked."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import click

from undertone.cli.group import debug_option
from undertone.cli.wording import megabytes, percent

_SECONDS_BETWEEN_LINES = 10.0


@click.command()
@click.argument("name", type=click.Choice(["imdb"]))
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="File or folder.  [default: where the source 'imdb' is looked for]",
)
@debug_option
def command(name: str, output: Path | None) -> None:
    """Fetch a public data set; its size and digest are checked.

    imdb is the Large Movie Review Dataset v1.0 (Maas et al., 2011), 84 MB.
    """
    from undertone.data.download import download_imdb

    path = download_imdb(output, progress=report(sys.stderr.isatty()))
    click.echo(f"{name}: {path}")
    source = name if output is None else str(path)
    click.echo(f"next: undertone inspect {source}")


def report(
    terminal: bool, clock: Callable[[], float] = time.monotonic
) -> Callable[[int, int], None]:
    """Tells how far a download is: one line redrawn on a terminal, a line now and then elsewhere.

    Args:
        terminal: whether stderr can redraw a line.
        clock: seconds from any start.
    """
    pause = 0.2 if terminal else _SECONDS_BETWEEN_LINES
    last = clock()

    def tell(received: int, size: int) -> None:
        nonlocal last
        finished = received == size
        if not finished and clock() - last < pause:
            return
        last = clock()
        line = f"{megabytes(received)} of {megabytes(size)}, {percent(received / size)}"
        click.echo(f"\r{line}" if terminal else line, err=True, nl=finished or not terminal)

    return tell
