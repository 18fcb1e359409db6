"""Starting from other weights: what is taken over, what is refused, and how layers are released."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file
from traininghelpers import prepared, result, run, stopped_and_resumed, tiny_config, tiny_data

import undertone
from undertone import modelfolder, networks
from undertone.errors import ConfigError, ModelFolderError
from undertone.evaluation.export import export_int8
from undertone.training import optimizer, start
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
    again = stopped_and_resumed(
        tmp_path / "b", config, monkeypatch, step, start_from=language_model
    )
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
    begun = start.load(first, tiny_config())
    taken = start.apply(begun, _resized(network, first), data.labels, tiny_config())
    assert "embedding.weight" in taken
    assert not [name for name in taken if name.startswith("output.")]


def _resized(network, folder):
    shape = weights(folder)["embedding.weight"].shape
    network.embedding.weight.data = torch.zeros(shape)
    return network


def test_settings_that_do_not_fit_are_all_named(language_model):
    other = tiny_config(network={"hidden_dim": 4, "bidirectional": False}, vectors="texts")
    with pytest.raises(ConfigError) as caught:
        start.load(language_model, other)
    assert str(caught.value).endswith(
        "Add --set network.bidirectional=true --set network.hidden_dim=6 "
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


def test_a_model_grows_into_a_wider_one_that_says_the_same(tmp_path):
    for pooling, layers in (("concat", 1), ("attention", 2), ("last", 2)):
        shape = {"pooling": pooling, "layers": layers}
        narrow = tiny_config(network=shape)
        folder = run(prepared(tmp_path / pooling), narrow).folder
        theirs = weights(folder)
        wide = tiny_config(network={**shape, "embedding_dim": 14, "hidden_dim": 11})
        vocabulary = len(theirs["embedding.weight"])
        small = networks.build_network(narrow, vocabulary, 2).eval()
        small.load_state_dict(theirs)
        large = networks.build_network(wide, vocabulary, 2).eval()
        fresh = large.state_dict()["layers.0.forward_lstm.weight_hh_l0"].clone()
        begun = start.load(folder, wide)
        taken = start.apply(begun, large, begun.manifest.labels, wide)
        assert sorted(taken) == sorted(theirs)
        ids, lengths = torch.randint(1, vocabulary, (4, 9)), torch.tensor([9, 4, 1, 7])
        with torch.no_grad():
            torch.testing.assert_close(
                large(ids, lengths), small(ids, lengths), atol=1e-6, rtol=1e-5
            )
        hidden = theirs["layers.0.forward_lstm.weight_hh_l0"].shape[1]
        grown = large.state_dict()["layers.0.forward_lstm.weight_hh_l0"]
        assert torch.equal(grown[hidden:11], fresh[hidden:11])  # new units are random
        assert not grown[:hidden, hidden:].any()  # and no old one listens to them yet


def test_what_cannot_grow_is_refused(tmp_path):
    folder = run(prepared(tmp_path / "m"), tiny_config(network={"layer_norm": True})).folder
    hidden = modelfolder.read(folder).config.network.hidden_dim
    wide = tiny_config(network={"layer_norm": True, "hidden_dim": 2 * hidden})
    with pytest.raises(ConfigError, match=rf"network\.hidden_dim={hidden}"):
        start.load(folder, wide)
    plain = run(prepared(tmp_path / "p"), tiny_config()).folder
    other = tiny_config(network={"pooling": "last", "hidden_dim": 2 * hidden})
    with pytest.raises(ConfigError, match=r"network\.pooling=concat"):
        start.load(plain, other)
    with pytest.raises(ConfigError, match=rf"network\.hidden_dim={hidden}"):
        start.load(plain, tiny_config(network={"hidden_dim": hidden - 1}))


@pytest.mark.parametrize("shape", [{}, {"pooling": "attention", "layers": 2, "layer_norm": True}])
def test_a_model_that_has_int8_weights_alone_is_gone_on_from(tmp_path, shape):
    config = tiny_config(network=shape)
    folder = run(prepared(tmp_path / "m"), config).folder
    exact = weights(folder)
    export_int8(folder)
    manifest = modelfolder.read(folder)
    for name in (modelfolder.WEIGHTS, modelfolder.GRAPH):
        (folder / name).unlink()
    modelfolder.write(folder, manifest)
    begun = start.load(folder, config)
    vocabulary = len(exact["embedding.weight"])
    ours, theirs = (networks.build_network(config, vocabulary, 2).eval() for _ in range(2))
    theirs.load_state_dict(exact)
    assert sorted(start.apply(begun, ours, manifest.labels, config)) == sorted(exact)
    for name, weight in exact.items():
        if not name.startswith(("output", "norm")):  # these are folded into each other
            step = weight.abs().max().item() / 63  # 7 bits
            torch.testing.assert_close(begun.weights[name], weight, atol=step, rtol=0)
    torch.manual_seed(3)
    ids, lengths = torch.randint(1, vocabulary, (16, 9)), torch.arange(16) % 9 + 1
    with torch.no_grad():
        got, expected = ours(ids, lengths), theirs(ids, lengths)
    assert (got - expected).abs().max() < 0.15 * expected.std()
    model = undertone.load(folder)
    graph = model.network.logits([row[:n].numpy() for row, n in zip(ids, lengths, strict=True)])
    assert abs(got.numpy() - graph).max() < 0.15 * expected.std()
    data = modelfolder.read(run(prepared(tmp_path / "n"), config, start_from=folder).folder).data
    assert data["start_digest"] == manifest.files[modelfolder.GRAPH_INT8].sha256


def test_int8_weights_of_other_architectures_are_refused(tmp_path):
    folder = run(prepared(tmp_path / "m"), tiny_config(network={"architecture": "hybrid"})).folder
    export_int8(folder)
    manifest = modelfolder.read(folder)
    (folder / modelfolder.WEIGHTS).unlink()
    modelfolder.write(folder, manifest)
    with pytest.raises(ModelFolderError, match="of the architecture hybrid cannot be gone on from"):
        start.load(folder, tiny_config(network={"architecture": "hybrid"}))
