"""A network and a bag of n-grams that read the same tokens; their logits add up."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from undertone.inference.bag import BagOfNGrams
from undertone.inference.network import Network

Floats = NDArray[np.float32]


class Wide:
    """Behind the same face as a network's graph. Safe to share by threads.

    Attributes:
        outputs: K, the number of logits.
        alone: the network without the n-grams.
    """

    def __init__(self, network: Network, bag: BagOfNGrams) -> None:
        self.alone = network
        self._bag = bag
        self.outputs = network.outputs

    def logits(self, sequences: Sequence[NDArray[np.integer]]) -> Floats:
        """Float32 (N, K) of the token ids of N texts; an empty one gives zeros."""
        return self.alone.logits(sequences) + self._bag.logits(sequences)

    def contributions(self, ids: NDArray[np.integer]) -> tuple[Floats, Floats, Floats]:
        """Logits float32 (K,), contributions float32 (T, K) and base float32 (K,) of one text."""
        deep, wide = self.alone.contributions(ids), self._bag.contributions(ids)
        return deep[0] + wide[0], deep[1] + wide[1], deep[2] + wide[2]
