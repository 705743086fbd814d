"""Turns paths, PIL pictures and arrays into uint8 LR pictures."""

import os
import warnings

import numpy as np
from PIL import Image

from tf_gradsr.decoding import as_rgb, decode
from tf_gradsr.errors import reason_of

RULE = (
    "a picture: a path, a PIL picture, or an array uint8 or float in [0, 1], [h, w], [h, w, 1 or 3] or "
    "[B, h, w, 1 or 3]"
)


def as_pictures(picture) -> np.ndarray:
    """Turns a path, a PIL picture or an array into uint8 `[B, h, w, 3]`, RGB; a single picture has B = 1.

    Args:
        picture: path of a picture file; `PIL.Image.Image`; uint8 `[0, 255]` or float `[0, 1]`, `[h, w]`,
            `[h, w, 1]`, `[h, w, 3]` or `[B, h, w, 1 or 3]`.

    A file whose pixels had to be interpreted, such as 32-bit integers, is warned about (`UserWarning`).

    Raises:
        ValueError: another type or shape, an empty one, floats beyond [0, 1], or NaN.
        OSError: the file cannot be read.
    """
    if isinstance(picture, (str, os.PathLike)):
        with open(os.path.expanduser(picture), "rb") as file:  # noqa: PTH111, PTH123
            found = _decoded(file, picture)
        for doubt in found.doubts:
            warnings.warn(f"{os.fspath(picture)}: {doubt}", stacklevel=3)
        picture = np.asarray(found.over_white())
    if isinstance(picture, Image.Image):
        picture = np.asarray(as_rgb(picture))
    array = np.asarray(picture)
    if array.ndim == 2:
        array = array[..., np.newaxis]
    if array.ndim == 3:
        array = array[np.newaxis]
    if array.ndim != 4 or array.shape[-1] not in (1, 3) or 0 in array.shape:
        raise ValueError(f"{RULE}, none of them 0. Received: {array.dtype} of shape {np.shape(picture)}.")
    if array.dtype != np.uint8:
        array = _from_floats(array)
    return np.repeat(array, 3, axis=-1) if array.shape[-1] == 1 else array


def _decoded(file, path):
    try:
        return decode(file)
    except (OSError, ValueError, MemoryError):
        raise
    # The decoder may raise anything for a broken file.
    except Exception as error:
        rule = f"a picture that can be read. Received: {os.fspath(path)} ({reason_of(error)})."
        raise ValueError(rule) from error


def _from_floats(array):
    if not np.issubdtype(array.dtype, np.floating):
        raise ValueError(f"{RULE}. Received: {array.dtype}; take uint8, or floats divided by 255.")
    if not np.isfinite(array).all():
        raise ValueError(f"{RULE}. Received: NaN or infinity.")
    low, high = float(array.min()), float(array.max())
    if low < 0 or high > 1:
        remedy = "divide by 255" if low >= 0 else "add 1 and divide by 2, if it is in [-1, 1]"
        raise ValueError(f"{RULE}. Received: floats from {low:.3g} to {high:.3g}; {remedy}.")
    return np.uint8(np.round(255.0 * array))
