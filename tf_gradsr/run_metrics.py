"""The lines of a run's metrics.jsonl, whatever a kill or a bad disk has made of them."""

import json
import logging
from pathlib import Path

from tf_gradsr.disk import writing
from tf_gradsr.files import json_text, replaced_when_complete

log = logging.getLogger(__name__)


def read_lines(path) -> list:
    """The lines as dicts, each with an int "step"; lines that cannot be read are left out.

    Used for metrics.jsonl and changes.jsonl.
    """
    return [values for values in _parsed(path) if values is not None]


def append_line(path, values: dict) -> None:
    """Adds one line, of its own even if a kill cut off the one before."""
    with writing(path), Path(path).open("a+b") as file:
        if file.tell():
            file.seek(-1, 2)
            if file.read(1) != b"\n":
                file.write(b"\n")
        file.write(f"{json_text(values)}\n".encode())


def forget_lines_after(path, step: int) -> None:
    """Drops the lines after a checkpoint's step, which the resumed run writes again, and damaged ones."""
    path = Path(path)
    if not path.exists():
        return
    parsed = _parsed(path)
    # The last one was cut off by a kill.
    damaged = sum(values is None for values in parsed[:-1])
    if damaged:
        log.warning("%d damaged lines of %s were dropped", damaged, path)
    with replaced_when_complete(path) as unfinished:
        kept = [f"{json_text(values)}\n" for values in parsed if values and values["step"] <= step]
        unfinished.write_text("".join(kept), encoding="utf-8")


def total(path, name: str) -> float:
    """Sum of a figure over all lines."""
    values = [line.get(name) for line in read_lines(path)]
    return sum(value for value in values if isinstance(value, (int, float)))


def _parsed(path):
    """Each line as a dict, None where it is damaged."""
    path = Path(path)
    if not path.exists():
        return []
    return [_line(line) for line in path.read_bytes().splitlines()]


def _line(line):
    try:
        values = json.loads(line)
    # UnicodeDecodeError is one, too.
    except ValueError:
        return None
    return values if isinstance(values, dict) and isinstance(values.get("step"), int) else None
