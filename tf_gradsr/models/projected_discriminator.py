"""A discriminator on pretrained features (Sauer et al. 2021, "Projected GANs Converge Faster")."""

import keras
import numpy as np
import tensorflow as tf

from tf_gradsr.models.blocks import LEAK, leaky_relu

# Channels of the projections, fine to coarse, and of the heads.
PROJECTED_WIDTHS = (64, 128, 256, 512)
HEAD_WIDTH = 128
# Heads end at about this many pixels per side.
HEAD_SIDE = 4


@keras.saving.register_keras_serializable("tf_gradsr")
class SpectralConvolution(keras.layers.Layer):
    """A convolution whose kernel is divided by its largest singular value (Miyato et al. 2018).

    One power iteration per call with `training=True` tracks the value; the gradient passes through it.

    Args:
        filters: int. kernel_size: int. strides: int.
        dtype: Keras policy; "mixed_bfloat16" is for the convolution only.

    Call: `[B, H, W, C]` -> `[B, ceil(H / strides), ceil(W / strides), filters]` of the compute dtype.
    """

    def __init__(self, filters, kernel_size, strides=1, dtype="float32", **kwargs):
        super().__init__(dtype=dtype, autocast=False, **kwargs)
        self.filters, self.kernel_size, self.strides = filters, kernel_size, strides

    def build(self, input_shape):
        initializer = keras.initializers.VarianceScaling(2.0 / (1.0 + LEAK**2), "fan_in", "truncated_normal")
        shape = (self.kernel_size, self.kernel_size, input_shape[-1], self.filters)
        self.kernel = self.add_weight(shape=shape, initializer=initializer, name="kernel")
        self.bias = self.add_weight(shape=(self.filters,), initializer="zeros", name="bias")
        self.singular = self.add_weight(
            shape=(self.filters, 1),
            initializer=keras.initializers.RandomNormal(1.0),
            trainable=False,
            # Replicas hold the same kernel, so their values are the same.
            aggregation="only_first_replica",
            name="singular_vector",
        )
        super().build(input_shape)

    def call(self, x, training=False):
        matrix = tf.reshape(self.kernel.value, [-1, self.filters])
        fixed = tf.stop_gradient(matrix)
        left = tf.math.l2_normalize(fixed @ self.singular.value)
        right = tf.math.l2_normalize(tf.transpose(fixed) @ left)
        if training:
            self.singular.assign(right)
        largest = tf.reduce_sum(left * (matrix @ right))
        kernel = tf.cast(self.kernel.value / largest, self.compute_dtype)
        x = tf.nn.conv2d(tf.cast(x, self.compute_dtype), kernel, self.strides, "SAME")
        return tf.nn.bias_add(x, tf.cast(self.bias, self.compute_dtype))

    def get_config(self):
        sizes = {"filters": self.filters, "kernel_size": self.kernel_size, "strides": self.strides}
        return {**super().get_config(), **sizes}


