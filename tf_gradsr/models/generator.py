"""The generator G (paper 3.2, figure 2)."""

import keras
import tensorflow as tf

from tf_gradsr import ops
from tf_gradsr.models.blocks import ResidualBlock, UpBlock, convolution


@keras.saving.register_keras_serializable("tf_gradsr")
class Generator(keras.Model):
    """`G(LR, z) -> pyramid of (picture, image gradient)`; `G(LR, 0)` is the reconstruction (paper eq. 1, 2).

    z is tiled over the LR grid and concatenated to LR; one convolution, `blocks` residual blocks at LR size,
    then one `UpBlock` for each doubling. Fully convolutional: any LR height and width.

    Args:
        widths: list of int, channels at LR size, then after each doubling; the scale is
            `2 ** (len(widths) - 1)`.
        blocks: int, residual blocks at LR size.
        z_size: int, length m of z.
        gradient_channels: int, 3 (one gradient for each colour) or 1.
        consistency: "learned", or "exact": every scale's picture is projected onto those that downscale
            to LR (`ops.enforce_consistency`).

    Call: `(lr float32 [B, h, w, 3] in [-1, 1], z float32 [B, m])` -> two lists, coarse to fine, full size
    last: pictures float32 `[B, 2^k h, 2^k w, 3]` (nominally in [-1, 1], not clipped) and image gradients
    `[B, 2^k h, 2^k w, gradient_channels]`, >= 0, for k = 1 ... log2(scale).

    Raises:
        ValueError: fewer than two widths, or an unknown consistency.
    """

    def __init__(
        self,
        widths=(64, 48, 32, 16),
        blocks=8,
        z_size=64,
        gradient_channels=3,
        consistency="learned",
        **kwargs,
    ):
        super().__init__(**kwargs)
        if len(widths) < 2:
            raise ValueError(f"widths must have an entry for LR size and one a doubling. Received: {widths}.")
        if consistency not in ("learned", "exact"):
            raise ValueError(f'consistency must be "learned" or "exact". Received: {consistency!r}.')
        self.widths = list(widths)
        self.blocks = blocks
        self.z_size = z_size
        self.gradient_channels = gradient_channels
        self.consistency = consistency
        self.conv_in = convolution(widths[0], name="conv_in")
        self.residual_blocks = [
            ResidualBlock(widths[0], 1.0 / blocks, name=f"residual_{i}") for i in range(blocks)
        ]
        self.up_blocks = [
            UpBlock(width, gradient_channels, name=f"up_{2**k}x") for k, width in enumerate(widths[1:], 1)
        ]

    @property
    def scale(self):
        """How many times larger the output is."""
        return 2 ** len(self.up_blocks)

    def build(self, input_shape=None):
        """Makes the weights; their shapes depend on no picture size."""
        if self.built:
            return
        self.conv_in.build((None, None, None, 3 + self.z_size))
        for block in self.residual_blocks:
            block.build((None, None, None, self.widths[0]))
        for width, block in zip(self.widths, self.up_blocks):
            block.build((None, None, None, width))
        self.built = True

    def call(self, inputs):
        lr, z = inputs
        features = self.conv_in(tf.concat([lr, _tile_over(z, lr)], axis=-1))
        for block in self.residual_blocks:
            features = block(features)
        # The first skips: LR itself, and its own image gradient.
        image, gradient = lr, ops.image_gradient(lr, self.gradient_channels)
        images, gradients = [], []
        for k, block in enumerate(self.up_blocks, 1):
            features, image, gradient = block(features, image, gradient)
            if self.consistency == "exact":
                image = ops.enforce_consistency(image, lr, 2**k)
            images.append(image)
            gradients.append(gradient)
        return images, gradients

    def get_config(self):
        return {
            **super().get_config(),
            "widths": self.widths,
            "blocks": self.blocks,
            "z_size": self.z_size,
            "gradient_channels": self.gradient_channels,
            "consistency": self.consistency,
        }


def _tile_over(z, lr):
    """z at every LR pixel: `[B, m]`, `[B, h, w, 3]` -> `[B, h, w, m]`."""
    ones = tf.ones_like(lr[..., :1])
    return ones * z[:, tf.newaxis, tf.newaxis, :]
