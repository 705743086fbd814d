"""Measure how much memory gradsr bulk takes: python benchmarks/bulk_memory.py

Makes small pictures in a temporary folder, gives 1,000 of them, then 3,000, to `gradsr bulk` with one sample,
and prints for each the peak of its memory: of the program itself, of the process that makes the pictures, and
of all its processes together, Ray's own included. Shared memory counts once (proportional set size). With
--untrained, a tiny network makes the pictures, so that 10,000 take minutes. For Linux.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
from PIL import Image

LR_SIDE = 16
# Seconds between looks.
INTERVAL = 0.5
MAKE_RUN = """
import sys
from pathlib import Path
from tf_gradsr.config import Config
from tf_gradsr.config_files import save_config
from tf_gradsr.registry import build_generator
config, run = Config(), Path(sys.argv[1])
config.data.source, config.data.path, config.data.lr_size = "folder", ".", 16
config.model.scale, config.model.blocks, config.model.widths, config.model.z_size = 4, 1, [8], 4
run.mkdir()
save_config(config, run / "config.yaml")
build_generator(config).save_weights(run / "generator.weights.h5")
"""


def make_run(folder) -> Path:
    """Makes an untrained run of a tiny network, in a process of its own, as TensorFlow stays in memory."""
    run = folder / "run"
    subprocess.run([sys.executable, "-c", MAKE_RUN, str(run)], check=True, stderr=subprocess.DEVNULL)
    return run


def make_pictures(folder, count) -> None:
    """Makes smooth random PNGs of LR size."""
    rng = np.random.default_rng(0)
    folder.mkdir()
    for number in range(count):
        coarse = Image.fromarray(rng.integers(0, 256, (4, 4, 3), np.uint8))
        picture = coarse.resize((LR_SIDE, LR_SIDE), Image.Resampling.BICUBIC)
        picture.save(folder / f"{number:06d}.png")


def megabytes(process) -> tuple:
    """(name, proportional set size in MB) of a process; 0 if it has ended."""
    try:
        return process.name(), process.memory_full_info().pss / 1e6
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return "", 0.0


def peaks_of(arguments) -> tuple:
    """Runs `gradsr bulk` and looks at it all the while.

    Returns:
        ({"program": MB, "maker": MB, "all": MB}, seconds).
    """
    command = [sys.executable, "-m", "tf_gradsr", "bulk", *arguments]
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    watched, peaks = psutil.Process(process.pid), {"program": 0.0, "maker": 0.0, "all": 0.0}
    while process.poll() is None:
        try:
            others = watched.children(recursive=True)
        except psutil.NoSuchProcess:
            break
        own, found = megabytes(watched)[1], [megabytes(other) for other in others]
        makers = [size for name, size in found if name.startswith("ray::MapWorker")]
        now = {"program": own, "maker": max(makers, default=0.0), "all": own + sum(s for _, s in found)}
        peaks = {name: max(peaks[name], now[name]) for name in peaks}
        time.sleep(INTERVAL)
    if process.wait():
        raise SystemExit(f"{' '.join(command)} failed: {process.stderr.read().decode()[-500:]}")
    return peaks, time.perf_counter() - start


def main():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, nargs="+", default=[1000, 3000], help="default: 1000 3000")
    parser.add_argument("--run", default="faces_8x_mobile", help="default: faces_8x_mobile")
    parser.add_argument("--untrained", action="store_true", help="a tiny untrained network instead of --run")
    options = parser.parse_args()
    for count in options.pictures:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            make_pictures(folder / "pictures", count)
            inputs = ["--input", str(folder / "pictures"), "--output", str(folder / "made")]
            run = str(make_run(folder)) if options.untrained else options.run
            peaks, seconds = peaks_of([*inputs, "--run", run, "--num_samples", "1"])
        said = ", ".join(f"{who} {size:.0f} MB" for who, size in peaks.items())
        print(f"{count:,} pictures: {said}; {seconds:.0f} s", flush=True)


if __name__ == "__main__":
    main()
