"""Differentiable augmentation of what a discriminator sees (Zhao et al. 2020, "DiffAugment").

The gradient passes through it to the generator. Real pictures and fakes are changed alike, so the
discriminator cannot learn the training pictures by heart and the generator does not learn the changes.
"""

import tensorflow as tf

# Uniform random numbers needed to change one picture.
DRAWS = 7
# Half the paper's ranges of colour: faces vary less than CIFAR-10.
BRIGHTNESS, SATURATION, CONTRAST = 0.25, 0.5, 0.25
# As shares of a side: the farthest shift, and the side of the square that is cut out.
SHIFT, CUTOUT = 1 / 8, 3 / 8


def augment(images, draws, shift=SHIFT, cutout=CUTOUT):
    """Changes each picture's colours, moves it, and blanks a square of it.

    Args:
        images: float32 `[B, H, W, 3]`, nominally in [-1, 1].
        draws: float32 `[B, 7]`, uniform in [0, 1): for brightness, saturation, contrast, shift down, shift
            right, and the centre of the square, down and right.

    Returns:
        float32 `[B, H, W, 3]`, differentiable in the pictures: brightness moved by up to 0.25, saturation
        times 0.5 to 1.5, contrast times 0.75 to 1.25; grey (0) in the square and in the shift's gap.
    """
    centred = 2.0 * draws[:, :, tf.newaxis, tf.newaxis, tf.newaxis] - 1.0  # [B, 7, 1, 1, 1]
    images += BRIGHTNESS * centred[:, 0]
    grey = tf.reduce_mean(images, axis=-1, keepdims=True)
    images = grey + (1.0 + SATURATION * centred[:, 1]) * (images - grey)
    mean = tf.reduce_mean(images, axis=[1, 2, 3], keepdims=True)
    images = mean + (1.0 + CONTRAST * centred[:, 2]) * (images - mean)
    height, width = images.shape[1], images.shape[2]
    down, right = _shifts(draws[:, 3], height, shift), _shifts(draws[:, 4], width, shift)
    # Products with 0 and 1: their gradient is deterministic on every device, unlike a gather's.
    images = tf.einsum("bij,bjwc->biwc", down, images)
    images = tf.einsum("bij,bhjc->bhic", right, images)
    rows, columns = _near(draws[:, 5], height, cutout), _near(draws[:, 6], width, cutout)
    blanked = rows[:, :, tf.newaxis] & columns[:, tf.newaxis, :]
    return tf.where(blanked[..., tf.newaxis], 0.0, images)


def _shifts(draws, side, shift):
    """`[B, side, side]` matrices of 0 and 1 that shift pixels along a side; those shifted out are lost."""
    # Every whole number of pixels is equally likely.
    farthest = round(shift * side)
    pixels = tf.cast(tf.floor(draws * (2 * farthest + 1)), tf.int32) - farthest
    place = tf.range(side)
    source = place[tf.newaxis, :, tf.newaxis] - pixels[:, tf.newaxis, tf.newaxis]
    return tf.cast(tf.equal(source, place[tf.newaxis, tf.newaxis, :]), tf.float32)


def _near(draws, side, cutout):
    """`[B, side]`, true for the pixels within half the square's side of its centre."""
    place = tf.range(side, dtype=tf.float32) + 0.5
    return tf.abs(place[tf.newaxis, :] - draws[:, tf.newaxis] * side) < cutout / 2 * side
