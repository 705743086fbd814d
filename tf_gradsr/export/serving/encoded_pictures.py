"""Decodes png and jpeg bytes to pictures and encodes pictures, with operations that every TensorFlow has."""

import tensorflow as tf

from tf_gradsr.decoding.opening import PNG
from tf_gradsr.export.serving.input_checks import (
    Limits,
    after,
    received_shape,
    require,
    shape_text,
    size_checks,
)
from tf_gradsr.export.serving.orientation import orientation, turn, turned

JPEG = b"\xff\xd8\xff"
# Signature, length and name of the first chunk, width, height, bits, kind of colour.
PNG_HEADER = 26
# 16 bits, grey: here TensorFlow would cut off the low byte, as both it and Pillow do in colour.
DEEP_GREY = b"\x10\0"
# The operation that fails on broken data is named after the input, so that the error message names it.
NODE = "image_bytes_decoding"


def decode(image_bytes, limits: Limits, samples=1):
    """Decodes pictures of one size; sizes are checked before anything is unpacked.

    Transparency is dropped, 16 bits become 8, pictures are turned upright (EXIF).

    Args:
        image_bytes: string `[B]`, png or jpeg.
        limits: what a request may ask for.
        samples: int32 scalar, of each picture.

    Returns:
        uint8 `[B, h, w, 3]`, RGB.
    """
    image_bytes = _checked_bytes(image_bytes)
    sizes = tf.map_fn(_size, image_bytes, fn_output_signature=tf.TensorSpec([2], tf.int32))
    count, first = tf.shape(sizes)[0], sizes[0]
    alike = require(
        tf.reduce_all(sizes == first),
        "image_bytes must hold pictures of one size; send others in a request of their own.",
        tf.strings.join([shape_text(tf.reduce_min(sizes, 0)), " to ", shape_text(tf.reduce_max(sizes, 0))]),
    )
    there = require(
        tf.reduce_all(sizes > 0), "image_bytes must hold pictures of at least one pixel.", shape_text(first)
    )
    largest = tf.reduce_max(sizes, 0)
    checks = [alike, there, *size_checks("image_bytes", count, largest, limits, samples)]
    return tf.map_fn(
        _pixels, after(checks, image_bytes), fn_output_signature=tf.TensorSpec([None, None, 3], tf.uint8)
    )


def encode(images):
    """uint8 `[..., H, W, 3]` -> png, string `[...]`."""
    return tf.io.encode_png(images)


def _checked_bytes(image_bytes):
    """string `[B]`, B >= 1, each of which begins as a png or jpeg file does."""
    shape = received_shape(image_bytes)
    has_rank = require(tf.size(shape) == 1, "image_bytes must have shape [B].", shape_text(shape))
    image_bytes = after([has_rank], image_bytes)
    is_any = require(tf.size(image_bytes) > 0, "image_bytes must hold at least one picture.", "[0]")
    known = _is_png(image_bytes) | _begins(image_bytes, JPEG)
    where = tf.strings.as_string(tf.reshape(tf.where(~known), [-1]))
    is_known = require(
        tf.reduce_all(known),
        "image_bytes must be png or jpeg files.",
        tf.strings.join(["other bytes at number ", tf.strings.reduce_join(where, separator=", ")]),
    )
    return after([is_any, is_known], image_bytes)


def _begins(image_bytes, signature):
    return tf.strings.substr(image_bytes, 0, len(signature)) == signature


def _is_png(image_bytes):
    return _begins(image_bytes, PNG) & (tf.strings.length(image_bytes) >= PNG_HEADER)


def _size(image_bytes):
    """Height and width of the upright picture, int32 `[2]`, from the header alone."""

    def of_png():
        width_height = tf.strings.substr(image_bytes, 16, 8)
        return tf.io.decode_raw(width_height, tf.int32, little_endian=False)[::-1]

    def of_jpeg():
        return tf.raw_ops.ExtractJpegShape(contents=image_bytes, name=NODE)[:2]

    is_png = _is_png(image_bytes)
    size = turned(tf.cond(is_png, of_png, of_jpeg), orientation(image_bytes, is_png))
    return tf.ensure_shape(size, [2])


def _pixels(image_bytes):
    """RGB, uint8 `[h, w, 3]`, the same as Pillow's, and so as those that `gradsr hallucinate` reads."""

    def of_deep_grey():
        pixels = tf.io.decode_png(image_bytes, channels=1, dtype=tf.uint16, name=NODE)
        levels = tf.cast(tf.round(tf.cast(pixels, tf.float32) / 257.0), tf.uint8)
        return tf.repeat(levels, 3, axis=-1)

    def of_png():
        depth_and_kind = tf.strings.substr(image_bytes, 24, 2)
        return tf.cond(
            depth_and_kind == DEEP_GREY,
            of_deep_grey,
            lambda: tf.io.decode_png(image_bytes, channels=3, name=NODE),
        )

    def of_jpeg():
        # The other method, the default, is faster and differs by up to three levels.
        return tf.io.decode_jpeg(image_bytes, channels=3, dct_method="INTEGER_ACCURATE", name=NODE)

    is_png = _is_png(image_bytes)
    pixels = turn(tf.cond(is_png, of_png, of_jpeg), orientation(image_bytes, is_png))
    return tf.ensure_shape(pixels, [None, None, 3])
