"""The language model: its sampled loss beside autograd, its limit, its states, its noise."""

import pytest
import torch
from torch import nn

from undertone.config import RunConfig
from undertone.networks.concurrent import together
from undertone.networks.language_model import LanguageModel
from undertone.networks.sampled_softmax import sampled_softmax_loss
from undertone.settings import NetworkConfig, PretrainConfig

NO_NOISE = {"embedding_dropout": 0.0, "input_dropout": 0.0, "output_dropout": 0.0}
NOISE = dict.fromkeys([*NO_NOISE, "weight_dropout"], 0.5)
FREQUENCIES = torch.tensor([40.0, 0.0, 300.0, 120.0, 60.0, 9.0, 5.0, 2.0, 1.0, 1.0])
WORDS = len(FREQUENCIES)


def model(bidirectional: bool = True, **pretrain: float) -> LanguageModel:
    torch.manual_seed(0)
    config = RunConfig(
        network=NetworkConfig(embedding_dim=6, hidden_dim=5, bidirectional=bidirectional),
        pretrain=PretrainConfig(**NO_NOISE | pretrain),
    )
    built = LanguageModel(config, WORDS, FREQUENCIES)
    nn.init.normal_(built.embedding.weight)
    return built


def settings(**pretrain: float) -> PretrainConfig:
    return PretrainConfig(**NO_NOISE | pretrain)


