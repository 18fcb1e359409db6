"""What the model inside the package tells of its making."""

import json
from pathlib import Path

import pytest
from msgspec.structs import replace
from tools.package_model import TARGET, card, learnt, main, public_data

from undertone import files, modelfolder
from undertone.modelfolder import Manifest


def manifest(**data: object) -> Manifest:
    found = modelfolder.read(TARGET)
    return replace(found, data={"source": "/home/me/aclImdb.tar.gz", **data})


def test_no_path_of_the_machine_is_told():
    told = public_data(
        manifest(exclude="/home/me/out.txt", also="recipes/b.jsonl, /home/me/train_paired.tsv")
    )
    assert told == {"source": "imdb", "exclude": "out.txt", "also": "b.jsonl, train_paired.tsv"}
    assert public_data(manifest()) == {"source": "imdb", "exclude": ""}


def test_the_card_names_every_kind_of_text():
    assert learnt({}).endswith("same reviews.")
    assert "counterfactually" not in learnt({"also": "plain.jsonl"})
    told = learnt({"also": "plain.jsonl, train_paired.tsv"})
    assert "written for this project, and from the training part of counterfactually" in told


def test_several_networks_in_one_are_told_of():
    several = card(manifest(validation=9, network="a, b, c"), "base", 1234, "Measured so.")
    assert several.startswith("# base\n\nA bidirectional LSTM of 128 units a direction")
    assert "(1,234 parameters), 3 networks side by side in one and" in several.replace("\n", " ")
    assert "\n\nMeasured so.\n\n" in several
    assert "side by side" not in card(manifest(validation=9), "small", 1, "")


def test_the_card_tells_what_was_measured_of_this_model(sample_model: Path, tmp_path: Path):
    figures = {"accuracy": 0.9389, "loss": 0.1635, "ece": 0.0048}
    measured = tmp_path / "metrics.json"
    digest = files.sha256(sample_model / modelfolder.MANIFEST)
    found = {"reviews": 25000, "figures": figures, "split": "test", "model": {"digest": digest}}
    measured.write_text(json.dumps(found))
    words = [str(sample_model), "--float16", str(tmp_path / "m"), "--measured", str(measured)]
    assert main(words) == 0
    told = (tmp_path / "m" / "README.md").read_text().replace("\n", " ")
    assert "On the 25,000 test reviews it, before its weights were rounded to 16 bits" in told
    assert "an accuracy of 93.89%, a log loss of 0.1635 nats" in told
    for wrong in ({"split": "validation"}, {"model": {"digest": "0"}}):
        measured.write_text(json.dumps(found | wrong))
        assert main(words) == 2


def test_both_options_are_given_or_neither(capsys):
    with pytest.raises(SystemExit):
        main(["runs/x", "--float16", "models/x"])
    assert "belong together" in capsys.readouterr().err
