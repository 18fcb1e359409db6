"""Put the parts of a trained IMDB model that prediction needs into the package, or into a folder.

    python -m tools.package_model runs/imdb-small
    python -m tools.package_model runs/base --float16 models/base

The first takes the int8 graph, the second the other one, its weights stored in 16 bits. The model
must have been exported to int8 with figures (`undertone export`).
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

from undertone import modelfolder
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
    options = parser.parse_args(arguments)
    source: Path = options.model
    manifest = modelfolder.read(source)
    graph = modelfolder.GRAPH if options.float16 else modelfolder.GRAPH_INT8
    beside = (modelfolder.WIDE,) if manifest.config.network.wide else ()
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        for part in (*NEEDED, graph, *beside):
            shutil.copyfile(modelfolder.verified(source, manifest, part), scratch / part)
        if options.float16:
            store_in_float16(source / graph, scratch / graph)
        size = sum(path.stat().st_size for path in scratch.iterdir())
        if size > LARGEST[graph]:
            print(f"{source} has {size:,} bytes to copy; at most {LARGEST[graph]:,} are allowed.")
            return 2
        public = msgspec.structs.replace(manifest, data=public_data(manifest))
        target = options.float16 or TARGET
        text = card(public, source, "float16" if options.float16 else "int8", target)
        (scratch / modelfolder.CARD).write_text(text, encoding="utf-8")
        modelfolder.write(scratch, public)
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(scratch, target)
    if not options.float16:
        RESULT.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / modelfolder.COMPARISON, RESULT)
    print(f"copied {size:,} bytes to {target}")
    return 0


def public_data(manifest: Manifest) -> dict[str, object]:
    """What the manifest says of the data, without the paths of the machine it was trained on."""
    data = manifest.data
    exclude = Path(str(data.get("exclude", ""))).name
    also = sorted({Path(each).name for each in str(data.get("also", "")).split(", ") if each})
    further = {"also": ", ".join(also)} if also else {}
    return {**data, "source": "imdb", "exclude": exclude, **further}


def card(manifest: Manifest, source: Path, precision: str, target: Path) -> str:
    """The model card."""
    compared = json.loads((source / modelfolder.COMPARISON).read_text(encoding="utf-8"))
    trained = json.loads((source / modelfolder.METRICS).read_text(encoding="utf-8"))
    network, data = manifest.config.network, manifest.data
    figures = compared["int8" if precision == "int8" else "float32"]
    beside = " and n-grams beside it" if network.wide else ""
    made = (
        f"A bidirectional LSTM of {network.hidden_dim} units a direction over word vectors of "
        f"{network.embedding_dim} dimensions ({trained['parameters']:,} parameters, {precision})"
        f"{beside}, "
        f"preset `{manifest.config.preset}`, seed {manifest.config.seed}. {learnt(data)} "
        f"{data['validation']:,} more reviews, of other films, chose its settings. Reviews that "
        "have counterfactual versions in other data sets were left out. Nothing else went into it."
    )
    graph = (
        "this int8 model"
        if precision == "int8"
        else "it, before its weights were rounded to 16 bits,"
    )
    flips = (
        f" {compared['flips']} verdicts differ from those of the float32 model it was made from."
        if precision == "int8"
        else ""
    )
    measured = (
        f"On the {compared['reviews']:,} test reviews {graph} has an accuracy of "
        f"{figures['accuracy']:.2%}, a log loss of {figures['loss']:.4f} nats and an expected "
        f"calibration error of {figures['ece']:.2%}.{flips}"
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
    title = "The model inside the package" if target == TARGET else target.name
    parts = {"title": title, "made": made, "measured": measured, "reads": reads, "not_for": not_for}
    return CARD.format(**{name: textwrap.fill(text, 100) for name, text in parts.items()})


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
