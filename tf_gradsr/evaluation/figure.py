"""Draws the table's pictures: a comparison like the paper's Fig. 5, samples, and their reliability."""

from typing import Optional

import numpy as np

from tf_gradsr.evaluation.evaluator import Results
from tf_gradsr.gallery.chart import Words, diagonal_chart
from tf_gradsr.gallery.grid import cell_size, picture_grid, square_grid

# About how many pixels wide a letter of a title is.
LETTER = 7
# A point of the reliability chart stands for at least this share of all pixels and colours: less is chance.
LEAST_SHARE = 1e-3
RELIABILITY = Words(
    title="",
    across="predicted: standard deviation of the samples, grey levels",
    up="actual: RMS error of their mean, grey levels",
    above="too sure: errors larger than predicted",
    below="too careful: errors smaller",
    diagonal="right: errors as large as predicted",
)


def comparison(results: Results) -> np.ndarray:
    """Draws the truth, bicubic, models with one answer, then each stochastic model's z = 0 and first sample.

    Args:
        results: from `evaluate`.

    Returns:
        uint8 `[height, width, 3]`, one row for each picture.
    """
    # Python's sort keeps the order of equals.
    rows = sorted(results.rows, key=lambda row: row.z is not None)
    columns = {"truth": results.figure["truth"]}
    room = cell_size(*columns["truth"].shape[1:3], shrink=False)[1] // LETTER
    models = [row for row in rows if row.consistency]
    shared = {
        "consistency": len({row.consistency for row in models}) == 1,
        "model": len({row.model for row in models}) == 1 and all(row.z for row in models),
    }
    for row in rows:
        title = label(row, shared, room)
        while title in columns:  # two titles that are cut to the same
            title += " "
        columns[title] = results.figure[row.title]
    return picture_grid(columns)


def samples(results: Results, split: str) -> Optional[np.ndarray]:
    """Draws the first sample of each of the first pictures, not hand-picked, by the first stochastic model.

    Args:
        results: from `evaluate`.
        split: the pictures' split, for the line below.

    Returns:
        uint8 `[height, width, 3]`, from the most consistent of the model's rows, at the first temperature;
        None without such a model.
    """
    rows = [row for row in results.rows if row.title in results.samples]
    # max keeps the first of equals.
    rows = [row for row in rows if row.model == rows[0].model]
    if not rows:
        return None
    row = max(rows, key=lambda row: row.consistency == "exact")
    pictures, kind = results.samples[row.title], "" if split == "all" else f"{split} "
    footer = (
        f"{row.title}: the first sample of each of the first {len(pictures)} {kind}pictures, not hand-picked"
    )
    return square_grid(pictures, footer)


def reliability(results: Results, split: str) -> Optional[np.ndarray]:
    """Draws the actual error over the predicted standard deviation, a curve for each row of samples.

    Args:
        results: from `evaluate`.
        split: the pictures' split, for the title.

    Returns:
        uint8 `[height, width, 3]`; None without a row of samples, or with too few of them.
    """
    curves = {}
    for row in results.rows:
        least = LEAST_SHARE * sum(each.count for each in row.reliability)
        points = [(each.predicted, each.actual) for each in row.reliability if each.count >= least]
        if points:
            ratio = row.figures["spread_error"]
            curves[row.title if ratio is None else f"{row.title}: spread/error {ratio.mean:.2f}"] = points
    if not curves:
        return None
    words = RELIABILITY._replace(title=f"Do samples differ as much as they err? {results.described(split)}")
    return diagonal_chart(curves, words)


def label(row, shared, room):
    """A row's title without what all models share; the model's name is cut to fit."""
    kind = ", ".join(part for part in (row.kind, None if shared["consistency"] else row.consistency) if part)
    if not row.consistency or not (shared["model"] and kind):
        space = room - len(kind) - 2 if kind else room
        name = row.model if len(row.model) <= space else row.model[: max(1, space - 1)] + "…"
        return ", ".join(part for part in (name, kind) if part)
    return kind
