"""``undertone download``: fetch a public data set, checked."""

from __future__ import annotations

from pathlib import Path

import click

from undertone.cli.group import debug_option
from undertone.cli.ticker import Ticker, received


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

    with Ticker(received) as ticker:
        path = download_imdb(output, progress=ticker)
    click.echo(f"{name}: {path}")
    source = name if output is None else str(path)
    click.echo(f"next: undertone inspect {source}")
