"""Batches for plain Keras programs, whose `tf.data` holds pairs (lr, hr)."""

import tensorflow as tf

from tf_gradsr import ops
from tf_gradsr.augmentation import DRAWS


def batch_of_pair(pair, seed: int, step, z_size: int) -> dict:
    """Makes a training batch from a pair (lr, hr), with noise and augmentation drawn from seed and step.

    For one device only: under a strategy, every replica would draw the same. `training_batches` makes batches
    for all of them.

    Args:
        pair: (lr `[B, h, w, 3]`, hr `[B, H, W, 3]`), uint8, or float in [-1, 1].
        seed: `train.seed`, at least 0 and below 2**31.
        step: int64 scalar tensor, training steps done.
        z_size: m.

    Returns:
        Dict of float32: `lr` and `hr` in [-1, 1], `z` `[B, 2, m]`, normal, and `augmentation` `[B, 7]`,
        uniform in [0, 1).
    """
    lr, hr = (ops.to_float(x) if x.dtype == tf.uint8 else tf.cast(x, tf.float32) for x in pair)
    count = tf.shape(lr)[0]
    # Seeds are below 2**31, so the two never draw from one stream.
    seeds = [tf.stack([tf.constant(seed + (n << 32), tf.int64), step]) for n in (0, 1)]
    noise = tf.random.stateless_normal([count, 2, z_size], seeds[0], alg="philox")
    draws = tf.random.stateless_uniform([count, DRAWS], seeds[1], alg="philox")
    # A static batch size, since the samples of a step share one batch.
    lr, hr, noise, draws = (tf.ensure_shape(x, [lr.shape[0], *x.shape[1:]]) for x in (lr, hr, noise, draws))
    return {"lr": lr, "hr": hr, "z": noise, "augmentation": draws}
