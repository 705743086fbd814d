"""Whether samples differ as much as they should: spread against error, in sum and by the predicted spread.

For samples of the true posterior the truth is one more sample. So the variance over samples is the mean
squared error of their expectation, and a mean of P samples has a known advantage over a single one.
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tf_gradsr.metrics.checks import checked_samples
from tf_gradsr.metrics.pictures import sample_variance

# Samples in the mean that is compared with a single one.
MEAN_OF = 8
# Predicted standard deviations are sorted into bins of one grey level; the last one takes all above, too.
BINS = 64


def spread_error(samples, reconstruction, truth) -> tuple:
    """The two parts of spread/error: root of the first's mean over pictures by root of the second's.

    The RMS standard deviation of the samples over the RMSE of the reconstruction: 1 for samples of the true
    posterior around its mean, less for a model that is too sure.

    Args:
        samples: uint8 `[B, N, H, W, 3]`, N >= 2.
        reconstruction, truth: uint8 `[B, H, W, 3]`.

    Returns:
        (variance, squared error): float32 `[B]`, grey levels squared, means over pixels and colours.
    """
    samples, truth = checked_samples(samples, truth)
    error = tf.cast(reconstruction, tf.float32) - tf.cast(truth, tf.float32)
    return _mean_of_each(sample_variance(samples)), _mean_of_each(tf.square(error))


def gain_of_mean(samples, truth) -> tuple:
    """The two parts of the gain of the mean of P samples over one: 10 log10 of the ratio of their means.

    P is 8, or all samples where there are fewer. `right_gain` is what the ratio should come to.

    Args:
        samples: uint8 `[B, N, H, W, 3]`, N >= 1.
        truth: uint8 `[B, H, W, 3]`.

    Returns:
        (squared error of one sample, mean over P of them; squared error of their mean): float32 `[B]`, grey
        levels squared.
    """
    samples, truth = checked_samples(samples[:, :MEAN_OF], truth)
    errors = tf.cast(samples, tf.float32) - tf.cast(truth, tf.float32)[:, None]
    one = tf.reduce_mean(tf.square(errors), axis=[1, 2, 3, 4])
    return one, _mean_of_each(tf.square(tf.reduce_mean(errors, axis=1)))


def right_gain(count: int) -> float:
    """The gain in dB of the mean of P samples of a true posterior over one: 10 log10(2P / (P + 1)).

    Around the posterior's mean one sample has twice its variance as squared error, the mean of P has
    (1 + 1/P) times (Bendel, Ahmad and Schniter 2023, rcGAN). 2.50 dB for P = 8.
    """
    return float(10.0 * np.log10(2.0 * count / (count + 1.0)))


def reliability_sums(samples, truth):
    """Predicted and actual squared errors of pixels and colours, added up by predicted standard deviation.

    Predicted: the unbiased variance over the samples. Actual: the squared error of the samples' mean, times
    N / (N + 1): the mean of N samples of a true posterior has (1 + 1/N) times its variance as squared error
    (Fortin et al. 2014). The mean and not z = 0, because both sides are then figures of the samples alone.

    Args:
        samples: uint8 `[B, N, H, W, 3]`, N >= 2.
        truth: uint8 `[B, H, W, 3]`.

    Returns:
        float64 `[B, BINS, 3]`: how many values, the sum of predicted, the sum of actual squared errors, grey
        levels squared.
    """
    samples, truth = checked_samples(samples, truth)
    count = tf.cast(tf.shape(samples)[1], tf.float32)
    predicted = sample_variance(samples)
    error = tf.reduce_mean(tf.cast(samples, tf.float32), axis=1) - tf.cast(truth, tf.float32)
    actual = tf.square(error) * count / (count + 1.0)
    # Sums over a large picture's pixels need more than float32.
    values = tf.stack([tf.ones_like(predicted), predicted, actual], axis=-1)  # [B, H, W, 3, 3]
    values = tf.cast(tf.reshape(values, [tf.shape(values)[0], -1, 3]), tf.float64)
    bins = tf.minimum(tf.cast(tf.sqrt(predicted), tf.int32), BINS - 1)
    bins = tf.reshape(bins, [tf.shape(bins)[0], -1])
    return tf.map_fn(
        lambda pair: tf.math.unsorted_segment_sum(*pair, BINS), (values, bins), fn_output_signature=tf.float64
    )


class Bin(NamedTuple):
    """The pixels and colours of one predicted standard deviation."""

    count: int
    """How many values."""
    predicted: float
    """Root mean square of the predicted standard deviations, grey levels."""
    actual: float
    """Root mean square error of the samples' mean, corrected for their number, grey levels."""


class Reliability:
    """Adds up `reliability_sums` of any number of pictures.

    For a true posterior `actual` is `predicted` in every bin, but for chance: a standard deviation over few
    samples is itself uncertain, so that the highest ones are too high and the curve bends down there. It is
    left so, because it is what the reader of an uncertainty map sees: the error where the map says so much.
    """

    def __init__(self):
        self._sums = np.zeros((BINS, 3))

    def add(self, sums) -> None:
        """Takes in float64 `[B, BINS, 3]`."""
        self._sums += np.sum(sums, axis=0)

    def bins(self) -> list:
        """A `Bin` for each grey level of predicted standard deviation that occurred, from low to high."""
        return [
            Bin(int(count), float(np.sqrt(predicted / count)), float(np.sqrt(actual / count)))
            for count, predicted, actual in self._sums
            if count
        ]


def _mean_of_each(tensor):
    return tf.reduce_mean(tensor, axis=[1, 2, 3])
