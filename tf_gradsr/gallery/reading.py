"""Reads the pictures to hallucinate from: RGB, alpha, and, for a large picture, the LR made from it."""

import io
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Optional

import numpy as np
from PIL import Image, UnidentifiedImageError

from tf_gradsr.decoding import decode, fit_picture, frames_of
from tf_gradsr.errors import reason_of

# First bytes of files that Pillow reads in part, or not at all, and what to say about them.
KINDS = (
    (b"\xff\xd8\xff", 0, "a JPEG file of a kind that is not read, such as 12 bits a channel; save it with 8"),
    (b"II*\0", 0, "a TIFF file of a kind that is not read; save it with 8 or 16 bits a channel"),
    (b"MM\0*", 0, "a TIFF file of a kind that is not read; save it with 8 or 16 bits a channel"),
    (b"ftyphei", 4, "a HEIC file, which is not read; save it as JPEG or PNG"),
    (b"ftypmif", 4, "a HEIF file, which is not read; save it as JPEG or PNG"),
    (b"\xff\x0a", 0, "a JPEG XL file, which is not read; save it as JPEG or PNG"),
    (b"JXL ", 4, "a JPEG XL file, which is not read; save it as JPEG or PNG"),
)


class UnreadablePicture(ValueError):
    """A file is not a usable picture. The message says why, without the file's name."""


@dataclass(frozen=True)
class Picture:
    """A decoded picture; transparent parts keep the colours below them."""

    rgb: np.ndarray
    """uint8 `[h, w, 3]`."""
    alpha: Optional[np.ndarray] = None
    """uint8 `[h, w]`, 255 opaque; None: the picture has no transparency."""
    icc_profile: Optional[bytes] = None
    """The colour profile of an RGB picture, if it came with one."""
    notes: tuple = ()
    """What the reader left out or changed, in words."""
    doubts: tuple = ()
    """The notes that tell how its pixels were understood, which may not be as intended."""


def read_picture(source, reduced: bool = False) -> Picture:
    """Reads a file of any kind that Pillow knows, upright; grey becomes RGB, more bits become 8.

    Args:
        source: path of the file, or its bytes; what it holds counts, not its name.
        reduced: whether a picture of very many pixels is read at a fraction of its size; see `decode`.

    Raises:
        UnreadablePicture: it is broken, too large, or not a picture.
    """
    try:
        with _opened(source) as file:
            found, frames = decode(file, reduced), frames_of(file)
        rgb = np.asarray(found.rgb)
        alpha = None if found.alpha is None else np.asarray(found.alpha)
    except UnidentifiedImageError:
        raise UnreadablePicture(_unknown_kind(source)) from None
    # The decoder may raise anything for a broken file.
    except Exception as error:
        raise UnreadablePicture(reason_of(error)) from error
    notes = (f"the first of {frames} pictures is used",) if frames > 1 else ()
    return Picture(rgb, alpha, found.icc_profile, (*notes, *found.doubts), found.doubts)


def over_white(picture: Picture) -> Picture:
    """The picture as it looks on white paper, without transparency."""
    if picture.alpha is None:
        return picture
    alpha = picture.alpha[..., np.newaxis] / np.float32(255)
    return replace(picture, rgb=np.uint8(picture.rgb * alpha + 255 * (1 - alpha) + 0.5), alpha=None)


def make_pair(picture: Picture, scale: int, method: str = "area", lr_size: Optional[int] = None) -> tuple:
    """Makes LR from a large picture, as training does, so that the result can be compared.

    Args:
        picture: the large one.
        scale: int, how many times smaller LR is.
        method: see `ops.downscale`.
        lr_size: int, the centre is cut and resized so that LR is a square of this side; None: the picture is
            only cut, around its centre, to multiples of the scale.

    Returns:
        (LR `Picture`, HR `Picture`), LR being HR's downscaled version, rounded.

    Raises:
        UnreadablePicture: the picture is smaller than the scale.
    """
    height, width = picture.rgb.shape[:2]
    if lr_size:
        side, notes = lr_size * scale, picture.notes
        # Separately, because Pillow weights colours with alpha when it resizes both.
        rgb, enlarged = fit_picture(Image.fromarray(picture.rgb), (side, side))
        alpha = (
            None if picture.alpha is None else fit_picture(Image.fromarray(picture.alpha), (side, side))[0]
        )
        if enlarged:
            notes = (*notes, f"{width}x{height} is smaller than {side}x{side}: enlarged")
        hr = Picture(rgb, alpha, picture.icc_profile, notes, picture.doubts)
    else:
        if min(height, width) < scale:
            raise UnreadablePicture(f"{width}x{height} is too small to downscale by {scale}")
        rows, columns = (_centre(side, side // scale * scale) for side in (height, width))
        alpha = None if picture.alpha is None else picture.alpha[rows, columns]
        hr = replace(picture, rgb=picture.rgb[rows, columns], alpha=alpha)
    alpha = None if hr.alpha is None else _downscaled(hr.alpha[..., np.newaxis], scale, method)[..., 0]
    return replace(hr, rgb=_downscaled(hr.rgb, scale, method), alpha=alpha), hr


def upscale_alpha(alpha, scale: int) -> np.ndarray:
    """Upscales transparency to HR size, bicubic, clipped: uint8 `[h, w]` -> uint8 `[H, W]`."""
    height, width = alpha.shape
    resized = Image.fromarray(alpha).resize((width * scale, height * scale), Image.Resampling.BICUBIC)
    return np.asarray(resized)


def _opened(source):
    return io.BytesIO(source) if isinstance(source, bytes) else Path(source).open("rb")


def _unknown_kind(source):
    """Why Pillow cannot open a file."""
    with _opened(source) as file:
        start = file.read(16)
    if not start:
        return "not a picture: the file is empty"
    found = (words for mark, place, words in KINDS if start[place:].startswith(mark))
    return next(found, "not a picture, or of an unknown kind")


def _centre(side, kept):
    first = (side - kept) // 2
    return slice(first, first + kept)


def _downscaled(image, scale, method):
    # Imported late: reading pictures alone need not wait for TensorFlow.
    from tf_gradsr import ops

    return ops.to_uint8(ops.downscale(ops.to_float(image[np.newaxis]), scale, method))[0].numpy()
