"""The results of `make bench`: an unfinished run's, results.json, results.md, the plots, the section."""

import datetime
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

import tf_gradsr
from benchmarks.bench import baselines, data_pipeline, growth, inference, training_step
from benchmarks.bench.sizes import FULL
from tf_gradsr.errors import ConfigError
from tf_gradsr.files import json_text, replaced_when_complete
from tf_gradsr.home import at_home

ROOT = Path(__file__).parents[2]
# What is measured, in this order. Each is a module with `TITLE`, `measure(size, say)`, which returns what
# JSON can hold, and `text(found)`, which returns Markdown.
PARTS = {
    "training": training_step,
    "data": data_pipeline,
    "inference": inference,
    "baselines": baselines,
    "growth": growth,
}
BEGIN, END = "<!-- make bench writes what follows -->", "<!-- make bench wrote what is above -->"


@dataclass(frozen=True)
class Place:
    """Where results go."""

    folder: Path
    """Of results.md and results.json."""
    figure: Path
    """The plots."""
    unfinished: Path
    """What an interrupted run has measured so far."""
    page: Optional[Path] = None
    """A document that shows the results between `BEGIN` and `END`."""

    @classmethod
    def of(cls, size: str, output: Optional[str] = None) -> "Place":
        """The place of a size: of the full one the checkout's documents, of the small one build/bench/small.

        Args:
            output: a folder for everything instead.
        """
        build = ROOT / "build" / "bench" / size
        if size == FULL and not output:
            docs = ROOT / "docs" / "explanation"
            return cls(ROOT / "benchmarks", docs / "growth.png", build / "unfinished.json", docs / "speed.md")
        folder = at_home(output).absolute() if output else build
        return cls(folder, folder / "growth.png", folder / "unfinished.json")

    @property
    def json(self) -> Path:
        return self.folder / "results.json"


def new_results(size: str, machine: dict) -> dict:
    """Results without parts.

    Args:
        machine: as from `described_machine`.
    """
    today = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
    return {
        "size": size,
        "date": today,
        "version": tf_gradsr.__version__,
        "machine": machine,
        "parts": {},
    }


def read_results(path: Path) -> Optional[dict]:
    """What a file of results holds; None if there is none.

    Raises:
        ConfigError: it is damaged.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {key: found[key] for key in ("size", "date", "version", "machine", "parts")}
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"results: a file of make bench; delete it to begin anew. Received: {path} ({error!r})"
        ) from error


def fits(results: Optional[dict], size: str, machine: dict) -> bool:
    """Whether more parts may be added: results of the same size, machine and version of this package."""
    new = new_results(size, machine)
    return results is not None and all(results[key] == new[key] for key in ("size", "version", "machine"))


def write_json(results: dict, path: Path) -> None:
    """Writes results so that a kill leaves the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replaced_when_complete(path) as unfinished:
        unfinished.write_text(json_text(results, indent=1) + "\n", encoding="utf-8")


def write_results(results: dict, place: Place) -> None:
    """Writes results to a place; once they have all parts, the unfinished run is forgotten.

    Raises:
        ConfigError: the page lacks the lines between which they go.
    """
    # It imports TensorFlow, which the command starts.
    from benchmarks.bench.growth_chart import growth_chart

    write_json(results, place.json)
    if "growth" in results["parts"]:
        with replaced_when_complete(place.figure) as unfinished:
            growth_chart(results["parts"]["growth"]["found"]).save(unfinished, optimize=True)
    text = f"# Speed, measured\n\n{markdown(results, place.figure, place.folder)}\n"
    _write_text(place.folder / "results.md", text)
    if place.page:
        section = markdown(results, place.figure, place.page.parent)
        _write_text(place.page, with_section(place.page.read_text(encoding="utf-8"), section))
    if set(results["parts"]) == set(PARTS):
        place.unfinished.unlink(missing_ok=True)


def _write_text(path, text):
    with replaced_when_complete(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


def with_section(text: str, section: str) -> str:
    """A document whose text between `BEGIN` and `END` is a section.

    Raises:
        ConfigError: it lacks one of them.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ConfigError(f"page: a document with the lines {BEGIN} and {END}. Received: one without them")
    return f"{before}{BEGIN}\n\n{section}\n\n{END}{after}"


def markdown(results: dict, figure: Path, home: Path) -> str:
    """Results as Markdown, without a title.

    Args:
        figure: path of the plots. home: folder of the document.
    """
    command = "make bench" if results["size"] == FULL else f"make bench SIZE={results['size']}"
    parts = results["parts"]
    work = next(filter(None, (part["other_work"] for part in parts.values())), "")
    lines = [
        f"`{command}` measured this on {results['date']}, version {results['version']}, on "
        f"{results['machine']['words']}{f'; {work}' if work else ''}. Columns in bold are ratios of what "
        "took turns in one run: the median and, where there are brackets, the lowest and the highest turn's. "
        "The other figures depend on the machine.",
    ]
    if results["size"] != FULL:
        lines += ["", "**The networks were tiny: this only shows that everything works.**"]
    link = Path(os.path.relpath(figure, home)).as_posix()
    for name, module in PARTS.items():
        if name in parts:
            found = parts[name]["found"]
            text = module.text(found, link) if module is growth else module.text(found)
            lines += ["", f"## {module.TITLE}", "", text]
    return "\n".join(lines)
