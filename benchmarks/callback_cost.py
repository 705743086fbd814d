"""What everything around the steps costs: python benchmarks/callback_cost.py --config configs/quickstart.yaml

Trains on the embedded faces twice in turn: with all that `gradsr train` does after steps, at the config's
intervals, and with the compiled step alone, both on the same pipeline. Prints steps a second of both and
their ratio; 1.00 would mean that callbacks cost nothing. --trace writes a profile of a few steps for
TensorBoard.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

from tf_gradsr.cli import EXIT_BAD_SETTING, Parser
from tf_gradsr.config_files import add_config_arguments, config_from
from tf_gradsr.errors import ConfigError

ROUNDS = 5


def main(argv=None) -> int:
    """Command line."""
    parser = Parser(prog="callback_cost", description=__doc__)
    parser.add_argument(
        "--steps", type=int, default=64, help="Steps of each round, a multiple of loss.r1_interval."
    )
    parser.add_argument("--trace", type=str, help="Folder for a profile.")
    add_config_arguments(parser)
    try:
        settings = parser.parse_args(argv)
        return measure(config_from(settings), settings.steps, settings.trace)
    except ConfigError as error:
        print(f"callback_cost: error: {error}", file=sys.stderr)
        return EXIT_BAD_SETTING


def measure(config, steps, trace) -> int:
    """Times rounds of both kinds in turn, so that both meet the same moods of the machine."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import numpy as np
    import tensorflow as tf

    from tf_gradsr.data import load_pictures, training_batches
    from tf_gradsr.precision import usable_precision, uses_xla
    from tf_gradsr.registry import build_model
    from tf_gradsr.run_folder import RunFolder
    from tf_gradsr.training.callbacks import Progress, StopRequest
    from tf_gradsr.training.checkpoints import Checkpoints
    from tf_gradsr.training.distribution import Distribution
    from tf_gradsr.training.run import Run
    from tf_gradsr.training.steps import Figures, compiled_step

    model = build_model(config, usable_precision(config.train.precision), uses_xla(config.train))
    pictures = {split: load_pictures(config, split, progress=False) for split in ("train", "validation")}
    distribution, stop_request, names = Distribution(), StopRequest(), []
    step = compiled_step(model, distribution, names)
    iterator = iter(training_batches(pictures["train"], config))
    step(iterator, tf.constant(0.0))
    seconds, around_steps = {"with": [], "without": []}, []
    with tempfile.TemporaryDirectory() as place:
        folder = RunFolder(Path(place) / "run")
        folder.prepare(config)
        checkpoints = Checkpoints(folder.checkpoints, model, 0, weights=folder.weights)
        run = Run(config, model, folder, checkpoints, distribution, stop_request)
        callbacks, _ = run.callbacks(pictures["validation"])
        bar = Progress(0, ROUNDS * steps * 3, config.train.batch_size, stop_request)
        if trace:
            tf.profiler.experimental.start(trace)
        for number in range(ROUNDS):
            kinds = ["without", "with"]
            for kind in kinds[:: -1 if number % 2 else 1]:
                figures = Figures(model.step)
                figures.names = names
                around = [*callbacks, bar] if kind == "with" else []
                for callback in around:
                    callback.on_begin()
                begin, outside = time.perf_counter(), 0.0
                for _ in range(steps):
                    vector = step(iterator, tf.constant(0.0))
                    stepped = time.perf_counter()
                    if around:
                        figures.add(vector)
                    for callback in around:
                        callback.on_step(figures.step, figures)
                    outside += time.perf_counter() - stepped
                vector.numpy()
                seconds[kind].append((time.perf_counter() - begin) / steps)
                if around:
                    around_steps.append(outside / steps)
            if trace:
                tf.profiler.experimental.stop()
                trace = None
        bar.close()
    bare, full = (np.median(seconds[kind]) for kind in ("without", "with"))
    ratios = np.array(seconds["without"]) / np.array(seconds["with"])
    print(
        f"{1 / bare:.2f} steps a second alone, {1 / full:.2f} with all callbacks: a ratio of "
        f"{np.median(ratios):.3f} (medians of {ROUNDS} rounds of {steps} steps, in turn); callbacks take "
        f"{1000 * np.median(around_steps):.2f} ms a step, {100 * np.median(around_steps) / full:.2f} % of it"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
