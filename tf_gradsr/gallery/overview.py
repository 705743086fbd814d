"""All inputs of a command in one picture, a row for each."""

import numpy as np
from PIL import Image, ImageOps

from tf_gradsr.gallery.grid import picture_grid
from tf_gradsr.gallery.heat_map import colour, colour_bar, rounded_top
from tf_gradsr.gallery.spread import UNIT

# Further inputs have folders, but no row.
ROWS = 16
SAMPLES_IN_ROW = 4
BAR_WIDTH = 400


class Overview:
    """Collects one row of pictures for each input; all are drawn at one size, whatever size they have."""

    def __init__(self):
        self.rows = []

    def add(self, pictures: dict, stddev=None, label: str = "") -> None:
        """Adds a row, if there is room for it.

        Args:
            label: text beside the row: the input's name, its figures.
            pictures: dict of title to a `fitted` picture, the same titles in every row.
            stddev: a `fitted` map, grey levels, or None: its column comes after the pictures, before "truth".
        """
        if len(self.rows) < ROWS:
            self.rows.append((pictures, stddev, label))

    def draw(self) -> np.ndarray:
        """Draws the overview, uint8 `[height, width, 3]`; the maps of standard deviation share one scale.

        Raises:
            ValueError: no row was added.
        """
        if not self.rows:
            raise ValueError("An overview needs a row. Received: none.")
        columns = {title: [row[title] for row, *_ in self.rows] for title in self.rows[0][0]}
        truth = columns.pop("truth", None)
        maps, bar = [stddev for _, stddev, _ in self.rows], None
        if maps[0] is not None:
            top = rounded_top(np.stack(maps))
            columns["uncertainty"] = [colour(stddev, top) for stddev in maps]
            bar = colour_bar(top, UNIT, BAR_WIDTH, bool(np.max(maps) > top))
        if truth is not None:
            columns["truth"] = truth
        stacked = {title: np.stack(pictures) for title, pictures in columns.items()}
        labels = [label for *_, label in self.rows]
        tile = next(iter(stacked.values())).shape[1]
        return picture_grid(stacked, labels if any(labels) else None, bar, tile)


def fitted(picture, side: int) -> np.ndarray:
    """Fits a picture into a square, pixel by pixel or averaged, with a margin if it is not square.

    Args:
        picture: uint8 `[H, W, 3]`, margin white; or float `[H, W]`, margin 0.
        side: of the square, in pixels.

    Returns:
        `[side, side, ...]` of the same type, or float32 for any float.
    """
    picture = Image.fromarray(picture if picture.dtype == np.uint8 else np.float32(picture))
    resampling = Image.Resampling.NEAREST if max(picture.size) <= side else Image.Resampling.BOX
    margin = "white" if picture.mode == "RGB" else 0
    return np.asarray(ImageOps.pad(picture, (side, side), resampling, color=margin))
