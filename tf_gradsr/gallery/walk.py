"""Walks from sample to sample through the space of z, and back to the first."""

import numpy as np


def slerp(start, end, share: float) -> np.ndarray:
    """The noise vector at `share` of the way: direction along the great circle, length in proportion.

    A straight line between two normal vectors leads through shorter ones, which G rarely saw
    (White 2016, "Sampling Generative Networks").

    Args:
        start, end: float32 `[m]`.
        share: in [0, 1].

    Returns:
        float32 `[m]`. Vectors without an angle between them (zero, parallel, opposite) are mixed linearly.
    """
    start, end = np.asarray(start, np.float64), np.asarray(end, np.float64)
    lengths = np.linalg.norm(start), np.linalg.norm(end)
    straight = (1 - share) * start + share * end
    if min(lengths) == 0:
        return straight.astype(np.float32)
    cosine = np.clip(np.dot(start / lengths[0], end / lengths[1]), -1.0, 1.0)
    angle = np.arccos(cosine)
    if np.sin(angle) < 1e-6:
        return straight.astype(np.float32)
    ways = np.sin([(1 - share) * angle, share * angle]) / np.sin(angle)
    direction = ways[0] * start / lengths[0] + ways[1] * end / lengths[1]
    return (((1 - share) * lengths[0] + share * lengths[1]) * direction).astype(np.float32)


def closed_walk(z, frames: int):
    """Yields each noise vector, then `frames` between it and the next; from the last back to the first.

    Args:
        z: float32 `[N, m]`, N >= 2.
        frames: int >= 0.

    Yields:
        float32 `[m]`, N * (frames + 1) times.
    """
    for start, end in zip(z, np.roll(z, -1, axis=0)):
        yield start
        for number in range(1, frames + 1):
            yield slerp(start, end, number / (frames + 1))
