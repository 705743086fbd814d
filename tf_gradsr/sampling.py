"""Noise vectors, and the mean and the spread of samples."""

import numbers

import numpy as np
import tensorflow as tf


def noise_vector(seed, z_size: int):
    """Returns the noise vector of a seed, with TensorFlow operations only.

    Args:
        seed: int32 `[2]`: the samples' common seed, the sample's number.
        z_size: m.

    Returns:
        float32 `[m]`, normal.
    """
    # The algorithm is named, because the automatic choice depends on the device.
    return tf.random.stateless_normal([z_size], seed, alg="philox")


def noise_vectors(num_samples: int, seed: int, z_size: int) -> np.ndarray:
    """The noise vectors of a seed; the i-th depends on seed and i alone.

    Args:
        num_samples: N >= 1. seed: int in [0, 2^31). z_size: m.

    Returns:
        float32 `[N, m]`, normal.

    Raises:
        ValueError: num_samples below 1, a seed out of range, or one of them not a whole number.
    """
    for name, value in (("num_samples", num_samples), ("seed", seed)):
        if not isinstance(value, numbers.Integral):
            raise ValueError(f"{name} must be a whole number. Received: {name}={value!r}.")
    if num_samples < 1:
        raise ValueError(f"num_samples must be >= 1. Received: num_samples={num_samples}.")
    if not 0 <= seed < 2**31:
        raise ValueError(f"seed must be in [0, 2^31). Received: seed={seed}.")
    return np.stack([noise_vector([seed, i], z_size) for i in range(num_samples)])


def sample_variance(samples):
    """The unbiased variance over samples of each pixel and colour, in grey levels of 255 squared.

    Args:
        samples: uint8 `[B, N, H, W, 3]`, N >= 2; or an N that only the graph knows, where 1 gives 0.

    Returns:
        float32 `[B, H, W, 3]`, >= 0.

    Raises:
        ValueError: fewer than two samples.
    """
    count = samples.shape[1]
    if count is not None and count < 2:
        raise ValueError(f"A spread needs two samples or more. Received: {count}.")
    variance = tf.math.reduce_variance(tf.cast(samples, tf.float32), axis=1)
    count = tf.cast(tf.shape(samples)[1], tf.float32)
    return variance * count / tf.maximum(count - 1.0, 1.0)


class RunningSpread:
    """Mean and spread of samples from running integer sums: exact, in any order, in constant memory.

    Args:
        shape: of a sample, such as (H, W, 3).
    """

    def __init__(self, shape):
        self.count = 0
        self._sum = np.zeros(shape, np.int64)
        self._squares = np.zeros(shape, np.int64)

    def add(self, image) -> None:
        """Takes in one uint8 sample."""
        self.count += 1
        self._sum += image
        self._squares += np.square(image, dtype=np.uint16)

    def mean(self) -> np.ndarray:
        """The mean, float32, 0-255."""
        return (self._sum / self.count).astype(np.float32)

    def stddev(self) -> np.ndarray:
        """The standard deviation, float32, grey levels: root of the unbiased variance. Needs two samples."""
        # Row by row, to save memory.
        return np.stack([self._stddev(*row) for row in zip(self._sum, self._squares)])

    def _stddev(self, total, squares):
        variance = (self.count * squares - np.square(total)) / (self.count * (self.count - 1))
        return np.sqrt(variance).astype(np.float32)


def mean_and_stddev(images) -> tuple:
    """Mean and standard deviation over samples, for each pixel and colour.

    Args:
        images: uint8 `[B, N, H, W, 3]`.

    Returns:
        (float32 `[B, H, W, 3]`, 0-255; float32 `[B, H, W, 3]`, root of the unbiased variance, 0 for N = 1).
    """
    spread = RunningSpread(images[:, 0].shape)
    for n in range(images.shape[1]):
        spread.add(images[:, n])
    return spread.mean(), spread.stddev() if spread.count > 1 else np.zeros_like(spread.mean())
