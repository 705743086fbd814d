"""Times exported models side by side: each in its own process, in turns, so that all share the noise."""

import json
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from tf_gradsr.errors import ConfigError, reason_of

# Uncounted runs after loading; the first ones prepare buffers.
WARM_UP = 5
# Counted runs of a model before the next one's turn; one more comes first, to fill the caches again.
RUNS_IN_TURN = 5
# The parts of a SavedModel that are needed to run it.
SAVED_MODEL_PARTS = ("saved_model.pb", "variables", "assets")
ROOT = Path(__file__).parent.parent.parent


@dataclass(frozen=True)
class Measurement:
    """One model at one number of threads, on one number of pictures at once."""

    seconds: float
    """Median time of an answer."""
    memory: float
    """Bytes: the most that the process had in memory, less what the Python interpreter with NumPy had."""
    runtime: float
    """Bytes of that in use before the model was loaded: TensorFlow or LiteRT."""
    signature: str
    """The signature that was timed."""
    lr_shape: tuple
    """(height, width) of the LR picture."""


def measure(models: list, threads: list, runs: int, batch: int = 1) -> dict:
    """Measures models in turns of a few runs.

    Args:
        models: paths of SavedModel folders, .tflite files and folders of runs. threads: numbers of threads.
        runs: how many of each are counted.
        batch: pictures of an answer.

    Returns:
        {(model, threads): `Measurement`}.

    Raises:
        ConfigError: a model that cannot be run.
    """
    (found,) = measure_batches(models, threads, {batch: runs})
    return found


def measure_batches(models: list, threads: list, runs: dict):
    """Yields `measure` of each batch, all by the same processes.

    Args:
        models, threads: see `measure`. runs: {pictures of an answer: how many are counted}.

    Raises:
        ConfigError: see `measure`.
    """
    with ExitStack() as stack:
        processes = {
            (model, count): stack.enter_context(_Stopwatch(model, count))
            for count in threads
            for model in models
        }
        for batch, count in runs.items():
            yield _in_turns(processes, count, batch)


def _in_turns(processes, runs, batch):
    seconds = {key: [] for key in processes}
    for process in processes.values():
        process.run(max(1, WARM_UP // batch), batch)
    for start in range(0, runs, RUNS_IN_TURN):
        for key, process in processes.items():
            seconds[key] += process.run(1 + min(RUNS_IN_TURN, runs - start), batch)["seconds"][1:]
    last = {key: process.run(0, batch) for key, process in processes.items()}
    return {
        key: Measurement(
            statistics.median(seconds[key]),
            last[key]["memory"],
            last[key]["runtime"],
            process.loaded["signature"],
            tuple(process.loaded["lr_shape"]),
        )
        for key, process in processes.items()
    }


def size_of(path) -> int:
    """Bytes of a LiteRT file, or of the parts of a SavedModel that are needed to run it."""
    path = Path(path)
    if path.is_file():
        return path.stat().st_size
    parts = [path / name for name in SAVED_MODEL_PARTS]
    files = [file for part in parts for file in (part.rglob("*") if part.is_dir() else [part])]
    return sum(file.stat().st_size for file in files if file.is_file())


class _Stopwatch:
    """`tf_gradsr.export.stopwatch` in a fresh process, which ends with the block."""

    def __init__(self, model, threads):
        self.model = model
        self._complaints = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tf_gradsr.export.stopwatch", str(model), str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            cwd=ROOT,
            text=True,
        )

    def __enter__(self):
        try:
            self.loaded = self._answer()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error):
        self._process.kill()
        self._process.communicate()
        self._complaints.close()

    def run(self, count, batch):
        """Runs the model `count` times on `batch` pictures; returns `seconds`, and `memory` and `runtime`."""
        # If it has ended, `_answer` says why.
        with suppress(BrokenPipeError):
            print(json.dumps([count, batch]), file=self._process.stdin, flush=True)
        return self._answer()

    def _answer(self):
        line = self._process.stdout.readline()
        if line:
            return json.loads(line)
        self._process.wait()
        self._complaints.seek(0)
        lines = self._complaints.read().strip().splitlines() or ["it ended without a message"]
        raise ConfigError(
            "model: a SavedModel or LiteRT file of this project that can be run. "
            f"Received: {self.model} ({reason_of(RuntimeError(lines[-1]))})"
        )
