"""Noise vectors, and the mean and the spread of samples."""

import numpy as np
import tensorflow as tf


def noise_vector(seed, z_size: int):
    """The noise vector of a seed, in TensorFlow's operations alone.

    Args:
        seed: int32 `[2]`: the samples' common seed, the sample's number.
        z_size: m.

    Returns:
        float32 `[m]`, normal.
    """
    # The algorithm is named, because the automatic choice depends on the device.
    return tf.random.stateless_normal([z_size], seed, alg="philox")


def mean_and_stddev(images) -> tuple:
    """Mean and standard deviation over samples, a pixel and colour each.

    Args:
        images: uint8 `[B, N, H, W, 3]`.

    Returns:
        (float32 `[B, H, W, 3]`, 0-255; float32 `[B, H, W, 3]`, root of the unbiased variance, 0 for N = 1).
    """
    count = images.shape[1]
    mean = images.mean(axis=1, dtype=np.float32)
    if count == 1:
        return mean, np.zeros_like(mean)
    squares = sum(np.square(images[:, n] - mean) for n in range(count))
    return mean, np.sqrt(squares / (count - 1))
