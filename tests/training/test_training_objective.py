"""The loss against torch's own losses, with weights and smoothing worked out by hand."""

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight
from torch.nn import functional

from undertone.settings import TrainConfig
from undertone.training.objective import Objective, correct

CPU = torch.device("cpu")
LOGIT = torch.tensor([[0.5], [-1.0], [3.0], [-0.2]])
TARGETS = torch.tensor([1, 0, 0, 1])
LOGITS = torch.tensor([[2.0, -1.0, 0.5], [0.0, 0.0, 3.0], [1.0, 1.5, -2.0]])
CHOICES = torch.tensor([0, 1, 1])
CHANCES = torch.tensor([0.9, 0.2, 0.4, 0.7])
SOFT = torch.tensor([[0.7, 0.2, 0.1], [0.0, 0.5, 0.5], [0.1, 0.1, 0.8]])


def objective(targets=(0, 1), labels=2, **settings):
    return Objective(TrainConfig(**settings), targets, labels, CPU)


def test_one_logit_is_binary_cross_entropy():
    expected = functional.binary_cross_entropy_with_logits(LOGIT[:, 0], TARGETS.float())
    assert objective()(LOGIT, TARGETS).item() == pytest.approx(expected.item(), rel=1e-6)
    by_hand = np.mean(np.log1p(np.exp([-0.5, -1.0, 3.0, 0.2])))
    assert objective()(LOGIT, TARGETS).item() == pytest.approx(by_hand, rel=1e-6)


def test_many_logits_are_cross_entropy():
    expected = functional.cross_entropy(LOGITS, CHOICES)
    found = objective([0, 1, 2], 3)(LOGITS, CHOICES)
    assert found.item() == pytest.approx(expected.item(), rel=1e-6)


def test_one_logit_and_its_two_sided_twin_have_the_same_loss():
    twin = torch.cat([torch.zeros_like(LOGIT), LOGIT], dim=1)
    for smoothing in (0.0, 0.2):
        loss = objective(label_smoothing=smoothing)
        assert loss(LOGIT, TARGETS).item() == pytest.approx(loss(twin, TARGETS).item(), rel=1e-6)


def test_smoothing_of_one_logit_moves_half_of_it_to_the_other_label():
    loss = objective(label_smoothing=0.2)(LOGIT, TARGETS)
    soft = np.array([0.9, 0.1, 0.1, 0.9])
    chance = 1 / (1 + np.exp(-LOGIT[:, 0].numpy().astype(np.float64)))
    by_hand = -(soft * np.log(chance) + (1 - soft) * np.log(1 - chance)).mean()
    assert loss.item() == pytest.approx(by_hand, rel=1e-6)


def test_smoothing_of_many_logits_is_even_over_all_labels():
    loss = objective([0, 1, 2], 3, label_smoothing=0.3)(LOGITS, CHOICES)
    logs = LOGITS.double().log_softmax(dim=1).numpy()
    soft = np.full((3, 3), 0.1)
    soft[[0, 1, 2], CHOICES] += 0.7
    assert loss.item() == pytest.approx(-(soft * logs).sum(axis=1).mean(), rel=1e-6)


@pytest.mark.parametrize("targets", [[0, 0, 0, 1], [1, 2, 0, 0, 2, 2, 2]])
def test_balanced_weights_are_those_of_scikit_learn(targets):
    labels = max(targets) + 1
    weights = objective(targets, labels, class_weights="balanced").weights
    expected = compute_class_weight("balanced", classes=np.arange(labels), y=np.array(targets))
    np.testing.assert_allclose(weights.numpy(), expected, rtol=1e-6)


def test_balanced_binary_loss_is_torchs_with_a_positive_weight():
    """Three negatives to one positive: weights 4/6 and 4/2, so a positive counts three times."""
    loss = objective([0, 0, 0, 1], class_weights="balanced")(LOGIT, TARGETS)
    each = functional.binary_cross_entropy_with_logits(
        LOGIT[:, 0], TARGETS.float(), pos_weight=torch.tensor(3.0), reduction="sum"
    )
    assert loss.item() == pytest.approx(each.item() / (3 + 1 + 1 + 3), rel=1e-6)


def test_balanced_loss_of_many_labels_is_torchs_weighted_mean():
    targets = [0, 0, 1, 1, 1, 2]
    loss = objective(targets, 3, class_weights="balanced")(LOGITS, CHOICES)
    weights = torch.tensor([6 / (3 * 2), 6 / (3 * 3), 6 / (3 * 1)])
    expected = functional.cross_entropy(LOGITS, CHOICES, weight=weights)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)


def test_a_label_whose_reviews_were_all_empty_does_no_harm():
    weights = objective([0, 0, 2], 3, class_weights="balanced").weights
    assert weights.tolist() == pytest.approx([3 / 6, 3 / 3, 3 / 3])


def test_right_decisions_are_counted():
    assert correct(LOGIT, TARGETS).item() == 2
    assert correct(LOGITS, CHOICES).item() == 2
    assert correct(torch.tensor([[0.0]]), torch.tensor([0])).item() == 1


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_distributions_over_many_labels_are_torchs_cross_entropy_with_probabilities(smoothing):
    found = objective([0, 1, 2], 3, label_smoothing=smoothing)(LOGITS, SOFT)
    expected = functional.cross_entropy(LOGITS, SOFT, label_smoothing=smoothing)
    assert found.item() == pytest.approx(expected.item(), rel=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_one_logit_learns_the_probability_of_label_one(smoothing):
    pairs = torch.stack([1 - CHANCES, CHANCES], dim=1)
    found = objective(label_smoothing=smoothing)(LOGIT, pairs)
    moved = CHANCES * (1 - smoothing) + smoothing / 2
    expected = functional.binary_cross_entropy_with_logits(LOGIT[:, 0], moved)
    assert found.item() == pytest.approx(expected.item(), rel=1e-6)
    twin = torch.cat([torch.zeros_like(LOGIT), LOGIT], dim=1)
    two_sided = functional.cross_entropy(twin, pairs, label_smoothing=smoothing)
    assert found.item() == pytest.approx(two_sided.item(), rel=1e-6)


def test_certain_distributions_are_labels_with_weights_and_smoothing_too():
    settings = {"label_smoothing": 0.1, "class_weights": "balanced"}
    loss = objective([0, 0, 1, 1, 1, 2], 3, **settings)
    certain = functional.one_hot(CHOICES, 3).float()
    assert loss(LOGITS, certain).item() == pytest.approx(loss(LOGITS, CHOICES).item(), rel=1e-6)
    binary = objective([0, 0, 0, 1], **settings)
    certain = functional.one_hot(TARGETS, 2).float()
    assert binary(LOGIT, certain).item() == pytest.approx(binary(LOGIT, TARGETS).item(), rel=1e-6)


def test_the_weight_of_a_distribution_is_the_mean_weight_of_its_labels():
    loss = objective([0, 0, 1, 1, 1, 2], 3, class_weights="balanced")(LOGITS, SOFT)
    weights = SOFT.double().numpy() @ np.array([6 / (3 * 2), 6 / (3 * 3), 6 / (3 * 1)])
    each = -(SOFT.double() * LOGITS.double().log_softmax(dim=1)).sum(dim=1).numpy()
    assert loss.item() == pytest.approx((weights * each).sum() / weights.sum(), rel=1e-6)


def test_the_best_logit_for_a_distribution_gives_back_its_probabilities():
    logit = torch.logit(CHANCES)[:, None].requires_grad_()
    objective()(logit, torch.stack([1 - CHANCES, CHANCES], dim=1)).backward()
    assert logit.grad.abs().max() < 1e-7
