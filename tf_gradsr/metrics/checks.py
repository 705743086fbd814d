"""Checks that several measures share."""

import tensorflow as tf


def checked_samples(samples, truth) -> tuple:
    """Returns samples and their truth as tensors, checked.

    Args:
        samples: uint8 `[B, N, H, W, 3]`.
        truth: uint8 `[B, H, W, 3]`.

    Raises:
        ValueError: not uint8, or shapes that do not fit.
    """
    samples, truth = tf.convert_to_tensor(samples), tf.convert_to_tensor(truth)
    if samples.dtype != tf.uint8 or truth.dtype != tf.uint8:
        raise ValueError(
            "samples and truth must be uint8; see ops.to_uint8. "
            f"Received: samples {samples.dtype.name}, truth {truth.dtype.name}."
        )
    fit = samples.shape.rank == 5 and truth.shape.rank == 4
    if not fit or not (samples.shape[:1] + samples.shape[2:]).is_compatible_with(truth.shape):
        raise ValueError(
            "samples must be [B, N, H, W, 3] and truth [B, H, W, 3]. "
            f"Received: samples {samples.shape}, truth {truth.shape}."
        )
    return samples, truth
