"""One picture by GradSR and by SRGAN and ESRGAN at their papers' sizes, all 8 times larger."""

from pathlib import Path

from benchmarks.bench.sizes import FULL, small_networks
from benchmarks.bench.turns import number, ratio, ratio_text, seconds_in_turns, usable_clocks

TITLE = "Against the baselines at their papers' sizes"
CONFIGS = Path(__file__).parents[2] / "configs"
SCALE, LR_SIDE = 8, 16
ESRGAN = "ESRGAN, 23 RRDBs, 64 channels"
# Names, configs of random weights: the time does not depend on them. The packaged models come from their
# folders.
PAPERS = {
    ESRGAN: "baselines/esrgan.yaml",
    "SRGAN, 16 blocks, 64 channels": "baselines/srgan.yaml",
    "GradSR with the paper's settings": "celeba_8x.yaml",
}
PACKAGED = ("faces_8x", "faces_8x_mobile")
HEADS = {"wall": "**times as fast as ESRGAN**", "cpu": "**the same in CPU time**"}
# The goal: one picture at least so many times faster than ESRGAN.
GOAL = 10
BUDGET = {"full": 30.0, "small": 0.0}


def measure(size: str, say) -> dict:
    """Measures all networks in turns.

    Returns:
        By name: `parameters`, `flop` of a picture, `seconds` (median), and by clock `faster`, ESRGAN's time
        over this one's as `ratio`.
    """
    import numpy as np

    actions, facts = {}, {}
    for name, generator, z_size in networks(size):
        say(f"building the graph of {name}")
        actions[name], flop = forward_pass(generator, z_size)
        facts[name] = {"parameters": int(generator.count_params()), "flop": flop}
    say("measuring")
    seconds = seconds_in_turns(actions, BUDGET[size])
    for name, fact in facts.items():
        fact["seconds"] = float(np.median(seconds["wall"][name]))
        fact["faster"] = {
            clock: ratio(seconds[clock][ESRGAN], seconds[clock][name]) for clock in usable_clocks()
        }
    return facts


def networks(size: str):
    """Yields (name, built generator, length of z)."""
    from tf_gradsr.config_files import load_config
    from tf_gradsr.inference import Hallucinator
    from tf_gradsr.registry import build_generator

    for name, file in PAPERS.items():
        config = load_config(CONFIGS / file)
        if size != FULL:
            config = small_networks(config)
        else:
            config.model.scale = SCALE
        yield name, build_generator(config), config.model.z_size
    for name in PACKAGED if size == FULL else ():
        model = Hallucinator.load(name)
        yield f"GradSR, `{name}`", model.generator, model.z_size


def forward_pass(generator, z_size: int, lr_side: int = LR_SIDE) -> tuple:
    """One compiled forward pass of a generator on one picture.

    GradSR also computes the picture's gradient, which its networks cannot do without; the baselines compute
    the picture alone.

    Returns:
        (function without arguments, its floating-point operations).
    """
    import tensorflow as tf

    from tf_gradsr.evaluation.float_operations import float_operations

    rng = tf.random.Generator.from_seed(0)
    inputs = rng.uniform([1, lr_side, lr_side, 3], -1, 1), rng.normal([1, z_size])

    @tf.function
    def forward(lr, z):
        images, gradients = generator((lr, z))
        return (images[-1], gradients[-1]) if generator.stochastic else (images[-1],)

    graph = forward.get_concrete_function(*inputs).graph
    return lambda: [answer.numpy() for answer in forward(*inputs)], float_operations(graph)


def text(found: dict) -> str:
    """What was measured, in Markdown."""
    reached = [
        name for name, one in found.items() if name != ESRGAN and one["faster"]["wall"]["median"] >= GOAL
    ]
    lines = [
        f"One picture, {LR_SIDE}x{LR_SIDE} to {LR_SIDE * SCALE}x{LR_SIDE * SCALE}, one compiled forward "
        "pass in float32. The baselines have their papers' blocks and channels, a third doubling for 8x, and "
        "random weights. "
        f"The goal of {GOAL} times ESRGAN's speed is reached by: {'; '.join(reached) or 'none'}.",
        "",
        "| | "
        + " | ".join(HEADS[clock] for clock in found[ESRGAN]["faster"])
        + " | GFLOP | million parameters | ms |",
        "|---|" + "---|" * (3 + len(found[ESRGAN]["faster"])),
    ]
    for name, one in found.items():
        faster = " | ".join("1" if name == ESRGAN else ratio_text(of) for of in one["faster"].values())
        facts = one["flop"] / 1e9, one["parameters"] / 1e6, one["seconds"] * 1e3
        lines.append(f"| {name} | {faster} | {' | '.join(map(number, facts))} |")
    return "\n".join(lines)
