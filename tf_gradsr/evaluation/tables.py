"""Writes the figures as text: a table for the terminal, Markdown, CSV and JSON."""

import csv
import io

from tf_gradsr.evaluation.bootstrap import REPLICATES
from tf_gradsr.evaluation.calibration import calibration_of
from tf_gradsr.evaluation.columns import COST, DIVERSITY, MEASURED, NO_WEIGHTS, QUALITY, Z_RANDOM
from tf_gradsr.evaluation.settings import FORMAT, Evaluation
from tf_gradsr.files import json_text
from tf_gradsr.metrics import MEAN_OF, right_gain

INTERVALS = (
    f"[low, high]: 95 % interval of the mean over pictures, Poisson bootstrap, {REPLICATES:,} replicates."
)
SAMPLED = "z != 0: means over {num_samples} samples a picture, seed {seed}."
HEATED = " T: the temperature, by which z is multiplied."
CALIBRATED = (
    "Right for samples of the true posterior: spread/error 1; gain of mean {gain:.2f} dB (of {count})."
)
NOTHING = "-"


def cell(row, column, absent) -> tuple:
    """(figure, interval) of a row's column as text; the interval is "" if there is none."""
    if column.name in row.cost:
        value = row.cost[column.name]
        return NOTHING if value is None else f"{value:,.{column.decimals}f}", ""
    figure = row.figures.get(column.name)
    if figure is None:
        applies = column not in DIVERSITY or row.z == Z_RANDOM
        return (absent.get(column.name, NOTHING) if applies else NOTHING), ""
    mean, low, high = (
        NOTHING if value is None else f"{value:.{column.decimals}f}"
        for value in (figure.mean, figure.low, figure.high)
    )
    return mean, "" if figure.low is None else f"[{low}, {high}]"


def columns_of(evaluation: Evaluation) -> tuple:
    """All columns of an evaluation's table, in order."""
    return QUALITY + evaluation.metrics + DIVERSITY + COST


def shown(columns, results) -> list:
    """The columns without those of networks whose weights are missing, which a note below the table names."""
    return [c for c in columns if results.absent.get(c.name) != NO_WEIGHTS]


def heading(column) -> str:
    """A column's title with its unit."""
    return f"{column.title}, {column.unit}" if column.unit else column.title


def footnotes(results, evaluation: Evaluation) -> list:
    """The sentences below every table."""
    pictures = "picture" if results.pictures == 1 else "pictures"
    left_out = f", {len(results.skipped)} unreadable left out" if results.skipped else ""
    data = evaluation.config.data
    source = data.source if data.path is None else f"{data.source} {data.path}"
    batch = min(evaluation.batch_size, results.pictures)
    sampled = SAMPLED.format(num_samples=evaluation.num_samples, seed=evaluation.seed)
    if set(evaluation.temperature) != {1.0}:
        sampled += HEATED
    count = min(MEAN_OF, evaluation.num_samples)
    return [
        f"{results.pictures} {pictures}{left_out}: {source}, {evaluation.split}. {sampled}",
        INTERVALS,
        CALIBRATED.format(count=count, gain=right_gain(count)),
        "Grey levels of 0-255; image gradients are unhalved central differences (eq. 3 to 5).",
        f"Speed on {results.environment['device']}, batches of {batch}.",
        *results.notes,
    ]


# Terminal --------------------------------------------------------------------------------------------------


def terminal_table(results, evaluation: Evaluation, width: int) -> str:
    """The table for the terminal: figures, intervals below them, in as many blocks as the width requires.

    Args:
        results: `Results`. evaluation: the `Evaluation`. width: columns of the terminal.
    """
    names = ["", ""] + [line for row in results.rows for line in (row.title, "")]
    columns = [_column_lines(column, results) for column in shown(columns_of(evaluation), results)]
    blocks, room = [], 0
    for lines in columns:
        if not blocks or len(lines[0]) > room:
            blocks.append([_padded(names, left=True)])
            room = width - len(blocks[-1][0][0])
        blocks[-1].append(lines)
        room -= len(lines[0])
    text = []
    for block in blocks:
        lines = ["".join(parts).rstrip() for parts in zip(*block)]
        # If no column of a block has an interval, their line is empty.
        text.append("\n".join(line for line in lines if line))
    return "\n\n".join(text) + "\n\n" + "\n".join(footnotes(results, evaluation))


