"""The discriminator of SRGAN (Ledig et al. 2017, section 2.1, figure 4), which ESRGAN keeps."""

import keras
import tensorflow as tf

from tf_gradsr.baselines.layers import batch_norm
from tf_gradsr.models.blocks import convolution, leaky_relu


@keras.saving.register_keras_serializable("tf_gradsr")
class PictureDiscriminator(keras.Model):
    """Pictures -> one logit each, positive for real.

    For each width a convolution and one of stride 2, each with batch normalisation (but the very first) and
    leaky ReLU 0.2; then a dense layer of twice the last width, leaky ReLU, and a dense layer to the logit.
    The first dense layer sees all remaining pixels, so the network is made for one picture size; any size
    does, odd sides are halved upwards.

    Args:
        picture_shape: (height, width) of the pictures; the papers train on 96x96 and 128x128.
        widths: list of int, channels at full size, then after each halving.

    Call: float32 `[B, height, width, 3]` -> float32 `[B, 1]`.
    """

    def __init__(self, picture_shape, widths=(64, 128, 256, 512), **kwargs):
        super().__init__(**kwargs)
        self.picture_shape = tuple(picture_shape)
        self.widths = list(widths)
        self.convs, self.norms = [], []
        for k, width in enumerate(self.widths):
            for stride in (1, 2):
                first = k == 0 and stride == 1
                self.convs.append(
                    convolution(width, strides=stride, use_bias=first, name=f"conv_{k}_{stride}")
                )
                self.norms.append(None if first else batch_norm(name=f"norm_{k}_{stride}"))
        self.dense = keras.layers.Dense(2 * self.widths[-1], name="dense")
        self.dense_out = keras.layers.Dense(1, name="dense_out")

    def build(self, input_shape=None):
        """Makes the weights."""
        if self.built:
            return
        channels = 3
        for conv, norm in zip(self.convs, self.norms):
            conv.build((None, None, None, channels))
            channels = conv.filters
            if norm:
                norm.build((None, None, None, channels))
        height, width = (-(-side // 2 ** len(self.widths)) for side in self.picture_shape)
        self.dense.build((None, height * width * channels))
        self.dense_out.build((None, self.dense.units))
        self.built = True

    def call(self, images, training=False):
        features = images
        for conv, norm in zip(self.convs, self.norms):
            features = conv(features)
            if norm:
                features = norm(features, training=training)
            features = leaky_relu(features)
        features = tf.reshape(features, [tf.shape(images)[0], self.dense.kernel.shape[0]])
        return self.dense_out(leaky_relu(self.dense(features)))

    def get_config(self):
        return {**super().get_config(), "picture_shape": self.picture_shape, "widths": self.widths}
