"""What the input pipeline delivers against what the training step consumes."""

import itertools
import time
from dataclasses import replace

from benchmarks.bench.sizes import FULL, QUICKSTART, small_networks
from benchmarks.bench.turns import number, ratio, ratio_text

TITLE = "Input pipeline"
PLAIN = "pictures as they are"
MOVED = "moved (`data.augment`)"
DEGRADED = "degraded (`data.degrade`)"
BOTH = "moved and degraded"
CHANGES = {
    PLAIN: {},
    MOVED: {"augment": True},
    DEGRADED: {"degrade": True},
    BOTH: {"augment": True, "degrade": True},
}
STEPS = {"reconstruction step": True, "full step": False}
# Of each kind in each turn: batches that are thrown away first, which drain what was prepared meanwhile; then
# seconds.
DRAINED, WINDOW, TURNS = 12, {"full": 3.0, "small": 0.02}, {"full": 3, "small": 1}


def measure(size: str, say) -> dict:
    """Measures both in turns.

    Returns:
        `batch`; `delivered` and `consumed`, pictures a second by name (medians); `against_full` and
        `against_reconstruction`, how many times as fast the data is as a step, as `ratio` by name.
    """
    import numpy as np

    from tf_gradsr.config_files import load_config
    from tf_gradsr.data import load_pictures

    config = load_config(QUICKSTART)
    if size != FULL:
        config = small_networks(config)
    say("decoding the embedded faces")
    pictures = load_pictures(config, "train", progress=False)
    consumers = _consumers(config, pictures, say)
    speed = {name: [] for name in consumers}
    say("measuring")
    for _ in range(TURNS[size]):
        for name, (consume, batches, drained) in consumers.items():
            speed[name].append(pictures_per_second(consume, batches, drained, WINDOW[size]))
    full, reconstruction = (speed[name] for name in ("full step", "reconstruction step"))
    return {
        "batch": config.train.batch_size,
        "delivered": {name: float(np.median(speed[name])) for name in CHANGES},
        "consumed": {name: float(np.median(speed[name])) for name in STEPS},
        "against_full": {name: ratio(speed[name], full) for name in CHANGES},
        "against_reconstruction": {name: ratio(speed[name], reconstruction) for name in CHANGES},
    }


def _consumers(config, pictures, say):
    """{name: (what takes a batch, an endless iterator of batches, batches to throw away first)}."""
    import tensorflow as tf

    from tf_gradsr.data import training_batches
    from tf_gradsr.registry import build_model

    consumers = {}
    for name, changes in CHANGES.items():
        changed = replace(config, data=replace(config.data, **changes))
        batches = iter(training_batches(pictures, changed))
        consumers[name] = (lambda batch: batch["lr"].numpy(), batches, DRAINED)
    # One batch, again and again: the step alone.
    batch = next(iter(training_batches(pictures, config)))
    model = build_model(config)
    for name, reconstruction_only in STEPS.items():
        say(f"building the graph of the {name}")
        model.reconstruction_only = reconstruction_only
        step = tf.function(model.train_step)
        step(batch)
        consumers[name] = (
            lambda batch, step=step: float(step(batch)["loss/g/total"]),
            itertools.repeat(batch),
            0,
        )
    return consumers


def pictures_per_second(consume, batches, drained: int, seconds: float) -> float:
    """Pictures a second that are taken from an endless iterator of batches.

    Args:
        consume: called with each batch. drained: batches that are not counted. seconds: how long to measure.
    """
    for batch in itertools.islice(batches, drained):
        consume(batch)
    used, start = 0, time.perf_counter()
    while not used or time.perf_counter() - start < seconds:
        batch = next(batches)
        consume(batch)
        used += len(batch["hr"])
    return used / (time.perf_counter() - start)


def text(found: dict) -> str:
    """What was measured, in Markdown."""
    consumed = found["consumed"]
    lines = [
        f"The embedded faces, in batches of {found['batch']}, against the steps of "
        f"`configs/{QUICKSTART.name}`, which take {number(consumed['reconstruction step'])} "
        f"(reconstruction alone) and {number(consumed['full step'])} pictures a second.",
        "",
        "| delivered | **times the full step's** | **times the reconstruction step's** | pictures a second |",
        "|---|---|---|---|",
    ]
    for name, delivered in found["delivered"].items():
        shares = [ratio_text(found[against][name]) for against in ("against_full", "against_reconstruction")]
        lines.append(f"| {name} | {' | '.join(shares)} | {number(delivered)} |")
    return "\n".join(lines)
