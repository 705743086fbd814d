"""The building blocks of the generator and the discriminators (paper 3.2, figures 2 and 3).

Every activation is a leaky ReLU with a leak of 0.2 (paper 4.1). All layers are ones that mobile delegates
support: convolution, leaky ReLU, resize, add, concatenate.

A block's `dtype` is a Keras policy. "mixed_bfloat16" and "mixed_float16" are for its convolutions only:
pictures, image gradients, modulations and the sums of residual blocks stay float32.
"""

import keras
import tensorflow as tf

from tf_gradsr import ops

LEAK = 0.2
# Factor of the variance at which the weights of z start.
Z_GAIN = 0.01


def convolution(filters, kernel_size=3, gain=1.0, dtype="float32", **kwargs):
    """Returns a same-size convolution, weights as in He et al. 2015 for this leak, variance times `gain`.

    Args:
        dtype: Keras policy, as a block's; inputs are cast to it, outputs have it.
    """
    scale = gain * 2.0 / (1.0 + LEAK**2)
    initializer = keras.initializers.VarianceScaling(scale, "fan_in", "truncated_normal")
    return keras.layers.Conv2D(
        filters,
        kernel_size,
        padding="same",
        data_format="channels_last",
        kernel_initializer=initializer,
        dtype=dtype,
        **kwargs,
    )


def checked_widths(widths) -> list:
    """Returns a generator's widths as a list.

    Raises:
        ValueError: fewer than two.
    """
    if len(widths) < 2:
        raise ValueError(
            f"widths must have an entry for LR size and one for each doubling. Received: {widths}."
        )
    return list(widths)


def leaky_relu(x):
    """The paper's activation, leak 0.2."""
    return tf.nn.leaky_relu(x, LEAK)


@keras.saving.register_keras_serializable("tf_gradsr")
class Modulation(keras.layers.Layer):
    """`features * (1 + a(z)) + b(z)`, a and b linear without offset: the identity at z = 0.

    Feature-wise linear modulation (Perez et al. 2018, FiLM).

    Args:
        filters: int, channels of the features.
        z_size: int, length m of z.

    Call: `(features [B, H, W, filters], z float32 [B, m])` -> the features' shape and dtype.
    """

    def __init__(self, filters, z_size, dtype="float32", **kwargs):
        super().__init__(dtype=dtype, autocast=False, **kwargs)
        self.filters = filters
        self.z_size = z_size
        initializer = keras.initializers.VarianceScaling(Z_GAIN, "fan_in", "truncated_normal")
        self.dense = keras.layers.Dense(
            2 * filters, use_bias=False, kernel_initializer=initializer, dtype="float32"
        )

    def build(self, input_shape=None):
        self.dense.build((None, self.z_size))
        super().build(input_shape)

    def call(self, features, z):
        scale, shift = tf.split(self.dense(z)[:, tf.newaxis, tf.newaxis, :], 2, axis=-1)
        # Rounded to 16 bits, `1 + scale` would be wrong by the same share at every pixel.
        return tf.cast(tf.cast(features, scale.dtype) * (1.0 + scale) + shift, features.dtype)

    def get_config(self):
        return {**super().get_config(), "filters": self.filters, "z_size": self.z_size}


@keras.saving.register_keras_serializable("tf_gradsr")
class ResidualBlock(keras.layers.Layer):
    """`x + scale * conv(lrelu(conv(lrelu(x))))`, with as many channels.

    Args:
        filters: int, channels of input and output.
        residual_scale: float, weight of the branch; 1 / (number of blocks) keeps a deep stack's variance
            near its input's (not stated in the paper).
        modulated_by: int, length of the z that modulates the branch; 0 for none.

    Call: float32 `[B, H, W, filters]`, z float32 `[B, m]` if modulated -> the features' shape.
    """

    def __init__(self, filters, residual_scale=1.0, modulated_by=0, dtype="float32", **kwargs):
        super().__init__(dtype=dtype, autocast=False, **kwargs)
        self.filters = filters
        self.residual_scale = residual_scale
        self.modulated_by = modulated_by
        self.modulation = Modulation(filters, modulated_by) if modulated_by else None
        self.conv_1 = convolution(filters, dtype=self.dtype_policy)
        self.conv_2 = convolution(filters, dtype=self.dtype_policy)

    def build(self, input_shape):
        self.conv_1.build(input_shape)
        self.conv_2.build(input_shape)
        if self.modulation:
            self.modulation.build()
        super().build(input_shape)

    def call(self, x, z=None):
        branch = self.conv_1(leaky_relu(x))
        if self.modulation:
            branch = self.modulation(branch, z)
        return x + self.residual_scale * tf.cast(self.conv_2(leaky_relu(branch)), x.dtype)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "residual_scale": self.residual_scale,
            "modulated_by": self.modulated_by,
        }


