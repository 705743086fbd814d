"""Keras' settings of the whole process, which belong to the user: ours must work under any of them.

Layers of ours say their dtype and data format themselves. What Keras makes for us, such as VGG and the parts
of optimizers, takes both from the process: `our_keras_settings` is for those.
"""

import functools
from contextlib import contextmanager

import keras


@contextmanager
def our_keras_settings():
    """Keras with channels last and float32, as installed, while the block runs; then the user's again."""
    config = keras.config
    former = config.image_data_format(), config.floatx(), config.dtype_policy()
    config.set_image_data_format("channels_last")
    config.set_floatx("float32")
    config.set_dtype_policy("float32")
    try:
        yield
    finally:
        config.set_image_data_format(former[0])
        config.set_floatx(former[1])
        config.set_dtype_policy(former[2])


def with_our_keras_settings(function):
    """Decorator: the function runs within `our_keras_settings`."""

    @functools.wraps(function)
    def wrapped(*args, **kwargs):
        with our_keras_settings():
            return function(*args, **kwargs)

    return wrapped
