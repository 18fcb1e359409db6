"""Perturbed token vectors: how long, in which direction, and what is learnt from them."""

import numpy as np
import pytest
import torch
from torch.nn import functional
from traininghelpers import tiny_config

from undertone.networks.lstm import LSTMClassifier
from undertone.settings import TrainConfig
from undertone.training.adversarial import Attack, attack, divergence, scaled, virtual_shift

LENGTHS = torch.tensor([7, 3, 12, 1])
LABELS = torch.tensor([1, 0, 0, 1])
WIDTH = 12
NORM = 5.0


@pytest.fixture(params=[1, 3], ids=["one logit", "three logits"])
def network(request):
    """Without dropout, so that a pass is a function of the vectors."""
    return made(request.param)


# oneDNN has no bfloat16 LSTM for a processor without the instructions.
BFLOAT16 = pytest.param(
    True,
    marks=pytest.mark.skipif(
        not torch.cpu._is_avx512_bf16_supported(), reason="no bfloat16 instructions"
    ),
)


def made(outputs, **train):
    off = {"word_dropout": 0.0, "embedding_dropout": 0.0, "input_dropout": 0.0}
    torch.manual_seed(3)
    config = tiny_config(0, {"layers": 2}, **off | {"output_dropout": 0.0, **train})
    network = LSTMClassifier(config, 40, outputs)
    with torch.no_grad():
        network.output.weight.mul_(8.0)  # a network with opinions
    return network


def looked_up(network):
    ids = torch.randint(2, 40, (len(LENGTHS), WIDTH), generator=torch.Generator().manual_seed(5))
    inside = torch.arange(WIDTH) < LENGTHS[:, None]
    return network.embedding(torch.where(inside, ids, 0))


def reader(network, *, bfloat16=False):
    def read(vectors):
        torch.manual_seed(11)
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            return network.classify(vectors, LENGTHS).float()

    return read


def loss(logits):
    if logits.shape[1] == 1:
        return functional.binary_cross_entropy_with_logits(logits[:, 0], LABELS.float())
    return functional.cross_entropy(logits, LABELS)


def uphill(network, read):
    leaf = looked_up(network).detach().requires_grad_()
    return leaf.detach(), torch.autograd.grad(loss(read(leaf)), leaf)[0]


def random_shifts(vectors, count=30):
    return [scaled(torch.randn_like(vectors), vectors, LENGTHS, NORM) for _ in range(count)]


def test_a_perturbation_is_as_long_as_it_says_on_true_tokens_and_zero_on_padding():
    vectors, direction = torch.randn(4, WIDTH, 8) * 0.3, torch.randn(4, WIDTH, 8)
    found = scaled(direction, vectors, LENGTHS, NORM)
    for row, length in enumerate(LENGTHS.tolist()):
        inside = vectors[row, :length].double().numpy()
        rms = np.sqrt(np.mean(inside**2))
        assert found[row].norm().item() == pytest.approx(NORM * rms, rel=1e-5)
        assert not found[row, length:].any()
        cosine = functional.cosine_similarity(
            found[row, :length].flatten(), direction[row, :length].flatten(), dim=0
        )
        assert cosine.item() == pytest.approx(1.0, abs=1e-5)


def test_its_length_goes_with_the_vectors_and_not_with_the_direction():
    vectors, direction = torch.randn(4, WIDTH, 8), torch.randn(4, WIDTH, 8)
    usual = scaled(direction, vectors, LENGTHS, NORM)
    torch.testing.assert_close(scaled(direction, vectors * 7, LENGTHS, NORM), usual * 7)
    for factor in (1e-30, 1e30):  # their squares are not float32 numbers
        torch.testing.assert_close(scaled(direction * factor, vectors, LENGTHS, NORM), usual)
    alone = scaled(direction[1:2, :3], vectors[1:2, :3], LENGTHS[1:2], NORM)
    torch.testing.assert_close(alone[0], usual[1, :3])


def test_no_direction_is_no_perturbation():
    vectors = torch.randn(4, WIDTH, 8)
    assert not scaled(torch.zeros_like(vectors), vectors, LENGTHS, NORM).any()
    assert not scaled(vectors, torch.zeros_like(vectors), LENGTHS, NORM).any()
    vectors[1, 3:] = torch.nan  # junk on padding
    assert scaled(vectors, vectors, LENGTHS, NORM).isfinite().all()


@pytest.mark.parametrize("bfloat16", [False, BFLOAT16])
def test_an_adversarial_step_raises_the_loss_more_than_random_ones(network, bfloat16):
    read = reader(network, bfloat16=bfloat16)
    vectors, gradient = uphill(network, read)
    shift = scaled(gradient, vectors, LENGTHS, NORM)
    with torch.no_grad():
        clean, found = loss(read(vectors)), loss(read(vectors + shift))
        others = [loss(read(vectors + each)) for each in random_shifts(vectors)]
    assert found - clean > 1.5 * (max(others) - clean) > 0


