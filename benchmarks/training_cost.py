"""CPU time of training recipes: python benchmarks/training_cost.py configs/cpu_8x.yaml --data faces

Runs some steps of each config, each in its own process that starts from random weights, and prints the CPU
seconds a step and the CPU minutes for all of the config's steps. TF_NUM_INTRAOP_THREADS=1 in the environment
leaves out what threads cost each other; --together 2 then keeps two cores busy, as when two runs share a
machine.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tf_gradsr.config_files import load_config

WARM_UP = 20


def start(path, data, steps, run_dir) -> subprocess.Popen:
    """Starts a run of `steps` steps of the config at `path`."""
    never = 10**9
    settings = {
        "data.source": "folder",
        "data.path": data,
        "train.steps": steps,
        "train.reconstruction_steps": steps if load_config(path).train.reconstruction_steps else 0,
        "train.log_interval": WARM_UP,
        "train.sample_interval": never,
        "train.validation_interval": never,
        "train.checkpoint_interval": never,
        "train.summary_pictures": 4,
    }
    options = [text for name, value in settings.items() for text in (f"--{name}", str(value))]
    command = [sys.executable, "-m", "tf_gradsr.train", "--config", path, "--run_dir", str(run_dir), *options]
    with run_dir.with_suffix(".log").open("wb") as log:
        return subprocess.Popen(command, stdout=log, stderr=log)


def seconds_per_step(process, run_dir) -> float:
    """CPU seconds a step, without the first ones, in which TensorFlow builds its graphs."""
    if process.wait():
        raise SystemExit(run_dir.with_suffix(".log").read_text(errors="replace")[-2000:])
    lines = map(json.loads, (run_dir / "metrics.jsonl").read_text(encoding="utf-8").splitlines())
    lines = [line for line in lines if "cpu_seconds" in line]
    return sum(line["cpu_seconds"] for line in lines[1:]) / (lines[-1]["step"] - lines[0]["step"])


def measure_together(paths, data, steps, folder) -> list:
    """CPU seconds a step of configs that run at the same time, in their order."""
    run_dirs = [folder / str(number) for number in range(len(paths))]
    processes = []
    try:
        for path, run_dir in zip(paths, run_dirs):
            processes.append(start(path, data, steps, run_dir))
        return [seconds_per_step(*run) for run in zip(processes, run_dirs)]
    finally:
        for process in processes:
            process.terminate()
            process.wait()


def main():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("configs", nargs="+", help="YAML files, each of one phase from beginning to end")
    parser.add_argument("--data", required=True, help="folder of faces")
    parser.add_argument("--steps", type=int, default=100, help="steps of each (default: 100)")
    parser.add_argument("--together", type=int, default=1, help="runs at the same time (default: 1)")
    options = parser.parse_args()
    if options.steps < 2 * WARM_UP:
        parser.error(f"--steps: at least {2 * WARM_UP}. Received: {options.steps}")
    if options.together < 1:
        parser.error(f"--together: at least 1. Received: {options.together}")
    trains = [load_config(path).train for path in options.configs]
    for path, train in zip(options.configs, trains):
        if 0 < train.reconstruction_steps < train.steps:
            parser.error(f"{path}: one phase, train.reconstruction_steps 0 or all of train.steps")

    threads = os.environ.get("TF_NUM_INTRAOP_THREADS", "all")
    print(f"| config, threads: {threads} | steps | CPU seconds a step | CPU minutes |\n|---|---|---|---|")
    for first in range(0, len(trains), options.together):
        part = slice(first, first + options.together)
        with tempfile.TemporaryDirectory() as folder:
            costs = measure_together(options.configs[part], options.data, options.steps, Path(folder))
        for path, train, cost in zip(options.configs[part], trains[part], costs):
            print(f"| `{path}` | {train.steps:,} | {cost:.3f} | {train.steps * cost / 60:.0f} |", flush=True)


if __name__ == "__main__":
    main()
