"""Arrays that several tests make."""

import numpy as np


def normal(rng, *shape):
    """Normal numbers, float32."""
    return rng.normal(size=shape).astype(np.float32)


def noise(rng, *shape):
    """Random pixels, uint8."""
    return rng.integers(0, 256, shape, np.uint8)


def noise_pictures(*shape):
    """Random pixels, uint8, always the same."""
    return noise(np.random.default_rng(1), *shape)


def values(network):
    """Copies of a network's weights."""
    return [np.array(weight) for weight in network.get_weights()]
