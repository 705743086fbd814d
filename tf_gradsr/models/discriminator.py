"""The discriminators D_I and D_g (paper 3.1, 3.2)."""

import keras
import tensorflow as tf

from tf_gradsr.models.blocks import DownBlock, ResidualBlock, convolution, leaky_relu


@keras.saving.register_keras_serializable("tf_gradsr")
class Discriminator(keras.Model):
    """Mirrors the generator: one `DownBlock` for each scale, residual blocks, features as output.

    Args:
        widths: list of int, channels at LR size, then after each doubling (the generator's order).
        blocks: int, residual blocks at LR size.
        channels: int, channels of the pictures it sees: 3 for D_I, those of the gradients for D_g.
        condition_channels: int. 3: D_I, which takes F (paper eq. 12), concatenated before its last
            convolutions; 6: F and LR; 0: D_g, which takes only gradients.
        dtype: "float32", "mixed_bfloat16" or "mixed_float16", the policy of its convolutions.

    Call: a list, coarse to fine, of float32 `[B, 2^k h, 2^k w, C]`, of every scale; followed, unless
    `condition_channels` is 0, by the condition, float32 `[B, h, w, condition_channels]`. -> float32
    `[B, h, w, widths[0]]`, the features of the last convolution: logits, positive for real (no dense layer,
    paper 3.2).

    Raises:
        ValueError: the number of pictures is not the number of scales.
    """

    def __init__(
        self,
        widths=(64, 48, 32, 16),
        blocks=8,
        channels=3,
        condition_channels=0,
        dtype="float32",
        **kwargs,
    ):
        super().__init__(dtype=dtype, autocast=False, **kwargs)
        self.widths = list(widths)
        self.blocks = blocks
        self.channels = channels
        self.condition_channels = condition_channels
        self.down_blocks = [
            DownBlock(widths[k], widths[k - 1], dtype=self.dtype_policy, name=f"down_{2**k}x")
            for k in range(1, len(widths))
        ]
        self.residual_blocks = [
            ResidualBlock(widths[0], 1.0 / blocks, dtype=self.dtype_policy, name=f"residual_{i}")
            for i in range(blocks)
        ]
        self.conv_joint = convolution(widths[0], dtype=self.dtype_policy, name="conv_joint")
        self.conv_out = convolution(widths[0], dtype=self.dtype_policy, name="conv_out")

    def build(self, input_shape=None):
        """Makes the weights; their shapes depend on no picture size."""
        if self.built:
            return
        for block in self.down_blocks:
            block.build((None, None, None, self.channels))
        inner = (None, None, None, self.widths[0])
        for block in self.residual_blocks:
            block.build(inner)
        self.conv_joint.build((None, None, None, self.widths[0] + self.condition_channels))
        self.conv_out.build(inner)
        self.built = True

    def features(self, inputs):
        """Returns the intermediate features, for a perceptual loss (Larsen et al. 2016).

        Args:
            inputs: as for a call.

        Returns:
            List of float32 `[B, 2^k h, 2^k w, C_k]`, after each DownBlock, fine to coarse, and after the last
            residual block.

        Raises:
            ValueError: the number of pictures is not the number of scales.
        """
        pyramid = inputs[:-1] if self.condition_channels else inputs
        if len(pyramid) != len(self.down_blocks):
            raise ValueError(
                f"A discriminator of {len(self.down_blocks)} scales takes as many pictures. "
                f"Received: {len(pyramid)}."
            )
        seen, features = [], None
        for image, block in zip(reversed(pyramid), reversed(self.down_blocks)):
            features = block(image, features)
            seen.append(features)
        features = tf.cast(features, self.variable_dtype)
        for block in self.residual_blocks:
            features = block(features)
        return [*(tf.cast(x, self.variable_dtype) for x in seen), features]

    def call(self, inputs):
        features = self.features(inputs)[-1]
        if self.condition_channels:
            features = tf.concat([features, inputs[-1]], axis=-1)
        return tf.cast(self.conv_out(leaky_relu(self.conv_joint(features))), self.variable_dtype)

    def get_config(self):
        return {
            **super().get_config(),
            "widths": self.widths,
            "blocks": self.blocks,
            "channels": self.channels,
            "condition_channels": self.condition_channels,
        }
