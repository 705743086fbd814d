"""Measure the most memory that commands take on the CPU: python benchmarks/peak_memory.py

Prints, for TensorFlow alone, `gradsr hallucinate` on pictures of some sizes and a few training steps of
configs/quickstart.yaml with some batches, the largest resident size of the process, beside what the package
estimates before it begins (docs/reliability.md).
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

from tf_gradsr.config_files import load_config
from tf_gradsr.lr_input import BYTES_A_PIXEL, BYTES_OF_FEATURES
from tf_gradsr.tensorflow_start import MEMORY_TO_START
from tf_gradsr.training.step_memory import least_step_memory

QUICKSTART = Path(__file__).parent.parent / "configs" / "quickstart.yaml"
SCALE = 8
STEPS = [
    *("--train.steps", "3", "--train.reconstruction_steps", "1", "--data.limit", "64"),
    *("--train.summary_pictures", "4", "--train.validation_pictures", "4"),
]


def peak(*arguments) -> float:
    """Gigabytes of the largest resident size of Python with these arguments."""
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3"}
    process = subprocess.Popen(
        [sys.executable, *map(str, arguments)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment,
    )
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(map(str, arguments))} failed")
    # Linux counts KiB.
    return usage.ru_maxrss * 1024 / 1e9


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="*", default=[16, 64, 128, 256], help="LR sides.")
    parser.add_argument("--batches", type=int, nargs="*", default=[2, 8, 24], help="Of training.")
    options = parser.parse_args()
    print(f"{'':32}{'peak, GB':>10}{'estimate, GB':>14}")

    def row(name, measured, estimate):
        print(f"{name:32}{measured:10.2f}{estimate:14.2f}", flush=True)

    row("import tensorflow, keras", peak("-c", "import tensorflow, keras"), MEMORY_TO_START / 1e9)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for size in options.sizes:
            picture = folder / f"{size}.png"
            Image.radial_gradient("L").convert("RGB").resize((size, size)).save(picture)
            command = (
                "-m",
                "tf_gradsr",
                "hallucinate",
                picture,
                "-o",
                folder / f"{size}",
                "--num_samples",
                2,
            )
            pixels = (size * SCALE) ** 2
            estimate = MEMORY_TO_START + pixels * BYTES_A_PIXEL + min(pixels, 2**21) * BYTES_OF_FEATURES
            row(f"hallucinate {size}x{size}", peak(*command, "--num_samples", 2), estimate / 1e9)
        for batch in options.batches:
            config = load_config(QUICKSTART)
            config.train.batch_size = batch
            command = (
                "-m",
                "tf_gradsr",
                "train",
                "--config",
                QUICKSTART,
                "--run_dir",
                folder / f"run{batch}",
            )
            measured = peak(*command, *STEPS, "--train.batch_size", batch)
            row(f"train, batch {batch}", measured, (MEMORY_TO_START + least_step_memory(config)) / 1e9)


if __name__ == "__main__":
    main()
