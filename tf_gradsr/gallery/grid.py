"""Titled grids of pictures: one row a face, one column a kind of picture."""

import numpy as np
import tensorflow as tf
from PIL import Image, ImageDraw, ImageFont

from tf_gradsr import ops

_GAP = 4
_TITLE_HEIGHT = 18


def picture_grid(columns) -> np.ndarray:
    """Draws pictures in columns with titles.

    Args:
        columns: dict of title to uint8 `[B, H, W, 3]`, all of one shape.

    Returns:
        uint8 `[height, width, 3]`, one row for each of the B pictures.
    """
    rows, height, width = next(iter(columns.values())).shape[:3]
    sheet = Image.new(
        "RGB",
        (len(columns) * (width + _GAP) + _GAP, rows * (height + _GAP) + _GAP + _TITLE_HEIGHT),
        "white",
    )
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(size=13)
    for column, (title, pictures) in enumerate(columns.items()):
        left = _GAP + column * (width + _GAP)
        draw.text((left, 2), title, fill="black", font=font)
        for row, picture in enumerate(pictures):
            top = _TITLE_HEIGHT + _GAP + row * (height + _GAP)
            sheet.paste(Image.fromarray(picture), (left, top))
    return np.asarray(sheet)


def gradient_picture(gradient):
    """Image gradients as pictures: 0 is black, 1 and more (half the range between black and white) is full.

    Args:
        gradient: float32 `[B, H, W, 1 or 3]`, >= 0.

    Returns:
        uint8 `[B, H, W, 3]`.
    """
    gradient = tf.broadcast_to(gradient, [*gradient.shape[:3], 3])
    return ops.to_uint8(2.0 * tf.minimum(gradient, 1.0) - 1.0)
