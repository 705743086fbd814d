"""Checks of a request inside the graph itself, so that every server makes them.

Each is an `Assert` operation: it fails with INVALID_ARGUMENT and a message that begins with the input's name.
What they return depends on them, so nothing is computed for a request that is refused.
"""

from dataclasses import dataclass

import tensorflow as tf


@dataclass(frozen=True)
class Limits:
    """What one request may ask for."""

    max_samples: int = 64
    """Samples of one picture."""
    max_side: int = 512
    """LR pixels, height and width of a picture."""

    @property
    def max_pixels(self) -> int:
        """LR pixels of a request, each counted once for each sample; bounds the memory."""
        return self.max_side**2


def require(condition, rule: str, received):
    """Returns an operation that fails unless a condition holds.

    Args:
        condition: bool scalar. rule: what is allowed. received: string scalar, what was received.
    """
    message = tf.strings.join([f"{rule} Received: ", received, "."])
    return tf.debugging.Assert(condition, [message])


def after(checks, tensor):
    """Returns the tensor once the checks have passed."""
    with tf.control_dependencies(checks):
        return tf.identity(tensor)


def received_shape(tensor):
    """Returns the shape that a tensor really has, int32 `[rank]`.

    A server does not hold requests to the signature's shapes, but the graph's optimiser takes them for
    granted and would find a check of the rank always true. It does not know the shape of a parsed tensor.
    """
    return tf.shape(tf.io.parse_tensor(tf.io.serialize_tensor(tensor), tensor.dtype))


def checked_scalar(tensor, name: str):
    """Returns the tensor, which must have no dimensions."""
    shape = received_shape(tensor)
    is_scalar = require(tf.size(shape) == 0, f"{name} must be a scalar.", shape_text(shape))
    return after([is_scalar], tensor)


def checked_num_samples(num_samples, limits: Limits):
    """int32 scalar in [1, max_samples]."""
    num_samples = checked_scalar(num_samples, "num_samples")
    fits = (num_samples >= 1) & (num_samples <= limits.max_samples)
    rule = f"num_samples must be in [1, {limits.max_samples}]."
    return after([require(fits, rule, tf.strings.as_string(num_samples))], num_samples)


def checked_temperature(temperature):
    """float32 scalar, >= 0 and finite."""
    temperature = checked_scalar(temperature, "temperature")
    fits = (temperature >= 0.0) & tf.math.is_finite(temperature)
    rule = "temperature must be >= 0 and finite."
    return after([require(fits, rule, tf.strings.as_string(temperature))], temperature)


def checked_seed(seed):
    """int32 `[2]`, none negative."""
    shape = received_shape(seed)
    seed = after([require(_equal(shape, [2]), "seed must have shape [2].", shape_text(shape))], seed)
    rule = "seed must be two numbers >= 0."
    return after([require(tf.reduce_all(seed >= 0), rule, shape_text(seed))], seed)


def checked_noise(z, count, z_size: int):
    """float32 `[count, z_size]`, finite."""
    shape = received_shape(z)
    rule = f"z must have shape [B, {z_size}], B as lr has."
    z = after([require(_equal(shape, [count, z_size]), rule, shape_text(shape))], z)
    is_finite = tf.reduce_all(tf.math.is_finite(z))
    return after([require(is_finite, "z must be finite.", "NaN or infinity")], z)


def checked_pictures(lr, limits: Limits, samples=1):
    """uint8 `[B, h, w, 3]`, no dimension 0, within the limits for that many samples."""
    shape = received_shape(lr)
    text = shape_text(shape)
    # Always four entries, so that the comparison itself never fails.
    entries = tf.slice(tf.concat([shape, tf.zeros([4], tf.int32)], axis=0), [0], [4])
    fits = (tf.size(shape) == 4) & (entries[3] == 3) & tf.reduce_all(entries > 0)
    is_picture = require(fits, "lr must have shape [B, h, w, 3], none of them 0.", text)
    checks = [is_picture, *size_checks("lr", entries[0], entries[1:3], limits, samples)]
    return after(checks, lr)


def size_checks(name: str, count, size, limits: Limits, samples=1) -> list:
    """Checks that pictures are small enough.

    Args:
        name: the input's. count: int32 scalar, pictures. size: int32 `[2]`, height and width.
        samples: int32 scalar, of each picture.
    """
    fits = tf.reduce_all(size <= limits.max_side)
    rule = f"{name} must hold pictures of at most {limits.max_side}x{limits.max_side} pixels."
    is_small = require(fits, rule, tf.strings.join([shape_text(size), " (height, width)"]))
    # In 64 bits: the product of hostile sizes would wrap around in 32.
    pixels = tf.reduce_prod(tf.cast(tf.stack([count, size[0], size[1], samples]), tf.int64))
    rule = f"{name} must have at most {limits.max_pixels} pixels in all, times num_samples; ask for less."
    is_little = require(pixels <= limits.max_pixels, rule, tf.strings.as_string(pixels))
    return [is_small, is_little]


def shape_text(shape):
    """int `[n]` -> string scalar "[1, 2, 3]"."""
    return tf.strings.join(["[", tf.strings.reduce_join(tf.strings.as_string(shape), separator=", "), "]"])


def _equal(shape, expected):
    """Whether a shape of any rank is the expected one."""
    expected = tf.stack(expected)
    same_rank = tf.size(shape) == tf.size(expected)
    # Broadcasting fills in where ranks differ, so that the comparison itself never fails.
    return same_rank & tf.reduce_all(tf.where(same_rank, shape, expected) == expected)
