"""KID over any number of pictures: the distance between two sets, in bounded memory, with its interval."""

from typing import Optional

import numpy as np

from tf_gradsr import metrics
from tf_gradsr.evaluation.bootstrap import REPLICATES, BootstrapMean, Figure, with_sample
from tf_gradsr.metrics.kid import KID_UNIT

# Pictures that are paired with each other; more are cut into blocks, whose pairs all count the same.
BLOCK = 1000


class SetDistance:
    """Accumulates KID (`metrics.kid_terms`) of the pictures of one row.

    Up to `BLOCK` pictures give the estimate over all pairs. With more, each block gives one, as is usual for
    large sets: the estimate is unbiased for a block of any size, and so is their mean.

    The interval is the bootstrap's: a pair counts as often as the product of its pictures' counts, and a
    picture never meets a copy of itself. The interval is rough if the distance is near 0.

    Args:
        replicates: R, as in the weights that are added.
    """

    def __init__(self, replicates: int = REPLICATES):
        self._mean = BootstrapMean(replicates)
        self._held = []

    def add(self, weights, truth, features) -> None:
        """Adds pictures.

        Args:
            weights: float64 `[B, R]`, `poisson_weights`.
            truth: float32 `[B, d]`, features of the truths.
            features: float32 `[K, B, d]`, of K pictures made from each; the distance is the mean over K.
        """
        self._held.append((weights, truth, features))
        while sum(len(held) for held, *_ in self._held) >= BLOCK:
            self._join()
            ((weights, truth, features),) = self._held
            self._pair(weights[:BLOCK], truth[:BLOCK], features[:, :BLOCK])
            self._held = [(weights[BLOCK:], truth[BLOCK:], features[:, BLOCK:])]

    def figure(self) -> Optional[Figure]:
        """KID times 1000; None if there is no pair. Nothing can be added afterwards."""
        if self._held:
            self._join()
            self._pair(*self._held.pop())
        return self._mean.figure()

    def _join(self):
        weights, truth, features = zip(*self._held)
        self._held = [(np.concatenate(weights), np.concatenate(truth), np.concatenate(features, axis=1))]

    def _pair(self, weights, truth, features):
        """Adds all pairs of a block."""
        terms = KID_UNIT * np.mean([metrics.kid_terms(truth, each) for each in features], axis=0)
        weights = with_sample(weights)
        # Both sums are over pairs of different pictures; the terms of other pairs are 0.
        values = np.sum(weights * (terms @ weights), axis=0)
        pairs = np.sum(weights, axis=0) ** 2 - np.sum(weights**2, axis=0)
        self._mean.add_sums(np.stack([values, pairs]), len(weights))
