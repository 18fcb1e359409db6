"""The language model that a classifier starts from: two LSTMs that guess the next word.

One reads forwards, the other backwards; they share the token vectors, which also serve as the
output layer (Press and Wolf, "Using the Output Embedding to Improve Language Models", 2017).
Parameters that a classifier has too carry the classifier's names. Regularisation follows Merity,
Keskar and Socher, "Regularizing and Optimizing LSTM Language Models" (2017).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from undertone.config import RunConfig
from undertone.networks import gpu_lstm
from undertone.networks.layers import LSTMLayer, TokenEmbedding
from undertone.networks.sampled_softmax import sampled_softmax_loss
from undertone.settings import PretrainConfig

State = tuple[Tensor, Tensor]


class Noise(NamedTuple):
    """What one step of one direction draws at random.

    ``words`` (V, 1), ``inputs`` (B, 1, E), ``recurrence`` (4H, H) and ``outputs`` (B, 1, H) are
    factors, 0 or 1 / (1 - rate); where a rate is 0 its factor is the scalar 1. ``negatives`` int64
    (N,), rising, are the distinct words that targets are told from.
    """

    words: Tensor
    inputs: Tensor
    recurrence: Tensor
    outputs: Tensor
    negatives: Tensor


class LanguageModel(nn.Module):
    """Predicts each next word in one or two directions.

    It has the token vectors and the first layer of ``config.network`` and no layer above: in a
    second one each direction would have seen, through the other, the word that it is to predict.

    Args:
        config: shape and number of drawn words.
        vocabulary: V, number of distinct tokens; token 0 stands between two texts.
        frequencies: float (V,) of how often each token occurs, for the sampled softmax.
    """

    share: Tensor
    log_chance: Tensor

    def __init__(self, config: RunConfig, vocabulary: int, frequencies: Tensor) -> None:
        super().__init__()
        width, hidden = config.network.embedding_dim, config.network.hidden_dim
        self.directions = 2 if config.network.bidirectional else 1
        self.embedding = TokenEmbedding(vocabulary, width)
        self.layers = nn.ModuleList([LSTMLayer(width, hidden, config.network.bidirectional)])
        self.projections = nn.ModuleList(nn.Linear(hidden, width) for _ in range(self.directions))
        self.bias = nn.Parameter(frequencies.clamp(min=1.0).log() - frequencies.sum().log())
        # word2vec's smoothing of the unigram distribution: rare words are drawn more often.
        drawn = frequencies.clamp(min=1.0) ** 0.75
        share = drawn / drawn.sum()
        # Of being among the distinct words that ``negatives`` draws give.
        chance = -torch.expm1(config.pretrain.negatives * torch.log1p(-share))
        self.register_buffer("share", share, persistent=False)
        self.register_buffer("log_chance", chance.log(), persistent=False)

    def start(self, streams: int) -> list[State]:
        """Zero states (1, streams, H) of every direction."""
        shape = (1, streams, self._lstm(0).hidden_size)
        return [
            (self.bias.new_zeros(shape), self.bias.new_zeros(shape)) for _ in range(self.directions)
        ]

    def draw(self, streams: int, settings: PretrainConfig) -> Noise:
        """Draw the noise of one step and one direction from torch's random state."""
        weight, hidden = self.embedding.weight, self._lstm(0).hidden_size
        drawn = (
            _kept(weight, (len(weight), 1), settings.embedding_dropout),
            _kept(weight, (streams, 1, weight.shape[1]), settings.input_dropout),
            _kept(weight, (4 * hidden, hidden), settings.weight_dropout),
            _kept(weight, (streams, 1, hidden), settings.output_dropout),
        )
        words = torch.multinomial(self.share, settings.negatives, replacement=True)
        return Noise(*drawn, negatives=torch.unique(words))

    def parameters_of(self, direction: int) -> list[nn.Parameter]:
        """The parameters that one direction's loss depends on."""
        own = (self._lstm(direction), self.projections[direction])
        shared = [self.embedding.weight, self.bias]
        return shared + [each for module in own for each in module.parameters()]

    def loss(
        self, direction: int, ids: Tensor, targets: Tensor, state: State, noise: Noise
    ) -> tuple[Tensor, State]:
        """Sampled softmax loss of one stretch of text.

        The target competes with words drawn from a smoothed unigram distribution. From every logit
        goes the log of the chance that its word is among those drawn, so that the gradient
        approaches that of the full softmax (Jean et al., "On Using Very Large Target Vocabulary",
        ACL 2015, section 3). For the target too: the loss is then that of telling which of the
        words at hand is the one that followed.

        Args:
            direction: 0 forwards, 1 backwards; ids run in that direction.
            ids: int64 (B, T).
            targets: int64 (B, T), the token after each.
            state: where the stretch before ended.
            noise: see :meth:`draw`.

        Returns:
            Mean loss in nats as a float32 scalar, and the detached state at the end.
        """
        vectors = nn.functional.embedding(ids, self.embedding.weight)
        if noise.words.dim():
            vectors = vectors * nn.functional.embedding(ids, noise.words)
        vectors = vectors * noise.inputs
        states, end = self._read(direction, vectors, state, noise.recurrence)
        guesses = self.projections[direction](states * noise.outputs).flatten(0, 1).float()
        loss = self._sampled(guesses, targets.flatten(), noise.negatives)
        return loss, (end[0].detach().float(), end[1].detach().float())

    def _read(
        self, direction: int, vectors: Tensor, state: State, recurrence: Tensor
    ) -> tuple[Tensor, State]:
        lstm = self._lstm(direction)
        return gpu_lstm.read(lstm, vectors, state, recurrence if recurrence.dim() else None)

    def _sampled(self, guesses: Tensor, targets: Tensor, negatives: Tensor) -> Tensor:
        table = self.embedding.weight
        offsets = self.bias - self.log_chance
        place = torch.full_like(self.share, -1, dtype=torch.int64)
        place[negatives] = torch.arange(len(negatives), device=place.device)
        return sampled_softmax_loss(
            guesses,
            (nn.functional.embedding(targets, table), offsets[targets]),
            (nn.functional.embedding(negatives, table), offsets[negatives]),
            place[targets],
        )

    def full_loss(
        self, direction: int, ids: Tensor, targets: Tensor, state: State
    ) -> tuple[Tensor, State]:
        """As :meth:`loss`, without noise and over the whole vocabulary: log of the perplexity.

        All but the LSTM is in float32 even under autocast, as this figure is reported.
        """
        vectors = nn.functional.embedding(ids, self.embedding.weight)
        states, end = gpu_lstm.read(self._lstm(direction), vectors, state)
        with torch.autocast(ids.device.type, enabled=False):
            guesses = self.projections[direction](states.float()).flatten(0, 1)
            logits = torch.addmm(self.bias, guesses, self.embedding.weight.T)
            loss = nn.functional.cross_entropy(logits, targets.flatten())
        return loss, (end[0].float(), end[1].float())

    def _lstm(self, direction: int) -> nn.LSTM:
        layer = self.layers[0]
        lstm: nn.LSTM = layer.backward_lstm if direction else layer.forward_lstm  # type: ignore[assignment]
        return lstm


def _kept(like: Tensor, shape: tuple[int, ...], rate: float) -> Tensor:
    if rate == 0.0:
        return like.new_ones(())
    return like.new_empty(shape).bernoulli_(1.0 - rate).div_(1.0 - rate)
