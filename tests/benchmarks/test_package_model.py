"""What the model inside the package tells of its making."""

from msgspec.structs import replace
from tools.package_model import TARGET, learnt, public_data

from undertone import modelfolder
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
