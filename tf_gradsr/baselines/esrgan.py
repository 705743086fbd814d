"""ESRGAN (Wang et al. 2018): RRDBNet and its loss."""

import keras
import tensorflow as tf

from tf_gradsr import losses, ops
from tf_gradsr.baselines.baseline import SMALL, Baseline, with_gradient
from tf_gradsr.config import Config, LossConfig, widths_for_scale
from tf_gradsr.models.blocks import checked_widths, convolution, leaky_relu
from tf_gradsr.models.perceptual import VGGFeatures

# beta of figure 4, the weight of a branch, in dense blocks and around three of them (the authors' value).
RESIDUAL_SCALE = 0.2


def build_rrdbnet(config: Config):
    """Builds the generator that a config with `model.name: esrgan` describes, with fresh weights."""
    widths = widths_for_scale(config.model.widths, config.model.scale)
    generator = RRDBNet(widths, config.model.blocks, config.model.growth_channels, name="generator")
    generator.build()
    return generator


@keras.saving.register_keras_serializable("tf_gradsr")
class DenseBlock(keras.layers.Layer):
    """`x + 0.2 * branch(x)`: five convolutions, each of which sees all features before it.

    Args:
        filters: int, channels of input and output.
        growth_channels: int, channels that each of the first four convolutions adds.

    Call: float32 `[B, H, W, filters]` -> the same shape.
    """

    def __init__(self, filters, growth_channels, dtype="float32", **kwargs):
        super().__init__(dtype=dtype, **kwargs)
        self.filters = filters
        self.growth_channels = growth_channels
        self.convs = [convolution(growth_channels, gain=SMALL) for _ in range(4)]
        self.conv_out = convolution(filters, gain=SMALL)

    def build(self, input_shape):
        for n, conv in enumerate([*self.convs, self.conv_out]):
            conv.build((*input_shape[:-1], self.filters + n * self.growth_channels))
        super().build(input_shape)

    def call(self, x):
        features = x
        for conv in self.convs:
            features = tf.concat([features, leaky_relu(conv(features))], axis=-1)
        return x + RESIDUAL_SCALE * self.conv_out(features)

    def get_config(self):
        return {**super().get_config(), "filters": self.filters, "growth_channels": self.growth_channels}


@keras.saving.register_keras_serializable("tf_gradsr")
class RRDB(keras.layers.Layer):
    """Residual in residual dense block: `x + 0.2 * (three dense blocks)(x)` (figure 4).

    Args:
        filters: int, channels of input and output.
        growth_channels: int, see `DenseBlock`.

    Call: float32 `[B, H, W, filters]` -> the same shape.
    """

    def __init__(self, filters, growth_channels, dtype="float32", **kwargs):
        super().__init__(dtype=dtype, **kwargs)
        self.filters = filters
        self.growth_channels = growth_channels
        self.dense_blocks = [DenseBlock(filters, growth_channels, name=f"dense_{i}") for i in range(3)]

    def build(self, input_shape):
        for block in self.dense_blocks:
            block.build(input_shape)
        super().build(input_shape)

    def call(self, x):
        features = x
        for block in self.dense_blocks:
            features = block(features)
        return x + RESIDUAL_SCALE * features

    def get_config(self):
        return {**super().get_config(), "filters": self.filters, "growth_channels": self.growth_channels}


