"""Measure how fast the data arrives and how fast training uses it: python benchmarks/data_throughput.py

Prints how long the embedded faces take to decode, the pictures a second that `training_batches` delivers to a
consumer that does nothing, the same of moved (`data.augment`) and degraded pictures (`data.degrade`), those
that each phase of configs/quickstart.yaml trains on, and the ratios.
"""

import argparse
import itertools
import os
import time
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tensorflow as tf

from tf_gradsr.config_files import load_config
from tf_gradsr.data import load_pictures, training_batches
from tf_gradsr.registry import build_model

QUICKSTART = Path(__file__).parent.parent / "configs" / "quickstart.yaml"


def pictures_per_second(consume, batches, warm_up, seconds):
    """Pictures a second that `consume` takes from an endless dataset."""
    batches = iter(batches)
    for batch in itertools.islice(batches, warm_up):
        consume(batch)
    used, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        batch = next(batches)
        consume(batch)
        used += len(batch["hr"])
    return used / (time.perf_counter() - start)


def main():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20.0, help="how long each is measured (default: 20)")
    options = parser.parse_args()
    config = load_config(QUICKSTART)

    start = time.perf_counter()
    pictures = load_pictures(config, "train", progress=False)
    print(f"decoding: {len(pictures)} pictures in {time.perf_counter() - start:.1f} s")

    batches = training_batches(pictures, config)
    delivered = pictures_per_second(lambda batch: None, batches, 50, options.seconds)
    print(f"training_batches: {delivered:.0f} pictures a second")

    for changes in ({"augment": True}, {"degrade": True}, {"augment": True, "degrade": True}):
        changed = replace(config, data=replace(config.data, **changes))
        used = pictures_per_second(
            lambda batch: None, training_batches(pictures, changed), 10, options.seconds
        )
        print(f"{' and '.join(f'data.{name}' for name in changes)}: {used:.0f} pictures a second")

    model = build_model(config)
    for phase, reconstruction_only in (("reconstruction", True), ("full", False)):
        model.reconstruction_only = reconstruction_only
        used = pictures_per_second(tf.function(model.train_step), batches, 3, options.seconds)
        print(f"{phase} step: {used:.1f} pictures a second; the data is {delivered / used:.0f} times as fast")


if __name__ == "__main__":
    main()
