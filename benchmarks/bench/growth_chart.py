"""Draws four plots of growth in one picture: both axes logarithmic, points, and the fitted power laws."""

import math

import numpy as np
from PIL import Image, ImageDraw

from benchmarks.bench.growth import CLOCK_NAMES
from tf_gradsr.gallery.chart import BLACK, COLOURS, ENLARGED, GREY, PALE
from tf_gradsr.gallery.grid import font_of

WIDTH, HEIGHT, MARGIN, TOP, TEXT = 300, 200, 52, 44, 12
COLUMNS = 2


def growth_chart(found: dict) -> Image.Image:
    """Draws what `benchmarks.bench.growth.measure` returned.

    Returns:
        A picture with a palette, which makes a small PNG file.
    """
    panels = [_panel(name, one) for name, one in found.items()]
    rows = [np.concatenate(panels[i : i + COLUMNS], axis=1) for i in range(0, len(panels), COLUMNS)]
    picture = Image.fromarray(np.concatenate(rows, axis=0)).reduce(ENLARGED)
    return picture.quantize(32, dither=Image.Dither.NONE)


def _panel(name, found):
    """uint8 `[height, width, 3]`, enlarged."""
    values, seconds = np.array(found["values"], float), np.array(found["seconds"], float)
    slope = found["exponent"]
    fitted = np.exp(np.log(seconds).mean() + slope * (np.log(values) - np.log(values).mean()))
    axes = _Axes(values, np.concatenate([seconds, fitted]))
    axes.frame(f"{name}: {CLOCK_NAMES[found['clock']]}, exponent {slope:.2f}", values)
    axes.line(list(zip(values, fitted)), COLOURS[1])
    for point in zip(values, seconds):
        axes.dot(point, COLOURS[0])
    return np.asarray(axes.picture)


class _Axes:
    """One plot, drawn enlarged."""

    def __init__(self, across, up):
        # From a power of ten to a power of ten, whatever the last digit of the fitted line is.
        low, high = math.floor(math.log10(min(up)) + 1e-6), math.ceil(math.log10(max(up)) - 1e-6)
        self.low = math.log10(min(across)), low
        self.high = math.log10(max(across)), max(high, low + 1)
        size = WIDTH + 2 * MARGIN, HEIGHT + 2 * TOP
        self.picture = Image.new("RGB", tuple(side * ENLARGED for side in size), "white")
        self.draw = ImageDraw.Draw(self.picture)

    def place(self, point):
        x, y = (
            (math.log10(value) - low) / (high - low) for value, low, high in zip(point, self.low, self.high)
        )
        return (MARGIN + 8 + x * (WIDTH - 16)) * ENLARGED, (TOP + HEIGHT * (1 - y)) * ENLARGED

    def text(self, place, words, anchor, colour=BLACK, size=TEXT):
        place = tuple(side * ENLARGED for side in place)
        self.draw.text(place, words, colour, font_of(size * ENLARGED), anchor=anchor)

    def frame(self, title, values):
        """Draws title, grid and numbers: a line for each power of ten seconds and for each value."""
        self.text((MARGIN, TOP / 2), title, "lm", size=TEXT + 2)
        left, right = MARGIN * ENLARGED, (MARGIN + WIDTH) * ENLARGED
        for power in range(self.low[1], self.high[1] + 1):
            _, y = self.place((values[0], 10.0**power))
            self.draw.line([(left, y), (right, y)], PALE, ENLARGED)
            self.text((MARGIN - 6, y / ENLARGED), f"{10.0**power:g} s", "rm")
        for value in values:
            x, _ = self.place((value, 10.0 ** self.low[1]))
            bottom = (TOP + HEIGHT) * ENLARGED
            self.draw.line([(x, TOP * ENLARGED), (x, bottom)], PALE, ENLARGED)
            self.text((x / ENLARGED, TOP + HEIGHT + 5), f"{value:,.0f}", "ma")
        box = (left, TOP * ENLARGED, right, (TOP + HEIGHT) * ENLARGED)
        self.draw.rectangle(box, outline=GREY, width=ENLARGED)

    def line(self, points, colour):
        self.draw.line([self.place(point) for point in points], colour, 2 * ENLARGED, joint="curve")

    def dot(self, point, colour):
        x, y = self.place(point)
        radius = 3.5 * ENLARGED
        self.draw.ellipse((x - radius, y - radius, x + radius, y + radius), colour)
