"""Layers that only the baselines have."""

import keras
import tensorflow as tf

from tf_gradsr import ops
from tf_gradsr.models.blocks import convolution

# Of the usual variance: last convolutions, whose first answer is near grey, and dense blocks' convolutions
# (Wang et al. 2018, section 3.1: "smaller initialization").
SMALL = 0.01


def batch_norm(**kwargs):
    """Batch normalisation over all replicas, its moving statistics with momentum 0.9."""
    return keras.layers.BatchNormalization(momentum=0.9, synchronized=True, **kwargs)


def prelu(**kwargs):
    """PReLU with one slope a channel, which starts at 0.25 (He et al. 2015)."""
    return keras.layers.PReLU(
        alpha_initializer=keras.initializers.Constant(0.25), shared_axes=[1, 2], **kwargs
    )


def with_gradient(image):
    """A picture as a generator's answer: (its pyramid, its gradient's), both of full size alone."""
    return [image], [ops.image_gradient(image)]


@keras.saving.register_keras_serializable("tf_gradsr")
class WideConvolution(keras.layers.Layer):
    """A same-size convolution with a large kernel and few filters, which starts small.

    `keras.layers.Conv2D`'s sums and weights in another order: a convolution 1 pixel high with the kernel's
    rows as filters, then a sum of its parts, each moved by its row's distance. Three filters fill a CPU's
    vector units badly, kernel_size * 3 well.

    Args:
        filters: int, channels of the output.
        kernel_size: int, odd.

    Call: float32 `[B, H, W, C]` -> `[B, H, W, filters]`.
    """

    def __init__(self, filters, kernel_size, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.kernel_size = kernel_size

    def build(self, input_shape):
        conv = convolution(self.filters, self.kernel_size, gain=SMALL)
        shape = (self.kernel_size, self.kernel_size, input_shape[-1], self.filters)
        self.kernel = self.add_weight(name="kernel", shape=shape, initializer=conv.kernel_initializer)
        self.bias = self.add_weight(name="bias", shape=(self.filters,), initializer="zeros")
        super().build(input_shape)

    def call(self, x):
        size, channels = self.kernel_size, self.kernel.shape[2]
        # [row, column, channel, filter] -> [1, column, channel, row * filter]
        rows = tf.transpose(self.kernel, [1, 2, 0, 3])
        rows = tf.reshape(rows, [1, size, channels, size * self.filters])
        parts = tf.split(tf.nn.conv2d(x, rows, 1, "SAME"), size, axis=-1)
        reach, height = size // 2, tf.shape(x)[1]
        padding = [[0, 0], [reach, reach], [0, 0], [0, 0]]
        moved = [tf.pad(part, padding)[:, row : row + height] for row, part in enumerate(parts)]
        return tf.add_n(moved) + self.bias

    def get_config(self):
        return {**super().get_config(), "filters": self.filters, "kernel_size": self.kernel_size}
