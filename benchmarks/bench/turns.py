"""Times things side by side, in turns, so that whatever else the machine does falls on all of them."""

import time

import numpy as np

MOST_TURNS = 30
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
# Of a large matrix product, which shows what the device can reach.
MATMUL_SIDE = 2048


def seconds_in_turns(actions: dict, budget: float, least: int = 3, warm: bool = True) -> dict:
    """Seconds of each action, all of them once in each turn, by two clocks.

    The CPU's counts what all threads of this process computed: what other programs do hardly touches it. It
    says nothing where a GPU computes, and does not see cores that wait.

    Args:
        actions: {name: function without arguments that returns when its work is done}.
        budget: seconds; another turn begins only before they have passed.
        least: number of turns that are made in any case.
        warm: whether each runs once uncounted first, to build its graph and fill the caches.

    Returns:
        {"wall": {name: seconds of each turn, a list of float}, "cpu": the same}.
    """
    for action in actions.values() if warm else ():
        action()
    seconds, begin = {clock: {name: [] for name in actions} for clock in CLOCKS}, time.perf_counter()
    for turn in range(MOST_TURNS):
        if turn >= least and time.perf_counter() - begin > budget:
            break
        for name, action in actions.items():
            start = {clock: now() for clock, now in CLOCKS.items()}
            action()
            for clock, now in CLOCKS.items():
                seconds[clock][name].append(now() - start[clock])
    return seconds


def usable_clocks() -> list:
    """The clocks whose ratios mean something here: the CPU's does where there is no GPU."""
    import tensorflow as tf

    return ["wall"] if tf.config.list_physical_devices("GPU") else list(CLOCKS)


def ratio(above, below) -> dict:
    """The ratio of two figures that were measured in the same turns.

    Args:
        above, below: floats > 0, one for each turn.

    Returns:
        Its `median`, `low` and `high` over the turns, each turn's ratio being taken first.
    """
    ratios = np.asarray(above, float) / np.asarray(below, float)
    return {"median": float(np.median(ratios)), "low": float(ratios.min()), "high": float(ratios.max())}


def number(value: float) -> str:
    """A figure >= 0 with two or three digits that count, such as 0.62, 1.4, 37 or 1,204."""
    if 0 < value < 0.005:
        return "under 0.01"
    digits = 2 if value < 0.995 else 1 if value < 9.95 else 0
    return f"{value:,.{digits}f}"


def ratio_text(found: dict, factor: float = 1.0) -> str:
    """A `ratio` in words: its median, and in brackets the lowest and the highest turn's."""
    median, low, high = (number(factor * found[name]) for name in ("median", "low", "high"))
    return f"{median} ({low} to {high})"


def matmul(dtype: str, side: int = MATMUL_SIDE) -> tuple:
    """A large matrix product on the default device.

    Args:
        dtype: of its factors, "float32", "bfloat16" or "float16". side: of the square matrices.

    Returns:
        (function without arguments, its floating-point operations).
    """
    import tensorflow as tf

    rng = np.random.default_rng(0)
    matrices = [tf.constant(rng.standard_normal((side, side)), dtype) for _ in range(2)]
    # One number of the product is read, so that the device has finished; all of it is computed.
    product = tf.function(lambda: tf.reduce_sum(tf.linalg.matmul(*matrices)))
    return lambda: float(product()), 2 * side**3
