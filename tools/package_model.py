r"""Put the parts of a trained IMDB model that prediction needs into the package, or into a folder.

    python -m tools.package_model runs/imdb-small
    python -m tools.package_model runs/base --float16 models/base \
        --measured results/base/metrics.json

The first takes the int8 graph, which `undertone export` must have made and measured; the second the
other one, its weights stored in 16 bits.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import textwrap
from pathlib import Path

import msgspec

from undertone import files, modelfolder
from undertone.inference.quantisation import store_in_float16
from undertone.modelfolder import Manifest

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "src" / "undertone" / "model"
RESULT = ROOT / "results" / "default-model" / "int8.json"
NEEDED = (modelfolder.TOKENIZER, modelfolder.CALIBRATION)
LARGEST = {modelfolder.GRAPH_INT8: 8_000_000, modelfolder.GRAPH: 40_000_000}

CARD = """# {title}

{made}

{measured}

{reads}

{not_for}
"""


def main(arguments: list[str] | None = None) -> int:
    """Verify, copy, and write a card and a manifest over what was copied."""
    parser = argparse.ArgumentParser(prog="tools.package_model")
    parser.add_argument("model", type=Path)
    parser.add_argument("--float16", type=Path, metavar="FOLDER", help="not into the package")
    parser.add_argument("--measured", type=Path, metavar="METRICS", help="with --float16")
    options = parser.parse_args(arguments)
    if (options.float16 is None) != (options.measured is None):
        parser.error("--float16 and --measured belong together: give both, or neither.")
    if options.float16 is None:
        return _put(options.model, TARGET, modelfolder.GRAPH_INT8, int8_measured(options.model))
    try:
        told = float16_measured(options.model, options.measured)
    except ValueError as error:
        print(error)
        return 2
    return _put(options.model, options.float16, modelfolder.GRAPH, told)


def _put(source: Path, target: Path, graph: str, measured: str) -> int:
    """Copy the parts that prediction needs, with the graph of that name."""
    manifest = modelfolder.read(source)
    beside = (modelfolder.WIDE,) if manifest.config.network.wide else ()
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        for part in (*NEEDED, graph, *beside):
            shutil.copyfile(modelfolder.verified(source, manifest, part), scratch / part)
        if graph == modelfolder.GRAPH:
            store_in_float16(source / graph, scratch / graph)
        size = sum(path.stat().st_size for path in scratch.iterdir())
        if size > LARGEST[graph]:
            print(f"{source} has {size:,} bytes to copy; at most {LARGEST[graph]:,} are allowed.")
            return 2
        public = msgspec.structs.replace(manifest, data=public_data(manifest))
        title = "The model inside the package" if target == TARGET else target.name
        text = card(public, title, parameters_of(source), measured)
        (scratch / modelfolder.CARD).write_text(text, encoding="utf-8")
        modelfolder.write(scratch, public)
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(scratch, target)
    if target == TARGET:
        RESULT.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / modelfolder.COMPARISON, RESULT)
    print(f"copied {size:,} bytes to {target}")
    return 0


def parameters_of(source: Path) -> int:
    """Of the network, as its training counted them."""
    trained = json.loads((source / modelfolder.METRICS).read_text(encoding="utf-8"))
    return int(trained["parameters"])


def int8_measured(source: Path) -> str:
    """What `undertone export` measured of an int8 model, in words."""
    compared = json.loads((source / modelfolder.COMPARISON).read_text(encoding="utf-8"))
    told = _told(compared["reviews"], "this int8 model", compared["int8"])
    flips = compared["flips"]
    return f"{told} {flips} verdicts differ from those of the float32 model it was made from."


def float16_measured(source: Path, path: Path) -> str:
    """What `undertone evaluate` measured of the model before its weights were rounded, in words.

    Raises:
        ValueError: it measured another model, or other reviews than those of the test.
    """
    measured = json.loads(path.read_text(encoding="utf-8"))
    if measured["model"]["digest"] != files.sha256(source / modelfolder.MANIFEST):
        raise ValueError(f"{path} is of another model than {source}. Evaluate that one.")
    if measured["split"] != "test":
        raise ValueError(
            f"{path} is of the {measured['split']} reviews. Evaluate those of the test."
        )
    subject = "it, before its weights were rounded to 16 bits,"
    return _told(measured["reviews"], subject, measured["figures"])


def _told(reviews: int, subject: str, figures: dict[str, float]) -> str:
    return (
        f"On the {reviews:,} test reviews {subject} has an accuracy of {figures['accuracy']:.2%}, "
        f"a log loss of {figures['loss']:.4f} nats and an expected calibration error of "
        f"{figures['ece']:.2%}."
    )


def public_data(manifest: Manifest) -> dict[str, object]:
    """What the manifest says of the data, without the paths of the machine it was trained on."""
    data = manifest.data
    exclude = Path(str(data.get("exclude", ""))).name
    also = sorted({Path(each).name for each in str(data.get("also", "")).split(", ") if each})
    further = {"also": ", ".join(also)} if also else {}
    return {**data, "source": "imdb", "exclude": exclude, **further}


def card(manifest: Manifest, title: str, parameters: int, measured: str) -> str:
    """The model card.

    Args:
        manifest: as :func:`public_data` leaves it.
        title: of the card.
        parameters: of the network.
        measured: what was measured, in words.
    """
    network, data = manifest.config.network, manifest.data
    beside = " and n-grams beside it" if network.wide else ""
    members = str(data.get("network", "")).count(",") + 1
    many = f", {members} networks side by side in one" if members > 1 else ""
    made = (
        f"A bidirectional LSTM of {network.hidden_dim} units a direction over word vectors of "
        f"{network.embedding_dim} dimensions ({parameters:,} parameters){many}{beside}, preset "
        f"`{manifest.config.preset}`, seed {manifest.config.seed}. {learnt(data)} "
        f"{data['validation']:,} more reviews, of other films, chose its settings. Reviews that "
        "have counterfactual versions in other data sets were left out. Nothing else went into it."
    )
    reads = (
        f"It tells {' from '.join(manifest.labels)}, reads at most "
        f"{manifest.config.text.max_tokens} tokens of a review, half from its start and half from "
        "its end, and says with every answer how many it read."
    )
    not_for = (
        "It knows English film reviews. On other texts, other languages, irony and minimal changes "
        "of wording it is wrong far more often. It knows two verdicts: a mixed review gets one of "
        "them. Do not use it to judge people."
    )
    parts = {"made": made, "measured": measured, "reads": reads, "not_for": not_for}
    filled = {name: textwrap.fill(text, 100) for name, text in parts.items()}
    return CARD.format(title=title, **filled)


def learnt(data: dict[str, object]) -> str:
    """Which texts, in words; ``also`` as :func:`public_data` leaves it."""
    reviews = (
        "It learnt from reviews of the Large Movie Review Dataset (Maas et al., ACL 2011): the "
        "labelled ones keep their labels, and 49,987 others were judged by other models of the "
        "same reviews"
    )
    also = str(data.get("also", ""))
    if not also:
        return f"{reviews}."
    pairs = (
        ", and from the training part of counterfactually augmented IMDB (Kaushik et al., ICLR "
        "2020; Apache-2.0)"
        if "train_paired.tsv" in also
        else ""
    )
    return (
        f"{reviews}; from single sentences of them; from short texts that were written for this "
        f"project{pairs}."
    )


if __name__ == "__main__":
    sys.exit(main())
