"""Fuzzes one target, guided by coverage: python -m tests.fuzz.guided pictures --runs 100000

A thin layer on Atheris (libFuzzer for Python). Ends with an error on an unexpected exception, a crash, an
input that takes more than 5 seconds of CPU time, or 1 GB of memory above what the process had before the
first one. Prints, for each target, how many inputs there were, how many seconds they took, the slowest of
them, and the memory. What made it stop is left in --artifacts.
"""

import argparse
import contextlib
import importlib
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

import atheris
import psutil

# Seconds of CPU time, since a busy machine makes any input slow; and of any time, for what waits for ever.
SECONDS, LONGEST, MEGABYTES = 5, 60, 1024
# Where the coverage is looked at; what they import of ours is loaded too.
GUIDES = {
    "pictures": ["PIL.Image", "PIL.PngImagePlugin", "PIL.TiffImagePlugin", "tf_gradsr.gallery.reading"],
    "config": ["yaml", "tf_gradsr.config_files"],
    "points": ["tf_gradsr.faces.points_by_hand"],
    # Its decoder is C++, of which there is no coverage: mutations of pictures, unguided.
    "serving": [],
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", choices=GUIDES)
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--longest", type=int, default=4096, help="Bytes of an input.")
    parser.add_argument("--artifacts", default="build/fuzz/")
    options = parser.parse_args()
    with atheris.instrument_imports(include=["PIL", "tf_gradsr", "yaml"], enable_loader_override=False):
        for module in GUIDES[options.target]:
            importlib.import_module(module)
    from tests.fuzz.targets import TARGETS

    function, seeds = TARGETS[options.target]()
    for seed in seeds:
        function(seed)
    before, counted = psutil.Process().memory_info().rss / 2**20, _Counted(function, options.target)
    Path(options.artifacts).mkdir(parents=True, exist_ok=True)
    corpus = Path(tempfile.mkdtemp(prefix="gradsr-fuzz-"))
    for number, seed in enumerate(seeds):
        (corpus / f"{number:03d}").write_bytes(seed)
    flags = [
        f"-runs={options.runs}",
        f"-seed={options.seed}",
        f"-max_len={options.longest}",
        f"-timeout={LONGEST}",
        f"-rss_limit_mb={int(before) + MEGABYTES}",
        f"-artifact_prefix={options.artifacts}",
        "-print_final_stats=0",
        "-verbosity=0",
    ]
    counted.before = before
    atheris.Setup([sys.argv[0], *flags, str(corpus)], counted)
    atheris.Fuzz()


class _Counted:
    """Calls a function and keeps count; libFuzzer ends the process itself, so the last call reports."""

    def __init__(self, function, name):
        self.function, self.name = function, name
        self.count, self.slowest, self.before, self.start = 0, 0.0, 0.0, time.monotonic()

    def __call__(self, data):
        start = time.process_time()
        with _quiet():
            self.function(data)
        taken = time.process_time() - start
        self.slowest = max(self.slowest, taken)
        assert taken < SECONDS, f"{taken:.1f} s of CPU time"
        self.count += 1
        if self.count % 5000 == 0:
            self.report()

    def report(self):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"{self.name}: {self.count} inputs in {time.monotonic() - self.start:.0f} s, the slowest "
            f"{self.slowest:.2f} s, at most {peak - self.before:.0f} MB above the {self.before:.0f} before",
            flush=True,
        )


@contextlib.contextmanager
def _quiet():
    """Without the warnings that libraries print about damaged files."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    main()
