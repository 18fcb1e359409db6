"""The speed of a model that is too large to train in full here: some steps, and the rest reckoned.

So many training reviews as the steps take are drawn at random and trained on for one epoch, by the
same loop as any run, with the tokenizer of all training reviews.
"""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

import msgspec
from msgspec import Struct, structs

from undertone import config as configuration
from undertone import files, modelfolder
from undertone.config import RunConfig
from undertone.data.source import TrainingData
from undertone.errors import ConfigError
from undertone.study import flops
from undertone.study.plan import Job, differences

_VALIDATION = 32


class Speed(Struct, frozen=True):
    """What some steps of training took, and what all of them would.

    Attributes:
        config: of the run that was not trained in full.
        digest: of the reviews it would have learnt from.
        asked: steps that were asked for.
        steps: that were trained.
        reviews_per_second: of these steps, the first and slowest one included.
        epochs: of the whole run, where patience does not end it earlier.
        parameters: numbers to learn.
        bytes: of the file that prediction reads.
        minutes: extrapolated: all epochs at this speed, validation left out.
        flops: extrapolated: of all epochs.
    """

    config: RunConfig
    digest: str
    asked: int
    steps: int
    reviews_per_second: float
    epochs: int
    parameters: int
    bytes: int
    minutes: float
    flops: float | None


def measure(job: Job, data: TrainingData, path: Path) -> Speed:
    """Train ``job.contender.steps`` steps, and keep in ``path`` what they took.

    Args:
        job: of a contender with ``steps``.
        data: all reviews of the run.
        path: file for the result.

    Raises:
        MissingExtraError: torch is not installed.
        OutputError: the file cannot be written.
    """
    found = _trained(job, data)
    files.write_json(path, found)
    return found


def kept(job: Job, digest: str, path: Path) -> Speed | None:
    """What :func:`measure` found before; None if never, or with other settings or reviews."""
    try:
        content = msgspec.json.decode(path.read_bytes(), type=dict[str, object])
        config = configuration.from_dict(msgspec.convert(content["config"], dict[str, object]))
        rest = {name: value for name, value in content.items() if name != "config"}
        found = msgspec.convert({**rest, "config": msgspec.to_builtins(config)}, Speed)
    except (OSError, KeyError, ConfigError, msgspec.MsgspecError):
        return None
    same = not differences(found.config, job.config) and found.asked == job.contender.steps
    return found if same and found.digest == digest else None


def _trained(job: Job, data: TrainingData) -> Speed:
    from undertone import training
    from undertone.text.tokenizer import TextEncoder

    config, steps = job.config, job.contender.steps
    encoder = TextEncoder.train((each.text for each in data.train), config.text)
    train = structs.replace(config.train, epochs=1, vectors="random")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "steps"
        training.prepare_folder(folder, resume=False, overwrite=False)
        training.train_examples(
            _few(data, steps * config.train.batch_size, config.seed),
            config=structs.replace(config, train=train),
            output=folder,
            encoder=encoder,
        )
        return _reckoned(job, data, folder)


def _few(data: TrainingData, reviews: int, seed: int) -> TrainingData:
    """So many training reviews at random, with replacement once there are too few."""
    generator = random.Random(seed)
    whole, rest = divmod(reviews, len(data.train))
    chosen = (*data.train * whole, *generator.sample(data.train, rest))
    return structs.replace(data, train=chosen, validation=data.validation[:_VALIDATION], notes=())


def _reckoned(job: Job, data: TrainingData, folder: Path) -> Speed:
    metrics = msgspec.json.decode((folder / modelfolder.METRICS).read_bytes())
    last = msgspec.json.decode((folder / modelfolder.HISTORY).read_bytes().splitlines()[-1])
    validation, rate = metrics["validation"], last["reviews_per_second"]
    reviews = len(data.train) * job.config.train.epochs
    once = flops.forward(job.config.network, validation["tokens_read"] / validation["reviews"])
    return Speed(
        config=job.config,
        digest=data.digest,
        asked=job.contender.steps,
        steps=metrics["steps"],
        reviews_per_second=rate,
        epochs=job.config.train.epochs,
        parameters=metrics["parameters"],
        bytes=(folder / modelfolder.GRAPH).stat().st_size,
        minutes=reviews / rate / 60,
        flops=None if once is None else flops.training(once) * reviews,
    )
