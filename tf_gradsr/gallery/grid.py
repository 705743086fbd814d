"""Draws titled grids of pictures."""

import math

import numpy as np
import tensorflow as tf
from PIL import Image, ImageDraw, ImageFont

from tf_gradsr import ops

# The longer side of a picture in a grid: smaller ones are enlarged by a whole factor, larger ones may shrink.
SMALLEST, LARGEST = 128, 384
# Width of the texts beside rows.
LABEL_WIDTH = 150
# Cells are wrapped at this width.
PAGE_WIDTH = 1600
_GAP = 4
_TITLE_HEIGHT = 18
_TITLE_SIZE = 13


def font_of(size: int):
    """Returns the font of all titles and legends; it comes with Pillow."""
    return ImageFont.load_default(size=size)


def wrapped(text: str, font, width: float) -> list:
    """Wraps a text to lines of `width` pixels; a longer word gets a line of its own."""
    lines = []
    for word in text.split():
        if lines and font.getlength(f"{lines[-1]} {word}") <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def cell_size(height: int, width: int, shrink: bool = True, tile: int = SMALLEST) -> tuple:
    """(height, width) at which a picture of the given size is shown.

    Args:
        shrink: whether large pictures are made smaller.
        tile: the longer side that small ones reach, in pixels.
    """
    longest, largest = max(height, width), max(LARGEST, tile)
    if longest < tile:
        factor = math.ceil(tile / longest)
        return height * factor, width * factor
    if longest <= largest or not shrink:
        return height, width
    return tuple(max(1, round(side * largest / longest)) for side in (height, width))


def resize_to_cell(picture, size=None, shrink: bool = True) -> np.ndarray:
    """Resizes a picture to a cell: enlarged pixel by pixel, or averaged down.

    Args:
        picture: uint8 `[h, w, 3]`.
        size: (height, width) of the cell; None: that of the picture's own `cell_size`.
        shrink: see `cell_size`.

    Returns:
        uint8 `[height, width, 3]`.
    """
    height, width = size or cell_size(*picture.shape[:2], shrink)
    if (height, width) == picture.shape[:2]:
        return np.asarray(picture)
    larger = height >= picture.shape[0]
    resampling = Image.Resampling.NEAREST if larger else Image.Resampling.BOX
    return np.asarray(Image.fromarray(picture).resize((width, height), resampling))


def picture_grid(columns, labels=None, below=None, tile: int = SMALLEST) -> np.ndarray:
    """Draws pictures in columns with titles: a row for each face, a column for each kind of picture.

    Args:
        columns: dict of title to uint8 `[B, H, W, 3]`, all of one shape. Small ones are enlarged.
        labels: B texts, one to the left of each row; None for none.
        below: uint8 `[height, width, 3]` to draw below the grid, such as a colour bar, or None.
        tile: see `cell_size`.

    Returns:
        uint8 `[height, width, 3]`, one row for each of the B pictures.
    """
    titles = list(columns)
    rows = [
        [resize_to_cell(picture, cell_size(*picture.shape[:2], False, tile)) for picture in pictures]
        for pictures in zip(*columns.values())
    ]
    return _draw(
        [(titles if number == 0 else None, row) for number, row in enumerate(rows)], "", labels, below
    )


def titled_cells(cells, footer: str = "", below=None) -> np.ndarray:
    """Draws pictures side by side, each under its title, wrapped into rows.

    Args:
        cells: list of (title, uint8 `[H, W, 3]`), all of one shape, as from `resize_to_cell`.
        footer: one line of text below.
        below: as in `picture_grid`, above the footer.

    Returns:
        uint8 `[height, width, 3]`.
    """
    titles, pictures = zip(*cells)
    across = max(1, PAGE_WIDTH // (_column_width(titles, pictures) + _GAP))
    # Rows of about the same length.
    across = math.ceil(len(cells) / math.ceil(len(cells) / across))
    starts = range(0, len(cells), across)
    rows = [(titles[i : i + across], pictures[i : i + across]) for i in starts]
    return _draw(rows, footer, below=below)


def square_grid(pictures, footer: str = "") -> np.ndarray:
    """Draws pictures without titles in rows, about as many across as down.

    Args:
        pictures: uint8 `[B, H, W, 3]`, B >= 1. Small ones are enlarged.
        footer: one line of text below.

    Returns:
        uint8 `[height, width, 3]`.
    """
    cells = [resize_to_cell(picture, shrink=False) for picture in pictures]
    across = math.ceil(math.sqrt(len(cells)))
    return _draw([(None, cells[i : i + across]) for i in range(0, len(cells), across)], footer)


def _column_width(titles, pictures):
    font = font_of(_TITLE_SIZE)
    return max([pictures[0].shape[1], *(math.ceil(font.getlength(title)) for title in titles)])


def _draw(rows, footer="", labels=None, below=None):
    """Draws rows of (titles or None, pictures)."""
    font = font_of(_TITLE_SIZE)
    titles = [title for row_titles, _ in rows for title in row_titles or ()]
    column = _column_width(titles, rows[0][1]) + _GAP
    heights = [
        pictures[0].shape[0] + _GAP + (_TITLE_HEIGHT if row_titles else 0) for row_titles, pictures in rows
    ]
    first = _GAP + (LABEL_WIDTH if labels else 0)
    width = max(first + len(rows[0][1]) * column, math.ceil(font.getlength(footer)) + 2 * _GAP)
    height = sum(heights) + _GAP + (_TITLE_HEIGHT if footer else 0)
    if below is not None:
        width, height = max(width, below.shape[1] + first), height + below.shape[0] + _GAP
    sheet = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(sheet)
    top = _GAP
    for number, ((row_titles, pictures), row_height) in enumerate(zip(rows, heights)):
        if labels:
            lines = "\n".join(
                line
                for given in labels[number].split("\n")
                for line in wrapped(given, font, LABEL_WIDTH - 2 * _GAP)
            )
            draw.text((_GAP, top + (_TITLE_HEIGHT if row_titles else 0)), lines, fill="black", font=font)
        for place, picture in enumerate(pictures):
            left = first + place * column
            if row_titles:
                draw.text((left, top - 2), row_titles[place], fill="black", font=font)
            picture_top = top + (_TITLE_HEIGHT if row_titles else 0)
            sheet.paste(Image.fromarray(picture), (left, picture_top))
        top += row_height
    if below is not None:
        sheet.paste(Image.fromarray(below), (first, top))
        top += below.shape[0] + _GAP
    if footer:
        draw.text((_GAP, top - 2), footer, fill="black", font=font)
    return np.asarray(sheet)


def gradient_picture(gradient):
    """Image gradients as pictures: 0 is black, 1 (half the range between black and white) and above is full.

    Args:
        gradient: float32 `[B, H, W, 1 or 3]`, >= 0.

    Returns:
        uint8 `[B, H, W, 3]`.
    """
    gradient = tf.broadcast_to(gradient, [*gradient.shape[:3], 3])
    return ops.to_uint8(2.0 * tf.minimum(gradient, 1.0) - 1.0)
