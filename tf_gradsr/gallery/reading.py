"""Reads the pictures to hallucinate from: RGB, alpha, and, for a large picture, the LR made from it."""

from dataclasses import dataclass, replace
from typing import Optional

import numpy as np
from PIL import Image, UnidentifiedImageError

from tf_gradsr.decoding import fit_picture, upright, without_warnings
from tf_gradsr.errors import reason_of


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


def read_picture(path) -> Picture:
    """Reads a file of any kind that Pillow knows, upright; grey becomes RGB, 16 bits become 8.

    Raises:
        UnreadablePicture: it is broken, or not a picture.
    """
    try:
        with without_warnings(), Image.open(path) as opened:
            frames = getattr(opened, "n_frames", 1)
            profile = opened.info.get("icc_profile")
            picture = upright(opened)
        if picture.mode == "F":
            raise UnreadablePicture(
                "its pixels are float numbers of unknown range; save it with 8 or 16 bits"
            )
        alpha = np.asarray(picture.convert("RGBA"))[..., 3] if picture.has_transparency_data else None
        # By way of RGBA, because a palette's own alpha must not blacken its colours.
        rgb = np.asarray(picture.convert("RGB" if alpha is None else "RGBA"))[..., :3]
    except UnreadablePicture:
        raise
    except UnidentifiedImageError:
        raise UnreadablePicture("not a picture, or of an unknown kind") from None
    # The decoder may raise anything for a broken file.
    except Exception as error:
        raise UnreadablePicture(reason_of(error)) from error
    # A profile of CMYK or grey does not fit the RGB made from it.
    profile = profile if profile and profile[16:20] == b"RGB " else None
    notes = (f"the first of {frames} pictures is used",) if frames > 1 else ()
    return Picture(rgb, alpha, profile, notes)


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
        hr = Picture(rgb, alpha, picture.icc_profile, notes)
    else:
        if min(height, width) < scale:
            raise UnreadablePicture(f"{width}x{height} is too small to downscale by {scale}")
        rows, columns = (_centre(side, side // scale * scale) for side in (height, width))
        alpha = None if picture.alpha is None else picture.alpha[rows, columns]
        hr = Picture(picture.rgb[rows, columns], alpha, picture.icc_profile, picture.notes)
    alpha = None if hr.alpha is None else _downscaled(hr.alpha[..., np.newaxis], scale, method)[..., 0]
    return Picture(_downscaled(hr.rgb, scale, method), alpha, hr.icc_profile, hr.notes), hr


def upscale_alpha(alpha, scale: int) -> np.ndarray:
    """Upscales transparency to HR size, bicubic, clipped: uint8 `[h, w]` -> uint8 `[H, W]`."""
    height, width = alpha.shape
    resized = Image.fromarray(alpha).resize((width * scale, height * scale), Image.Resampling.BICUBIC)
    return np.asarray(resized)


def _centre(side, kept):
    first = (side - kept) // 2
    return slice(first, first + kept)


def _downscaled(image, scale, method):
    # Imported late: reading pictures alone need not wait for TensorFlow.
    from tf_gradsr import ops

    return ops.to_uint8(ops.downscale(ops.to_float(image[np.newaxis]), scale, method))[0].numpy()
