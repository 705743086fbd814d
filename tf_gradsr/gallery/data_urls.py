"""Pictures inside a text, as data URLs: small ones exactly, large ones as WebP."""

import base64
import io
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

# Pixels up to which a picture is embedded as it is.
EXACT_PIXELS = 256 * 256
# A larger one is WebP of this quality, about a tenth of the PNG, and shrunk to this longer side.
WEBP_QUALITY = 90
LONGEST_EMBEDDED = 1280


class Embedded(NamedTuple):
    """A picture as text."""

    url: str
    width: int
    """Of the picture, which may have been larger than what is embedded."""
    height: int
    exact: bool
    """Whether it holds the exact pixels."""


def embedded(picture) -> Embedded:
    """Makes a data URL of a picture.

    Args:
        picture: path of a file, or uint8 `[H, W, 3 or 4]`. A PNG file of up to `EXACT_PIXELS` is embedded
            byte by byte, with its metadata.

    Returns:
        `Embedded`: PNG with the exact pixels, or WebP where there are more than `EXACT_PIXELS`.
    """
    if isinstance(picture, np.ndarray):
        return _of(Image.fromarray(picture))
    with _of_any_size(), Image.open(picture) as opened:
        if opened.format == "PNG" and opened.width * opened.height <= EXACT_PIXELS:
            return Embedded(_url("png", Path(picture).read_bytes()), *opened.size, exact=True)
        return _of(opened)


@contextmanager
def _of_any_size():
    """Lets Pillow open what it takes for an attack: an enlarged photograph may be as large."""
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def _of(picture):
    width, height = picture.size
    file, profile = io.BytesIO(), picture.info.get("icc_profile")
    if width * height <= EXACT_PIXELS:
        picture.save(file, "PNG", optimize=True, icc_profile=profile)
        return Embedded(_url("png", file.getvalue()), width, height, exact=True)
    share = min(1.0, LONGEST_EMBEDDED / max(width, height))
    size = tuple(max(1, round(side * share)) for side in picture.size)
    picture = picture if size == picture.size else picture.resize(size, Image.Resampling.LANCZOS)
    picture.save(file, "WEBP", quality=WEBP_QUALITY, icc_profile=profile or b"")
    return Embedded(_url("webp", file.getvalue()), width, height, exact=False)


def _url(kind, content):
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"
