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
    columns = {"truth": enlarged(results.figure["truth"])}
    room = columns["truth"].shape[2] // LETTER
    models = [row for row in rows if row.consistency]
    shared = {
        "consistency": len({row.consistency for row in models}) == 1,
        "model": len({row.model for row in models}) == 1 and all(row.z for row in models),
    }
    for row in rows:
        title = label(row, shared, room)
        while title in columns:  # two cut to the same
            title += " "
        columns[title] = enlarged(results.figure[row.title])
    return picture_grid(columns)


def enlarged(pictures):
    """Repeats the pixels of small pictures, uint8 `[B, H, W, 3]`."""
    factor = -(-SMALLEST_SIDE // pictures.shape[2])
    return pictures.repeat(factor, axis=1).repeat(factor, axis=2)


def label(row, shared, room):
    """A row's title without what all models share; the model's name is cut to the room that is left."""
    kind = ", ".join(part for part in (row.z, None if shared["consistency"] else row.consistency) if part)
    if not row.consistency or not (shared["model"] and kind):
        space = room - len(kind) - 2 if kind else room
        name = row.model if len(row.model) <= space else row.model[: max(1, space - 1)] + "…"
        return ", ".join(part for part in (name, kind) if part)
    return kind
