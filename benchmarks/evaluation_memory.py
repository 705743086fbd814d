"""Measure how much memory an evaluation takes: python benchmarks/evaluation_memory.py

Makes pictures and an untrained run in a temporary folder, evaluates 500 pictures, then 5,000, each in its own
process, and prints the peak of each one's resident memory. Not for Windows.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from PIL import Image

from tf_gradsr.config import Config
from tf_gradsr.config_files import save_config
from tf_gradsr.registry import build_generator

LR_SIDE, SCALE = 8, 4
# ru_maxrss counts bytes on macOS, kilobytes elsewhere.
RSS_UNIT = 1 if sys.platform == "darwin" else 1024


def make_run(folder) -> Path:
    """Makes an untrained run of tiny networks."""
    config = Config()
    config.data.source, config.data.path = "folder", str(folder / "pictures")
    config.data.lr_size, config.model.scale = LR_SIDE, SCALE
    config.model.blocks, config.model.widths, config.model.z_size = 1, [8], 4
    run = folder / "run"
    run.mkdir()
    save_config(config, run / "config.yaml")
    build_generator(config).save_weights(run / "generator.weights.h5")
    return run


def make_pictures(folder, count) -> None:
    """Makes smooth random JPEGs of HR size, all in the split "test"."""
    rng, side = np.random.default_rng(0), LR_SIDE * SCALE
    for split in ("train", "test"):
        (folder / split).mkdir(parents=True)
    for number in range(count):
        coarse = Image.fromarray(rng.integers(0, 256, (4, 4, 3), np.uint8))
        picture = coarse.resize((side, side), Image.Resampling.BICUBIC)
        picture.save(folder / "test" / f"{number:06d}.jpg")


def peak_of(arguments) -> tuple:
    """(peak resident memory in MB, seconds) of an evaluation in its own process."""
    command = [sys.executable, "-m", "tf_gradsr.evaluate", *arguments]
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} failed.")
    return usage.ru_maxrss * RSS_UNIT / 1e6, time.perf_counter() - start


def main():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, nargs="+", default=[500, 5000], help="default: 500 5000")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run = make_run(folder)
        make_pictures(folder / "pictures", max(options.pictures))
        for count in options.pictures:
            output = folder / f"results_{count}"
            limit = ["--data.limit", str(count), "--num_samples", "2"]
            peak, seconds = peak_of(["--run", str(run), "--output", str(output), *limit])
            print(f"{count} pictures: peak {peak:.0f} MB, {seconds:.0f} s", flush=True)


if __name__ == "__main__":
    main()
