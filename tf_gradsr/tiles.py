"""Cuts large pictures into overlapping windows, each small enough for one forward pass."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

# LR pixels of a tile that are kept, at least, in each direction.
MINIMAL_CORE = 16


class Window(NamedTuple):
    """One tile: (rows, columns) of what is read, of what is kept of its result, and of where that goes."""

    outer: tuple
    inner: tuple
    target: tuple


def spans(length: int, side: int, overlap: int) -> list:
    """Cuts a side into (outer, core) slices: cores tile it, each outer reaches `overlap` beyond its core.

    All outers are equally long, so those at the ends, which need nothing beyond the picture's border, reach
    further in.
    """
    if length <= side:
        return [(slice(0, length), slice(0, length))]
    step = side - 2 * overlap
    spans = []
    for start in range(0, length, step):
        first = min(max(start - overlap, 0), length - side)
        spans.append((slice(first, first + side), slice(start, min(start + step, length))))
    return spans


def area(outer) -> int:
    """Pixels of a window's rows and columns."""
    return np.prod([span.stop - span.start for span in outer])


def windows(height: int, width: int, scale: int, overlap: int, pixels_at_once: int) -> Iterator[Window]:
    """The windows that cover an LR picture; a single one if it fits.

    Args:
        height, width: of the LR picture. scale: of the model.
        overlap: LR pixels by which a window reaches beyond what is kept of it.
        pixels_at_once: HR pixels of one window, at most, unless the overlap needs more.
    """

    def at_hr(span, offset=0):
        return slice((span.start + offset) * scale, (span.stop + offset) * scale)

    if height * width * scale**2 <= pixels_at_once:
        side = max(height, width)
    else:
        side = max(int(pixels_at_once**0.5) // scale, 2 * overlap + MINIMAL_CORE)
    for rows in spans(height, side, overlap):
        for columns in spans(width, side, overlap):
            outer, core = zip(rows, columns)
            inner = tuple(at_hr(c, -o.start) for o, c in zip(outer, core))
            yield Window(outer, inner, tuple(at_hr(c) for c in core))
