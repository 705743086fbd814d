"""An evaluation as report.html shows it: tables with intervals, sheets, the first faces."""

import numpy as np

from tf_gradsr import metrics
from tf_gradsr.evaluation.columns import COST, DIVERSITY, QUALITY, Z_RANDOM
from tf_gradsr.evaluation.settings import Evaluation
from tf_gradsr.evaluation.tables import cell, footnotes, heading, shown
from tf_gradsr.gallery.data_urls import embedded
from tf_gradsr.gallery.report import FACES_SHOWN, Cell, Contents, Measure, Shown, ShownFace, ShownSheet, Table


def report_contents(results, evaluation: Evaluation, command: str, pictures: dict) -> Contents:
    """Everything on the page.

    Args:
        results: `Results`. evaluation: what was asked. command: as typed, quoted for a shell.
        pictures: file name to uint8 `[height, width, 3]` or None, as they are written. Those of figure.png
            are shown one by one.
    """
    groups = (
        ("Quality and consistency", QUALITY + evaluation.metrics),
        ("Diversity", DIVERSITY),
        ("Cost", COST),
    )
    tables = (_table(title, columns, results) for title, columns in groups)
    sheets = (
        ("Reliability of the samples' spread", "reliability.png", "A chart of actual over predicted errors."),
        ("Samples, not hand-picked", "samples.png", "A grid of faces, the first sample of each picture."),
    )
    identities = {row.model: row.identity for row in results.rows if "weights" in row.identity}
    environment = results.environment
    count = min(FACES_SHOWN, len(results.lr))
    return Contents(
        command="evaluate",
        title=f"Measured on {results.described(evaluation.split)}",
        typed=command,
        settings=(
            ("samples of each picture", str(evaluation.num_samples)),
            ("seed", str(evaluation.seed)),
            ("temperature", ", ".join(f"{value:g}" for value in evaluation.temperature)),
            ("consistency", ", ".join(evaluation.consistency)),
            ("input quality", evaluation.input_quality),
            *((name, environment[name]) for name in ("tf_gradsr", "tensorflow", "device")),
        ),
        weights=tuple((name, identity["weights"]) for name, identity in identities.items()),
        faces=tuple(_face(results, number) for number in range(count)),
        further=len(results.lr) - count,
        # Models with one answer have no diversity.
        tables=tuple(table for table in tables if table.models),
        sheets=tuple(
            ShownSheet(title, embedded(pictures[name]), words)
            for title, name, words in sheets
            if pictures[name] is not None
        ),
        footnotes=tuple(footnotes(results, evaluation)),
    )


def _table(title, columns, results):
    """Models side by side; only samples where nothing else can be measured."""
    rows = [row for row in results.rows if columns is not DIVERSITY or row.z == Z_RANDOM]
    measures = (
        Measure(heading(c), c.better, c.meaning, tuple(_cell(row, c, results) for row in rows))
        for c in shown(columns, results)
    )
    return Table(title, tuple(row.title for row in rows), tuple(measures))


def _cell(row, column, results):
    figure = row.figures.get(column.name)
    has_interval = figure is not None and figure.low is not None
    return Cell(*cell(row, column, results.absent), tuple(figure) if has_interval else None)


def _face(results, number):
    truth, lr = results.figure["truth"][number], results.lr[number]

    def made(row):
        image = results.figure[row.title][number]
        psnr = metrics.psnr(image[np.newaxis], truth[np.newaxis])[0]
        return Shown(
            row.title, embedded(image), before=row.consistency is None, caption=f"PSNR {psnr:.2f} dB"
        )

    return ShownFace(
        name=f"Picture {number + 1}",
        pictures=(
            Shown(f"LR {lr.shape[1]}×{lr.shape[0]}", embedded(lr), before=True, in_pixels=True),
            *(made(row) for row in results.rows),
            Shown("truth", embedded(truth)),
        ),
    )
