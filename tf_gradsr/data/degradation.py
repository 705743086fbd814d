"""LR pictures as they are cut out of photographs, instead of plainly downscaled HR (`data.degrade`).

A face in a photograph was resized by some program, lies anywhere on the photograph's pixels and JPEG blocks,
and is cut out again. For one HR picture:

1. The photograph: HR, continued by reflection, is resampled by a random kernel, with antialiasing or without,
   until its side is `data.degrade_frame` times LR's. Its place is random too, over a whole JPEG block and in
   fractions of a pixel.
2. Normal noise is added, then the photograph is saved as JPEG, colours at half resolution (4:2:0), and
   opened.
3. The cut: each LR pixel is the mean over its area of the photograph, which is interpolated between its
   pixels (bicubic, Keys), exactly where the face lies. So LR is not shifted against HR, only worse.
"""

import math

import tensorflow as tf

from tf_gradsr import ops
from tf_gradsr.config import Config
from tf_gradsr.data.draws import DEGRADATION, SENSOR, normal, uniform

# TensorFlow's names of the kernels of `data.degrade_kernels`; the same as Pillow's.
KERNELS = {"box": "box", "bilinear": "triangle", "bicubic": "keyscubic", "lanczos": "lanczos3"}
# Side in pixels of what JPEG codes together, colours being at half resolution.
BLOCK = 16
# At least this many pixels of the photograph around the face, which the cut looks at.
MARGIN = 8


def degraded(hr, number, seed: int, config: Config):
    """The LR picture of one HR picture, as it is cut out of a photograph.

    Args:
        hr: float32 `[H, W, 3]` in [-1, 1].
        number: int64, the example's number.
        seed: int below 2**32. The random draws depend on number and seed alone.
        config: reads `data` and `model.scale`.

    Returns:
        uint8 `[h, w, 3]`.
    """
    data = config.data
    kernel, aliased, frame, down, right, quality, noise = tf.unstack(uniform(DEGRADATION, seed, number, 7))
    ratio = _between(frame, data.degrade_frame)  # Pixels of the photograph per LR pixel.
    offset = MARGIN + BLOCK * tf.stack([down, right])
    chosen = tf.cast(kernel * len(data.degrade_kernels), tf.int32) + tf.where(
        aliased < data.degrade_aliased, len(data.degrade_kernels), 0
    )
    photograph = _photograph(hr, chosen, ratio, offset, config)
    grain = normal(SENSOR, seed, number, photograph.shape)
    photograph = ops.to_uint8(photograph + ops.LEVEL * noise * data.degrade_noise * grain)
    if data.degrade_jpeg:
        least, most = data.degrade_jpeg
        # Every whole number is equally likely.
        quality = least + tf.cast(quality * (most - least + 1), tf.int32)
        photograph = tf.image.adjust_jpeg_quality(photograph, quality, dct_method="INTEGER_ACCURATE")
        photograph = tf.ensure_shape(photograph, grain.shape)
    return _cut(ops.to_float(photograph), ratio, offset, config)


def photograph_shape(config: Config) -> tuple:
    """(height, width) in pixels of the part of a photograph that is made around a face."""
    largest = max(config.data.degrade_frame)
    return tuple(math.ceil(side * largest) + BLOCK + 2 * MARGIN for side in config.lr_shape)


def _between(draw, bounds):
    least, most = bounds
    return least + draw * (most - least)


def _photograph(hr, chosen, ratio, offset, config):
    """HR among its reflections, resampled: float32 `[*photograph_shape, 3]`, nominally in [-1, 1]."""
    zoom = ratio / config.model.scale
    shape = photograph_shape(config)
    rows, columns = (
        _resampling(side, size, chosen, zoom, place, config)
        for side, size, place in zip(config.hr_shape, shape, tf.unstack(offset))
    )
    wide = tf.reshape(rows @ tf.reshape(hr, [config.hr_shape[0], -1]), [shape[0], config.hr_shape[1], 3])
    return columns @ wide


def _resampling(side, size, chosen, zoom, offset, config):
    """The linear map of one axis from HR to the photograph, `[size, side]`.

    Args:
        side: HR's pixels. size: the photograph's. chosen: which kernel, those without antialiasing last.
        zoom: pixels of the photograph per HR pixel. offset: where HR begins in the photograph.
    """
    smallest = min(config.data.degrade_frame) / config.model.scale
    before, after = math.ceil((MARGIN + BLOCK) / smallest), math.ceil((size - MARGIN) / smallest)
    # Row i stands for the place i - before of the endless row of reflections.
    places = tf.math.floormod(tf.range(-before, after), 2 * side)
    mirrored = tf.one_hot(tf.minimum(places, 2 * side - 1 - places), side)[tf.newaxis, :, :, tf.newaxis]
    scale, translation = tf.stack([zoom, 1.0]), tf.stack([offset - before * zoom, 0.0])

    def resample(kernel, antialias):
        # What resampling makes of the unit vectors is its matrix; across them no kernel changes anything.
        return lambda: tf.raw_ops.ScaleAndTranslate(
            images=mirrored,
            size=[size, side],
            scale=scale,
            translation=translation,
            kernel_type=KERNELS[kernel],
            antialias=antialias,
        )

    kernels = config.data.degrade_kernels
    made = tf.switch_case(
        chosen, [resample(kernel, smooth) for smooth in (True, False) for kernel in kernels]
    )
    return tf.reshape(made, [size, side])


def _cut(photograph, ratio, offset, config):
    """The LR picture, uint8 `[h, w, 3]`, of a face in a photograph, float32 `[P, Q, 3]` in [-1, 1]."""
    # Places within an LR pixel, along each axis: as fine as the photograph's pixels.
    fine = math.ceil(max(config.data.degrade_frame))
    height, width = config.lr_shape
    samples = tf.raw_ops.ScaleAndTranslate(
        images=photograph[tf.newaxis],
        size=[fine * height, fine * width],
        scale=tf.stack([fine / ratio] * 2),
        translation=-offset * fine / ratio,
        kernel_type="keyscubic",
        antialias=False,
    )
    return ops.to_uint8(ops.downscale(samples, fine))[0]
