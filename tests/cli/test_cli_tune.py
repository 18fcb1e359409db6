"""``undertone tune`` as it is typed; what a search does is tested in tests/study."""

from __future__ import annotations

from pathlib import Path

import pytest

from undertone.cli.entry import run

pytest.importorskip("optuna")


def words(folder: Path, *more: str) -> list[str]:
    space = folder / "space.toml"
    space.write_text('[space]\n"train.lr" = {low = 1e-3, high = 1e-2}\n')
    return ["tune", "--data", "sample", "--space", str(space),
            "--storage", str(folder / "s"), *more]  # fmt: skip


def test_a_search_is_summed_up(tmp_path: Path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tiny = ("train.epochs=1", "train.threads=1", "network.embedding_dim=4", "network.hidden_dim=4",
            "text.max_tokens=16", "train.batch_size=64")  # fmt: skip
    overrides = [word for each in tiny for word in ("--set", each)]
    assert run(words(tmp_path, "--trials", "1", "--name", "mine", "--preset", "sample",
                     *overrides)) == 0  # fmt: skip
    out = capsys.readouterr().out.splitlines()
    assert out[0].split() == ["trial", "state", "loss", "accuracy", "epochs", "train.lr"]
    assert out[1].split()[:2] == ["0", "complete"]
    facts = dict(line.split(maxsplit=1) for line in out[3:])
    assert facts["trials"] == "1 complete, 0 pruned, 0 failed"
    assert facts["next"] == "undertone train --data sample --preset runs/mine/best.toml"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--set", "train.lr=0.1"), "--set train.lr=0.1 has no effect: train.lr is searched."),
        (("--set", "distill.label_share=0.1"), "makes no use of distill.label_share"),
        (("--name", "a/b"), "a search cannot be called 'a/b'"),
        (("--lost-after", "0"), "0.0 is not in the range x>=1.0"),
    ],
)
def test_what_has_no_meaning_is_refused(tmp_path: Path, capsys, more, message: str):
    assert run(words(tmp_path, *more)) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "s").exists()
