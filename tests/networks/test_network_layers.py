import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from undertone.networks import layers
from undertone.networks.concurrent import run_both


def test_mask_and_reversal_of_three_rows():
    lengths = torch.tensor([1, 3, 2])
    assert layers.token_mask(lengths, 3).tolist() == [
        [True, False, False],
        [True, True, True],
        [True, True, False],
    ]
    assert layers.reversal_index(lengths, 3).tolist() == [[0, 1, 2], [2, 1, 0], [1, 0, 2]]


def test_turning_round_three_rows_and_back():
    lengths = torch.tensor([1, 3, 2])
    values = torch.tensor([[1, 2, 3], [4, 5, 6], [7, 8, 9]])[:, :, None].float()
    turned = layers.turn(values, lengths)
    assert turned[:, :, 0].tolist() == [[1, 2, 3], [6, 5, 4], [8, 7, 9]]
    assert torch.equal(layers.turn(turned, lengths), values)


def test_gradients_are_turned_round_too():
    lengths = torch.tensor([4, 1, 6])
    values = torch.randn(3, 6, 2, requires_grad=True)
    weights = torch.randn(3, 6, 2)
    index = layers.reversal_index(lengths, 6)[:, :, None].expand_as(values)
    (expected,) = torch.autograd.grad((values.gather(1, index) * weights).sum(), values)
    (got,) = torch.autograd.grad((layers.turn(values, lengths) * weights).sum(), values)
    assert torch.equal(got, expected)


def test_pooling_ignores_padding():
    states = torch.tensor([[[-3.0], [9.0]], [[-1.0], [-5.0]]])
    lengths = torch.tensor([1, 2])
    assert layers.masked_max(states, lengths).tolist() == [[-3.0], [-1.0]]
    assert layers.masked_mean(states, lengths).tolist() == [[-3.0], [-3.0]]


@pytest.mark.parametrize("bidirectional", [False, True])
def test_lstm_layer_equals_packed_lstm(bidirectional):
    torch.manual_seed(1)
    lengths = torch.tensor([5, 1, 9])
    values = torch.randn(3, 9, 4)
    layer = layers.LSTMLayer(4, 6, bidirectional)
    reference = nn.LSTM(4, 6, batch_first=True, bidirectional=bidirectional)
    for name, weight in layer.forward_lstm.named_parameters():
        getattr(reference, name).data.copy_(weight)
    if layer.backward_lstm is not None:
        for name, weight in layer.backward_lstm.named_parameters():
            getattr(reference, f"{name}_reverse").data.copy_(weight)
    packed = pack_padded_sequence(values, lengths, batch_first=True, enforce_sorted=False)
    expected, _ = pad_packed_sequence(reference(packed)[0], batch_first=True)
    mask = layers.token_mask(lengths, 9)[:, :, None]
    torch.testing.assert_close(layer(values, lengths) * mask, expected, atol=1e-6, rtol=0)


def test_one_dropout_mask_a_review():
    torch.manual_seed(0)
    dropout = layers.SequenceDropout(0.5, "review").train()
    out = dropout(torch.ones(4, 7, 16))
    assert torch.equal(out, out[:, :1].expand_as(out))
    assert set(out.unique().tolist()) == {0.0, 2.0}


def test_a_fresh_dropout_mask_for_every_token():
    torch.manual_seed(0)
    out = layers.SequenceDropout(0.5, "element").train()(torch.ones(4, 7, 16))
    assert not torch.equal(out, out[:, :1].expand_as(out))


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.8])
def test_dropout_of_elements_keeps_the_mean_and_repeats_with_the_seed(rate):
    dropout = layers.SequenceDropout(rate, "element").train()
    torch.manual_seed(0)
    first = dropout(torch.ones(8, 50, 100))
    second = dropout(torch.ones(8, 50, 100))
    torch.manual_seed(0)
    assert torch.equal(dropout(torch.ones(8, 50, 100)), first)
    assert not torch.equal(first, second)
    assert float((first == 0).float().mean()) == pytest.approx(rate, abs=0.01)
    torch.testing.assert_close(first.unique(), torch.tensor([0.0, 1 / (1 - rate)]))


def test_dropout_rests_in_evaluation():
    values = torch.randn(2, 3, 4)
    assert layers.SequenceDropout(0.9, "review").eval()(values) is values


def test_word_dropout_hides_words_but_never_padding():
    torch.manual_seed(0)
    embedding = layers.TokenEmbedding(50, 3, word_dropout=0.5).train()
    ids = torch.tensor([[5] * 200 + [0] * 200])
    vectors = embedding(ids)[0]
    hidden = (vectors[:200] == embedding.weight[1]).all(dim=1)
    kept = (vectors[:200] == embedding.weight[5]).all(dim=1)
    assert bool((hidden | kept).all())
    assert 70 <= int(hidden.sum()) <= 130
    assert not vectors[200:].any()


def test_entry_dropout_drops_a_word_everywhere_or_nowhere():
    torch.manual_seed(0)
    embedding = layers.TokenEmbedding(40, 3, entry_dropout=0.5).train()
    ids = torch.arange(2, 40).repeat(2, 1)
    vectors = embedding(ids)
    assert torch.equal(vectors[0], vectors[1])
    ratio = vectors[0] / embedding.weight[2:]
    assert set(ratio.round().unique().tolist()) == {0.0, 2.0}


def test_attention_weighs_true_tokens_only():
    pooling = layers.AttentionPooling(2)
    with torch.no_grad():
        pooling.score.weight.copy_(torch.tensor([[1.0, 0.0]]))
        pooling.score.bias.zero_()
    states = torch.tensor([[[0.0, 1.0], [0.0, 3.0], [50.0, 100.0]]])
    assert pooling(states, torch.tensor([2])).tolist() == [[0.0, 2.0]]


# oneDNN has no bfloat16 LSTM for a processor without the instructions.
BFLOAT16 = pytest.param(
    True,
    marks=pytest.mark.skipif(
        not torch.cpu._is_avx512_bf16_supported(), reason="no bfloat16 instructions"
    ),
)


@pytest.mark.parametrize("half", [False, BFLOAT16])
def test_both_directions_at_once_equal_one_after_the_other(half):
    torch.manual_seed(2)
    first, second = nn.LSTM(4, 6, batch_first=True), nn.LSTM(4, 6, batch_first=True)
    weights = [*first.parameters(), *second.parameters()]
    inputs = [torch.randn(3, 9, 4, requires_grad=True) for _ in range(2)]
    weighing = torch.randn(2, 3, 9, 6)

    def results(threads):
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            with torch.autocast("cpu", torch.bfloat16, enabled=half):
                outputs = run_both(first, second, (inputs[0], inputs[1]))
            score = sum((out.float() * w).sum() for out, w in zip(outputs, weighing, strict=True))
            return outputs, torch.autograd.grad(score, [*inputs, *weights])
        finally:
            torch.set_num_threads(before)

    sequential, concurrent = results(1), results(2)
    assert concurrent[0][0].dtype == (torch.bfloat16 if half else torch.float32)
    for expected, got in zip(
        [*sequential[0], *sequential[1]], [*concurrent[0], *concurrent[1]], strict=True
    ):
        torch.testing.assert_close(got, expected, atol=1e-6, rtol=1e-5)


def test_both_directions_at_once_without_gradients():
    layer = layers.LSTMLayer(4, 6, True)
    with torch.no_grad():
        states = layer(torch.randn(2, 5, 4), torch.tensor([5, 2]))
    assert not states.requires_grad
