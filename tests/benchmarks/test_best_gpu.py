"""The GPU chain on a CPU with toy sizes: equal to training from texts, stopped and gone on with."""

from __future__ import annotations

import json
import random
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace
from safetensors import safe_open
from tools import best_gpu, gpu_speed, resumable, tokens

from undertone import distillation, inference, training
from undertone.config import RunConfig, load_preset
from undertone.data.examples import SourceOptions
from undertone.data.source import load_split, load_training, load_unlabelled
from undertone.errors import DataError
from undertone.text.tokenizer import TextEncoder
from undertone.training.pretrain import pretrain, pretrain_texts

TINY = """
[text]
vocabulary = 60
min_frequency = 1
max_tokens = {max_tokens}
[network]
embedding_dim = 8
hidden_dim = 6
[pretrain]
epochs = 2
streams = 4
stretch = 8
negatives = 6
weight_dropout = 0.2
[train]
epochs = 2
batch_size = 8
lr = 0.02
threads = 1
precision = "float32"
device = "cpu"
"""
TINY_BAG = """
[text]
vocabulary = 60
min_frequency = 1
max_tokens = 1000
[network]
architecture = "bag"
"""
GOOD, BAD = ("lovely", "great", "moving", "superb"), ("dull", "awful", "weak", "boring")
OTHER = ("the", "film", "was", "a", "story", "actor", "scene", "it", "and", "music")
SAME = ("model.safetensors", "tokenizer.json")