def stretch(length: int = 7, rows: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    tokens = torch.randint(WORDS, (rows, length + 1), generator=torch.Generator().manual_seed(4))
    return tokens[:, :-1], tokens[:, 1:]


def plain(guesses, right, wrong, hits):
    """The same loss in the words of autograd, with the target as class 0."""
    own = (guesses * right[0]).sum(1) + right[1]
    logits = guesses @ wrong[0].T + wrong[1]
    is_target = torch.arange(len(wrong[0]))[None, :] == hits[:, None]
    logits = torch.cat([own[:, None], logits.masked_fill(is_target, -torch.inf)], dim=1)
    return nn.functional.cross_entropy(logits, torch.zeros(len(guesses), dtype=torch.int64))


def values(positions: int, words: int, dtype: torch.dtype) -> list[torch.Tensor]:
    torch.manual_seed(1)
    shapes = [(positions, 4), (positions, 4), (positions,), (words, 4), (words,)]
    return [torch.randn(shape, dtype=dtype, requires_grad=True) for shape in shapes]


@pytest.mark.parametrize(
    ("dtype", "within"), [(torch.float64, 1e-12), (torch.float32, 2e-6)], ids=["double", "single"]
)
@pytest.mark.parametrize("hit", ["none", "some", "all"])
def test_loss_and_gradients_equal_those_of_autograd(dtype, within, hit):
    positions, words = 1100, 9  # three blocks, the last one not full
    leaves = values(positions, words, dtype)
    hits = torch.randint(words, (positions,))
    if hit != "all":
        missed = torch.rand(positions) < (1.0 if hit == "none" else 0.7)
        hits = torch.where(missed, -1, hits)

    def run(loss):
        value = loss(leaves[0], tuple(leaves[1:3]), tuple(leaves[3:]), hits)
        return value, torch.autograd.grad(3.0 * value, leaves)

    expected, wanted = run(plain)
    got, gradients = run(sampled_softmax_loss)
    assert got.dtype == dtype
    torch.testing.assert_close(got, expected, rtol=within, atol=within)
    for gradient, reference in zip(gradients, wanted, strict=True):
        torch.testing.assert_close(gradient, reference, rtol=100 * within, atol=within)


def test_a_target_that_is_the_only_word_drawn_costs_nothing():
    leaves = values(4, 1, torch.float64)
    loss = sampled_softmax_loss(
        leaves[0], tuple(leaves[1:3]), tuple(leaves[3:]), torch.zeros(4, dtype=torch.int64)
    )
    assert loss.item() == 0.0
    for gradient in torch.autograd.grad(loss, leaves):
        assert torch.equal(gradient, torch.zeros_like(gradient))


def test_under_autocast_the_loss_is_that_of_rounded_products():
    leaves = values(600, 50, torch.float32)
    hits = torch.full((600,), -1)
    exact = sampled_softmax_loss(leaves[0], tuple(leaves[1:3]), tuple(leaves[3:]), hits)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = sampled_softmax_loss(leaves[0], tuple(leaves[1:3]), tuple(leaves[3:]), hits)
    assert rounded.dtype == torch.float32
    assert rounded != exact
    torch.testing.assert_close(rounded, exact, rtol=5e-3, atol=0)
    gradients = torch.autograd.grad(rounded, leaves)
    wanted = torch.autograd.grad(exact, leaves)
    for gradient, reference in zip(gradients, wanted, strict=True):
        assert (gradient - reference).norm() <= 0.02 * reference.norm()


def test_the_correction_is_the_chance_of_being_among_the_words_drawn():
    built = model(negatives=6)
    torch.manual_seed(2)
    draws = 4000
    drawn = torch.zeros(WORDS)
    for _ in range(draws):
        negatives = built.draw(1, settings(negatives=6)).negatives
        assert negatives.tolist() == sorted(set(negatives.tolist()))
        drawn[negatives] += 1
    chance = built.log_chance.exp()
    deviation = (chance * (1 - chance) / draws).sqrt()
    assert ((drawn / draws - chance).abs() <= 4 * deviation).all()


@pytest.mark.parametrize("direction", [0, 1])
def test_with_every_word_drawn_the_sampled_loss_is_the_full_one(direction):
    built = model(negatives=20_000)
    ids, targets = stretch()
    state = built.start(3)[direction]
    noise = built.draw(3, settings(negatives=20_000))
    assert noise.negatives.tolist() == list(range(WORDS))
    loss, end = built.loss(direction, ids, targets, state, noise)
    full, full_end = built.full_loss(direction, ids, targets, state)
    torch.testing.assert_close(loss, full, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(end, full_end)
    weights = built.parameters_of(direction)
    for got, wanted in zip(
        torch.autograd.grad(loss, weights), torch.autograd.grad(full, weights), strict=True
    ):
        torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-6)


def test_more_words_bring_the_gradient_closer_to_that_of_the_full_softmax():
    def error(negatives: int) -> float:
        built = model(negatives=negatives)
        ids, targets = stretch()
        state, weight = built.start(3)[0], built.embedding.weight
        full, _ = built.full_loss(0, ids, targets, state)
        (wanted,) = torch.autograd.grad(full, weight)
        mean = torch.zeros_like(weight)
        for _ in range(60):
            noise = built.draw(3, settings(negatives=negatives))
            loss, _ = built.loss(0, ids, targets, state, noise)
            mean += torch.autograd.grad(loss, weight)[0] / 60
        return float((mean - wanted).norm() / wanted.norm())

    few, some, many = error(2), error(20), error(200)
    assert many < some < few
    assert many < 0.1


def test_a_text_read_in_stretches_costs_as_much_as_in_one():
    built = model()
    ids, targets = stretch(12)
    whole, end = built.full_loss(1, ids, targets, built.start(3)[1])
    state, losses = built.start(3)[1], []
    for start in (0, 4, 8):
        part = slice(start, start + 4)
        loss, state = built.full_loss(1, ids[:, part], targets[:, part], state)
        losses.append(loss.item())
    assert sum(losses) / 3 == pytest.approx(float(whole), rel=1e-6)
    torch.testing.assert_close(state, end)


def test_the_first_guess_is_the_share_of_each_word():
    built = model()
    nn.init.zeros_(built.embedding.weight)
    ids = torch.zeros(1, 1, dtype=torch.int64)
    loss, _ = built.full_loss(0, ids, torch.full_like(ids, 2), built.start(1)[0])
    smoothed = FREQUENCIES.clamp(min=1.0)
    assert float(loss) == pytest.approx(-float((smoothed[2] / smoothed.sum()).log()), rel=1e-6)


def test_gradients_of_both_directions_side_by_side_are_those_of_one_after_the_other():
    built = model(**NOISE, negatives=8)
    tokens = [stretch(20), stretch(20)]
    torch.manual_seed(3)
    noises = [built.draw(3, settings(**NOISE, negatives=8)) for _ in tokens]

    def task(direction: int):
        def run():
            ids, targets = tokens[direction]
            state = built.start(3)[direction]
            loss, end = built.loss(direction, ids, targets, state, noises[direction])
            return loss, *end, *torch.autograd.grad(loss, built.parameters_of(direction))

        return run

    before = [weight.clone() for weight in built.parameters()]
    apart = [task(0)(), task(1)()]
    side_by_side = together(1, task(0), task(1))
    for one, other in zip(apart, side_by_side, strict=True):
        assert all(torch.equal(*pair) for pair in zip(one, other, strict=True))
    for weight, unchanged in zip(built.parameters(), before, strict=True):
        assert torch.equal(weight, unchanged)


def test_noise_drops_what_it_says():
    built = model()
    ids, targets = stretch()
    quiet = built.draw(3, settings(negatives=8))
    assert [each.dim() for each in quiet[:4]] == [0, 0, 0, 0]
    state = built.start(3)[0]
    loss, _ = built.loss(0, ids, targets, state, quiet)

    deaf = quiet._replace(words=torch.zeros(WORDS, 1))
    (gradient,) = torch.autograd.grad(
        built.loss(0, ids, targets, state, deaf)[0], built.layers[0].forward_lstm.weight_ih_l0
    )
    assert not gradient.any()

    forgetful = quiet._replace(recurrence=torch.zeros(20, 5))
    forgetting, _ = built.loss(0, ids, targets, state, forgetful)
    with torch.no_grad():
        built.layers[0].forward_lstm.weight_hh_l0.zero_()
    expected, _ = built.loss(0, ids, targets, state, quiet)
    assert float(forgetting) == pytest.approx(float(expected), rel=1e-6)
    assert float(forgetting) != pytest.approx(float(loss), rel=1e-4)


def test_noise_keeps_the_mean():
    torch.manual_seed(5)
    noise = model().draw(2000, settings(**NO_NOISE | {"input_dropout": 0.25}))
    assert noise.inputs.shape == (2000, 1, 6)
    assert noise.inputs.unique().tolist() == [0.0, pytest.approx(4 / 3)]
    assert float(noise.inputs.mean()) == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_parameters_have_the_names_that_a_classifier_gives_them(bidirectional):
    names = {name for name, _ in model(bidirectional).named_parameters()}
    directions = ("forward", "backward") if bidirectional else ("forward",)
    lstms = {
        f"layers.0.{direction}_lstm.{kind}_{part}_l0"
        for direction in directions
        for kind in ("weight", "bias")
        for part in ("ih", "hh")
    }
    own = {f"projections.{n}.{k}" for n in range(len(directions)) for k in ("weight", "bias")}
    assert names == {"embedding.weight", "bias"} | lstms | own
