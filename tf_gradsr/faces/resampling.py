"""One resampling straight from a photograph to a cut of it, antialiased, with no shift of half a pixel."""

import math

import numpy as np
from PIL import Image

from tf_gradsr.faces.similarity import scale_of

# Subpixels computed at once; bounds the memory, whatever the sizes.
BLOCK = 4_000_000
# Subpixels along a pixel's side. Where the picture's pixels are finer yet, whole blocks of them are averaged first,
# and as many subpixels or more remain, at most twice as many.
FINE = 4
# How far Pillow's bicubic interpolation looks beyond a position, in pixels.
REACH = 3
# A reduction by 1 that rounding made a little more must not blur.
TOLERANCE = 1e-6


def cut(picture: np.ndarray, matrix: np.ndarray, size: int) -> np.ndarray:
    """Resamples a turned square of a picture.

    Each pixel of the result is the mean, over its area, of the picture between whose pixels one interpolates
    (bicubic): the area is sampled in a grid at least as fine as the picture's own pixels. So a cut along the
    pixels that reduces by a whole factor is the exact block mean, and one that does not reduce is plain bicubic
    interpolation. Of very large pictures block means are taken first, of at most a quarter of the result's pixels.
    Beyond its borders the picture goes on as its border pixels.

    Args:
        picture: uint8 `[h, w, 3]`.
        matrix: float `[2, 3]`, from the result's unit square (x to the right, y down, both in [0, 1]) to the
            picture's continuous pixel coordinates, see `tf_gradsr.faces.similarity`.
        size: side of the result in pixels.

    Returns:
        uint8 `[size, size, 3]`.
    """
    step = scale_of(matrix) / size
    coarse = max(1, int((step + TOLERANCE) // FINE))
    if coarse > 1:
        picture = np.asarray(Image.fromarray(picture).reduce(coarse))
        matrix, step = np.asarray(matrix) / coarse, step / coarse
    fine = max(1, math.ceil(step - TOLERANCE))
    # From subpixels to the picture.
    matrix = np.asarray(matrix, np.float64) * [1 / (size * fine), 1 / (size * fine), 1.0]
    rows = max(1, BLOCK // (size * fine * fine))
    blocks = [
        _cut_rows(picture, matrix, size, fine, first, min(rows, size - first))
        for first in range(0, size, rows)
    ]
    return np.concatenate(blocks)


def _cut_rows(picture, matrix, size, fine, first, count):
    """Rows `first` ... `first + count - 1` of the cut; `matrix` is from subpixels to the picture."""
    width, height, top = size * fine, count * fine, first * fine
    corners = np.array([(0, top), (width, top), (0, top + height), (width, top + height)])
    places = corners @ matrix[:, :2].T + matrix[:, 2]
    low = np.floor(places.min(axis=0)).astype(int) - REACH
    high = np.ceil(places.max(axis=0)).astype(int) + REACH
    part = Image.fromarray(_region(picture, low, high))
    offset = matrix[:, :2] @ (0, top) + matrix[:, 2] - low
    # Pillow, too, takes pixel centres at halves: it adds them itself.
    data = (*matrix[0, :2], offset[0], *matrix[1, :2], offset[1])
    samples = part.transform((width, height), Image.Transform.AFFINE, data, Image.Resampling.BICUBIC)
    if fine == 1:
        return np.asarray(samples)
    means = np.asarray(samples).reshape(count, fine, size, fine, 3).mean(axis=(1, 3), dtype=np.float32)
    return np.uint8(means + 0.5)


def _region(picture, low, high):
    """Pixels from `low` to `high`, (x, y), of a picture that goes on beyond its borders as these."""
    xs = np.arange(low[0], high[0]).clip(0, picture.shape[1] - 1)
    ys = np.arange(low[1], high[1]).clip(0, picture.shape[0] - 1)
    inside = picture[ys[0] : ys[-1] + 1, xs[0] : xs[-1] + 1]
    return inside[np.ix_(ys - ys[0], xs - xs[0])]
