"""Pictures cut as inaccurately as a face aligner cuts them (`data.augment`): moved, turned, scaled."""

import math

import tensorflow as tf

from tf_gradsr.config import Config
from tf_gradsr.data.draws import MISALIGNMENT, normal

# Errors are normally distributed, but cut off at this many standard deviations.
LARGEST = 3.0
# How far the kernel reaches, in pixels, and how much of its end, where it is below 0.02, may be left out: a
# picture that shrinks by a few per cent then needs no more pixels than one that does not, and half the time.
REACH, END = 2, 0.2


def misaligned(picture, number, seed: int, config: Config):
    """Moves, turns and scales one picture about its centre, by one resampling.

    The kernel is the cubic one of Keys (1981, a = -0.5), wider by as much as the picture shrinks, so that
    nothing aliases. Beyond its borders the picture is reflected. Where pictures are neither turned nor scaled
    they are moved by whole pixels and stay as sharp as they are.

    Args:
        picture: uint8 `[H, W, 3]`.
        number: int64, the example's number.
        seed: int below 2**32. The random draws depend on number and seed alone.
        config: reads `data.augment_shift`, `augment_turn`, `augment_scale` and `model.scale`.

    Returns:
        uint8 of the same shape.
    """
    height, width = picture.shape[:2]
    shift_std, turn_std, scale_std = deviations(config)
    draws = tf.clip_by_value(normal(MISALIGNMENT, seed, number, [4]), -LARGEST, LARGEST)
    shift, turn, zoom = draws[:2] * shift_std, draws[2] * turn_std, 1.0 + draws[3] * scale_std
    if not (turn_std or scale_std):
        shift = tf.round(shift)
    # From the centres of the new pixels to places in the picture, both as seen from its centre.
    down, right = (
        (tf.range(side, dtype=tf.float32) + 0.5 - side / 2 - move) / zoom
        for side, move in zip((height, width), tf.unstack(shift))
    )
    cosine, sine = tf.cos(turn), tf.sin(turn)
    down, right = down[:, tf.newaxis], right[tf.newaxis, :]
    rows, columns = cosine * down + sine * right, cosine * right - sine * down
    return _resample(picture, rows + height / 2, columns + width / 2, tf.maximum(1.0, 1.0 / zoom), config)


def deviations(config: Config) -> tuple:
    """Standard deviations of shift (HR pixels), turn (radians) and scale (share)."""
    data = config.data
    return (
        data.augment_shift * config.model.scale,
        math.radians(data.augment_turn),
        data.augment_scale / 100.0,
    )


def _resample(picture, rows, columns, wide, config):
    """The picture at places, `[H, W]` each, by a kernel that is `wide` times as wide as Keys'."""
    height, width = picture.shape[:2]
    shift_std, turn_std, scale_std = deviations(config)
    shrink = 1.0 / (1.0 - LARGEST * scale_std)
    taps = 2 * math.ceil(REACH * shrink - END)
    # No place is farther outside: a corner is half a diagonal from the centre.
    farthest = math.hypot(height, width) / 2 * (LARGEST * turn_std + shrink - 1.0)
    margin = math.ceil(farthest + shrink * LARGEST * shift_std) + taps
    (top, rows), (left, columns) = (
        _weights(places + min(margin, side), side + 2 * min(margin, side), taps, wide)
        for places, side in ((rows, height), (columns, width))
    )
    edges = [[min(margin, side)] * 2 for side in (height, width)]
    padded = tf.pad(tf.cast(picture, tf.float32), [*edges, [0, 0]], "SYMMETRIC")
    # One row of `runs` holds the `taps` pixels from its place to the right.
    across = padded.shape[1] - taps + 1
    runs = tf.concat([padded[:, tap : tap + across] for tap in range(taps)], axis=-1)
    runs = tf.reshape(runs, [-1, 3 * taps])
    first = top * across + left
    summed = tf.add_n(
        [tf.gather(runs, first + tap * across) * weight[..., tf.newaxis] for tap, weight in enumerate(rows)]
    )
    summed = tf.reshape(summed, [height, width, taps, 3]) * tf.stack(columns, axis=-1)[..., tf.newaxis]
    levels = tf.clip_by_value(tf.round(tf.reduce_sum(summed, axis=2)), 0.0, 255.0)
    return tf.cast(levels, tf.uint8)


def _weights(places, side, taps, wide):
    """The first pixel of an axis that each place uses, int32 `[H, W]`, and `taps` weights, `[H, W]` each."""
    places = tf.clip_by_value(places, 0.0, float(side))
    first = tf.clip_by_value(tf.floor(places - 0.5) - (taps // 2 - 1), 0.0, float(side - taps))
    distance = first + 0.5 - places
    weights = [keys((distance + tap) / wide) for tap in range(taps)]
    whole = tf.add_n(weights)
    return tf.cast(first, tf.int32), [weight / whole for weight in weights]


def keys(distance):
    """The cubic convolution kernel of Keys (1981) with a = -0.5."""
    x = tf.abs(distance)
    near, far = (1.5 * x - 2.5) * x * x + 1.0, ((2.5 - 0.5 * x) * x - 4.0) * x + 2.0
    return tf.where(x < 1.0, near, tf.where(x < REACH, far, 0.0))
