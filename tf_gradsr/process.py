"""What a process must be like for TensorFlow to work in it."""

import os

import tensorflow as tf

from tf_gradsr.errors import ConfigError

_REMEDY = 'start it with multiprocessing.get_context("spawn"), or use TensorFlow only in the pool'
# The process in which this module was imported, and later any that was found to be usable.
_usable = {os.getpid()}


def check_process() -> None:
    """Refuses a process in which TensorFlow would fail or wait forever.

    Raises:
        ConfigError: it is in TensorFlow 1's graph mode, or within a `tf.function`; or it was forked from one
            whose TensorFlow had begun its work, as `multiprocessing` did by default before Python 3.14: the
            threads that compute are not copied.
    """
    if not tf.executing_eagerly():
        raise ConfigError(
            "tensorflow: eager execution; remove tf.compat.v1.disable_eager_execution() or "
            "disable_v2_behavior(), and make models outside of tf.function. Received: graph mode"
        )
    if os.getpid() in _usable:
        return
    if _has_begun():
        raise ConfigError(
            f"process: one that was not forked after TensorFlow began its work; {_REMEDY}. "
            f"Received: process {os.getpid()}, forked from {os.getppid()}"
        )
    _usable.add(os.getpid())


def _has_begun():
    """Whether TensorFlow's threads have been started, which fixes how many there are."""
    count = tf.config.threading.get_inter_op_parallelism_threads()
    try:
        tf.config.threading.set_inter_op_parallelism_threads(count + 1)
    except RuntimeError:
        return True
    tf.config.threading.set_inter_op_parallelism_threads(count)
    return False