@keras.saving.register_keras_serializable("tf_gradsr")
class ProjectedDiscriminator(keras.Model):
    """Judges pictures by their frozen features: fixed random projections, then one small head per scale.

    Each scale's features pass a random 1x1 convolution. Then, from coarse to fine, the coarser scale's
    features are enlarged, pass another 1x1 convolution and are added, and the sum passes a random 3x3
    convolution. So every head also sees the coarser scales. The projections never learn; they are weights,
    and so a part of every checkpoint.

    Args:
        channels: ints, channels of the features, fine to coarse.
        side: int, shorter side of the pictures that the features come from; decides how often a head halves.
        strides: ints, pixels of the picture for one of the features, fine to coarse.
        widths: ints, channels of the projections.
        condition_channels: int, channels of a condition at each head's end; 3 for F (paper eq. 12), 0 for
        none.
        seed: int, of the projections.
        dtype: Keras policy; "mixed_bfloat16" is for the convolutions only.

    Call: `(features, condition)`, a list of float32 `[B, h, w, C]`, fine to coarse, and float32
    `[B, h, w, condition_channels]` or None -> list of float32 `[B, h', w', 1]`, each head's logits, positive
    for real. `training=True` updates the spectral norms.
    """

    def __init__(
        self,
        channels,
        side=224,
        strides=(4, 8, 16, 32),
        widths=PROJECTED_WIDTHS,
        condition_channels=0,
        seed=0,
        dtype="float32",
        **kwargs,
    ):
        super().__init__(dtype=dtype, autocast=False, **kwargs)
        self.channels, self.strides = list(channels), list(strides)
        self.widths = list(widths)[: len(self.channels)]
        self.side, self.condition_channels, self.seed = side, condition_channels, seed
        self.heads = [
            _head(max(side // stride, 1), self.dtype_policy, f"head_{stride}") for stride in self.strides
        ]
        self.joint = [
            SpectralConvolution(HEAD_WIDTH, 3, dtype=self.dtype_policy, name=f"joint_{stride}")
            for stride in self.strides
        ]
        self.judges = [
            SpectralConvolution(1, 3, dtype=self.dtype_policy, name=f"judge_{stride}")
            for stride in self.strides
        ]

    def build(self, input_shape=None):
        """Makes the weights; their shapes depend on no picture size."""
        if self.built:
            return
        rng = np.random.default_rng(self.seed)
        pairs = list(zip(self.widths, self.widths[1:]))
        self.across = [self._projection(rng, 1, *ends) for ends in zip(self.channels, self.widths)]
        self.upward = [self._projection(rng, 1, coarse, fine) for fine, coarse in pairs]
        self.mixing = [self._projection(rng, 3, width, width) for width in self.widths[:-1]]
        for head, joint, judge, width in zip(self.heads, self.joint, self.judges, self.widths):
            for layer in head:
                layer.build((None, None, None, width))
                width = HEAD_WIDTH
            joint.build((None, None, None, width + self.condition_channels))
            judge.build((None, None, None, HEAD_WIDTH))
        self.built = True

    def _projection(self, rng, size, channels_in, channels_out):
        """A random kernel that keeps the variance of its input and never learns."""
        kernel = rng.standard_normal((size, size, channels_in, channels_out)) / (size * channels_in**0.5)
        return self.add_weight(
            shape=kernel.shape,
            initializer=lambda shape, dtype=None: tf.constant(kernel, dtype or "float32"),
            trainable=False,
            name="projection",
        )

    def project(self, features):
        """The fixed part: features -> each head's input, fine to coarse, of the compute dtype."""
        features = [tf.cast(x, self.compute_dtype) for x in features]
        across = [self._convolved(x, kernel) for x, kernel in zip(features, self.across)]
        mixed = [across[-1]]
        for x, upward, mixing in reversed(list(zip(across, self.upward, self.mixing))):
            coarser = tf.image.resize(self._convolved(mixed[0], upward), tf.shape(x)[1:3])
            total = (x + tf.cast(coarser, self.compute_dtype)) * tf.cast(0.5**0.5, self.compute_dtype)
            mixed.insert(0, self._convolved(total, mixing))
        return mixed

    def _convolved(self, x, kernel):
        return tf.nn.conv2d(x, tf.cast(kernel.value, self.compute_dtype), 1, "SAME")

    def call(self, inputs, training=False):
        features, condition = inputs
        return self.judge(self.project(features), condition, training)

    def judge(self, projected, condition=None, training=False):
        """The learned part: what `project` returns -> logits, as of a call."""
        logits = []
        for x, head, joint, judge in zip(projected, self.heads, self.joint, self.judges):
            for layer in head:
                x = leaky_relu(layer(x, training=training))
            if self.condition_channels:
                small = tf.image.resize(condition, tf.shape(x)[1:3], antialias=True)
                x = tf.concat([x, tf.cast(small, x.dtype)], axis=-1)
            x = leaky_relu(joint(x, training=training))
            logits.append(tf.cast(judge(x, training=training), self.variable_dtype))
        return logits

    def get_config(self):
        return {
            **super().get_config(),
            "channels": self.channels,
            "side": self.side,
            "strides": self.strides,
            "widths": self.widths,
            "condition_channels": self.condition_channels,
            "seed": self.seed,
        }


def _head(side, dtype, name):
    """The convolutions that halve features until about `HEAD_SIDE` pixels are left."""
    layers = []
    while side > HEAD_SIDE:
        layers.append(SpectralConvolution(HEAD_WIDTH, 4, 2, dtype=dtype, name=f"{name}_{len(layers)}"))
        side = -(-side // 2)
    return layers
