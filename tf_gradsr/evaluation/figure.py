"""The picture that goes with the table, in the manner of the paper's Fig. 5."""

import numpy as np

from tf_gradsr.evaluation.evaluator import Results
from tf_gradsr.gallery.grid import picture_grid

# Pixels: below, pictures are enlarged by a whole factor, so that titles fit above them.
SMALLEST_SIDE = 128
# Pixels of a title's letter, about.
LETTER = 7


def comparison(results: Results) -> np.ndarray:
    """Draws truth, bicubic, models with one answer, then each stochastic model's z = 0 and first sample.

    Args:
        results: from `evaluate`.

    Returns:
        uint8 `[height, width, 3]`, one row a picture.
    """
    # Python's sort keeps the order of equals.
    rows = sorted(results.rows, key=lambda row: row.z is not None)
    titles = ["truth", *(row.title for row in rows)]
    columns = {title: enlarged(results.figure[title]) for title in titles}
    room = columns["truth"].shape[2] // LETTER
    return picture_grid({title: pictures for title, pictures in shortened(columns, rows, room).items()})


def enlarged(pictures):
    """Repeats the pixels of small pictures, uint8 `[B, H, W, 3]`."""
    factor = -(-SMALLEST_SIDE // pictures.shape[2])
    return pictures.repeat(factor, axis=1).repeat(factor, axis=2)


def shortened(columns, rows, room):
    """Leaves out of the titles what all models share, and cuts the rest to so many letters."""
    models = [row for row in rows if row.consistency]
    shared = {row.consistency for row in models} if len({row.consistency for row in models}) == 1 else set()
    if len({row.model for row in models}) == 1 and all(row.z for row in models):
        shared |= {row.model for row in models}
    result = {}
    for title, pictures in columns.items():
        short = ", ".join(part for part in title.split(", ") if part not in shared)
        if len(short) > room:
            short = short[: room - 1] + "…"
        while short in result:  # two titles cut to the same
            short += " "
        result[short] = pictures
    return result
