"""Draws curves over two axes with the same scale, with the diagonal on which they should lie."""

import math
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from tf_gradsr.gallery.grid import font_of, wrapped

# Drawn this many times larger, then averaged down: Pillow's own lines have steps.
ENLARGED = 3
SIDE, MARGIN, LINE, TEXT = 480, 64, 20, 14
# Colours that colour-blind readers can tell apart too (Okabe and Ito 2008).
COLOURS = ((0, 114, 178), (213, 94, 0), (0, 158, 115), (204, 121, 167), (230, 159, 0), (86, 180, 233))
GREY, PALE, BLACK = (120, 120, 120), (228, 228, 228), (20, 20, 20)
MOST_TICKS = 8


class Words(NamedTuple):
    """What is written around the curves."""

    title: str
    across: str
    """Below the horizontal axis."""
    up: str
    """Beside the vertical axis."""
    above: str
    """In the corner above the diagonal."""
    below: str
    """In the corner below the diagonal."""
    diagonal: str
    """In the legend."""


def tick_step(top: float) -> float:
    """Distance of the ticks on an axis from 0 to `top`: 1, 2 or 5 times a power of ten, at most 8 ticks.

    Args:
        top: > 0.
    """
    power = 10.0 ** math.floor(math.log10(top / MOST_TICKS))
    return next(step * power for step in (1, 2, 5, 10) if step * power * MOST_TICKS >= top * (1 - 1e-9))


def diagonal_chart(curves, words: Words) -> np.ndarray:
    """Draws curves in a square, both axes from 0 to the same end, with a legend below.

    Args:
        curves: dict of name to a list of (across, up), >= 0, at least one point in all.
        words: what is written around them.

    Returns:
        uint8 `[height, width, 3]`.
    """
    highest = max(value for points in curves.values() for point in points for value in point)
    step = tick_step(max(highest, 1.0))
    top = step * math.ceil(max(highest, 1.0) / step - 1e-9)
    chart = _Chart(len(curves), top, words.title)
    chart.axes(step, words)
    for number, (name, points) in enumerate(curves.items()):
        chart.curve(points, COLOURS[number % len(COLOURS)])
        chart.entry(number + 1, name, COLOURS[number % len(COLOURS)])
    return chart.reduced()


class _Chart:
    """A picture that is drawn enlarged; sizes are those of the reduced one, from the top left corner."""

    def __init__(self, entries, top, title):
        self.top = top
        self.title = wrapped(title, font_of(TEXT + 2), SIDE + MARGIN)
        self.left, self.roof = MARGIN, LINE * (len(self.title) + 1)
        self.legend = self.roof + SIDE + 3 * LINE
        size = (SIDE + MARGIN + LINE * 2, self.legend + LINE * (entries + 1) + LINE // 2)
        self.picture = Image.new("RGB", tuple(side * ENLARGED for side in size), "white")
        self.draw = ImageDraw.Draw(self.picture)

    def reduced(self):
        """uint8 `[height, width, 3]`."""
        return np.asarray(self.picture.reduce(ENLARGED))

    def place(self, across, up):
        """Position of a point of the axes."""
        return self.left + across / self.top * SIDE, self.roof + SIDE - up / self.top * SIDE

    def line(self, places, colour, width):
        scaled = [(x * ENLARGED, y * ENLARGED) for x, y in places]
        self.draw.line(scaled, colour, round(width * ENLARGED), joint="curve")

    def dashed(self, start, end, colour, width, dashes):
        points = np.linspace(start, end, 2 * dashes)
        for pair in zip(points[::2], points[1::2]):
            self.line(pair, colour, width)

    def text(self, place, text, anchor, colour=BLACK, size=TEXT):
        x, y = place
        font = font_of(size * ENLARGED)
        self.draw.text((x * ENLARGED, y * ENLARGED), text, colour, font, anchor=anchor)

    def axes(self, step, words):
        """Draws title, grid, numbers, names of the axes and the diagonal."""
        middle = self.left + SIDE / 2
        for number, text in enumerate(self.title):
            self.text((middle, LINE * (number + 0.9)), text, "mm", size=TEXT + 2)
        for number in range(round(self.top / step) + 1):
            value = number * step
            for ends in (((value, 0), (value, self.top)), ((0, value), (self.top, value))):
                self.line([self.place(*end) for end in ends], PALE if number else GREY, 1)
            x, y = self.place(value, value)
            self.text((x, self.roof + SIDE + 6), f"{value:g}", "ma")
            self.text((self.left - 8, y), f"{value:g}", "rm")
        self.text((middle, self.roof + SIDE + 1.5 * LINE), words.across, "ma")
        self._upright(words.up)
        self.text((self.left + 12, self.roof + 10), words.above, "la", GREY)
        self.text((self.left + SIDE - 12, self.roof + SIDE - 12), words.below, "rd", GREY)
        self.dashed(self.place(0, 0), self.place(self.top, self.top), GREY, 1.5, 40)
        y = self._entry_height(0)
        self.dashed((self.left, y), (self.left + 2 * LINE, y), GREY, 1.5, 4)
        self.text((self.left + 2.5 * LINE, y), words.diagonal, "lm")

    def curve(self, points, colour):
        places = [self.place(*point) for point in points]
        if len(places) > 1:
            self.line(places, colour, 2)
        for place in places:
            self._dot(place, colour)

    def entry(self, number, name, colour):
        """Draws a line of the legend."""
        y = self._entry_height(number)
        self.line([(self.left, y), (self.left + 2 * LINE, y)], colour, 2)
        self._dot((self.left + LINE, y), colour)
        self.text((self.left + 2.5 * LINE, y), name, "lm")

    def _entry_height(self, number):
        return self.legend + LINE * (number + 0.5)

    def _dot(self, place, colour):
        x, y = place
        radius = 3
        box = (x - radius, y - radius, x + radius, y + radius)
        self.draw.ellipse([side * ENLARGED for side in box], colour)

    def _upright(self, text):
        """Draws the name of the vertical axis, to be read from the right."""
        font = font_of(TEXT * ENLARGED)
        strip = Image.new("RGB", (SIDE * ENLARGED, LINE * ENLARGED), "white")
        at = (strip.width // 2, strip.height // 2)
        ImageDraw.Draw(strip).text(at, text, BLACK, font, anchor="mm")
        corner = (4 * ENLARGED, self.roof * ENLARGED)
        self.picture.paste(strip.transpose(Image.Transpose.ROTATE_90), corner)
