"""How much memory a training step takes on the CPU, at least."""

import math

from tf_gradsr.config import Config, widths_for_scale

# Measured on configs/quickstart.yaml with batches of 2, 8 and 24 (benchmarks/peak_memory.py).
FIXED = 0.4e9
PLANES = 55
# Without the passes of samples and of discriminators.
PLANES_RECONSTRUCTING = 15


def least_step_memory(config: Config) -> float:
    """Bytes that a step takes on the CPU beyond TensorFlow and the pictures, at least.

    In units of one activation of all of G's convolutions, which stay in memory for the gradient; the networks
    of discriminators and losses are counted as small ones, so that nothing that works is refused.

    Args:
        config: a checked `Config`.
    """
    lr_pixels, widths = math.prod(config.lr_shape), widths_for_scale(config.model.widths, config.model.scale)
    activation = 4 * sum(width * lr_pixels * 4**level for level, width in enumerate(widths))
    alone = config.train.steps <= config.train.reconstruction_steps
    return FIXED + config.train.batch_size * activation * (PLANES_RECONSTRUCTING if alone else PLANES)
