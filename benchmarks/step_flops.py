"""Arithmetic of a training step: python benchmarks/step_flops.py --config configs/celeba_8x.yaml

Builds the graph of a step of the full objective, with any setting of `gradsr train`, and counts its
floating-point operations with TensorFlow's profiler, which knows convolutions, products and elementwise
operations. Nothing is computed. `--devices` of a peak speed in TFLOP/s then give the hours of all steps.
"""

import os
import sys

from tf_gradsr.cli import EXIT_BAD_SETTING, Parser
from tf_gradsr.config_files import add_config_arguments, config_from
from tf_gradsr.errors import ConfigError


def main(argv=None) -> int:
    """Command line."""
    parser = Parser(prog="step_flops", description=__doc__)
    parser.add_argument("--devices", type=int, default=1, help="Devices that share the batch.")
    parser.add_argument("--peak", type=float, default=100.0, help="Of one device, in TFLOP/s.")
    parser.add_argument("--share", type=float, default=0.3, help="Of the peak that training reaches.")
    add_config_arguments(parser)
    try:
        settings = parser.parse_args(argv)
        return count(config_from(settings), settings.devices * settings.peak * settings.share)
    except ConfigError as error:
        print(f"step_flops: error: {error}", file=sys.stderr)
        return EXIT_BAD_SETTING


def count(config, speed) -> int:
    """Prints the operations of a config's step, and the hours of its steps at a speed in TFLOP/s."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    from tf_gradsr.augmentation import DRAWS
    from tf_gradsr.registry import build_model

    # R1 in every step, so that a branch that is taken now and then is not counted in each.
    interval, config.loss.r1_interval = config.loss.r1_interval, 1
    model, size = build_model(config), config.train.batch_size
    shapes = {
        "hr": [size, *config.hr_shape, 3],
        "lr": [size, *config.lr_shape, 3],
        "z": [size, 2, config.model.z_size],
        "augmentation": [size, DRAWS],
    }
    batch = {name: tf.TensorSpec(shape, tf.float32) for name, shape in shapes.items()}
    graph = tf.function(model.train_step, autograph=False).get_concrete_function(batch).graph
    options = tf.compat.v1.profiler.ProfileOptionBuilder.float_operation()
    options["output"] = "none"
    flops = tf.compat.v1.profiler.profile(graph, options=options).total_float_ops
    hours = flops * config.train.steps / (speed * 1e12) / 3600
    every = f", R1 in every step, not every {interval}" if interval > 1 else ""
    print(
        f"{flops / 1e9:.0f} GFLOP a step of {size} pictures, {flops / size / 1e9:.1f} a picture{every}; "
        f"{config.train.steps} steps: {flops * config.train.steps / 1e18:.2f} EFLOP, "
        f"{hours:.1f} hours at {speed:.0f} TFLOP/s"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