@keras.saving.register_keras_serializable("tf_gradsr")
class UpBlock(keras.layers.Layer):
    """Doubles the resolution of features, picture and image gradient (paper figure 3).

    Features are upsampled and pass one convolution shared by both domains; then each domain has a
    convolution and a 1x1 convolution to pixels, added to the upsampled result of the previous scale.

    Args:
        filters: int, channels of the output features.
        gradient_channels: int, channels of the image gradient.
        modulated_by: int, length of the z that modulates the shared features; 0 for none.

    Call: `(features [B, h, w, C], image [B, h, w, 3], gradient [B, h, w, gradient_channels])`, and z
    `[B, m]` if modulated -> the same three at `[B, 2h, 2w, ...]`, features with `filters` channels,
    gradient >= 0. Pictures and gradients are float32, features of the convolutions' dtype.
    """

    def __init__(self, filters, gradient_channels=3, modulated_by=0, dtype="float32", **kwargs):
        super().__init__(dtype=dtype, autocast=False, **kwargs)
        self.filters = filters
        self.gradient_channels = gradient_channels
        self.modulated_by = modulated_by
        self.modulation = Modulation(filters, modulated_by) if modulated_by else None
        policy = self.dtype_policy
        self.shared = convolution(filters, dtype=policy)
        # Both domains' convolutions in one kernel: the same sums, and wide kernels run faster.
        self.domains = convolution(2 * filters, dtype=policy)
        # A small first step from the upsampled picture: at z = 0 training starts near bilinear upscaling.
        self.to_image = convolution(3, 1, gain=0.01, dtype=policy)
        self.to_gradient = convolution(gradient_channels, 1, gain=0.01, dtype=policy)

    def build(self, features_shape, image_shape=None, gradient_shape=None):
        self.shared.build(features_shape)
        inner = (*features_shape[:-1], self.filters)
        for layer in (self.domains, self.to_image, self.to_gradient):
            layer.build(inner)
        if self.modulation:
            self.modulation.build()
        super().build(features_shape)

    def call(self, features, image, gradient, z=None):
        features = self.shared(ops.upscale_nearest(tf.cast(features, self.compute_dtype), 2))
        if self.modulation:
            features = self.modulation(features, z)
        features = leaky_relu(features)
        image_features, gradient_features = tf.split(leaky_relu(self.domains(features)), 2, axis=-1)
        image = ops.upscale_bilinear(image, 2) + tf.cast(self.to_image(image_features), image.dtype)
        gradient_step = tf.cast(self.to_gradient(gradient_features), gradient.dtype)
        gradient = ops.upscale_bilinear(gradient, 2) + gradient_step
        gradient = tf.nn.relu(gradient)
        return features, image, gradient

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "gradient_channels": self.gradient_channels,
            "modulated_by": self.modulated_by,
        }


@keras.saving.register_keras_serializable("tf_gradsr")
class DownBlock(keras.layers.Layer):
    """Halves the resolution and adds one scale's picture (paper 3.2, the UpBlock's mirror).

    The picture is brought to feature space by a 1x1 convolution and added to the features from the finer
    scale, if there are any; two convolutions with leaky ReLU and average pooling follow.

    Args:
        filters_in: int, channels of the features at this scale.
        filters_out: int, channels of the output.

    Call: `(image float32 [B, H, W, C], features [B, H, W, filters_in] or None)` ->
    `[B, H / 2, W / 2, filters_out]` of the convolutions' dtype.
    """

    def __init__(self, filters_in, filters_out, dtype="float32", **kwargs):
        super().__init__(dtype=dtype, autocast=False, **kwargs)
        self.filters_in = filters_in
        self.filters_out = filters_out
        self.from_pixels = convolution(filters_in, 1, dtype=self.dtype_policy)
        self.conv_1 = convolution(filters_in, dtype=self.dtype_policy)
        self.conv_2 = convolution(filters_out, dtype=self.dtype_policy)

    def build(self, image_shape, features_shape=None):
        inner = (*image_shape[:-1], self.filters_in)
        self.from_pixels.build(image_shape)
        self.conv_1.build(inner)
        self.conv_2.build(inner)
        super().build(image_shape)

    def call(self, image, features=None):
        x = self.from_pixels(image)
        if features is not None:
            x = x + features
        x = leaky_relu(self.conv_1(leaky_relu(x)))
        return tf.nn.avg_pool2d(leaky_relu(self.conv_2(x)), 2, 2, "VALID")

    def get_config(self):
        return {**super().get_config(), "filters_in": self.filters_in, "filters_out": self.filters_out}
