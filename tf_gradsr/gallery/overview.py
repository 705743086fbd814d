"""All inputs of a command on one picture: a row each."""

import numpy as np
from PIL import Image, ImageOps

from tf_gradsr.gallery.grid import SMALLEST, picture_grid
from tf_gradsr.gallery.heat_map import colour, rounded_top

# Further inputs have folders, but no row.
ROWS = 16
SAMPLES_IN_ROW = 4


class Overview:
    """Collects one row of pictures for each input; all are drawn at one size, whatever theirs is."""

    def __init__(self):
        self.rows = []

    def add(self, pictures: dict, stddev=None) -> None:
        """Adds a row, if there is room for it.

        Args:
            pictures: dict of title to a `fitted` picture, the same titles in every row.
            stddev: a `fitted` map, grey levels, or None: its column comes after the pictures, before "truth".
        """
        if len(self.rows) < ROWS:
            self.rows.append((pictures, stddev))

    def draw(self) -> np.ndarray:
        """uint8 `[height, width, 3]`; the maps of standard deviation share one scale.

        Raises:
            ValueError: no row was added.
        """
        if not self.rows:
            raise ValueError("An overview needs a row. Received: none.")
        columns = {title: [row[title] for row, _ in self.rows] for title in self.rows[0][0]}
        truth = columns.pop("truth", None)
        maps = [stddev for _, stddev in self.rows]
        if maps[0] is not None:
            top = rounded_top(np.stack(maps))
            columns[f"uncertainty 0-{top:g}"] = [colour(stddev, top) for stddev in maps]
        if truth is not None:
            columns["truth"] = truth
        return picture_grid({title: np.stack(pictures) for title, pictures in columns.items()})


def fitted(picture) -> np.ndarray:
    """Brings a picture into a square, pixel by pixel or averaged, with a margin where it is no square.

    Args:
        picture: uint8 `[H, W, 3]`, margin white; or float `[H, W]`, margin 0.

    Returns:
        The same type, float32 of any float, `[SMALLEST, SMALLEST, ...]`.
    """
    picture = Image.fromarray(picture if picture.dtype == np.uint8 else np.float32(picture))
    side = (SMALLEST, SMALLEST)
    resampling = Image.Resampling.NEAREST if max(picture.size) <= SMALLEST else Image.Resampling.BOX
    margin = "white" if picture.mode == "RGB" else 0
    return np.asarray(ImageOps.pad(picture, side, resampling, color=margin))
