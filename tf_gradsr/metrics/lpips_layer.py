"""LPIPS, the learned perceptual distance of two pictures (Zhang et al. 2018), as a Keras layer."""

import keras
import tensorflow as tf

from tf_gradsr import ops
from tf_gradsr.metrics.lpips_weights import (
    backbone,
    default_weights_path,
    load_weights,
    weight_shapes,
)

# From the reference implementation (lpips 0.1): mean and deviation of ImageNet's colours in [-1, 1].
COLOUR_MEAN = (-0.030, -0.088, -0.188)
COLOUR_DEVIATION = (0.458, 0.448, 0.450)
# Keeps the normalised features finite where all channels are 0.
EPSILON = 1e-10


class LPIPS(keras.layers.Layer):
    """Learned Perceptual Image Patch Similarity, version 0.1 (Zhang et al. 2018, eq. 1).

    `d(x, x0) = sum_l 1 / (H_l W_l) sum_hw sum_c w_lc (y_lhwc - y0_lhwc)^2`, with y_l the features of
    layer l after its ReLU, each pixel's scaled to length 1, and w_l the learned weights of its channels (the
    paper's squared). 0 for equal pictures; larger is more different.

    `LPIPS.load` gives a layer with weights. One made by the constructor holds NaN, and returns NaN, until
    `set_weights` or a model that contains it sets its weights. Always float32, never trainable.

    Args:
        network: "alex", which the authors recommend for measuring, or "vgg".

    Call: a pair (images, truth), uint8 `[B, H, W, 3]` RGB, sides >= `minimal_side` -> float32 `[B]`.

    Attributes:
        minimal_side: int, sides of the smallest picture: 31 ("alex"), 16 ("vgg").

    Raises:
        ValueError: unknown network; when called: not uint8, not `[B, H, W, 3]`, shapes that differ, or sides
            below `minimal_side`.
        tf.errors.InvalidArgumentError: the same, where shapes are unknown until a compiled function runs.
    """

    def __init__(self, network="alex", **kwargs):
        super().__init__(**{**kwargs, "dtype": "float32", "trainable": False})
        self.network = network
        self._convolutions = backbone(network).convolutions
        self.minimal_side = backbone(network).minimal_side
        self._weights_by_name = {
            name: self.add_weight(
                shape=shape, initializer=keras.initializers.Constant(float("nan")), trainable=False, name=name
            )
            for name, shape in weight_shapes(network).items()
        }
        self.built = True

    @classmethod
    def load(cls, network="alex", path=None):
        """Loads the layer from a file made by `python -m tf_gradsr.metrics.lpips --convert`.

        Args:
            network: "alex" or "vgg".
            path: the file; None: `default_weights_path(network)`.

        Raises:
            ValueError: unknown network.
            MissingWeights: no such file; the message says how to get it.
            BadWeights: damaged, or of another network.
        """
        weights = load_weights(default_weights_path(network) if path is None else path, network)
        layer = cls(network)
        layer.set_weights([weights[variable.name] for variable in layer.weights])
        return layer

    def get_config(self):
        return {**super().get_config(), "network": self.network}

    def call(self, inputs):
        images, truth = inputs
        return tf.add_n([tf.reduce_mean(layer, axis=[1, 2, 3]) for layer in self._layer_maps(images, truth)])

    def maps(self, images, truth):
        """LPIPS at each pixel: each layer's map upsampled bilinearly to the picture, summed.

        The reference's `spatial=True`. Its mean over pixels is near the distance of a call, not equal to it.

        Args:
            images, truth: uint8 `[B, H, W, 3]`, sides >= `minimal_side`.

        Returns:
            float32 `[B, H, W]`, >= 0.

        Raises:
            ValueError: see the class.
            tf.errors.InvalidArgumentError: the same, where shapes are unknown until a compiled function runs.
        """
        layers = self._layer_maps(images, truth)
        size = tf.shape(images)[1:3]
        maps = tf.add_n([tf.image.resize(layer, size, "bilinear") for layer in layers])
        return tf.squeeze(maps, axis=-1)

    def _layer_maps(self, images, truth):
        """The weighted squared difference at each pixel of each compared layer, `[B, H_l, W_l, 1]`."""
        images, truth = tf.convert_to_tensor(images), tf.convert_to_tensor(truth)
        images, truth = self._checked(images, truth)
        maps = []
        for number, (y, y0) in enumerate(zip(self._features(images), self._features(truth)), 1):
            linear = self._weights_by_name[f"linear{number}"]
            maps.append(tf.reduce_sum(tf.square(y - y0) * linear, axis=-1, keepdims=True))
        return maps

    def _features(self, images):
        """Features of the compared layers, each pixel's scaled to length 1."""
        x = (ops.to_float(images) - COLOUR_MEAN) / COLOUR_DEVIATION
        features = []
        for number, layer in enumerate(self._convolutions, 1):
            if layer.pool:
                x = tf.nn.max_pool2d(x, *layer.pool, padding="VALID")
            sides = [layer.padding] * 2
            kernel = self._weights_by_name[f"conv{number}_kernel"]
            x = tf.nn.conv2d(x, kernel, layer.stride, [[0, 0], sides, sides, [0, 0]])
            x = tf.nn.relu(x + self._weights_by_name[f"conv{number}_bias"])
            if layer.tapped:
                length = tf.sqrt(tf.reduce_sum(tf.square(x), axis=-1, keepdims=True))
                features.append(x / (length + EPSILON))
        return features

    def _checked(self, images, truth):
        """Returns the same pictures once they are known to be comparable."""
        for name, pictures in (("images", images), ("truth", truth)):
            shape = pictures.shape
            received = f"Received: {name} {pictures.dtype.name} {shape}."
            if pictures.dtype != tf.uint8:
                raise ValueError(f"LPIPS takes uint8 pictures; see ops.to_uint8. {received}")
            if not shape.is_compatible_with([None, None, None, 3]):
                raise ValueError(f"LPIPS takes RGB pictures, [B, H, W, 3]. {received}")
            if any(side is not None and side < self.minimal_side for side in shape[1:3]):
                raise ValueError(
                    f"LPIPS with network {self.network!r} takes pictures of {self.minimal_side}x"
                    f"{self.minimal_side} or more; {received} Enlarge both pictures first, or choose a "
                    "network that takes smaller ones."
                )
        if not images.shape.is_compatible_with(truth.shape):
            raise ValueError(
                f"LPIPS compares pictures of one shape. Received: images {images.shape}, truth {truth.shape}."
            )
        if images.shape.is_fully_defined() and truth.shape.is_fully_defined():
            return images, truth
        # Shapes that are known only when the compiled function runs.
        shape = tf.shape(images)
        checks = [
            tf.debugging.assert_equal(shape, tf.shape(truth), "LPIPS compares pictures of one shape."),
            tf.debugging.assert_greater_equal(
                tf.reduce_min(shape[1:3]), self.minimal_side, "LPIPS: the pictures are too small."
            ),
        ]
        # Without it, layers that fail on such pictures may do so first.
        with tf.control_dependencies(checks):
            return tf.identity(images), tf.identity(truth)
