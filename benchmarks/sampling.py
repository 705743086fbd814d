"""Measure how samples are made fastest: python benchmarks/sampling.py

Prints, for the package's model or --run, how much of a forward pass does not depend on z, by floating-point
operations; how long 16 samples of one picture take in one batch against 16 calls; and, for several values of
`batch_pixels`, pictures a second and the largest resident size of a process that makes them. Times are
medians over rounds that go through all cases, so that a busy machine slows each of them alike.
"""

import argparse
import os
import subprocess
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

SAMPLES = 16
# HR pixels: 1, 2, 4, 8, 16 and 32 pictures of 128x128.
EXPONENTS = (14, 15, 16, 17, 18, 19)
# Runs in a process of its own, since a process keeps its largest size. Not the kernel's ru_maxrss, which
# starts at the parent's size.
CHILD = """
import re, sys, numpy as np
from pathlib import Path
from tf_gradsr import Hallucinator
run, pixels, count, side = sys.argv[1], *map(int, sys.argv[2:])
model = Hallucinator.load(run or None)
model.batch_pixels = pixels
model.sample(np.full([1, side, side, 3], 100, np.uint8), count)
print(re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1])
"""


def seconds(work) -> float:
    """How long a call takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def medians(cases: dict, rounds: int) -> dict:
    """Median seconds of each case; the first round, which builds graphs, does not count."""
    import numpy as np

    measured = [{name: seconds(work) for name, work in cases.items()} for _ in range(rounds + 1)][1:]
    return {name: float(np.median([times[name] for times in measured])) for name in cases}


def operations(function, *shapes) -> int:
    """Floating-point operations of a function of float32 tensors, by TensorFlow's profiler."""
    import tensorflow as tf

    graph = tf.function(function).get_concrete_function(*(tf.TensorSpec(s, tf.float32) for s in shapes)).graph
    counted = tf.compat.v1.profiler.ProfileOptionBuilder.float_operation()
    counted["output"] = "none"
    return tf.compat.v1.profiler.profile(graph, cmd="scope", options=counted).total_float_ops


def peak(run, pixels, count, side) -> float:
    """Gigabytes of the largest resident size of a process that makes `count` samples of one picture."""
    command = [sys.executable, "-c", CHILD, run or "", *map(str, (pixels, count, side))]
    child = subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return int(child.stdout) * 1024 / 1e9


def main():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", help="run folder, or a model of the package (default: the package's)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds behind each median (default: 3)")
    options = parser.parse_args()

    import numpy as np
    import tensorflow as tf

    from tf_gradsr import Hallucinator, ops

    # The profiler's own notes.
    tf.get_logger().setLevel("ERROR")
    model = Hallucinator.load(options.run)
    side = min(model.config.lr_shape)
    lr = np.random.default_rng(0).integers(0, 256, [1, side, side, 3], np.uint8)
    generator, shape = model.generator, [1, side, side, 3]
    # z enters with the first convolution's result: only that convolution and LR's own gradient come before.
    alone = operations(lambda x: (generator.conv_in(x), ops.image_gradient(x)), shape)
    whole = operations(lambda x, z: generator((x, z)), shape, [1, model.z_size])
    print(f"without z: {alone / 1e6:.2f} of {whole / 1e6:.0f} MFLOP, {alone / whole:.3%}")

    model.batch_pixels = SAMPLES * (side * model.scale) ** 2
    once, single = f"{SAMPLES} samples in one batch", f"{SAMPLES} calls of one sample"
    cases = {
        once: lambda: model.sample(lr, SAMPLES),
        single: lambda: [model.sample(lr, 1, seed) for seed in range(SAMPLES)],
    }
    times = medians(cases, options.rounds)
    for name, value in times.items():
        print(f"{name}: {value:.2f} s")
    print(f"ratio: {times[single] / times[once]:.2f}")

    def at_once(pixels):
        return max(1, pixels // (side * model.scale) ** 2)

    def with_pixels(pixels):
        def work():
            model.batch_pixels = pixels
            model.sample(lr, max(SAMPLES, at_once(pixels)))

        return work

    sizes = [2**exponent for exponent in EXPONENTS]
    times = medians({pixels: with_pixels(pixels) for pixels in sizes}, options.rounds)
    print("| batch_pixels | pictures at once | pictures a second | peak, GB |\n|---|---|---|---|")
    for pixels in sizes:
        count = max(SAMPLES, at_once(pixels))
        memory = peak(options.run, pixels, count, side)
        name = f"2^{pixels.bit_length() - 1}"
        print(f"| {name} | {at_once(pixels)} | {count / times[pixels]:.2f} | {memory:.2f} |", flush=True)


if __name__ == "__main__":
    main()