def _column_lines(column, results):
    """A column's lines, two for each row, all of one width."""
    lines = [column.title, column.unit]
    for row in results.rows:
        lines += cell(row, column, results.absent)
    return _padded(lines, left=False)


def _padded(lines, left):
    width = max(len(line) for line in lines)
    return [line.ljust(width) if left else "  " + line.rjust(width) for line in lines]


# Files -----------------------------------------------------------------------------------------------------


def markdown(results, evaluation: Evaluation, command: str) -> str:
    """Markdown tables, the meaning of each column, and the command that made them.

    Args:
        command: as typed, quoted for a shell.
    """
    tables = (QUALITY + evaluation.metrics, DIVERSITY + COST)
    blocks = [_markdown_table(shown(columns, results), results) for columns in tables]
    meanings = [
        f"- **{heading(c)}**: {c.meaning}" + (f"; {c.better} is better" if c.better else "")
        for c in shown(columns_of(evaluation), results)
    ]
    notes = [f"- {note}" for note in footnotes(results, evaluation)]
    parts = [*blocks, "\n".join(notes), "\n".join(meanings), f"Made by\n\n```sh\n{command}\n```"]
    return "\n\n".join(parts) + "\n"


def _markdown_table(columns, results):
    lines = ["|  | " + " | ".join(_escaped(heading(column)) for column in columns) + " |"]
    lines.append("|---|" + "---:|" * len(columns))
    for row in results.rows:
        cells = (" ".join(part for part in cell(row, c, results.absent) if part) for c in columns)
        lines.append(f"| {_escaped(row.title)} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _escaped(text):
    return text.replace("|", "\\|")


def comma_separated(results, evaluation: Evaluation) -> str:
    """CSV: a line for each row; mean, low and high of each measure, empty if there is none."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    columns = MEASURED + evaluation.metrics
    measured = [f"{c.name}{part}" for c in columns for part in ("", "_low", "_high")]
    writer.writerow(["model", "consistency", "z", "temperature", *measured, *(c.name for c in COST)])
    for row in results.rows:
        figures = [part for c in columns for part in row.figures.get(c.name) or (None, None, None)]
        about = row.model, row.consistency, row.z, row.temperature
        writer.writerow([*about, *figures, *(row.cost[c.name] for c in COST)])
    return file.getvalue()


def as_json(results, evaluation: Evaluation, command: str) -> str:
    """JSON of everything: settings, versions, identities, skipped files, unrounded figures."""
    document = {
        "format": FORMAT,
        "command": command,
        "environment": results.environment,
        "settings": {
            "split": evaluation.split,
            "num_samples": evaluation.num_samples,
            "consistency": list(evaluation.consistency),
            "input_quality": evaluation.input_quality,
            "temperature": list(evaluation.temperature),
            "batch_size": evaluation.batch_size,
            "seed": evaluation.seed,
            "scale": evaluation.config.model.scale,
            "lr_shape": list(evaluation.config.lr_shape),
            "data": evaluation.config.as_dict()["data"],
        },
        "pictures": results.pictures,
        "skipped": [{"file": name, "reason": reason} for name, reason in results.skipped],
        "columns": {c.name: c.described() for c in columns_of(evaluation)},
        "absent": results.absent,
        "notes": results.notes,
        "rows": [_json_row(row, results, evaluation) for row in results.rows],
    }
    return json_text(document, indent=2) + "\n"


def _json_row(row, results, evaluation):
    return {
        "model": row.model,
        "consistency": row.consistency,
        "z": row.z,
        "temperature": row.temperature,
        "identity": row.identity,
        "figures": {name: figure and figure._asdict() for name, figure in row.figures.items()},
        "calibration": calibration_of(row, results, evaluation),
        # What reliability.png draws, grey levels; from sure pixels to unsure ones.
        "reliability": [each._asdict() for each in row.reliability],
        **row.cost,
    }
