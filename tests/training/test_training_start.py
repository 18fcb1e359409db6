"""Starting from other weights: what is taken over, what is refused, and how layers are released."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file
from traininghelpers import prepared, result, run, tiny_config, tiny_data

from undertone import modelfolder, networks, training
from undertone.errors import ConfigError, ModelFolderError, RunInterruptedError
from undertone.training import loop, optimizer, start
from undertone.training.pretrain import pretrain


@pytest.fixture(scope="module")
def language_model(tmp_path_factory):
    from msgspec.structs import replace

    from undertone.settings import PretrainConfig

    folder = tmp_path_factory.mktemp("lm")
    source = folder / "texts.jsonl"
    source.write_text(
        "".join(f'{{"text": "{each.text}"}}\n' for each in tiny_data(200).train), encoding="utf-8"
    )
    settings = PretrainConfig(epochs=1, streams=2, stretch=8, negatives=8)
    config = replace(tiny_config(), pretrain=settings)
    return pretrain(str(source), config=config, output=folder / "lm").folder


def weights(folder):
    return load_file(folder / modelfolder.WEIGHTS)


def frozen(**more):
    """Settings under which nothing but the output layer moves."""
    return tiny_config(epochs=1, unfreeze=5.0, ema=0.0, **more)


def test_a_classifier_starts_with_the_language_models_weights(tmp_path, language_model):
    folder = run(prepared(tmp_path / "m"), frozen(), start_from=language_model).folder
    ours, theirs = weights(folder), weights(language_model)
    shared = [name for name in ours if name in theirs]
    assert len(shared) == 9  # token vectors, and four tensors of each direction
    assert all(torch.equal(ours[name], theirs[name]) for name in shared)
    same = (folder / modelfolder.TOKENIZER).read_bytes()
    assert same == (language_model / modelfolder.TOKENIZER).read_bytes()
    data = modelfolder.read(folder).data
    digest = modelfolder.read(language_model, modelfolder.LANGUAGE_MODEL)
    assert data["start_digest"] == digest.files[modelfolder.WEIGHTS].sha256


def test_layers_are_released_from_the_top_down(tmp_path, language_model):
    config = tiny_config(epochs=3, unfreeze=2.0, ema=0.0, keep="last")
    folder = run(prepared(tmp_path / "m"), config, start_from=language_model).folder
    ours, theirs = weights(folder), weights(language_model)
    # Three epochs: the LSTM is released after two, the token vectors would be after four.
    assert not torch.equal(
        ours["layers.0.forward_lstm.weight_hh_l0"], theirs["layers.0.forward_lstm.weight_hh_l0"]
    )
    assert torch.equal(ours["embedding.weight"], theirs["embedding.weight"])


def test_lower_layers_learn_more_slowly_and_later():
    config = tiny_config(network={"layers": 2}, layer_lr=0.5, embedding_lr=0.1, unfreeze=0.25)
    network = networks.build_network(config, 20, 2)
    built, names = optimizer.build(network, config.train)
    own = {id(parameter): name for name, parameter in network.named_parameters()}
    found = {
        own[id(parameter)]: (group["scale"], group["release"])
        for group in built.param_groups
        for parameter in group["params"]
    }
    assert set(found) == set(names)
    assert found["output.weight"] == (1.0, 0.0)
    assert found["layers.1.forward_lstm.weight_ih_l0"] == (0.5, 0.25)
    assert found["layers.0.backward_lstm.bias_hh_l0"] == (0.25, 0.5)
    assert found["embedding.weight"] == (pytest.approx(0.0125), 0.75)
    optimizer.set_rates(built, 0.8, epochs=0.5)
    learning = {name for name, each in network.named_parameters() if each.requires_grad}
    assert learning == {name for name in names if name != "embedding.weight"}
    rates = {own[id(p)]: g["lr"] for g in built.param_groups for p in g["params"]}
    assert rates["layers.1.forward_lstm.weight_ih_l0"] == pytest.approx(0.4)


@pytest.mark.parametrize("step", [4, 16, 31])
def test_a_resumed_run_with_a_start_ends_as_an_unbroken_one(
    tmp_path, monkeypatch, language_model, step
):
    config = tiny_config(unfreeze=0.6, layer_lr=0.5)
    whole = result(run(prepared(tmp_path / "a"), config, start_from=language_model).folder)
    original = loop._step

    def stopped(trainer, *rest):
        original(trainer, *rest)
        if trainer.progress.step + 1 == step:
            trainer.stop.requested = True

    monkeypatch.setattr(loop, "_step", stopped)
    folder = prepared(tmp_path / "b")
    with pytest.raises(RunInterruptedError):
        run(folder, config, start_from=language_model)
    monkeypatch.setattr(loop, "_step", original)
    training.prepare_folder(folder, resume=True, overwrite=False)
    again = result(run(folder, config, start_from=language_model, resume=True).folder)
    assert again == whole


def test_a_model_continues_another_output_layer_included(tmp_path):
    first = run(prepared(tmp_path / "a"), tiny_config()).folder
    still = tiny_config(epochs=1, lr=1e-9, ema=0.0, weight_decay=0.0)
    second = run(prepared(tmp_path / "b"), still, start_from=first).folder
    ours, theirs = weights(second), weights(first)
    assert set(ours) == set(theirs)
    for name, weight in theirs.items():
        torch.testing.assert_close(ours[name], weight, atol=1e-6, rtol=0)


def test_other_labels_leave_the_output_layer_alone(tmp_path):
    first = run(prepared(tmp_path / "a"), tiny_config()).folder
    data = tiny_data(labels=("negative", "mixed", "positive"))
    network = networks.build_network(tiny_config(), 100, 2)
    taken = start.apply(start.load(first, tiny_config()), _resized(network, first), data.labels)
    assert "embedding.weight" in taken
    assert not [name for name in taken if name.startswith("output.")]


def _resized(network, folder):
    shape = weights(folder)["embedding.weight"].shape
    network.embedding.weight.data = torch.zeros(shape)
    return network


def test_settings_that_do_not_fit_are_all_named(language_model):
    wide = tiny_config(network={"hidden_dim": 12, "bidirectional": False}, vectors="texts")
    with pytest.raises(ConfigError) as caught:
        start.load(language_model, wide)
    assert str(caught.value).endswith(
        "Add --set network.hidden_dim=6 --set network.bidirectional=true "
        "--set train.vectors=random."
    )


def test_a_damaged_start_is_refused(tmp_path, language_model):
    import shutil

    copy = tmp_path / "lm"
    shutil.copytree(language_model, copy)
    content = bytearray((copy / modelfolder.WEIGHTS).read_bytes())
    content[-1] ^= 1
    (copy / modelfolder.WEIGHTS).write_bytes(content)
    with pytest.raises(ModelFolderError, match="damaged"):
        start.load(copy, tiny_config())


def test_a_language_model_is_no_model_and_the_other_way_round(tmp_path, language_model):
    with pytest.raises(ModelFolderError, match="undertone train --start-from"):
        modelfolder.read(language_model)
    model = run(prepared(tmp_path / "m"), tiny_config(epochs=1)).folder
    with pytest.raises(ModelFolderError, match="undertone pretrain"):
        modelfolder.read(model, modelfolder.LANGUAGE_MODEL)
