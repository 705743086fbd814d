"""Decodes picture files to RGB, upright, 8 bits a channel, transparent parts white; cuts and resizes them."""

import warnings
from contextlib import contextmanager

import numpy as np
from PIL import Image, ImageOps

# Endings of files that folders are searched for.
PICTURE_ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif")
# Grey pictures of 16 bits a pixel, and the 32-bit integers that some Pillow versions read them into.
SIXTEEN_BITS = ("I;16", "I;16B", "I;16L", "I;16N", "I")


@contextmanager
def without_warnings():
    """Keeps Pillow from a warning on each damaged tag of a file, which it then leaves out."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


def upright(picture: Image.Image) -> Image.Image:
    """Loads an opened picture, turns it upright (EXIF), and brings 16-bit grey to 8 bits.

    Pillow itself reads the high bytes of 16-bit colour.

    Args:
        picture: as `PIL.Image.open` gives it; of an animation, the first frame is taken.

    Returns:
        `PIL.Image.Image` of 8 bits a channel, any mode.

    Raises:
        Exception: whatever Pillow's decoder raises for a broken file.
    """
    picture.load()
    picture = ImageOps.exif_transpose(picture)
    if picture.mode in SIXTEEN_BITS:
        levels = np.asarray(picture, np.float32) / 257.0
        picture = Image.fromarray(np.uint8(np.clip(levels + 0.5, 0.0, 255.0)))
    return picture


def decode_picture(file) -> Image.Image:
    """Decodes one picture: upright (EXIF), RGB; transparent parts show white.

    Args:
        file: binary file of any format that Pillow reads; of an animation, the first frame.

    Returns:
        `PIL.Image.Image` of mode RGB.

    Raises:
        Exception: whatever Pillow's decoder raises for a broken file.
    """
    return as_rgb(Image.open(file))


def as_rgb(picture: Image.Image) -> Image.Image:
    """An opened picture as RGB: upright (EXIF), transparent parts white, 16-bit grey as 8 bits."""
    picture = upright(picture)
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture)
    return picture.convert("RGB")


def fit_picture(picture, hr_shape, crop=None):
    """Cuts the centre out of a picture and resizes it to HR (bicubic, antialiased).

    Args:
        picture: `PIL.Image.Image`, RGB or L.
        hr_shape: (height, width) of the result.
        crop: longest side of the cut in pixels; None: the largest cut of HR's aspect ratio that fits.

    Returns:
        (uint8 array `[H, W, 3]` or `[H, W]`, whether the cut was smaller than HR). A cut of HR's size is not
        resampled.
    """
    height, width = hr_shape
    scale = min(picture.height / height, picture.width / width)
    if crop:
        scale = min(scale, crop / max(hr_shape))
    cut = (max(1, round(width * scale)), max(1, round(height * scale)))
    left, top = (picture.width - cut[0]) // 2, (picture.height - cut[1]) // 2
    picture = picture.crop((left, top, left + cut[0], top + cut[1]))
    resized = picture.resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(resized), cut[0] < width or cut[1] < height
