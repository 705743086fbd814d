"""The continuous ranked probability score: one figure for samples that must be both close and calibrated."""

import tensorflow as tf

from tf_gradsr.metrics.checks import checked_samples


def fair_crps(samples, truth):
    """Fair continuous ranked probability score, mean over pixels and colours.

    `E|X - y| - 1/2 E|X - X'|`, X and X' independent samples, y the truth (Gneiting and Raftery 2007).
    The second mean is over the N (N - 1) / 2 pairs of distinct samples, so that the expected score does not
    depend on N ("fair": Ferro 2014), and is found by sorting: over all pairs
    `sum |x_i - x_j| = sum_k (2k - N + 1) x_(k)`, k from 0. Samples of the true posterior score best. With one
    sample nothing is subtracted: a model with one answer scores its mean absolute error.

    Args:
        samples: uint8 `[B, N, H, W, 3]`, N >= 1.
        truth: uint8 `[B, H, W, 3]`.

    Returns:
        float32 `[B]`, grey levels. Being unbiased, it may fall a little below 0.

    Raises:
        ValueError: not uint8, shapes that do not fit, or no sample.
    """
    samples, truth = checked_samples(samples, truth)
    if samples.shape[1] == 0:
        raise ValueError("A score needs one sample or more. Received: 0.")
    levels = tf.cast(samples, tf.float32)
    error = tf.reduce_mean(tf.abs(levels - tf.cast(truth, tf.float32)[:, None]), axis=[1, 2, 3, 4])
    count = tf.cast(tf.shape(levels)[1], tf.float32)
    ranks = 2.0 * tf.range(count) - count + 1.0
    differences = tf.tensordot(tf.sort(levels, axis=1), ranks, [[1], [0]])  # [B, H, W, 3], sum over pairs
    # Division by twice the number of pairs gives half their mean.
    return error - tf.math.divide_no_nan(tf.reduce_mean(differences, axis=[1, 2, 3]), count * (count - 1.0))
