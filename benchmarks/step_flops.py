"""Arithmetic of a training step: python benchmarks/step_flops.py --config configs/celeba_8x.yaml

Builds the graph of a step of the full objective, with any setting of `gradsr train`, and counts its
floating-point operations with TensorFlow's profiler, which knows convolutions, products and elementwise
operations. Nothing is computed. --speed then gives the hours of all steps.
"""

import os
import sys

from tf_gradsr.cli import EXIT_BAD_SETTING, Parser
from tf_gradsr.config_files import add_config_arguments, config_from
from tf_gradsr.errors import ConfigError


def main(argv=None) -> int:
    """Command line."""
    parser = Parser(prog="step_flops", description=__doc__)
    parser.add_argument(
        "--speed",
        type=float,
        default=100.0,
        help="What all devices reach together while training, in TFLOP/s.",
    )
    add_config_arguments(parser)
    try:
        settings = parser.parse_args(argv)
        return report(config_from(settings), settings.speed)
    except ConfigError as error:
        print(f"step_flops: error: {error}", file=sys.stderr)
        return EXIT_BAD_SETTING


def report(config, speed) -> int:
    """Prints the operations of a config's step, and the hours of its steps at a speed in TFLOP/s."""
    interval, size, steps = config.loss.r1_interval, config.train.batch_size, config.train.steps
    # A branch that is taken now and then would be counted in each step.
    config.loss.r1_interval = 1
    flops = operations(config)
    if interval > 1:
        config.loss.r1 = config.loss.r2 = 0.0
        without = operations(config)
        flops = without + (flops - without) / interval
    total = flops * steps
    print(
        f"{flops / 1e9:.0f} GFLOP a step of {size} pictures, {flops / size / 1e9:.1f} a picture; "
        f"{steps} steps: {total / 1e18:.3f} EFLOP, {total / speed / 3.6e15:.2f} hours at {speed:g} TFLOP/s"
    )
    return 0


def operations(config) -> int:
    """Floating-point operations of a step."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    from tf_gradsr.augmentation import DRAWS
    from tf_gradsr.evaluation.float_operations import float_operations
    from tf_gradsr.registry import build_model

    model, size = build_model(config), config.train.batch_size
    shapes = {
        "hr": [size, *config.hr_shape, 3],
        "lr": [size, *config.lr_shape, 3],
        "z": [size, 2, config.model.z_size],
        "augmentation": [size, DRAWS],
    }
    batch = {name: tf.TensorSpec(shape, tf.float32) for name, shape in shapes.items()}
    return float_operations(tf.function(model.train_step, autograph=False).get_concrete_function(batch).graph)


if __name__ == "__main__":
    sys.exit(main())
