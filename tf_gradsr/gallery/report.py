"""report.html: a command's results on one page, which needs no other file and asks nothing of the network."""

import base64
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Optional

import jinja2
import numpy as np
from markupsafe import Markup

from tf_gradsr.files import Kind, claim_output, replaced_when_complete
from tf_gradsr.gallery.data_urls import LONGEST_EMBEDDED, Embedded, embedded
from tf_gradsr.gallery.heat_map import colour, rounded_top
from tf_gradsr.gallery.writing import INTENDED_USE
from tf_gradsr.gallery.writing import REPORT_FILE as REPORT_FILE

# Further faces are left out, as from the overview: a face with eight samples takes about half a megabyte.
FACES_SHOWN = 16
TEMPLATES = Path(__file__).parent / "templates"
# The page for browsers has the same ones.
PALETTE = TEMPLATES / "colours.css"
# What a report is recognised by, among its first characters.
GENERATOR = "tf_gradsr report"
HEAD = 2000
# Per cent of a cell's width that its interval keeps free on either side.
MARGIN = 4.0


# What it shows --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Shown:
    """One picture of a face."""

    title: str
    picture: Embedded
    before: bool = False
    """Whether the slider shows it on its left, for comparison with the others on its right."""
    in_pixels: bool = False
    """Whether it is enlarged pixel by pixel."""
    caption: str = ""
    """A figure below the title."""


class UncertaintyMap(NamedTuple):
    """A map of the standard deviation over samples, and what its colours mean."""

    picture: Embedded
    bar: Embedded
    """The colours from 0 to `top`, one pixel high."""
    top: float
    open_end: bool
    """Whether numbers above `top` occur."""
    unit: str


@dataclass(frozen=True)
class ShownFace:
    """What was made of one face, or of a whole photograph."""

    name: str
    pictures: tuple
    """`Shown`, all of one aspect ratio; at least one with `before` and one without."""
    figures: tuple = ()
    """(name, figure with its unit) pairs."""
    uncertainty: Optional[UncertaintyMap] = None
    notes: tuple = ()
    """Sentences."""

    @property
    def size(self) -> tuple:
        """(width, height) of what was made, pixels."""
        made = next(shown.picture for shown in self.pictures if not shown.before)
        return made.width, made.height

    @property
    def exact(self) -> bool:
        """Whether the page holds the exact pixels of every picture."""
        return all(shown.picture.exact for shown in self.pictures)


class Cell(NamedTuple):
    """A figure of a table."""

    text: str
    interval: str = ""
    """"[low, high]", or "" where there is none."""
    numbers: Optional[tuple] = None
    """(mean, low, high), where there is an interval."""


@dataclass(frozen=True)
class Measure:
    """A line of a table: one measure of every model."""

    heading: str
    """With its unit."""
    better: Optional[str]
    """"higher", "lower", or None where neither is."""
    meaning: str
    cells: tuple
    """A `Cell` for each model."""

    def placed(self) -> list:
        """(cell, (low, mean, high) in per cent of the cell's width, or None) for each cell.

        One scale for all; None where there is no interval, or none to compare it with.
        """
        intervals = [cell.numbers for cell in self.cells if cell.numbers]
        if len(intervals) < 2:
            return [(cell, None) for cell in self.cells]
        first = min(map(min, intervals))
        room = max(map(max, intervals)) - first

        def place(number):
            share = (number - first) / room if room else 0.5
            return round(MARGIN + share * (100.0 - 2 * MARGIN), 2)

        return [
            (cell, tuple(place(cell.numbers[part]) for part in (1, 0, 2)) if cell.numbers else None)
            for cell in self.cells
        ]


@dataclass(frozen=True)
class Table:
    """Measures of models."""

    title: str
    models: tuple
    """Their names, a column each."""
    measures: tuple
    """`Measure`, a line each."""


class ShownSheet(NamedTuple):
    """A picture of many."""

    title: str
    picture: Embedded
    words: str
    """What it shows, for those who cannot see it."""


@dataclass(frozen=True)
class Contents:
    """Everything on the page."""

    command: str
    """What made it, such as "hallucinate"."""
    title: str
    typed: str
    """The command line, quoted for a shell."""
    settings: tuple
    """(name, text) pairs: the seed, the temperature ..."""
    weights: tuple
    """(name of the model, digest of its weights) pairs."""
    faces: tuple = ()
    """`ShownFace`; of more than `FACES_SHOWN` the first are shown."""
    further: int = 0
    """How many more faces there are elsewhere."""
    tables: tuple = ()
    sheets: tuple = ()
    notes: tuple = ()
    """Sentences at the top."""
    footnotes: tuple = ()
    """Sentences below the tables."""


def uncertainty_map(stddev, unit: str) -> UncertaintyMap:
    """The map with the colours and the scale of `heat_map`.

    Args:
        stddev: float `[H, W]`, grey levels. unit: see `spread.legend`.
    """
    top = rounded_top(stddev)
    bar = colour(np.linspace(0.0, top, 256)[np.newaxis], top)
    return UncertaintyMap(embedded(colour(stddev, top)), embedded(bar), top, bool(np.max(stddev) > top), unit)


# Writing it -----------------------------------------------------------------------------------------------


def _is_report(path):
    try:
        with Path(path).open("rb") as file:
            return f'content="{GENERATOR}"'.encode() in file.read(HEAD) and not Path(path).is_symlink()
    except OSError:
        return False


REPORT = Kind(
    "a report that this command wrote",
    lambda path: None if _is_report(path) else path,
    when_complete=replaced_when_complete,
)


def write_report(path, contents: Contents, overwrite: bool = False) -> None:
    """Writes the page.

    Args:
        path: of the file. contents: what it shows.
        overwrite: whether an earlier report may be replaced.

    Raises:
        ConfigError: see `claim_output`.
    """
    with claim_output(path, overwrite, REPORT) as partial:
        # File names may not be valid text.
        partial.write_text(as_html(contents), encoding="utf-8", errors="backslashreplace")


def as_html(contents: Contents) -> str:
    """The page; the same contents give the same text."""
    style, script = ((TEMPLATES / name).read_text(encoding="utf-8") for name in ("report.css", "report.js"))
    style = PALETTE.read_text(encoding="utf-8") + style
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.jinja").render(
        page=contents,
        faces=contents.faces[:FACES_SHOWN],
        count=len(contents.faces) + contents.further,
        generator=GENERATOR,
        longest=LONGEST_EMBEDDED,
        intended_use=INTENDED_USE,
        style=Markup(style),
        script=Markup(script),
        # The browser runs and applies only these two, whatever a name may hold.
        style_digest=_digest(style),
        script_digest=_digest(script),
    )


def _digest(text):
    """A digest as a Content-Security-Policy writes it."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}"
