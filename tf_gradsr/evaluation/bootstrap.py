"""Means and their 95 % intervals over any number of pictures, in constant memory."""

# The tests compare with SciPy's bootstrap, but it is not used: it needs all pictures at once, and for KID all
# their pairs (8 MB for each column and row of a thousand pictures). Here one resampling serves means and
# pairs.

from typing import Callable, NamedTuple, Optional

import numpy as np

REPLICATES = 1000
PERCENTILES = (2.5, 97.5)


class Figure(NamedTuple):
    """A mean over pictures and its 95 % interval, in the measure's unit."""

    mean: float
    low: Optional[float]
    """None for a single picture, which tells nothing about others."""
    high: Optional[float]

    def mapped(self, function: Callable[[float], float]) -> "Figure":
        """The figure of an increasing function of the mean, which maps percentiles to percentiles."""
        return Figure(*(value if value is None else float(function(value)) for value in self))


def poisson_weights(seed: int, numbers, replicates: int = REPLICATES) -> np.ndarray:
    """Draws how often each picture occurs in each replicate.

    The classical bootstrap draws n pictures with replacement, so a picture's count is binomial(n, 1/n), which
    for many pictures is Poisson(1). Counts drawn independently do not need n, so pictures can be streamed
    (Chamandy et al. 2012, "Estimating uncertainty for massive data streams").

    Args:
        seed: int >= 0. numbers: the pictures' numbers, B ints >= 0. replicates: R.

    Returns:
        float64 `[B, R]`, whole numbers; a picture's counts depend on the seed and its number only, so all
        measures and models are resampled alike.
    """
    rows = [np.random.Generator(np.random.Philox(key=[seed, n])).poisson(1.0, replicates) for n in numbers]
    return np.stack(rows).astype(np.float64)


def with_sample(weights) -> np.ndarray:
    """Adds the sample itself, in which each picture occurs once, as replicate 0.

    Args:
        weights: float64 `[B, R]`, `poisson_weights`.

    Returns:
        float64 `[B, 1 + R]`.
    """
    return np.concatenate([np.ones((len(weights), 1)), weights], axis=1)


class BootstrapMean:
    """The mean over pictures of one measure, or the ratio of two means, and its 95 % percentile interval.

    Args:
        replicates: R, as in the weights that are added.
    """

    def __init__(self, replicates: int = REPLICATES):
        # Column 0 is the sample itself, the others are its replicates.
        self._sums = np.zeros((2, replicates + 1))
        self._count = 0

    def add(self, weights, values, of=None) -> None:
        """Adds pictures.

        Args:
            weights: float64 `[B, R]`, `poisson_weights`.
            values: `[B]`, finite.
            of: `[B]`, the denominators of a ratio of means; None: 1 each.

        Raises:
            ValueError: a value is not finite.
        """
        parts = np.stack([values, np.ones(len(values)) if of is None else of]).astype(np.float64)
        if not np.isfinite(parts).all():
            raise ValueError(f"Measures must be finite. Received: {parts[:, ~np.isfinite(parts).all(0)]}.")
        self.add_sums(parts @ with_sample(weights), len(weights))

    def add_sums(self, sums, count: int) -> None:
        """Adds sums over pictures, in the sample and in each replicate.

        Args:
            sums: float64 `[2, 1 + R]`, sums of values and of denominators. count: number of pictures.
        """
        self._sums += sums
        self._count += count

    def figure(self) -> Optional[Figure]:
        """The mean and its interval; None if nothing was added or all denominators are 0."""
        (total, *totals), (size, *sizes) = self._sums
        if size == 0:
            return None
        totals, sizes = np.array(totals), np.array(sizes)
        # With very few pictures a replicate may hold none of them.
        held = sizes > 0
        if self._count < 2 or not held.any():
            return Figure(float(total / size), None, None)
        low, high = np.percentile(totals[held] / sizes[held], PERCENTILES)
        return Figure(float(total / size), float(low), float(high))
