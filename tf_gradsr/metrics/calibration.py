"""Whether samples differ as much as they should: spread against error, overall and by the predicted spread.

For samples of the true posterior, the truth is one more sample. So the variance over samples is the mean
squared error of their expectation, and the mean of P samples has a known advantage over a single one.
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tf_gradsr.metrics.checks import checked_samples
from tf_gradsr.metrics.pictures import mean_of_each
from tf_gradsr.sampling import sample_variance

# Samples in the mean that is compared with a single one.
MEAN_OF = 8
# Pixels are sorted into bins of one grey level of standard deviation; the last one takes all above it too.
BINS = 64
# Two for each half of `reliability_sums`.
LEAST_SAMPLES = 4


def spread_error(samples, reconstruction, truth) -> tuple:
    """The two parts of spread/error: the root of the ratio of their means over pictures.

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
    return mean_of_each(sample_variance(samples)), mean_of_each(tf.square(error))


def gain_of_mean(samples, truth) -> tuple:
    """The two parts of the gain of the mean of P samples over one: 10 log10 of the ratio of their means.

    P is 8, or the number of samples if there are fewer. `right_gain` is the gain that it should be.

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
    return one, mean_of_each(tf.square(tf.reduce_mean(errors, axis=1)))


def right_gain(count: int) -> float:
    """The gain in dB of the mean of P samples of a true posterior over one: 10 log10(2P / (P + 1)).

    The squared error of one sample is twice the posterior's variance, that of the mean of P is (1 + 1/P)
    times the variance (Bendel, Ahmad and Schniter 2023, rcGAN). 2.50 dB for P = 8.
    """
    return float(10.0 * np.log10(2.0 * count / (count + 1.0)))


def reliability_sums(samples, truth):
    """Sums of predicted and actual squared errors of pixels and colours, in bins of their uncertainty.

    The samples are divided into two halves. One half's standard deviation chooses the bin; the other half
    gives the predicted squared error, its unbiased variance, and the actual one, its mean's squared error
    times n / (n + 1): the squared error of the mean of n samples of a true posterior is (1 + 1/n) times the
    variance (Fortin et al. 2014). Then the halves change places, and both results are added. If the same
    samples did both, bins of large standard deviation would hold pixels that have it by chance, and the true
    posterior would look too sure in the low bins and too careful in the high ones. The error is that of the
    mean and not of z = 0, so that both sides are figures of the samples only.

    Args:
        samples: uint8 `[B, N, H, W, 3]`, N >= `LEAST_SAMPLES`.
        truth: uint8 `[B, H, W, 3]`.

    Returns:
        float64 `[B, BINS, 3]`: number of values, two for each pixel and colour; sum of predicted squared
        errors; sum of actual ones, grey levels squared.

    Raises:
        ValueError: not uint8, shapes that do not fit, or too few samples.
    """
    samples, truth = checked_samples(samples, truth)
    count = samples.shape[1]
    if count is not None and count < LEAST_SAMPLES:
        raise ValueError(f"Two halves with a spread need {LEAST_SAMPLES} samples. Received: {count}.")

    def of_picture(pair):
        # One picture at a time: its samples are held as float32.
        images, true = (x[tf.newaxis] for x in pair)
        half = tf.shape(images)[1] // 2
        first, second = images[:, :half], images[:, half:]
        return _sums_by_spread(first, second, true) + _sums_by_spread(second, first, true)

    return tf.map_fn(of_picture, (samples, truth), fn_output_signature=tf.float64)


def _sums_by_spread(chooser, half, truth):
    """float64 `[BINS, 3]` of one picture: a half's squared errors, in the bins that the chooser gives."""
    count = tf.cast(tf.shape(half)[1], tf.float32)
    predicted = sample_variance(half)
    error = tf.reduce_mean(tf.cast(half, tf.float32), axis=1) - tf.cast(truth, tf.float32)
    actual = tf.square(error) * count / (count + 1.0)
    values = tf.stack([tf.ones_like(predicted), predicted, actual], axis=-1)
    bins = tf.minimum(tf.cast(tf.sqrt(sample_variance(chooser)), tf.int32), BINS - 1)
    # Sums over a large picture's pixels need more than float32.
    values = tf.cast(tf.reshape(values, [-1, 3]), tf.float64)
    # On GPUs, the order of the additions and so the last digits may change from run to run.
    with tf.device("CPU:0"):
        return tf.math.unsorted_segment_sum(values, tf.reshape(bins, [-1]), BINS)


class Bin(NamedTuple):
    """The pixels and colours of about the same uncertainty."""

    count: int
    """Number of values."""
    predicted: float
    """Root mean square of the samples' standard deviation, grey levels."""
    actual: float
    """Root mean square error of the samples' mean, corrected for their number, grey levels."""


class Reliability:
    """Adds up `reliability_sums` of any number of pictures; for a true posterior, actual equals predicted."""

    def __init__(self):
        self._sums = np.zeros((BINS, 3))

    def add(self, sums) -> None:
        """Adds float64 `[B, BINS, 3]`."""
        self._sums += np.sum(sums, axis=0)

    def bins(self) -> list:
        """A `Bin` for each grey level of standard deviation that occurred, from low to high."""
        return [
            Bin(int(count), float(np.sqrt(predicted / count)), float(np.sqrt(actual / count)))
            for count, predicted, actual in self._sums
            if count
        ]
