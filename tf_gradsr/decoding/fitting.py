"""Cuts the centre out of a picture and resizes it."""

import numpy as np
from PIL import Image


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
