"""The diversity score of one-to-many super-resolution (NTIRE 2021) and a distance for it."""

import tensorflow as tf

from tf_gradsr.metrics.checks import checked_samples


def diversity_score(distances):
    """How much better the best sample of each pixel is than the best sample of the picture, in percent.

    `(global - local) / global * 100`, where global is the least mean distance of a sample, and local the
    mean over pixels of the least distance: the score of the NTIRE 2021 challenge on learning the
    super-resolution space (Lugmayr, Danelljan, Timofte 2021), which uses AlexNet's LPIPS maps and takes the
    mean over pictures. It grows with N: compare only at the same N (10 in the challenge).

    Args:
        distances: float32 `[B, N, H, W]`, >= 0: a map of distances to the truth for each of N >= 1 samples,
            such as `LPIPS.maps` or `squared_error_maps`. Their unit cancels.

    Returns:
        float32 `[B]` in [0, 100]. 0 for one sample or equal ones, and, by our definition, if a sample is the
        truth itself (global = 0), since nothing is left to gain.

    Raises:
        ValueError: not `[B, N, H, W]`, or no sample.
    """
    distances = tf.convert_to_tensor(distances, tf.float32)
    if distances.shape.rank != 4 or distances.shape[1] == 0:
        raise ValueError(
            "distances must be [B, N, H, W], a map for each of one sample or more. "
            f"Received: distances {distances.shape}."
        )
    global_best = tf.reduce_min(tf.reduce_mean(distances, axis=[2, 3]), axis=1)
    local_best = tf.reduce_mean(tf.reduce_min(distances, axis=1), axis=[1, 2])
    # The two means may be rounded differently.
    gain = tf.maximum(global_best - local_best, 0.0)
    return tf.math.divide_no_nan(gain, global_best) * 100.0


def squared_error_maps(samples, truth):
    """Squared error of each pixel of each sample, the mean over its colours; its mean over pixels is the MSE.

    Args:
        samples: uint8 `[B, N, H, W, 3]`.
        truth: uint8 `[B, H, W, 3]`.

    Returns:
        float32 `[B, N, H, W]` in grey levels squared, 0 to 65025.

    Raises:
        ValueError: not uint8, or shapes that do not fit.
    """
    samples, truth = checked_samples(samples, truth)
    error = tf.cast(samples, tf.float32) - tf.cast(truth, tf.float32)[:, None]
    return tf.reduce_mean(tf.square(error), axis=-1)
