"""Exported models timed side by side: the table, the turns, what cannot be run."""

import os
import re
import signal
import subprocess
import sys
import time

import psutil
import pytest
from checkout import ROOT
from commands import run_command

from tf_gradsr import benchmark
from tf_gradsr.export import benchmark_runs
from tf_gradsr.export.lite import lite_file
from tf_gradsr.export.serving import archive
from tf_gradsr.export.serving.input_checks import Limits
from tf_gradsr.run_folder import RunFolder

pytest.importorskip("ai_edge_litert", reason="needs ai-edge-litert")


@pytest.fixture(scope="module")
def run(folder, write_run):
    return RunFolder(write_run(folder / "run", folder / "nowhere"))


@pytest.fixture(scope="module")
def lite(folder, run):
    lite_file.export(run, folder / "small.tflite")
    return folder / "small.tflite"


@pytest.fixture(scope="module")
def saved_model(folder, run):
    path = folder / "models" / "faces" / "1"
    path.parent.mkdir(parents=True)
    archive.export(run, path, "exact", Limits())
    return path


@pytest.fixture
def command(capsys):
    """Runs the command; see `run_command`."""
    return lambda *arguments: run_command(benchmark, arguments, capsys)


def test_one_table_for_all_kinds(command, lite, saved_model):
    result = command(saved_model, lite, "--runs", 3, "--threads", 1)
    assert result.status == 0
    header, *rows, last = [re.split(r"\s{2,}", line.strip()) for line in result.out.splitlines()]
    assert header == ["model", "LR", "MB", "ms, 1 thread", "memory MB", "of which runtime"]
    assert [row[0] for row in rows] == ["faces/1 (SavedModel)", "small.tflite"]
    # The LR size of the model card and of the file.
    assert [row[1] for row in rows] == ["8x8", "8x8"]
    parts = [saved_model / "saved_model.pb", *(saved_model / "variables").iterdir()]
    assert rows[0][2] == f"{sum(part.stat().st_size for part in parts) / 1e6:.2f}"
    assert rows[1][2] == f"{lite.stat().st_size / 1e6:.2f}"
    (time_1, memory_1, runtime_1), (time_2, memory_2, runtime_2) = [list(map(float, r[3:])) for r in rows]
    assert time_1 > 0 and time_2 > 0
    assert memory_1 >= runtime_1 > 100, "TensorFlow takes hundreds of megabytes"
    assert memory_1 > memory_2 >= runtime_2 > 0
    assert "medians of 3 runs" in last[0]


def test_models_take_turns(monkeypatch):
    """Every model has exactly the counted runs; warm-up runs are not among them."""
    turns, batches = [], []

    class Stopwatch:
        def __init__(self, model, threads):
            self.key = (model, threads)
            self.loaded = {"signature": "reconstruct", "lr_shape": [8, 8]}

        def __enter__(self):
            return self

        def __exit__(self, *error):
            pass

        def run(self, count, batch):
            turns.append((*self.key, count))
            batches.append(batch)
            # The first of each turn is slow; the others 1, 2, 3, ... seconds.
            return {"seconds": [100.0, *range(1, count)], "memory": 7.0, "runtime": 4.0}

    monkeypatch.setattr(benchmark_runs, "_Stopwatch", Stopwatch)
    found = benchmark_runs.measure(["a", "b"], [1, 2], 8)
    keys = [("a", 1), ("b", 1), ("a", 2), ("b", 2)]
    assert list(found) == keys
    warm_up, counted = turns[:4], turns[4:]
    assert [turn[:2] for turn in counted] == keys * 3
    assert [turn[2] for turn in counted] == [6] * 4 + [4] * 4 + [0] * 4
    assert all(count > 0 for *_, count in warm_up)
    # 1 to 5 and 1 to 3.
    assert set(batches) == {1}
    turns.clear(), batches.clear()
    assert len(list(benchmark_runs.measure_batches(["a"], [1], {1: 2, 32: 3}))) == 2
    # Warm-up, counted runs, the memory at the end; few warm-up runs of large batches.
    assert list(zip(batches, (turn[2] for turn in turns))) == [
        (1, 5),
        (1, 3),
        (1, 0),
        (32, 1),
        (32, 4),
        (32, 0),
    ]
    assert all(one.seconds == 2.5 and one.memory == 7.0 and one.runtime == 4.0 for one in found.values())


@pytest.mark.slow
def test_a_batch_is_what_an_answer_is_made_of(command, lite, saved_model, run):
    """LiteRT runs once for each picture, and a run's folder is timed by `Hallucinator`."""
    models = [lite, saved_model, run.path]
    one, many = benchmark_runs.measure_batches(models, [1], {1: 2, 16: 2})
    assert set(one) == set(many) == {(model, 1) for model in models}
    assert all(found.seconds > 0 for found in (*one.values(), *many.values()))
    assert {found.signature for found in many.values()} == {"hallucinate"}
    result = command(lite, "--runs", 2, "--threads", 1, "--batch", 2)
    assert result.status == 0 and "medians of 2 runs of 2 pictures" in result.out


def refuses(result, text):
    """Progress may come before the error; a table may not."""
    return result.status == 2 and text in result.err.splitlines()[-1] and not result.out


def test_what_cannot_be_run_is_named(command, lite, tmp_path):
    assert refuses(command(tmp_path), "model: a folder with saved_model.pb")
    assert refuses(command(lite, tmp_path / "none.tflite"), "none.tflite")
    assert refuses(command(), "model: must be given")
    assert refuses(command(lite, "--runs", 0), "runs: a whole number")
    broken = tmp_path / "broken.tflite"
    broken.write_bytes(lite.read_bytes()[:1000])
    result = command(lite, broken)
    assert refuses(result, "model: a SavedModel or LiteRT file") and str(broken) in result.err
    assert not psutil.Process().children(), "processes are left"


def test_without_litert_it_says_what_to_install(command, lite, monkeypatch):
    monkeypatch.setattr(benchmark.importlib.util, "find_spec", lambda name: None)
    assert refuses(command(lite), "ai-edge-litert")


def test_interrupted_leaves_no_process(lite):
    program = [
        sys.executable,
        "-m",
        "tf_gradsr.benchmark",
        str(lite),
        "--runs",
        "1000000",
        "--threads",
        "1",
    ]
    process = subprocess.Popen(program, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 60
        while not (children := psutil.Process(process.pid).children()):
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.1)
        os.kill(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130 and errors.splitlines()[-1] == "Interrupted."
    assert not psutil.wait_procs(children, timeout=10)[1]
