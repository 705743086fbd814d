"""A small network before G that estimates the clean LR picture behind a damaged one.

G's pictures downscale exactly to its input, so the damage of JPEG, noise and odd resampling would be built
into every result. Here another network first estimates what the input was before it was damaged: at z = 0 the
most likely picture, otherwise plausible ones, so that what is not known about the input becomes part of the
samples' spread. G's pictures then downscale to that estimate. Ours, not in the paper.
"""

import keras
import tensorflow as tf

from tf_gradsr import losses, ops
from tf_gradsr.errors import ConfigError, reason_of
from tf_gradsr.models.blocks import ResidualBlock, convolution

WIDTH, BLOCKS = 48, 6
# Coarser views of LR that the score also sees: damage is correlated between neighbours.
LEVELS = (1, 2, 4)


@keras.saving.register_keras_serializable("tf_gradsr")
class CleanLR(keras.Model):
    """Estimates clean LR pictures: `LR + f(LR, z)`, f a residual network modulated by z.

    Args:
        z_size: int, length m of z; the same z as G's.
        width: int, channels. blocks: int, residual blocks.

    Attributes:
        receptive_radius: int, LR pixels beyond which the input has no influence on an output pixel.

    Call: `(lr, z)`, float32 `[B, h, w, 3]` in [-1, 1] and float32 `[B, m]` -> float32 `[B, h, w, 3]` in
    [-1, 1], on the uint8 grid; the gradient passes through the rounding.
    """

    def __init__(self, z_size, width=WIDTH, blocks=BLOCKS, **kwargs):
        super().__init__(dtype="float32", autocast=False, **kwargs)
        self.z_size, self.width, self.blocks = z_size, width, blocks
        self.conv_in = convolution(width, name="conv_in")
        self.residual_blocks = [
            ResidualBlock(width, 1.0 / blocks, z_size, name=f"residual_{i}") for i in range(blocks)
        ]
        # A small first step: training starts near the input.
        self.conv_out = convolution(3, gain=1e-4, name="conv_out")
        self.receptive_radius = 2 * blocks + 2

    def build(self, input_shape=None):
        """Makes the weights; their shapes depend on no picture size."""
        if self.built:
            return
        self.conv_in.build((None, None, None, 3))
        for block in self.residual_blocks:
            block.build((None, None, None, self.width))
        self.conv_out.build((None, None, None, self.width))
        self.built = True

    def call(self, inputs):
        lr, z = inputs
        features = self.conv_in(lr)
        for block in self.residual_blocks:
            features = block(features, z)
        return ops.straight_through_round(tf.clip_by_value(lr + self.conv_out(features), -1.0, 1.0))

    def get_config(self):
        return {"z_size": self.z_size, "width": self.width, "blocks": self.blocks}


def clean_lr_loss(network: CleanLR, lr, clean, z) -> tuple:
    """What `CleanLR` is trained on: the error at z = 0, and a proper score of two samples.

    Args:
        lr: float32 `[B, h, w, 3]`, degraded LR pictures. clean: the same shape, the clean ones.
        z: float32 `[B, 2, m]`.

    Returns:
        (float32 scalar: L1 at z = 0 plus the fair CRPS of two samples, `losses.two_sample_crps`, at LR's
        own size and of its 2x2 and 4x4 means; dict of both terms in grey levels).
    """
    first, second = z[:, 0], z[:, 1]
    made = network((tf.tile(lr, [3, 1, 1, 1]), tf.concat([tf.zeros_like(first), first, second], axis=0)))
    most_likely, *samples = tf.split(made, 3)
    error = losses.pixel_loss(most_likely, clean)
    score = losses.two_sample_crps(*(_levels(x) for x in (*samples, clean)))
    return error + score, {"l1": error / ops.LEVEL, "crps": score / ops.LEVEL}


def _levels(pictures):
    """The pictures and their means over 2x2 and 4x4 pixels, coarse to fine."""
    return [ops.downscale(pictures, factor) for factor in reversed(LEVELS)]


def load_clean_lr(path, z_size: int) -> CleanLR:
    """Loads a trained network.

    Args:
        path: of `clean_lr.weights.h5`. z_size: that of the generator beside it.

    Raises:
        ConfigError: the weights cannot be read or do not fit.
    """
    network = CleanLR(z_size)
    network.build()
    try:
        network.load_weights(path)
    # The file's reader may raise anything.
    except Exception as error:
        raise ConfigError(
            f"input_quality: weights of a network with z of {z_size} numbers. Received: {path} "
            f"({reason_of(error)})"
        ) from error
    return network
