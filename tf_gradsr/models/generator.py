"""The generator G (paper 3.2, figure 2)."""

import keras
import tensorflow as tf

from tf_gradsr import ops
from tf_gradsr.config import Config, widths_for_scale
from tf_gradsr.errors import ConfigError
from tf_gradsr.extensions import call_extension
from tf_gradsr.models.blocks import Z_GAIN, ResidualBlock, UpBlock, checked_widths, convolution
from tf_gradsr.models.generator_protocol import SuperResolvingGenerator


@keras.saving.register_keras_serializable("tf_gradsr")
class Generator(keras.Model):
    """`G(LR, z) -> pyramid of (picture, image gradient)`; `G(LR, 0)` is the reconstruction (paper eq. 1, 2).

    z is tiled over the LR grid and concatenated to LR; one convolution, `blocks` residual blocks at LR size,
    then one `UpBlock` for each doubling. Fully convolutional: any LR height and width. The weights of z
    start small, so that training begins with hallucinations near the reconstruction.

    Args:
        widths: list of int, channels at LR size, then after each doubling; the scale is
            `2 ** (len(widths) - 1)`.
        blocks: int, residual blocks at LR size.
        z_size: int, length m of z.
        gradient_channels: int, 3 (one gradient for each colour) or 1.
        consistency: "learned", or "exact": every scale's picture is projected onto those that downscale
            to LR (`ops.enforce_consistency`).
        z_injection: "concat", z enters only the first convolution; or "modulate" (ours): it also scales
            and shifts the features of every block (Perez et al. 2018, FiLM), and leaves them at z = 0.
        dtype: "float32", "mixed_bfloat16" or "mixed_float16", the policy of the blocks' convolutions.

    Call: `(lr float32 [B, h, w, 3] in [-1, 1], z float32 [B, m])` -> two lists, coarse to fine, full size
    last: pictures float32 `[B, 2^k h, 2^k w, 3]` (nominally in [-1, 1], not clipped) and image gradients
    `[B, 2^k h, 2^k w, gradient_channels]`, >= 0, for k = 1 ... log2(scale).

    Raises:
        ValueError: fewer than two widths, an unknown consistency or z_injection.
    """

    # z changes the answer.
    stochastic = True

    def __init__(
        self,
        widths=(64, 48, 32, 16),
        blocks=8,
        z_size=64,
        gradient_channels=3,
        consistency="learned",
        z_injection="concat",
        dtype="float32",
        **kwargs,
    ):
        super().__init__(dtype=dtype, autocast=False, **kwargs)
        if consistency not in ("learned", "exact"):
            raise ValueError(f'consistency must be "learned" or "exact". Received: {consistency!r}.')
        if z_injection not in ("concat", "modulate"):
            raise ValueError(f'z_injection must be "concat" or "modulate". Received: {z_injection!r}.')
        self.widths = checked_widths(widths)
        self.blocks = blocks
        self.z_size = z_size
        self.gradient_channels = gradient_channels
        self.consistency = consistency
        self.z_injection = z_injection
        # The convolution of a concatenation is the sum of two, which may start differently.
        self.conv_in = convolution(widths[0], name="conv_in")
        self.conv_z = convolution(widths[0], gain=Z_GAIN, use_bias=False, name="conv_z")
        modulated_by = z_size if z_injection == "modulate" else 0
        self.residual_blocks = [
            ResidualBlock(
                widths[0], 1.0 / blocks, modulated_by, dtype=self.dtype_policy, name=f"residual_{i}"
            )
            for i in range(blocks)
        ]
        self.up_blocks = [
            UpBlock(width, gradient_channels, modulated_by, dtype=self.dtype_policy, name=f"up_{2**k}x")
            for k, width in enumerate(widths[1:], 1)
        ]

    @property
    def scale(self):
        """How many times larger the output is."""
        return 2 ** len(self.up_blocks)

    @property
    def receptive_radius(self):
        """Distance in LR pixels beyond which the input has no influence on an output pixel."""
        levels = len(self.up_blocks)
        # Two convolutions a block; conv_in; the convolutions of all UpBlocks, together within one LR pixel.
        features = 2 * self.blocks + 2
        # The bilinear skips, and each scale's projection.
        return features + levels * (1 + ops.CONSISTENCY_ROUNDS * (self.consistency == "exact"))

    def build(self, input_shape=None):
        """Makes the weights; their shapes depend on no picture size."""
        if self.built:
            return
        self.conv_in.build((None, None, None, 3))
        self.conv_z.build((None, None, None, self.z_size))
        for block in self.residual_blocks:
            block.build((None, None, None, self.widths[0]))
        for width, block in zip(self.widths, self.up_blocks):
            block.build((None, None, None, width))
        self.built = True

    def call(self, inputs):
        lr, z = inputs
        features = self.conv_in(lr) + self.conv_z(_tile_over(z, lr))
        for block in self.residual_blocks:
            features = block(features, z)
        # The first skips: LR itself, and its own image gradient.
        image, gradient = lr, ops.image_gradient(lr, self.gradient_channels)
        images, gradients = [], []
        for k, block in enumerate(self.up_blocks, 1):
            features, image, gradient = block(features, image, gradient, z)
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
            "z_injection": self.z_injection,
        }


def _tile_over(z, lr):
    """z at every LR pixel: `[B, m]`, `[B, h, w, 3]` -> `[B, h, w, m]`."""
    shape = tf.shape(lr)
    return tf.tile(z[:, tf.newaxis, tf.newaxis, :], [1, shape[1], shape[2], 1])


def build_gradsr_generator(config: Config, precision: str = "float32") -> Generator:
    """Builds the generator that a config describes, with fresh weights; `precision` as in `train.precision`.

    Raises:
        ConfigError: what `model.generator` names does not build one.
    """
    if config.model.generator:
        return _built_elsewhere(config, precision)
    generator = Generator(
        widths=widths_for_scale(config.model.widths, config.model.scale),
        blocks=config.model.blocks,
        z_size=config.model.z_size,
        gradient_channels=config.model.gradient_channels,
        consistency=config.model.consistency,
        z_injection=config.model.z_injection,
        dtype=precision,
        name="generator",
    )
    generator.build()
    return generator


def _built_elsewhere(config, precision):
    """The generator that `model.generator`'s function builds, checked against `SuperResolvingGenerator`."""
    setting = config.model.generator
    generator = call_extension("model.generator", setting, config, precision)
    if not isinstance(generator, SuperResolvingGenerator) or generator.scale != config.model.scale:
        raise ConfigError(
            f"model.generator: a function (config, precision) -> generator of scale {config.model.scale}, "
            "with what tf_gradsr.models.generator_protocol asks for. "
            f"Received: {setting}, {type(generator).__name__}"
        )
    return generator