def review(number: random.Random, words: tuple[str, ...]) -> str:
    drawn = number.choices(OTHER, k=number.randint(4, 20)) + number.choices(words, k=3)
    number.shuffle(drawn)
    return " ".join(drawn)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Reviews in the layout of aclImdb, two a film."""
    root = tmp_path_factory.mktemp("aclImdb")
    number = random.Random(5)
    for part, count in (("train/pos", 24), ("train/neg", 24), ("train/unsup", 30)):
        _fill(root / part, count, number)
    for part in ("test/pos", "test/neg"):
        _fill(root / part, 10, number)
    for part, count in (("train", 24), ("test", 10)):
        films = "".join(
            f"http://www.imdb.com/title/tt{n // 2:07}/usercomments\n" for n in range(count)
        )
        for label in ("pos", "neg"):
            (root / part / f"urls_{label}.txt").write_text(films)
    return str(root)


def _fill(folder: Path, count: int, number: random.Random) -> None:
    folder.mkdir(parents=True)
    words = {"pos": GOOD, "neg": BAD, "unsup": GOOD + BAD}[folder.name]
    score = {"pos": 9, "neg": 2, "unsup": 0}[folder.name]
    for place in range(count):
        (folder / f"{place}_{score}.txt").write_text(review(number, words))


@pytest.fixture(scope="module")
def presets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("presets")
    files = {
        "base": TINY.format(max_tokens=12),
        "small": TINY.format(max_tokens=10),
        "bag": TINY_BAG,
    }
    for name, content in files.items():
        (folder / f"{name}.toml").write_text(content)
    return {name: str(folder / f"{name}.toml") for name in files}


@pytest.fixture(scope="module")
def packed(source: str, presets: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("packed") / "tokens.safetensors"
    command = ["pack", "--data", source, "--preset", presets["base"], "--output", str(output)]
    assert tokens.main(command) == 0
    return output


@pytest.fixture
def stored(packed: Path) -> tokens.Tokens:
    return tokens.read(packed)


def config(presets: dict[str, str], name: str, *overrides: str) -> RunConfig:
    return load_preset(presets[name], overrides)


def test_tokens_are_those_of_the_texts(
    source: str, stored: tokens.Tokens, presets: dict[str, str]
) -> None:
    settings = config(presets, "base")
    data = load_training(source, SourceOptions(), settings.data)
    unlabelled = [each.text for each in load_unlabelled(source, SourceOptions())]
    texts = [each.text for each in data.train] + unlabelled
    encoder = TextEncoder.train(texts, settings.text)
    stand_ins = stored.parts["train"] + stored.parts["unlabelled"]
    found = stored.encoder(settings.text).encode([each.text for each in stand_ins])
    assert any(len(each.ids) < each.total for each in found)
    for mine, right in zip(found, encoder.encode(texts), strict=True):
        np.testing.assert_array_equal(mine.ids, right.ids)
        assert (mine.ids.dtype, mine.total) == (np.int32, right.total)
    for mine, example in zip(stored.parts["train"], data.train, strict=True):
        assert (mine.name, mine.label, mine.group) == (example.name, example.label, example.group)
    assert stored.training().digest == data.digest


def test_no_text_and_no_test_review_is_in_the_file(packed: Path, source: str) -> None:
    with safe_open(packed, framework="np") as stream:
        assert stream.get_tensor("ids").dtype == np.uint16
    stored, apart = tokens.read(packed), tokens.read(packed.with_name("tokens-test.safetensors"))
    assert not stored.parts["test"]
    assert [part for part in tokens.PARTS if apart.parts[part]] == ["test"]
    settings = load_preset("sample").data
    test = load_split(source, SourceOptions(), settings, "test")
    assert [each.name for each in apart.parts["test"]] == [each.name for each in test]
    content = packed.read_bytes()
    assert not any(each.text.encode() in content for each in test)
    assert review(random.Random(5), GOOD).encode() not in content


def test_the_run_from_tokens_is_the_run_from_texts(
    source: str, stored: tokens.Tokens, presets: dict[str, str], tmp_path: Path
) -> None:
    base, small = config(presets, "base"), config(presets, "small", "train.vectors=texts")
    one, two = tmp_path / "texts", tmp_path / "tokens"
    pretrain(source, config=base, output=one / "lm")
    training.train(source, config=base, output=one / "base", start_from=one / "lm")
    distillation.distill([one / "base"], source, config=small, output=one / "small")

    for name in ("lm", "base", "small"):
        training.prepare_folder(two / name, resume=False, overwrite=False)
    encoder = stored.encoder(base.text)
    pretrain_texts(stored.texts(), config=base, output=two / "lm", encoder=encoder)
    training.train_examples(
        stored.training(),
        config=base,
        output=two / "base",
        start_from=two / "lm",
        encoder=encoder,
    )
    teacher = inference.load(two / "base")
    teacher.encoder = encoder
    distillation.distill_examples(
        [teacher],
        [frozenset(each.name for each in stored.parts["train"])],
        stored.training(),
        stored.parts["unlabelled"],
        config=small,
        output=two / "small",
        encoder=stored.encoder(small.text),
    )
    for name in ("lm", "base", "small"):
        for file in SAME:
            assert (one / name / file).read_bytes() == (two / name / file).read_bytes(), name


def command(packed: Path, presets: dict[str, str], folder: Path, *more: str) -> list[str]:
    words = ["--tokens", str(packed), "--teachers", "1", *more]
    words += ["--runs", str(folder / "runs"), "--results", str(folder / "results")]
    return words + [word for name, path in presets.items() for word in (f"--{name}", path)]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_chain_stops_goes_on_and_is_measured_once(
    packed: Path,
    presets: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    unbroken, broken = tmp_path / "unbroken", tmp_path / "broken"
    test = ("--test", str(packed.with_name("tokens-test.safetensors")))
    assert best_gpu.main(command(packed, presets, unbroken, *test)) == 0

    with monkeypatch.context() as patch:
        told = best_gpu.tell

        def stop(event: object) -> None:
            told(event)  # type: ignore[arg-type]
            if getattr(event, "epochs", 0) > 1:  # the bag has one, and starts anew
                signal.raise_signal(signal.SIGALRM)  # the time is over

        patch.setattr(best_gpu, "tell", stop)
        tries = 0
        while best_gpu.main(command(packed, presets, broken)) == resumable.UNFINISHED:
            tries += 1
            assert tries < 30
    assert tries > 3
    for name in ("lm", "bag", "teacher-0", "base", "small"):
        weights = f"runs/{name}/model.safetensors"
        assert (unbroken / weights).read_bytes() == (broken / weights).read_bytes(), name

    measured = json.loads((unbroken / "results/small-test.json").read_text())
    assert (measured["reviews"], measured["split"]) == (20, "test")
    assert measured["figures"]["accuracy"] > 0.5
    figures = json.loads((unbroken / "results/lm.json").read_text())
    assert {"command", "commit", "seed", "machine", "date"} <= figures["provenance"].keys()
    speed = figures["speed"]
    assert speed["flops_per_token"] == 3 * 2 * (2 * 4 * 6 * (8 + 6) + 2 * 6 * 8)
    reached = speed["tokens_per_second"] * speed["flops_per_token"] / 1e12
    assert speed["share_of_peak"] == pytest.approx(reached / speed["peak_tflops"])
    assert speed["peak_from"].startswith("measured")

    capsys.readouterr()
    before = (unbroken / "results/small-test.json").stat().st_mtime_ns
    assert best_gpu.main(command(packed, presets, unbroken, *test)) == 0
    assert capsys.readouterr().out == ""
    assert (unbroken / "results/small-test.json").stat().st_mtime_ns == before


@pytest.mark.parametrize("handler", [signal.default_int_handler, signal.SIG_IGN])
def test_time_runs_out(handler, restored) -> None:
    signal.signal(signal.SIGINT, handler)
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt), resumable.stopped_after(0.05):
        time.sleep(5)
    assert time.monotonic() - started < 4
    with resumable.stopped_after(0.0):
        pass
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGINT) is handler


def test_other_tokens_and_other_files_are_refused(
    stored: tokens.Tokens, presets: dict[str, str], tmp_path: Path
) -> None:
    settings = config(presets, "base").text
    with pytest.raises(DataError, match=r"text\.vocabulary=60, the run wants 99"):
        stored.encoder(replace(settings, vocabulary=99))
    with pytest.raises(DataError, match="are not stored"):
        stored.encoder(settings).encode(["a text"])
    (tmp_path / "no.safetensors").write_text("nothing")
    with pytest.raises(DataError, match="cannot read"):
        tokens.read(tmp_path / "no.safetensors")


@pytest.mark.parametrize(
    ("name", "tflops"),
    [
        ("NVIDIA H100 80GB HBM3", 989.0),
        ("NVIDIA H100 PCIe", 756.0),
        ("NVIDIA H200", 989.0),
        ("NVIDIA A100-SXM4-80GB", 312.0),
        ("Quadro", None),
    ],
)
def test_peaks_by_name(name: str, tflops: float | None) -> None:
    assert gpu_speed.known_peak(name) == tflops
