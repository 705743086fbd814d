"""How fast the data arrives: python benchmarks/data_throughput.py

Prints how long the embedded faces take to decode, and the pictures a second that `training_batches` delivers
at 128x128 and batch 8 to a consumer that does nothing.
"""

import argparse
import itertools
import time

from tf_gradsr.config import Config, DataConfig
from tf_gradsr.data import load_pictures, training_batches


def main():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=5.0, help="how long to measure (default: 5)")
    options = parser.parse_args()
    config = Config(data=DataConfig(source="faces"))

    start = time.perf_counter()
    pictures = load_pictures(config, "train", progress=False)
    print(f"fill: {len(pictures)} pictures in {time.perf_counter() - start:.1f} s")

    batches = iter(training_batches(pictures, config))
    for _ in itertools.islice(batches, 50):
        pass  # Warm up: tracing, autotuning.
    delivered, start, cpu = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - start < options.seconds:
        delivered += len(next(batches)["hr"])
    elapsed, cpu = time.perf_counter() - start, time.process_time() - cpu
    print(f"training_batches: {delivered / elapsed:.0f} pictures a second")
    print(f"processor time: {1000 * cpu / delivered:.2f} ms a picture")


if __name__ == "__main__":
    main()
