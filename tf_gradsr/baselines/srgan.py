"""SRGAN (Ledig et al. 2017): SRResNet and its loss."""

import keras
import tensorflow as tf

from tf_gradsr import losses
from tf_gradsr.baselines.baseline import Baseline, WideConvolution, batch_norm, prelu, with_gradient
from tf_gradsr.config import Config, LossConfig, widths_for_scale
from tf_gradsr.models.blocks import checked_widths, convolution
from tf_gradsr.models.perceptual import VGGFeatures


def build_srresnet(config: Config):
    """Builds the generator that a config with `model.name: srgan` describes, with fresh weights."""
    widths = widths_for_scale(config.model.widths, config.model.scale)
    generator = SRResNet(widths, config.model.blocks, name="generator")
    generator.build()
    return generator


@keras.saving.register_keras_serializable("tf_gradsr")
class NormalizedResidualBlock(keras.layers.Layer):
    """`x + BN(conv(PReLU(BN(conv(x)))))`, with as many channels (figure 4).

    Args:
        filters: int, channels of input and output.

    Call: float32 `[B, H, W, filters]` -> the same shape.
    """

    def __init__(self, filters, dtype="float32", **kwargs):
        super().__init__(dtype=dtype, **kwargs)
        self.filters = filters
        # No bias: batch normalisation would remove it again.
        self.conv_1, self.norm_1 = convolution(filters, use_bias=False), batch_norm()
        self.activation = prelu()
        self.conv_2, self.norm_2 = convolution(filters, use_bias=False), batch_norm()

    def build(self, input_shape):
        for layer in (self.conv_1, self.norm_1, self.activation, self.conv_2, self.norm_2):
            layer.build(input_shape)
        super().build(input_shape)

    def call(self, x, training=False):
        branch = self.activation(self.norm_1(self.conv_1(x), training=training))
        return x + self.norm_2(self.conv_2(branch), training=training)

    def get_config(self):
        return {**super().get_config(), "filters": self.filters}


@keras.saving.register_keras_serializable("tf_gradsr")
class ShuffleUpBlock(keras.layers.Layer):
    """Doubles the resolution: convolution, pixel shuffle (Shi et al. 2016), PReLU.

    Args:
        filters: int, channels of the output.

    Call: float32 `[B, h, w, C]` -> `[B, 2h, 2w, filters]`.
    """

    def __init__(self, filters, dtype="float32", **kwargs):
        super().__init__(dtype=dtype, **kwargs)
        self.filters = filters
        self.conv, self.activation = convolution(4 * filters), prelu()

    def build(self, input_shape):
        self.conv.build(input_shape)
        self.activation.build((*input_shape[:-1], self.filters))
        super().build(input_shape)

    def call(self, x):
        return self.activation(tf.nn.depth_to_space(self.conv(x), 2))

    def get_config(self):
        return {**super().get_config(), "filters": self.filters}


@keras.saving.register_keras_serializable("tf_gradsr")
class SRResNet(keras.Model):
    """`(LR, z)` -> a single answer for LR and its image gradient; z is ignored.

    9x9 convolution and PReLU; residual blocks and a normalised convolution, with a skip over all of them; a
    `ShuffleUpBlock` for each doubling; 9x9 convolution. Fully convolutional.

    Args:
        widths: list of int, channels at LR size, then after each doubling; the paper's are all 64.
        blocks: int, residual blocks.

    Call: `(lr float32 [B, h, w, 3] in [-1, 1], z float32 [B, m])` -> two lists of one tensor: the picture
    float32 `[B, H, W, 3]`, nominally in [-1, 1], not clipped, and its `ops.image_gradient`.

    Raises:
        ValueError: fewer than two widths.
    """

    stochastic = False

    def __init__(self, widths=(64, 64, 64), blocks=16, dtype="float32", **kwargs):
        super().__init__(dtype=dtype, **kwargs)
        self.widths = checked_widths(widths)
        self.blocks = blocks
        self.conv_in, self.activation_in = convolution(widths[0], 9), prelu()
        self.residual_blocks = [
            NormalizedResidualBlock(widths[0], name=f"residual_{i}") for i in range(blocks)
        ]
        self.conv_trunk, self.norm_trunk = convolution(widths[0], use_bias=False), batch_norm()
        self.up_blocks = [ShuffleUpBlock(width, name=f"up_{2**k}x") for k, width in enumerate(widths[1:], 1)]
        self.conv_out = WideConvolution(3, 9)

    @property
    def scale(self):
        """How many times larger the output is."""
        return 2 ** len(self.up_blocks)

    @property
    def receptive_radius(self):
        """Distance in LR pixels beyond which the input has no influence on an output pixel."""
        # At LR size: conv_in, two convolutions a block, conv_trunk. The up-blocks' convolutions, together
        # 1 + 1/2 + ... LR pixels, are within two; conv_out and the image gradient reach 4 + 1 HR pixels.
        return 4 + 2 * self.blocks + 1 + 2 + -(-5 // self.scale)

    def build(self, input_shape=None):
        """Makes the weights; their shapes depend on no picture size."""
        if self.built:
            return
        inner = (None, None, None, self.widths[0])
        self.conv_in.build((None, None, None, 3))
        for layer in (self.activation_in, *self.residual_blocks, self.conv_trunk, self.norm_trunk):
            layer.build(inner)
        for width, block in zip(self.widths, self.up_blocks):
            block.build((None, None, None, width))
        self.conv_out.build((None, None, None, self.widths[-1]))
        self.built = True

    def call(self, inputs, training=False):
        lr, _ = inputs
        first = features = self.activation_in(self.conv_in(lr))
        for block in self.residual_blocks:
            features = block(features, training=training)
        features = first + self.norm_trunk(self.conv_trunk(features), training=training)
        for block in self.up_blocks:
            features = block(features)
        return with_gradient(self.conv_out(features))

    def get_config(self):
        return {**super().get_config(), "widths": self.widths, "blocks": self.blocks}


class SRGAN(Baseline):
    """SRResNet with a squared error of VGG-19 features and the logistic GAN loss.

    Eq. 3: `l_SR = l_X + 1e-3 l_Gen`, l_X the loss of eq. 5 on VGG5,4, the last convolution of VGG-19 after
    its ReLU, features divided by 12.75; first phase: the MSE of pictures, eq. 4.

    Args:
        config: a checked `Config` with `model.name: srgan`.
    """

    def __init__(self, config: Config, **kwargs):
        super().__init__(config, build_srresnet, **kwargs)

    def perceptual_features(self, loss: LossConfig):
        """VGG5,4, after the activation (section 2.2.1), rescaled by 1 / 12.75 (section 3.2)."""
        return VGGFeatures(loss.vgg_weights, ("block5_conv4",), "vgg19", unit=12.75)

    def pixel_loss(self, image, hr):
        """Mean squared error, eq. 4."""
        return losses.squared_loss(image, hr)

    def perceptual_loss(self, features_fake, features_real):
        """Mean squared error of features, eq. 5, also averaged over channels."""
        return losses.squared_loss(features_fake, features_real)

    def g_loss(self, image, hr):
        """`-log D(G(LR))`, eq. 6, averaged over the batch."""
        return losses.generator_adversarial_loss(self.image_discriminator(image, training=True))
