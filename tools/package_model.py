"""Put the parts of a trained IMDB model that prediction needs into the package.

    python -m tools.package_model runs/imdb-small

The model must have been exported to int8 with figures (`undertone export`).
"""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from pathlib import Path

import msgspec

from undertone import modelfolder
from undertone.modelfolder import Manifest

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "src" / "undertone" / "model"
RESULT = ROOT / "results" / "default-model" / "int8.json"
NEEDED = (modelfolder.TOKENIZER, modelfolder.GRAPH_INT8, modelfolder.CALIBRATION)
LARGEST = 8_000_000

CARD = """# The model inside the package

{made}

{measured}

{reads}

{not_for}
"""


def main(source: Path) -> int:
    """Verify, copy, and write a card and a manifest over what was copied."""
    manifest = modelfolder.read(source)
    beside = (modelfolder.WIDE,) if manifest.config.network.wide else ()
    paths = [modelfolder.verified(source, manifest, name) for name in (*NEEDED, *beside)]
    size = sum(path.stat().st_size for path in paths)
    if size > LARGEST:
        print(f"{source} has {size:,} bytes to copy; at most {LARGEST:,} go into the package.")
        return 2
    shutil.rmtree(TARGET, ignore_errors=True)
    TARGET.mkdir(parents=True)
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    for path in paths:
        shutil.copyfile(path, TARGET / path.name)
    shutil.copyfile(source / modelfolder.COMPARISON, RESULT)
    public = msgspec.structs.replace(manifest, data=public_data(manifest))
    (TARGET / modelfolder.CARD).write_text(card(public, source), encoding="utf-8")
    modelfolder.write(TARGET, public)
    print(f"copied {size:,} bytes to the package")
    return 0


def public_data(manifest: Manifest) -> dict[str, object]:
    """What the manifest says of the data, without the paths of the machine it was trained on."""
    data = manifest.data
    exclude = Path(str(data.get("exclude", ""))).name
    also = sorted({Path(each).name for each in str(data.get("also", "")).split(", ") if each})
    further = {"also": ", ".join(also)} if also else {}
    return {**data, "source": "imdb", "exclude": exclude, **further}


def card(manifest: Manifest, source: Path) -> str:
    """The model card."""
    compared = json.loads((source / modelfolder.COMPARISON).read_text(encoding="utf-8"))
    trained = json.loads((source / modelfolder.METRICS).read_text(encoding="utf-8"))
    network, data, int8 = manifest.config.network, manifest.data, compared["int8"]
    beside = " and n-grams beside it" if network.wide else ""
    made = (
        f"A bidirectional LSTM of {network.hidden_dim} units a direction over word vectors of "
        f"{network.embedding_dim} dimensions ({trained['parameters']:,} parameters, int8){beside}, "
        f"preset `{manifest.config.preset}`, seed {manifest.config.seed}. {learnt(data)} "
        f"{data['validation']:,} more reviews, of other films, chose its settings. Reviews that "
        "have counterfactual versions in other data sets were left out. Nothing else went into it."
    )
    measured = (
        f"On the {compared['reviews']:,} test reviews this int8 model has an accuracy of "
        f"{int8['accuracy']:.2%}, a log loss of {int8['loss']:.4f} nats and an expected "
        f"calibration error of {int8['ece']:.2%}. {compared['flips']} verdicts differ from those "
        "of the float32 model it was made from."
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
    return CARD.format(**{name: textwrap.fill(text, 100) for name, text in parts.items()})


def learnt(data: dict[str, object]) -> str:
    """Which texts, in words; ``also`` as :func:`public_data` leaves it."""
    reviews = (
        "It learnt from reviews of the Large Movie Review Dataset (Maas et al., ACL 2011): the "
        "labelled ones keep their labels, and 49,987 others were judged by larger models of the "
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
    sys.exit(main(Path(sys.argv[1])))
