"""Measure how fast the data arrives and how fast training uses it: python benchmarks/data_throughput.py

Prints how long the embedded faces take to decode, the pictures a second that `training_batches` delivers to a
consumer that does nothing, as they are, moved (`data.augment`) and degraded (`data.degrade`), those that each
phase of a config trains on, and the ratios.
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
from tf_gradsr.precision import usable_precision, uses_xla
from tf_gradsr.registry import build_model

QUICKSTART = Path(__file__).parent.parent / "configs" / "quickstart.yaml"
CHANGES = [{"augment": augment, "degrade": degrade} for augment in (False, True) for degrade in (False, True)]


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
    parser.add_argument("--config", default=QUICKSTART, help="YAML file (default: configs/quickstart.yaml)")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long each is measured (default: 20)")
    options = parser.parse_args()
    config = load_config(options.config)
    config = replace(config, data=replace(config.data, source="faces", path=None, cache="memory"))

    start = time.perf_counter()
    pictures = load_pictures(config, "train", progress=False)
    print(f"decoding: {len(pictures)} pictures in {time.perf_counter() - start:.1f} s")

    delivered = {}
    for changes in CHANGES:
        changed = replace(config, data=replace(config.data, **changes))
        batches = training_batches(pictures, changed)
        name = ", ".join(f"data.{name} {str(value).lower()}" for name, value in changes.items())
        delivered[name] = pictures_per_second(lambda batch: None, batches, 20, options.seconds)
        print(f"{name}: {delivered[name]:.0f} pictures a second")

    model = build_model(config, usable_precision(config.train.precision), uses_xla(config.train))
    batches = training_batches(pictures, replace(config, data=replace(config.data, **CHANGES[0])))
    for phase, reconstruction_only in (("reconstruction", True), ("full", False)):
        model.reconstruction_only = reconstruction_only
        used = pictures_per_second(tf.function(model.train_step), batches, 3, options.seconds)
        print(f"{phase} step: {used:.1f} pictures a second")
        for name, rate in delivered.items():
            print(f"  {name}: the data is {rate / used:.0f} times as fast")


if __name__ == "__main__":
    main()
