"""Draws a number for each pixel as colours, with a legend."""

import math

import numpy as np
from PIL import Image, ImageDraw

from tf_gradsr.gallery.grid import font_of, resize_to_cell, wrapped

# Lines of text are at least this many times as long as the font's size, however narrow the map is.
SHORTEST_LINE = 9
# Colours from low to high; their luminance rises, so that the order survives printing in grey.
RAMP = ((8, 8, 32), (84, 20, 110), (188, 55, 84), (246, 134, 40), (252, 250, 170))


def rounded_top(values, share: float = 99.5) -> float:
    """The end of a scale: the percentile `share` of `values`, rounded up to 1, 2 or 5 times a power of ten.

    At least 1, so that a scale in grey levels does not exaggerate what nobody can see.
    """
    top = max(float(np.percentile(values, share)), 1.0)
    power = 10.0 ** math.floor(math.log10(top))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= top * (1 - 1e-9))


def colour(values, top: float) -> np.ndarray:
    """Colours numbers from 0 to `top`; those above look like `top`.

    Args:
        values: float `[H, W]`, >= 0.
        top: float > 0.

    Returns:
        uint8 `[H, W, 3]`.
    """
    places = np.linspace(0.0, top, len(RAMP))
    levels = [np.interp(values, places, channel) for channel in np.transpose(RAMP)]
    return np.uint8(np.round(np.stack(levels, axis=-1)))


def colour_bar(top: float, unit: str, width: int, open_end: bool = False, size: int = 13) -> np.ndarray:
    """Draws the scale of a map: its colours from 0 to `top`, numbers, and what they count.

    Args:
        top: end of the scale. unit: what the numbers count; long texts are wrapped.
        width: in pixels; a long word may make it wider. open_end: whether numbers above `top` occur.
        size: of the letters, in pixels.

    Returns:
        uint8 `[height, width, 3]`.
    """
    font = font_of(size)
    gap, line = size // 2, math.ceil(size * 1.4)
    lines = wrapped(unit, font, max(width - 2 * gap, SHORTEST_LINE * size))
    width = max([width, *(math.ceil(font.getlength(text)) + 2 * gap for text in lines)])
    text_top = gap + size + gap // 2
    picture = Image.new("RGB", (width, text_top + (1 + len(lines)) * line + gap), "white")
    ramp = np.linspace(0.0, top, width - 2 * gap)[np.newaxis]
    picture.paste(Image.fromarray(colour(np.repeat(ramp, size, axis=0), top)), (gap, gap))
    draw = ImageDraw.Draw(picture)
    ends = ("0", f"{top / 2:g}", f"{top:g}+" if open_end else f"{top:g}")
    for (left, anchor), end in zip(((gap, "la"), (width // 2, "ma"), (width - gap, "ra")), ends):
        draw.text((left, text_top), end, fill="black", font=font, anchor=anchor)
    for number, text in enumerate(lines, 1):
        draw.text((width // 2, text_top + number * line), text, fill="black", font=font, anchor="ma")
    return np.asarray(picture)


def heat_map(values, unit: str) -> np.ndarray:
    """Draws a coloured map above its scale. Small maps are enlarged by a whole factor, large ones are not.

    Args:
        values: float `[H, W]`, >= 0.
        unit: what the numbers of the scale count; long texts are wrapped.

    Returns:
        uint8 `[height, width, 3]`; the map begins at the top left corner.
    """
    top = rounded_top(values)
    cell = resize_to_cell(colour(values, top), shrink=False)
    bar = colour_bar(top, unit, cell.shape[1], bool(values.max() > top), max(13, cell.shape[1] // 40))
    picture = Image.new("RGB", (bar.shape[1], cell.shape[0] + bar.shape[0]), "white")
    picture.paste(Image.fromarray(cell), (0, 0))
    picture.paste(Image.fromarray(bar), (0, cell.shape[0]))
    return np.asarray(picture)
