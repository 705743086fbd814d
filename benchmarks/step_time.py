"""Time a training step: python benchmarks/step_time.py --config configs/faces_8x_mirror.yaml

Runs the full objective on random pictures, from random weights, with any setting of `gradsr train`; prints
the time of the first step, which builds the graph, and the median of the next five.
"""

import os
import sys
import time

from tf_gradsr.cli import EXIT_BAD_SETTING, Parser
from tf_gradsr.config_files import add_config_arguments, config_from
from tf_gradsr.errors import ConfigError

STEPS = 5


def main(argv=None) -> int:
    """Command line."""
    parser = Parser(prog="step_time", description=__doc__)
    add_config_arguments(parser)
    try:
        return measure(config_from(parser.parse_args(argv)))
    except ConfigError as error:
        print(f"step_time: error: {error}", file=sys.stderr)
        return EXIT_BAD_SETTING


def measure(config) -> int:
    """Times the steps of a config."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import numpy as np
    import tensorflow as tf

    from tf_gradsr.augmentation import DRAWS
    from tf_gradsr.precision import usable_precision, uses_xla
    from tf_gradsr.registry import build_model

    precision, jit_compile = usable_precision(config.train.precision), uses_xla(config.train)
    model = build_model(config, precision, jit_compile)
    rng, size = np.random.default_rng(0), config.train.batch_size
    hr = tf.constant(rng.uniform(-1, 1, (size, *config.hr_shape, 3)), tf.float32)
    batch = {
        "hr": hr,
        "lr": tf.nn.avg_pool2d(hr, config.model.scale, config.model.scale, "VALID"),
        "z": tf.constant(rng.standard_normal((size, 2, config.model.z_size)), tf.float32),
        "augmentation": tf.constant(rng.uniform(size=(size, DRAWS)), tf.float32),
    }
    step = tf.function(model.train_step, jit_compile=jit_compile)
    seconds = []
    for _ in range(STEPS + 1):
        begin = time.perf_counter()
        float(step(batch)["loss/g/total"])
        seconds.append(time.perf_counter() - begin)
    print(
        f"{precision}, batch {size}{', XLA' if jit_compile else ''}: first step {seconds[0]:.0f} s, "
        f"then {np.median(seconds[1:]):.2f} s"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
