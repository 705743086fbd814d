"""Measure the project's speed: make bench, or python -m benchmarks.bench

Measures the training step by part, the input pipeline, inference in every form, the baselines at their
papers' sizes, and growth. Writes benchmarks/results.md, benchmarks/results.json, the plots, and the section
of docs/explanation/speed.md. An interrupted run goes on where it was: a part that it has measured is not
measured again. --size small takes tiny networks, to see that everything works, and writes to
build/bench/small.

Takes about ten minutes on 2 CPU cores. Leave the machine alone meanwhile. Needs pip install
'tf-gradsr[mobile,serving]'; the page is measured where there are Chromium, Playwright's package and npm.
"""

import importlib.util
import sys
import time
from typing import Literal, Optional

from benchmarks.bench.machine import described_machine, other_work
from benchmarks.bench.results import (
    PARTS,
    Place,
    fits,
    new_results,
    read_results,
    write_json,
    write_results,
)
from benchmarks.bench.sizes import FULL, SIZES
from tf_gradsr.cli import Parser, missing_extra, run
from tf_gradsr.errors import ConfigError, nearest
from tf_gradsr.tensorflow_start import start_tensorflow


def build_parser() -> Parser:
    """The command line's parser."""
    parser = Parser(prog="make bench", description=__doc__)
    add = parser.add_argument
    add("--size", type=Literal[SIZES], default=FULL, help="small: only to see that everything works.")
    add(
        "--parts",
        type=str,
        nargs="+",
        default=None,
        metavar="PART",
        help=f"Measure these again, and keep the last run's other parts. Of {', '.join(PARTS)}.",
    )
    add("--again", action="store_true", help="Begin anew, even if an interrupted run has measured something.")
    add("-o", "--output", type=Optional[str], default=None, metavar="DIR", help="A folder for everything.")
    return parser


def main(argv=None) -> int:
    """Runs the command; returns its exit status, see `tf_gradsr.cli`."""
    return run(build_parser(), _execute, argv, interrupted="What was measured is kept; run it again.")


def _execute(settings):
    unknown = [name for name in settings.parts or [] if name not in PARTS]
    if unknown:
        hint = nearest(unknown[0], PARTS, otherwise="none is close.")
        raise ConfigError(f"parts: of {', '.join(PARTS)}; {hint} Received: {unknown[0]}")
    for package, extra, use in (
        ("ai_edge_litert", "mobile", "which runs .tflite files"),
        ("tensorflow_serving", "serving", "for the SavedModel's warm-up requests"),
    ):
        if importlib.util.find_spec(package) is None:
            raise missing_extra(extra, package, use)
    place = Place.of(settings.size, settings.output)
    ours = read_results(place.json) or read_results(place.unfinished)
    if settings.output and (place.folder / "results.md").exists() and not ours:
        raise ConfigError(
            f"output: a folder without a results.md of something else. Received: {settings.output}"
        )
    # Before this process makes work itself.
    work = other_work()
    start_tensorflow(settings.verbose)
    machine = described_machine()
    print(machine["words"], flush=True)
    results = _begun(settings, place, machine)
    measure_missing(results, place, settings.parts or PARTS, work)
    write_results(results, place)
    print(f"Results: {place.folder / 'results.md'}")


def _begun(settings, place, machine):
    """The results to add to: an interrupted run's; with `--parts` the last run's, less those; or new ones."""
    size, asked = settings.size, settings.parts
    results = None if settings.again else read_results(place.unfinished)
    if results and not fits(results, size, machine):
        print("An interrupted run of another machine or version is left out.", flush=True)
        results = None
    if asked:
        results = results or read_results(place.json)
        if results and not fits(results, size, machine) and set(asked) != set(PARTS):
            raise ConfigError(
                "parts: only beside results of the same size, machine and version; run it without. "
                f"Received: {', '.join(asked)}"
            )
    if not fits(results, size, machine):
        return new_results(size, machine)
    kept = {name: part for name, part in results["parts"].items() if name not in (asked or [])}
    return {**results, "parts": kept}


def measure_missing(results: dict, place: Place, parts, work: str = "") -> None:
    """Measures the parts that results lack, and keeps each at once in the unfinished run's file.

    Args:
        parts: names of those that are wanted.
        work: what else the machine does, see `other_work`.
    """
    wanted = [name for name in PARTS if name in parts]
    for number, name in enumerate(wanted, 1):
        module = PARTS[name]
        title = f"{number}/{len(wanted)} {module.TITLE}"
        if name in results["parts"]:
            print(f"{title}: measured already", flush=True)
            continue
        begin = time.perf_counter()

        def say(words, title=title, begin=begin):
            print(f"{title}: {words} ... ({time.perf_counter() - begin:.0f} s)", flush=True)

        found = module.measure(results["size"], say)
        seconds = time.perf_counter() - begin
        results["parts"][name] = {"seconds": round(seconds, 1), "other_work": work, "found": found}
        write_json(results, place.unfinished)
        print(f"{title}: done in {seconds:.0f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main())
