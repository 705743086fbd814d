"""Counts the floating-point operations of a graph, by TensorFlow's profiler."""

import contextlib

import tensorflow as tf


def float_operations(graph) -> int:
    """Floating-point operations of one run of a graph; a multiply-add counts as two.

    Convolutions and matrix products, their gradients among them, sums and most operations on single numbers
    are counted; resizing and the inside of `tf.cond` and `tf.while_loop` are not.

    Args:
        graph: of a concrete function whose shapes are all known.
    """
    counted = tf.compat.v1.profiler.ProfileOptionBuilder.float_operation()
    options = tf.compat.v1.profiler.ProfileOptionBuilder(counted).with_empty_output().build()
    with _silent_deprecations():
        return tf.compat.v1.profiler.profile(graph, options=options).total_float_ops


@contextlib.contextmanager
def _silent_deprecations():
    """Silences TensorFlow's profiler, which warns about its own deprecated parts."""
    logger = tf.get_logger()
    level = logger.level
    logger.setLevel("ERROR")
    try:
        yield
    finally:
        logger.setLevel(level)
