"""Picture operations shared by the data, the networks, the losses and the metrics.

Pictures are NHWC, RGB, float32 in [-1, 1] inside the program and uint8 at every border.
"""

import tensorflow as tf

# One grey level of a uint8 picture in [-1, 1]; `r` of eq. (12).
LEVEL = 2.0 / 255.0
# Bilinear back-projections of `enforce_consistency`; each reaches one LR pixel further.
CONSISTENCY_ROUNDS = 2
# Keeps the square root of eq. (5) differentiable where a picture is flat.
_FLAT = 1e-12


def to_float(images):
    """Brings uint8 pictures into the program's range: 0 -> -1.0, 255 -> 1.0.

    Args:
        images: uint8 `[..., H, W, C]`.

    Returns:
        float32 of the same shape, in [-1, 1].
    """
    return tf.cast(images, tf.float32) * LEVEL - 1.0


def to_uint8(images):
    """Brings pictures to the uint8 grid: clipped to [-1, 1], then rounded to the nearest level.

    Args:
        images: float `[..., H, W, C]`, nominally in [-1, 1].

    Returns:
        uint8 of the same shape.
    """
    levels = (tf.cast(images, tf.float32) + 1.0) / LEVEL
    return tf.cast(tf.round(tf.clip_by_value(levels, 0.0, 255.0)), tf.uint8)


def image_gradient(images, channels=None):
    """Magnitude of the image gradient, for each channel (paper eq. 3 to 5).

    `g_x = I(x+1, y) - I(x-1, y)`, `g_y = I(x, y+1) - I(x, y-1)`, `g = ||(g_x, g_y)||_2`.
    Border pixels are replicated. The derivative is finite (0) where the picture is flat.

    Args:
        images: float32 `[B, H, W, C]`.
        channels: 1 for a single gradient, of the mean of the channels; otherwise one for each channel.

    Returns:
        float32 `[B, H, W, C or 1]`, >= 0; in [0, 2 sqrt(2)] for pictures in [-1, 1].
    """
    if channels == 1:
        images = tf.reduce_mean(images, axis=-1, keepdims=True)
    # Slices stand in for symmetric padding, which mobile delegates do not support.
    left, right = images[:, :, :1, :], images[:, :, -1:, :]
    g_x = tf.concat([images[:, :, 1:, :], right], 2) - tf.concat([left, images[:, :, :-1, :]], 2)
    top, bottom = images[:, :1, :, :], images[:, -1:, :, :]
    g_y = tf.concat([images[:, 1:, :, :], bottom], 1) - tf.concat([top, images[:, :-1, :, :]], 1)
    # The root's offset is subtracted again, so that a flat picture has gradient exactly 0.
    return tf.sqrt(tf.square(g_x) + tf.square(g_y) + _FLAT) - _FLAT**0.5


