"""Numbers over a picture as colours, with a legend."""

import math

import numpy as np
from PIL import Image, ImageDraw

from tf_gradsr.gallery.grid import font_of, resize_to_cell, wrapped

# Lines of text are no shorter than so many times the font's size, however narrow the map is.
SHORTEST_LINE = 9
# From low to high; their luminance rises, so that the order survives printing in grey.
RAMP = ((8, 8, 32), (84, 20, 110), (188, 55, 84), (246, 134, 40), (252, 250, 170))


def rounded_top(values, share: float = 99.5) -> float:
    """The end of a scale: the percentile `share` of `values`, rounded up to 1, 2 or 5 times a power of ten.

    At least 1, so that a scale in grey levels does not blow up what nobody can see.
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


def heat_map(values, unit: str) -> np.ndarray:
    """A coloured map above its scale. Small maps are enlarged by a whole factor, large ones keep their size.

    Args:
        values: float `[H, W]`, >= 0.
        unit: what the numbers of the scale count; long texts are wrapped.

    Returns:
        uint8 `[height, width, 3]`; the map begins at the top left corner.
    """
    top = rounded_top(values)
    cell = resize_to_cell(colour(values, top), shrink=False)
    font = font_of(max(13, cell.shape[1] // 40))
    gap, line = font.size // 2, math.ceil(font.size * 1.4)
    ends = ("0", f"{top / 2:g}", f"{top:g}+" if values.max() > top else f"{top:g}")
    lines = wrapped(unit, font, max(cell.shape[1] - 2 * gap, SHORTEST_LINE * font.size))
    width = max([cell.shape[1], *(math.ceil(font.getlength(text)) + 2 * gap for text in lines)])
    bar_top = cell.shape[0] + gap
    text_top = bar_top + font.size + gap // 2
    picture = Image.new("RGB", (width, text_top + (1 + len(lines)) * line + gap), "white")
    picture.paste(Image.fromarray(cell), (0, 0))
    ramp = np.linspace(0.0, top, width - 2 * gap)[np.newaxis]
    picture.paste(Image.fromarray(colour(np.repeat(ramp, font.size, axis=0), top)), (gap, bar_top))
    draw = ImageDraw.Draw(picture)
    places = ((gap, "la"), (width // 2, "ma"), (width - gap, "ra"))
    for (left, anchor), end in zip(places, ends):
        draw.text((left, text_top), end, fill="black", font=font, anchor=anchor)
    for number, text in enumerate(lines, 1):
        draw.text((width // 2, text_top + number * line), text, fill="black", font=font, anchor="ma")
    return np.asarray(picture)
