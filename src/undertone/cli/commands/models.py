"""``undertone models``: the presets, and the trained models found."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from undertone import modelfolder
from undertone.cli import options
from undertone.cli.group import debug_option
from undertone.cli.loading import packaged
from undertone.cli.wording import megabytes, percent, table
from undertone.config import load_preset, preset_names
from undertone.errors import ModelFolderError
from undertone.networks.shapes import count_parameters
from undertone.settings import BAG, BagConfig, NetworkConfig

_TWO_LABELS = 2


class Preset(msgspec.Struct, frozen=True):
    """A preset and the size of its network, for two labels and a full vocabulary.

    A bag of n-grams has no network; how many weights it has depends on the reviews.
    """

    name: str
    parameters: int | None
    network: NetworkConfig
    vocabulary: int
    max_tokens: int
    bag: BagConfig | None = None


class Validation(msgspec.Struct, frozen=True):
    """The part of ``metrics.json`` about validation that is shown."""

    accuracy: float | None = None


class Metrics(msgspec.Struct, frozen=True):
    """The part of ``metrics.json`` that is shown."""

    parameters: int | None = None
    validation: Validation = Validation()


class Found(msgspec.Struct, frozen=True):
    """A model folder; ``problem`` says why it cannot be used."""

    path: str
    preset: str = ""
    labels: tuple[str, ...] = ()
    created: str = ""
    parameters: int | None = None
    validation_accuracy: float | None = None
    bytes: int = 0
    problem: str | None = None


@click.command()
@options.json_option
@debug_option
def command(as_json: bool) -> None:
    """List the presets, and the trained models found.

    Models are looked for inside the package and in the folders under runs/.
    """
    presets = [describe_preset(name) for name in preset_names()]
    models = [describe_model(folder) for folder in model_folders(Path("runs"))]
    if as_json:
        click.echo(msgspec.json.encode({"presets": presets, "models": models}))
        return
    click.echo(_preset_table(presets))
    click.echo()
    click.echo(_model_table(models) if models else "No trained model here: see undertone train.")


def describe_preset(name: str) -> Preset:
    """Read a preset and count its parameters."""
    config = load_preset(name)
    vocabulary = config.text.vocabulary
    return Preset(
        name=name,
        parameters=count_parameters(config, vocabulary, _TWO_LABELS),
        network=config.network,
        vocabulary=vocabulary,
        max_tokens=config.text.max_tokens,
        bag=config.bag if config.network.architecture == BAG else None,
    )


def model_folders(runs: Path) -> list[Path]:
    """The model inside the package, then the finished models under ``runs``."""
    inside = packaged()
    return ([inside] if inside else []) + sorted(
        path.parent for path in runs.glob(f"*/{modelfolder.MANIFEST}")
    )


def describe_model(folder: Path) -> Found:
    """Read a folder's manifest; a folder that cannot be used says why."""
    try:
        manifest = modelfolder.read(folder)
    except ModelFolderError as error:
        return Found(str(folder), problem=str(error))
    metrics = _metrics(folder)
    return Found(
        path=str(folder),
        preset=manifest.config.preset,
        labels=manifest.labels,
        created=manifest.created,
        parameters=metrics.parameters,
        validation_accuracy=metrics.validation.accuracy,
        bytes=sum(entry.size for entry in manifest.files.values()),
    )


def _metrics(folder: Path) -> Metrics:
    """What training measured; nothing where the file is missing or damaged."""
    try:
        return msgspec.json.decode((folder / modelfolder.METRICS).read_bytes(), type=Metrics)
    except (OSError, msgspec.MsgspecError):
        return Metrics()


def architecture(network: NetworkConfig) -> str:
    """A network in a few words."""
    layers = f"{network.layers} layer{'s' if network.layers > 1 else ''}"
    ways = "both directions" if network.bidirectional else "one direction"
    return (
        f"{network.architecture}, {layers} of {network.hidden_dim}, {ways}, "
        f"embedding {network.embedding_dim}, pooling {network.pooling}"
    )


def bag_of(bag: BagConfig) -> str:
    """A bag of n-grams in a few words."""
    return f"{BAG}, 1 to {bag.ngrams} words, {bag.weighting} weights, as many as the reviews hold"


def _preset_table(presets: list[Preset]) -> str:
    rows = [("preset", "parameters", "reads", "network")]
    rows += [
        (
            each.name,
            f"{each.parameters:,}" if each.parameters is not None else "-",
            f"{each.max_tokens} tokens",
            architecture(each.network) if each.bag is None else bag_of(each.bag),
        )
        for each in presets
    ]
    return table(rows, right=(1, 2))


def _model_table(models: list[Found]) -> str:
    rows = [("model", "preset", "parameters", "size", "validation", "labels")]
    rows += [
        (
            each.path,
            each.preset,
            f"{each.parameters:,}" if each.parameters is not None else "-",
            megabytes(each.bytes),
            percent(each.validation_accuracy),
            each.problem or ", ".join(each.labels),
        )
        for each in models
    ]
    return table(rows, right=(2, 3, 4))
