"""CPU time of training recipes: python benchmarks/training_cost.py configs/faces_8x.yaml --data faces

Runs some steps of each config, each in a process of its own that starts from random weights, and prints the
CPU seconds a step and the CPU minutes that the config's steps come to. TF_NUM_INTRAOP_THREADS=1 in the
environment leaves out what threads cost each other; --together 2 then keeps two cores busy, as when two runs
share a machine.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tf_gradsr.config_parser import load_config

WARM_UP = 20


def start(path, data, steps, run_dir) -> subprocess.Popen:
    """A run of `steps` steps of the phase that the config at `path` spends most of its steps in."""
    train = load_config(path).train
    never = 10**9
    settings = {
        "data.path": data,
        "train.steps": steps,
        "train.reconstruction_steps": steps if 2 * train.reconstruction_steps >= train.steps else 0,
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
    """CPU seconds a step, but for the first ones, in which TensorFlow makes its graphs."""
    if process.wait():
        raise SystemExit(run_dir.with_suffix(".log").read_text(errors="replace")[-2000:])
    lines = map(json.loads, (run_dir / "metrics.jsonl").read_text(encoding="utf-8").splitlines())
    lines = [line for line in lines if "cpu_seconds" in line]
    return sum(line["cpu_seconds"] for line in lines[1:]) / (lines[-1]["step"] - lines[0]["step"])


def main():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("configs", nargs="+", help="YAML files")
    parser.add_argument("--data", required=True, help="folder of faces")
    parser.add_argument("--steps", type=int, default=100, help="steps of each (default: 100)")
    parser.add_argument("--together", type=int, default=1, help="runs at the same time (default: 1)")
    options = parser.parse_args()
    if options.steps < 2 * WARM_UP:
        parser.error(f"--steps: at least {2 * WARM_UP}. Received: {options.steps}")

    threads = os.environ.get("TF_NUM_INTRAOP_THREADS", "all")
    print(f"| config, threads: {threads} | steps | CPU seconds a step | CPU minutes |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        run_dirs = {path: Path(folder) / str(number) for number, path in enumerate(options.configs)}
        for first in range(0, len(options.configs), options.together):
            paths = options.configs[first : first + options.together]
            runs = {path: start(path, options.data, options.steps, run_dirs[path]) for path in paths}
            for path, process in runs.items():
                cost, steps = seconds_per_step(process, run_dirs[path]), load_config(path).train.steps
                print(f"| `{path}` | {steps:,} | {cost:.3f} | {steps * cost / 60:.0f} |", flush=True)


if __name__ == "__main__":
    main()
