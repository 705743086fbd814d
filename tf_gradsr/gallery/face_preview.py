"""The photograph with its faces numbered, so that one can choose among them."""

import math

import numpy as np
from PIL import Image, ImageDraw

from tf_gradsr.gallery.grid import font_of

# Longest side; larger photographs are shown smaller, smaller ones at most this many times larger.
SIDE, MOST = 1600, 4
# Told apart by colour-blind readers, too (Okabe and Ito 2008): chosen faces, others.
CHOSEN, OTHER = (230, 159, 0), (150, 150, 150)


def face_preview(photograph: np.ndarray, outlines, chosen) -> np.ndarray:
    """Draws each face's frame and number.

    Args:
        photograph: uint8 `[h, w, 3]`.
        outlines: for each face four corners (x, y), in pixels of the photograph, clockwise.
        chosen: set of int, numbers, from 1, of the faces that are drawn in colour.

    Returns:
        uint8 `[H, W, 3]`.
    """
    height, width = photograph.shape[:2]
    zoom = min(MOST, SIDE / max(height, width))
    size = max(1, round(width * zoom)), max(1, round(height * zoom))
    picture = Image.fromarray(photograph).resize(size, Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(picture)
    # The first face is the largest one and lies on top.
    for number, corners in reversed(list(enumerate(outlines, start=1))):
        colour = CHOSEN if number in chosen else OTHER
        corners = [(x * zoom, y * zoom) for x, y in corners]
        draw.polygon(corners, outline=colour, width=3)
        font = font_of(round(min(48, max(14, math.dist(*corners[:2]) / 5))))
        # Above the frame, since on a small face it would hide the forehead; within the picture.
        x, y = corners[0][0], min(corners, key=lambda corner: corner[1])[1] - 1.4 * font.size
        x, y = (min(max(0, place), side - font.size) for place, side in zip((x, y), size))
        left, top, right, bottom = draw.textbbox((x, y), str(number), font)
        draw.rectangle((left - 4, top - 4, right + 4, bottom + 4), fill=colour)
        draw.text((x, y), str(number), (0, 0, 0), font)
    return np.asarray(picture)
