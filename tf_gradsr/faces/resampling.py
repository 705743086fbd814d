"""One resampling straight from a photograph to a cut of it, antialiased, with no shift of half a pixel."""

import math

import numpy as np
from PIL import Image

from tf_gradsr.faces.similarity import scale_of

# Subpixels computed at once; bounds the memory, whatever the sizes.
BLOCK = 500_000
# Where blocks are averaged first, at least this many lie along a pixel's side.
FINE = 2
# How many pixels the interpolation reaches beyond a position, and one for rounding.
REACH = 3
# A reduction by 1 that rounding made slightly larger must not blur.
TOLERANCE = 1e-6


def cut(picture: np.ndarray, matrix: np.ndarray, size: int) -> np.ndarray:
    """Resamples a turned square of a picture.

    Each pixel of the result is the mean over its area of the picture, which is interpolated between its
    pixels (Keys 1981, cubic convolution, a = -1/2): the area is sampled in a grid at least as fine as the
    picture's own pixels. So a cut along the pixels that reduces by a whole factor is the block mean, and one
    that does not reduce is plain bicubic interpolation. Where a pixel of the result is 4 of the picture's or
    more wide, means of whole blocks, at most half as wide, are taken first. Beyond its borders, the picture
    repeats its border pixels.

    Args:
        picture: uint8 `[h, w, 3]`.
        matrix: float `[2, 3]`, from the result's unit square (x to the right, y down, both in [0, 1]) to the
            picture's continuous pixel coordinates, see `tf_gradsr.faces.similarity`.
        size: side of the result in pixels.

    Returns:
        uint8 `[size, size, 3]`.
    """
    matrix = np.asarray(matrix, np.float64)
    step = scale_of(matrix) / size
    coarse = max(1, int((step + TOLERANCE) // FINE))
    if coarse > 1:
        picture, matrix, step = _block_means(picture, coarse), matrix / coarse, step / coarse
    fine = max(1, math.ceil(step - TOLERANCE))
    # From subpixels to the picture.
    matrix = matrix * [1 / (size * fine), 1 / (size * fine), 1.0]
    rows = max(1, BLOCK // (size * fine * fine))
    blocks = [
        _cut_rows(picture, matrix, size, fine, first, min(rows, size - first))
        for first in range(0, size, rows)
    ]
    return np.concatenate(blocks)


def _block_means(picture, factor):
    """uint8; blocks cut off by the right and the lower border are means of what there is."""
    return np.asarray(Image.fromarray(picture).reduce(factor))


def _cut_rows(picture, matrix, size, fine, first, count):
    """Rows `first` ... `first + count - 1` of the cut; `matrix` is from subpixels to the picture."""
    columns, rows = np.arange(size * fine) + 0.5, np.arange(first * fine, (first + count) * fine) + 0.5
    x = matrix[0, 0] * columns + matrix[0, 1] * rows[:, np.newaxis] + matrix[0, 2]
    y = matrix[1, 0] * columns + matrix[1, 1] * rows[:, np.newaxis] + matrix[1, 2]
    samples = _interpolate(picture, x, y)
    means = samples.reshape(count, fine, size, fine, 3).mean(axis=(1, 3))
    return np.uint8(np.clip(means + 0.5, 0, 255))


def _interpolate(picture, x, y):
    """The picture at positions `[h, w]`: float32 `[h, w, 3]`, which may leave [0, 255]."""
    low = [math.floor(places.min()) - REACH for places in (x, y)]
    high = [math.ceil(places.max()) + REACH for places in (x, y)]
    region = _region(picture, low, high)
    (left, x_weights), (top, y_weights) = (_taps(places - corner) for places, corner in zip((x, y), low))
    width, flat = region.shape[1], region.reshape(-1, 3)
    result = np.zeros((*x.shape, 3), np.float32)
    for row in range(4):
        line = np.zeros_like(result)
        for column in range(4):
            pixels = flat[(top + row) * width + left + column]
            line += x_weights[column][..., np.newaxis] * pixels
        result += y_weights[row][..., np.newaxis] * line
    return result


def _taps(places):
    """(first of the four pixels that a position is interpolated from, their weights) for an array of them."""
    first = np.floor(places - 0.5).astype(np.int64)
    t = (places - 0.5 - first).astype(np.float32)
    weights = (
        ((2 - t) * t - 1) * t / 2,
        ((3 * t - 5) * t * t + 2) / 2,
        ((4 - 3 * t) * t + 1) * t / 2,
        (t - 1) * t * t / 2,
    )
    return first - 1, weights


def _region(picture, low, high):
    """Pixels from `low` to `high`, (x, y), of a picture that repeats its border pixels beyond its borders."""
    xs = np.arange(low[0], high[0]).clip(0, picture.shape[1] - 1)
    ys = np.arange(low[1], high[1]).clip(0, picture.shape[0] - 1)
    inside = picture[ys[0] : ys[-1] + 1, xs[0] : xs[-1] + 1]
    return inside[np.ix_(ys - ys[0], xs - xs[0])]
