"""``undertone probe``: how well models read what is hard, by phenomenon."""

from __future__ import annotations

from pathlib import Path

import click

from undertone import files
from undertone.cli import options, probing, ticker
from undertone.cli.group import debug_option
from undertone.cli.loading import load_model
from undertone.cli.wording import facts


@click.command()
@click.argument("models", nargs=-1, metavar="[MODEL]...", type=click.Path(path_type=Path))
@click.option(
    "--suite",
    "suites",
    multiple=True,
    default=("package",),
    show_default=True,
    metavar="SUITE",
    help="A .jsonl file, a .tsv file of counterfactual pairs or a contrast set, a suite inside "
    "the package by its name, or package for all of these; may be repeated.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="Also write metrics.json, report.md and a plot into this folder.",
)
@options.precision_option
@options.threads_option
@options.json_option
@debug_option
def command(
    models: tuple[Path, ...],
    suites: tuple[str, ...],
    output: Path | None,
    precision: options.Precision,
    threads: int | None,
    as_json: bool,
) -> None:
    """Measure how well models read what is hard, by phenomenon.

    MODEL is a folder that undertone train wrote; several are shown side by side. Without one, the
    model inside the package is measured. A suite holds pairs of short texts: negation, concession,
    irony and others, in which a word or a clause turns the verdict, or must not.
    """
    from undertone.evaluation import check_target, probes

    if output is not None:
        check_target(output)
    chosen = probes.load_suites(suites)
    loaded = [load_model(model, precision, threads) for model in models or (None,)]
    for model in loaded:
        probes.check_labels(model)
    with ticker.Ticker(ticker.reviews) as progress:
        results = [probes.probe(model, chosen, on_progress=progress) for model in loaded]
    report = probes.report_on(chosen, results)
    # Shown before anything is written, so that a full disk costs no figures.
    if as_json:
        click.echo(files.json_bytes(report), nl=False)
    else:
        probing.show(report)
    if output is not None:
        written = probes.write_report(report, output)
        plots = ", ".join(str(path) for path in written.plots if path.suffix == ".png")
        pairs = [("report", str(written.markdown)), ("figures", str(written.metrics))]
        pairs.append(("plot", plots or f"not drawn: {written.note}"))
        click.echo(facts(pairs), err=as_json)
