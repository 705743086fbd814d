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
        help=f"Measure only these, and keep the last run's other parts. Of {', '.join(PARTS)}.",
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
    # Before this process makes work itself.
    work = other_work()
    start_tensorflow(settings.verbose)
    machine = described_machine()
    print(machine["words"], flush=True)
    results = _begun(settings, place, machine)
    measure_missing(results, place, work)
    write_results(results, place)
    print(f"Results: {place.folder / 'results.md'}")


def _begun(settings, place, machine):
    """The results to add to: of an interrupted run, of the last one without `--parts`, or new ones."""
    size, asked = settings.size, settings.parts
    results = None if settings.again else read_results(place.unfinished)
    if results and not fits(results, size, machine):
        print("An interrupted run of another machine or version is left out.", flush=True)
        results = None
    if not asked:
        return results or new_results(size, machine)
    last = results or read_results(place.json)
    if fits(last, size, machine):
        return {**last, "parts": {name: part for name, part in last["parts"].items() if name not in asked}}
    if set(asked) == set(PARTS):
        return new_results(size, machine)
    raise ConfigError(
        "parts: only with results of the same size, machine and version for the other parts; run it without. "
        f"Received: {', '.join(asked)}"
    )


def measure_missing(results: dict, place: Place, work: str = "") -> None:
    """Measures the parts that results lack, and keeps each at once in the unfinished run's file.

    Args:
        work: what else the machine does, see `other_work`.
    """
    for number, (name, module) in enumerate(PARTS.items(), 1):
        title = f"{number}/{len(PARTS)} {module.TITLE}"
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