@pytest.mark.parametrize("bfloat16", [False, BFLOAT16])
def test_a_virtual_step_moves_the_answer_more_than_random_ones(network, bfloat16):
    read = reader(network, bfloat16=bfloat16)
    vectors = looked_up(network).detach()
    logits = read(vectors).detach()
    shift = virtual_shift(vectors, LENGTHS, read, logits, NORM)
    with torch.no_grad():
        found = divergence(logits, read(vectors + shift))
        others = [divergence(logits, read(vectors + each)) for each in random_shifts(vectors)]
    assert found > 1.5 * max(others)
    rms = [vectors[row, :length].square().mean().sqrt() for row, length in enumerate(LENGTHS)]
    torch.testing.assert_close(shift.flatten(1).norm(dim=1), NORM * torch.stack(rms))
    assert not shift[1, 3:].any()


def test_with_one_logit_the_virtual_direction_is_that_of_its_gradient():
    network = made(1)
    read = reader(network)
    vectors = looked_up(network).detach()
    shift = virtual_shift(vectors, LENGTHS, read, read(vectors), 0.02)
    leaf = vectors.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(read(leaf).sum(), leaf)
    cosines = functional.cosine_similarity(shift.flatten(1), gradient.flatten(1))
    np.testing.assert_allclose(cosines.abs().numpy(), 1.0, atol=1e-3)


def test_with_many_logits_one_iteration_is_one_product_with_the_hessian():
    """Against the Hessian of the divergence at zero, J' (diag(p) - p p') J, in float64."""
    first, second = torch.randn(8, 5).double(), torch.randn(5, 3).double()

    def read(vectors):
        return torch.tanh(vectors.cumsum(dim=1)[torch.arange(4), LENGTHS - 1] @ first) @ second

    vectors = torch.randn(4, WIDTH, 8).double() * 0.1
    torch.manual_seed(11)
    shift = virtual_shift(vectors, LENGTHS, read, read(vectors), 1e-3)
    torch.manual_seed(11)
    place = scaled(torch.randn_like(vectors), vectors, LENGTHS, 1e-3)
    jacobian = torch.autograd.functional.jacobian(read, vectors)
    for row, chances in enumerate(read(vectors).softmax(dim=1)):
        slopes = jacobian[row, :, row].flatten(1)
        fisher = torch.diag(chances) - torch.outer(chances, chances)
        expected = slopes.T @ fisher @ slopes @ place[row].flatten()
        cosine = functional.cosine_similarity(shift[row].flatten(), expected, dim=0)
        assert cosine.item() == pytest.approx(1.0, abs=1e-5)


def test_the_divergence_is_that_of_the_distributions():
    clean, moved = torch.randn(5, 4), torch.randn(5, 4)
    chances = clean.double().softmax(dim=1)
    logs = clean.double().log_softmax(dim=1) - moved.double().log_softmax(dim=1)
    expected = (chances * logs).sum(dim=1).mean()
    assert divergence(clean, moved).item() == pytest.approx(expected.item(), rel=1e-5)
    one, other = torch.tensor([[0.4], [-60.0]]), torch.tensor([[-1.0], [60.0]])
    twins = [torch.cat([torch.zeros_like(each), each], dim=1) for each in (one, other)]
    assert divergence(one, other).item() == pytest.approx(divergence(*twins).item(), rel=1e-6)
    assert divergence(one, other).item() == pytest.approx((0.2141 + 60) / 2, rel=1e-3)
    assert divergence(one, one).item() == 0.0


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("kind", ["adversarial", "virtual"])
def test_gradients_are_those_of_the_weighted_sum_of_both_losses(network, kind, threads):
    """Against one graph of the sum. With two threads a graph can be walked back once only."""
    read = reader(network)
    vectors, gradient = uphill(network, read)
    clean = read(vectors).detach()
    shift = (
        scaled(gradient, vectors, LENGTHS, NORM)
        if kind == "adversarial"
        else virtual_shift(vectors, LENGTHS, read, clean, NORM)
    )
    moved = read(looked_up(network) + shift)
    extra = loss(moved) if kind == "adversarial" else divergence(clean, moved)
    expected = torch.autograd.grad(
        loss(read(looked_up(network))) + 0.7 * extra, list(network.parameters())
    )
    torch.set_num_threads(threads)
    try:
        logits, value = Attack(kind, NORM, 0.7).backward(looked_up(network), LENGTHS, read, loss)
    finally:
        torch.set_num_threads(1)
    torch.testing.assert_close(logits, clean)
    assert value.item() == pytest.approx(loss(clean).item(), rel=1e-6)
    for parameter, wanted in zip(network.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, wanted, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("kind", ["adversarial", "virtual"])
def test_frozen_parameters_stay_without_gradient(network, kind):
    for parameter in [network.embedding.weight, *network.layers[0].parameters()]:
        parameter.requires_grad_(False)
    Attack(kind, NORM, 1.0).backward(looked_up(network), LENGTHS, reader(network), loss)
    learning = [name for name, each in network.named_parameters() if each.grad is not None]
    assert learning == [
        name for name, _ in network.named_parameters() if not name.startswith(("emb", "layers.0"))
    ]


def test_an_attack_begins_at_its_share_of_the_steps():
    config = TrainConfig(adversarial="virtual", adversarial_norm=2.0, adversarial_start=0.25)
    assert attack(config, 0.2499) is None
    assert attack(config, 0.25) == Attack("virtual", 2.0, 1.0)
    assert attack(TrainConfig(), 0.5) is None