def downscale(images, factor, method="area"):
    """Downscales pictures by a whole factor: DS of the paper.

    Args:
        images: float32 `[B, H, W, C]`, H and W multiples of `factor`.
        factor: int >= 1.
        method: "area", the mean of each `factor` x `factor` block, or "bicubic", antialiased.

    Returns:
        float32 `[B, H / factor, W / factor, C]`. "bicubic" can overshoot the input's range.

    Raises:
        ValueError: unknown method, a factor below 1, or sides known not to be multiples of the factor.
    """
    if factor < 1:
        raise ValueError(f"factor must be a whole number >= 1. Received: factor={factor}.")
    height, width = images.shape[1], images.shape[2]
    if any(side is not None and side % factor for side in (height, width)):
        raise ValueError(
            f"Sides must be multiples of the factor. Received: images of {height}x{width}, factor={factor}. "
            "Crop the pictures first."
        )
    if method not in ("area", "bicubic"):
        raise ValueError(f'method must be "area" or "bicubic". Received: method={method!r}.')
    if factor == 1:
        return images
    if method == "area":
        return tf.nn.avg_pool2d(images, factor, factor, "VALID")
    shape = tf.shape(images)
    return tf.image.resize(images, [shape[1] // factor, shape[2] // factor], "bicubic", antialias=True)


def upscale_nearest(images, factor):
    """Repeats each pixel `factor` x `factor` times.

    Args:
        images: `[B, h, w, C]`.
        factor: int >= 1.

    Returns:
        The same dtype, `[B, h * factor, w * factor, C]`.
    """

    @tf.custom_gradient
    def repeat(x):
        shape = tf.shape(x)
        # TensorFlow's own gradient has no deterministic kernel on GPUs; a sum over blocks has.
        return (
            tf.image.resize(x, [shape[1] * factor, shape[2] * factor], "nearest"),
            lambda upstream: tf.nn.avg_pool2d(upstream, factor, factor, "VALID") * factor**2,
        )

    return repeat(images)


def upscale_bilinear(images, factor):
    """Bilinear upscaling by a whole factor, pixel centres aligned.

    Args:
        images: float32 `[B, h, w, C]`.
        factor: int >= 1.

    Returns:
        float32 `[B, h * factor, w * factor, C]`, inside the input's range.
    """
    shape = tf.shape(images)
    return tf.image.resize(images, [shape[1] * factor, shape[2] * factor], "bilinear")


@tf.custom_gradient
def straight_through_round(images):
    """Rounds to the nearest of the 256 levels of [-1, 1]; its gradient is the identity (paper 3.1).

    Args:
        images: float32, any shape.

    Returns:
        float32 of the same shape, on the uint8 grid of [-1, 1] (values outside stay outside).
    """
    return tf.round((images + 1.0) / LEVEL) * LEVEL - 1.0, lambda upstream: upstream


def consistency_residual(hr, lr, factor, epsilon=0.1, method="area"):
    """F: how far a picture, downscaled, is from its LR input, in grey levels (paper eq. 12).

    `F = max(|round(DS(hr)) - lr| / r - epsilon, 0)` with `r = 2 / 255`.

    Args:
        hr: float32 `[B, H, W, C]` in [-1, 1].
        lr: float32 `[B, H / factor, W / factor, C]` in [-1, 1], on the uint8 grid.
        factor: int, the scale between them.
        epsilon: slack in grey levels, >= 0.
        method: see `downscale`.

    Returns:
        float32 of `lr`'s shape, >= 0; differentiable in `hr` through the rounding.
    """
    rounded = straight_through_round(downscale(hr, factor, method))
    return tf.nn.relu(tf.abs(rounded - lr) / LEVEL - epsilon)


def enforce_consistency(hr, lr, factor, rounds=CONSISTENCY_ROUNDS):
    """Projects pictures onto those that downscale exactly to `lr` under the area mean.

    Ours, not in the paper. Bilinear back-projections (Irani and Peleg 1991) take most of the residual
    away smoothly; a last nearest-neighbour step, which alone would leave `factor` x `factor` blocks, makes
    it exact: `DS(result) == lr` up to float32 rounding. Not clipped: see `clip_consistently`.

    Args:
        hr: float32 `[B, H, W, C]`.
        lr: float32 `[B, H / factor, W / factor, C]`.
        factor: int, the scale between them.
        rounds: int >= 0, bilinear back-projections before the exact step.

    Returns:
        float32 `[B, H, W, C]`.
    """
    for _ in range(rounds):
        hr += upscale_bilinear(lr - downscale(hr, factor), factor)
    return hr + upscale_nearest(lr - downscale(hr, factor), factor)


def clip_consistently(hr, lr, factor):
    """Brings pictures into [-1, 1] without changing what they downscale to under the area mean.

    Ours, not in the paper. Plain clipping moves the mean of a block; here the block is then faded towards
    white or black by the share that brings its mean back to LR's pixel.

    Args:
        hr: float32 `[B, H, W, C]`, any range.
        lr: float32 `[B, H / factor, W / factor, C]` in [-1, 1].
        factor: int, the scale between them.

    Returns:
        float32 `[B, H, W, C]` in [-1, 1]; `DS(result) == lr` up to float32 rounding.
    """
    hr = tf.clip_by_value(hr, -1.0, 1.0)
    mean = downscale(hr, factor)
    # Share of the way to white, where the mean is too low, and to black, where it is too high.
    lighter = tf.nn.relu(lr - mean) / tf.maximum(1.0 - mean, LEVEL**2)
    darker = tf.nn.relu(mean - lr) / tf.maximum(1.0 + mean, LEVEL**2)
    hr += upscale_nearest(lighter, factor) * (1.0 - hr) - upscale_nearest(darker, factor) * (1.0 + hr)
    return tf.clip_by_value(hr, -1.0, 1.0)