@keras.saving.register_keras_serializable("tf_gradsr")
class RRDBNet(keras.Model):
    """`(LR, z)` -> a single answer for LR and its image gradient; z is ignored. No batch normalisation.

    Convolution; RRDBs and a convolution, with a skip over all of them; for each doubling nearest-neighbour
    upsampling, convolution and leaky ReLU; two convolutions at full size. Fully convolutional.

    Args:
        widths: list of int, channels at LR size, then after each doubling; the paper's are all 64.
        blocks: int, RRDBs.
        growth_channels: int, see `DenseBlock`.

    Call: `(lr float32 [B, h, w, 3] in [-1, 1], z float32 [B, m])` -> two lists of one tensor: the picture
    float32 `[B, H, W, 3]`, nominally in [-1, 1], not clipped, and its `ops.image_gradient`.

    Raises:
        ValueError: fewer than two widths.
    """

    stochastic = False

    def __init__(self, widths=(64, 64, 64), blocks=23, growth_channels=32, dtype="float32", **kwargs):
        super().__init__(dtype=dtype, **kwargs)
        self.widths = checked_widths(widths)
        self.blocks = blocks
        self.growth_channels = growth_channels
        self.conv_in = convolution(widths[0], name="conv_in")
        self.rrdbs = [RRDB(widths[0], growth_channels, name=f"rrdb_{i}") for i in range(blocks)]
        self.conv_trunk = convolution(widths[0], name="conv_trunk")
        self.up_convs = [convolution(width, name=f"up_{2**k}x") for k, width in enumerate(widths[1:], 1)]
        self.conv_full = convolution(widths[-1], name="conv_full")
        self.conv_out = convolution(3, gain=SMALL, name="conv_out")

    @property
    def scale(self):
        """How many times larger the output is."""
        return 2 ** len(self.up_convs)

    @property
    def receptive_radius(self):
        """Distance in LR pixels beyond which the input has no influence on an output pixel."""
        # At LR size: conv_in, three dense blocks of five convolutions per RRDB, conv_trunk. The upsampling's
        # convolutions are within one LR pixel; the last two and the image gradient reach 3 HR pixels.
        return 1 + 15 * self.blocks + 1 + 1 + -(-3 // self.scale)

    def build(self, input_shape=None):
        """Makes the weights; their shapes depend on no picture size."""
        if self.built:
            return
        self.conv_in.build((None, None, None, 3))
        for layer in (*self.rrdbs, self.conv_trunk):
            layer.build((None, None, None, self.widths[0]))
        for width, conv in zip([*self.widths, self.widths[-1]], [*self.up_convs, self.conv_full]):
            conv.build((None, None, None, width))
        self.conv_out.build((None, None, None, self.widths[-1]))
        self.built = True

    def call(self, inputs, training=False):
        lr, _ = inputs
        first = features = self.conv_in(lr)
        for rrdb in self.rrdbs:
            features = rrdb(features)
        features = first + self.conv_trunk(features)
        for conv in self.up_convs:
            features = leaky_relu(conv(ops.upscale_nearest(features, 2)))
        return with_gradient(self.conv_out(leaky_relu(self.conv_full(features))))

    def get_config(self):
        return {
            **super().get_config(),
            "widths": self.widths,
            "blocks": self.blocks,
            "growth_channels": self.growth_channels,
        }


class ESRGAN(Baseline):
    """RRDBNet with the L1 distance of VGG-19 features before activation and the relativistic average loss.

    Eq. 3: `L_G = L_percep + lambda L_G^Ra + eta L_1`, lambda 5e-3, eta 1e-2; first phase: L_1 of pictures.

    Args:
        config: a checked `Config` with `model.name: esrgan`.
    """

    def __init__(self, config: Config, **kwargs):
        super().__init__(config, build_rrdbnet, **kwargs)

    def perceptual_features(self, loss: LossConfig):
        """VGG5,4 before the activation (section 3.3)."""
        return VGGFeatures(loss.vgg_weights, ("block5_conv4",), "vgg19", activated=False)

    def pixel_loss(self, image, hr):
        """Mean absolute error."""
        return losses.pixel_loss(image, hr)

    def perceptual_loss(self, features_fake, features_real):
        """Mean absolute error of features."""
        return losses.perceptual_loss(features_fake, features_real)

    def d_loss(self, logits_real, logits_fake):
        """Relativistic average discriminator, L_D^Ra."""
        return losses.relativistic_discriminator_loss(logits_real, logits_fake, mean_over_replicas)

    def g_loss(self, image, hr):
        """Relativistic average generator, L_G^Ra; sees the true pictures too."""
        logits_real = self.image_discriminator(hr, training=True)
        logits_fake = self.image_discriminator(image, training=True)
        return losses.relativistic_generator_loss(logits_real, logits_fake, mean_over_replicas)


def mean_over_replicas(tensor):
    """Mean of a tensor over all replicas, however the batch is divided among them; differentiable.

    Args:
        tensor: float32, any shape, the same one on each replica.

    Returns:
        float32 scalar.
    """
    context = tf.distribute.get_replica_context()
    return context.all_reduce(tf.distribute.ReduceOp.MEAN, tf.reduce_mean(tensor))
