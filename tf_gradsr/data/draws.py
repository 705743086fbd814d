"""Random numbers that belong to one example: functions of a stream, a seed and the example's number."""

import tensorflow as tf

# Independent streams of random numbers under one seed.
ORDER, FLIP, TRAINING_NOISE, EVALUATION_NOISE, DEGRADATION, MISALIGNMENT, AUGMENTATION, SENSOR = range(8)
# For what evaluation draws, instead of a run's own seed: all runs are measured on the same pictures.
EVALUATION_SEED = 2**31


def random_seed(stream, seed, number):
    """Seed of a stateless draw, int64 `[2]`; seeds are below 2**32, so streams never meet."""
    return tf.stack([tf.constant(seed + (stream << 32), tf.int64), number])


def normal(stream, seed, number, shape):
    """Normal numbers that belong to one example, float32 of the given shape."""
    # The algorithm is named, because the automatic choice depends on the device.
    return tf.random.stateless_normal(shape, random_seed(stream, seed, number), alg="philox")


def uniform(stream, seed, number, count):
    """Numbers in [0, 1) that belong to one example, float32 `[count]`."""
    return tf.random.stateless_uniform([count], random_seed(stream, seed, number), alg="philox")
