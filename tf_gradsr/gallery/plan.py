"""Which inputs `gradsr hallucinate` and `gradsr photo` work on, and where the results of each go."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from tf_gradsr.errors import ConfigError
from tf_gradsr.files import Kind, check_output
from tf_gradsr.gallery.inputs import find_inputs, folder_names
from tf_gradsr.gallery.writing import REPORT_FILE, RESULT_PICTURE, is_own

# One picture for all inputs.
OVERVIEW = "overview.png"


@dataclass(frozen=True)
class Job:
    """An input and its results."""

    file: Path
    name: str
    """Of the results, relative to the output folder: a folder or, if plain, a PNG file."""


def planned(settings, kind: Kind, is_result: Callable, overview: bool = False) -> list:
    """The jobs of a command line, in order.

    Args:
        settings: the command line's, by its names: `input`, `output` (a `Path`), `recursive`,
            `skip_existing`, `overwrite`, `report`.
        kind: of one input's results, a folder or `RESULT_PICTURE`.
        is_result: called with the path of a picture in the output folder: whether this command wrote it.
        overview: whether several inputs also get an overview.

    Returns:
        List of `Job`, without those that `skip_existing` leaves as they are.

    Raises:
        ConfigError: an input leads to nothing, or something would be overwritten.
    """
    if settings.skip_existing and settings.overwrite:
        raise ConfigError("skip_existing: keeps results that --overwrite would replace. Received: both")
    output, found = settings.output, find_inputs(settings.input, settings.recursive)
    if settings.recursive:
        found = _without_results(found, output, is_result)
    if overview:
        found = _without_overview(found, output)
    files = [one.path for one in found]
    names = folder_names(files, [one.below for one in found])
    jobs, skipped = [], 0
    for file, name in zip(files, names):
        job = Job(file, f"{name}.png" if kind is RESULT_PICTURE else name)
        path = output / job.name
        if settings.skip_existing and path.exists() and not kind.stranger(path):
            skipped += 1
            continue
        check_output(path, settings.overwrite, kind, files, output)
        jobs.append(job)
    if skipped:
        print(f"{skipped} of {len(files)} inputs have results already and are skipped", file=sys.stderr)
    for name, wanted in ((OVERVIEW, overview and len(jobs) > 1), (REPORT_FILE, settings.report)):
        if wanted and not (settings.skip_existing and (output / name).exists()):
            _check_of_all(output / name, settings)
    return jobs


def makes(settings, name: str) -> bool:
    """Whether a file about all inputs is written: not if it exists and `skip_existing` keeps it."""
    return not (settings.skip_existing and (settings.output / name).exists())


def _check_of_all(path, settings):
    """Checks that the overview or the report may be written."""
    if path.name == OVERVIEW:
        check_output(path, settings.overwrite, RESULT_PICTURE, received=settings.output)
        return
    from tf_gradsr.gallery.report import REPORT

    check_output(path, settings.overwrite, REPORT, received=settings.output)


def _without_results(found, output, is_result):
    """The inputs of a tree without what an earlier run wrote into it."""
    home, kept = output.resolve(), []
    for one in found:
        in_output = home in one.path.resolve().parents
        if not in_output or not is_result(one.path):
            kept.append(one)
    if len(kept) < len(found):
        count = len(found) - len(kept)
        print(f"Left out: {count} results of an earlier run in {output}", file=sys.stderr)
    if not kept:
        raise ConfigError(f"input: pictures that are no results of this command. Received: {output}")
    return kept


def _without_overview(found, output):
    """The inputs without an earlier run's overview.png, which may lie among them in the output folder."""
    overview = (output / OVERVIEW).resolve()
    kept = [one for one in found if len(found) == 1 or one.path.resolve() != overview or not is_own(one.path)]
    if len(kept) < len(found):
        print(f"Left out: {overview}, an earlier run's overview", file=sys.stderr)
    return kept
