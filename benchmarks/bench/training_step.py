"""The training step by part: python -m benchmarks.bench.training_step --config configs/faces_8x_mirror.yaml

Times D's update, R1, G's update and the average of G's weights (EMA), each alone, beside the whole step and a
large matrix product in the same precision. Prints each part's FLOP/s as a share of the product's. FLOP are
counted by TensorFlow's profiler in each part's graph. Pictures are random, weights too, with any setting of
gradsr train.
"""

import sys
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

from benchmarks.bench.sizes import small_networks
from benchmarks.bench.turns import matmul, number, ratio, ratio_text, seconds_in_turns, usable_clocks
from tf_gradsr.cli import Parser, run
from tf_gradsr.config_files import add_config_arguments, config_from, load_config
from tf_gradsr.tensorflow_start import start_tensorflow

TITLE = "Training step"
# The paper's own settings: R1 in every step, VGG-16.
PAPER = Path(__file__).parents[2] / "configs" / "celeba_8x.yaml"
# The paper's is 8: a part's share of a matrix product's speed hardly depends on it, the time does.
BATCH = 2
# Seconds of turns; the least number of turns may take longer.
BUDGET = {"full": 45.0, "small": 0.0}
# Precisions, and the type of the factors of a matrix product in the same one.
PRODUCTS = {"float32": "float32", "mixed_bfloat16": "bfloat16", "mixed_float16": "float16"}
HEADS = {
    "wall": "**FLOP/s, % of the product's** | **% of the step's time**",
    "cpu": "**FLOP a CPU second, % of the product's** | **% of the step's CPU time**",
}
NAMES = {"D": "D, both critics", "R1": "R1", "G": "G", "EMA": "EMA", "step": "the whole step"}


def measure(size: str, say) -> dict:
    """Measures the paper's settings: in float32, and with 16-bit convolutions where the device has them."""
    config = load_config(PAPER)
    # VGG-16's weights do not change its cost, and those of ImageNet would be a download.
    config.loss.vgg_weights, config.train.batch_size = "random", BATCH
    if size == "small":
        config = small_networks(config)
        config.loss.perceptual = "none"
    recipe = f"`configs/{PAPER.name}`" + ("" if size == "full" else ", much smaller")
    return {"recipe": recipe, **measured_config(config, BUDGET[size], say)}


def measured_config(config, budget: float, say) -> dict:
    """Measures the step of a checked config in each precision that the device has.

    Returns:
        `batch`, `interval` (steps between two computations of R1), and for each precision `seconds` by part
        (medians), `flop` by part, and by clock `share` of the matrix product's FLOP/s and `of_step`, a part's
        share of the whole step's time, both as `ratio`.
    """
    from tf_gradsr.precision import usable_precision

    precisions = dict.fromkeys(map(usable_precision, PRODUCTS))
    found = {precision: _measured(config, precision, budget, say) for precision in precisions}
    return {"batch": config.train.batch_size, "interval": config.loss.r1_interval, "precisions": found}


def _measured(config, precision, budget, say):
    import numpy as np

    say(f"{precision}: building the graphs")
    parts, flop = step_parts(config, precision)
    product, product_flop = matmul(PRODUCTS[precision])
    say(f"{precision}: measuring")
    seconds = seconds_in_turns({"matmul": product, **parts}, budget)
    wall = seconds["wall"]
    found = {
        "matmul_gflop_per_second": product_flop / float(np.median(wall["matmul"])) / 1e9,
        "seconds": {name: float(np.median(wall[name])) for name in parts},
        "flop": flop,
        "share": {},
        "of_step": {},
    }
    for clock in usable_clocks():
        taken = {name: np.array(of) for name, of in seconds[clock].items()}
        product_speed = product_flop / taken["matmul"]
        found["share"][clock] = {
            name: ratio(flop[name] / taken[name], product_speed) for name in parts if name != "EMA"
        }
        found["of_step"][clock] = {
            name: ratio(taken[name], taken["step"]) for name in parts if name != "step"
        }
    return found


def step_parts(config, precision: str = "float32") -> tuple:
    """The parts of a training step of GradSR as functions, each of which updates the weights as in training.

    D's part is its update without R1, on fakes that are given; R1's is the penalty and its gradient in D's
    weights, in a step that computes it; G's is the step without D's update and without EMA, its three passes
    and its critics' included.

    Args:
        config: a checked `Config` with `model.name: gradsr` and the paper's discriminators.
        precision: as `train.precision`, one that the device has.

    Returns:
        ({name: function without arguments}, {name: floating-point operations}); names as in `NAMES`, without
        "R1" if its weight is 0.
    """
    import tensorflow as tf

    from tf_gradsr.evaluation.float_operations import float_operations
    from tf_gradsr.models import GradSR
    from tf_gradsr.precision import uses_xla
    from tf_gradsr.registry import build_model

    jit_compile = uses_xla(config.train)
    model = build_model(config, precision, jit_compile)
    batch = random_batch(config)
    # The step's own parts left out, one by one.
    without_d = patch.object(GradSR, "_train_discriminators", lambda self, views: {})
    without_average = patch.object(GradSR, "_update_average", lambda self: None)

    functions, graphs = {}, {}

    def add(name, function, *inputs):
        compiled = tf.function(function, jit_compile=jit_compile and name != "EMA")
        graphs[name] = compiled.get_concrete_function(*inputs).graph
        functions[name] = lambda: float(compiled(*inputs))

    fakes = model.generator((batch["lr"], batch["z"][:, 0]))
    add("D", lambda *given: _discriminators(model, *given), batch, fakes)
    if config.loss.r1 or config.loss.r2:
        add("R1", lambda *given: _penalties(model, *given), batch, fakes)
    with without_d, without_average:
        add("G", lambda given: model.train_step(given)["norm/g"], batch)
    add("EMA", lambda: _average(model))
    add("step", lambda given: model.train_step(given)["norm/g"], batch)

    flop = {name: float_operations(graph) for name, graph in graphs.items()}
    interval = config.loss.r1_interval
    # Where R1 is lazy, its part of the step's graph is in a branch, which the profiler does not see.
    flop["step"] = flop["D"] + flop["G"] + flop["EMA"] + flop.get("R1", 0) / interval
    one_step = functions["step"]
    if interval > 1:
        # A whole interval, so that R1 is in it as often as in training.
        functions["step"] = lambda: [one_step() for _ in range(interval)]
        flop["step"] *= interval
    return functions, flop


def _views(model, batch, fakes):
    """What each critic sees of the truth, and of fakes that stand for both hallucinations."""
    real = model.real_pyramids(batch["hr"])
    return model._views(batch, real, fakes, fakes, fakes)


def _discriminators(model, batch, fakes):
    """D's update without penalties."""
    given = model.loss_config
    for critic in model.critics.values():
        critic.loss = replace(given, r1=0.0, r2=0.0)
    try:
        return model._train_discriminators(_views(model, batch, fakes))["norm/d"]
    finally:
        for critic in model.critics.values():
            critic.loss = given


def _penalties(model, batch, fakes):
    """The penalties and their gradient in D's weights."""
    import tensorflow as tf

    from tf_gradsr import losses

    views, weights = _views(model, batch, fakes), model.loss_config
    with tf.GradientTape() as tape:
        penalty = 0.0
        for name, critic in model.critics.items():
            seen = views[name]
            if weights.r1:
                penalty += losses.r1_penalty(critic.discriminator, seen["real"])
            if weights.r2:
                fake = [view for kind, view in seen.items() if kind != "real"]
                fake = [tf.concat(same, axis=0) for same in zip(*fake)]
                penalty += losses.r1_penalty(critic.discriminator, fake)
    return tf.linalg.global_norm(tape.gradient(penalty, model._d_variables))


def _average(model):
    import tensorflow as tf

    model._update_average()
    return tf.reduce_sum(model.ema_generator.weights[-1].value)


def random_batch(config) -> dict:
    """A training batch of random pictures, see `tf_gradsr.data.training_batches`."""
    import numpy as np
    import tensorflow as tf

    rng, size = np.random.default_rng(0), config.train.batch_size
    hr = tf.constant(rng.uniform(-1, 1, (size, *config.hr_shape, 3)), tf.float32)
    return {
        "hr": hr,
        "lr": tf.nn.avg_pool2d(hr, config.model.scale, config.model.scale, "VALID"),
        "z": tf.constant(rng.standard_normal((size, 2, config.model.z_size)), tf.float32),
    }


def text(found: dict) -> str:
    """What was measured, in Markdown."""
    every = "every step" if found["interval"] == 1 else f"one of {found['interval']} steps"
    lines = [
        f"{found['recipe']}, batches of {found['batch']}, random weights everywhere, R1 in {every}. FLOP by "
        "TensorFlow's profiler (a multiply-add is two; without resizing and what no result needs)."
    ]
    for precision, one in found["precisions"].items():
        lines += [
            "",
            f"{precision}; the matrix product reaches {number(one['matmul_gflop_per_second'])} GFLOP/s.",
            "",
            "| part | "
            + " | ".join(HEADS[clock] for clock in one["share"])
            + " | GFLOP | ms |\n"
            + "|---|"
            + "---|" * (2 * len(one["share"]) + 2),
        ]
        for name, seconds in one["seconds"].items():
            cells = []
            for clock, share in one["share"].items():
                of_step = one["of_step"][clock]
                cells.append(ratio_text(share[name], 100) if name in share else "copies, no products")
                cells.append(ratio_text(of_step[name], 100) if name in of_step else "100")
            facts = number(one["flop"][name] / 1e9), number(seconds * 1e3)
            lines.append(f"| {NAMES[name]} | {' | '.join((*cells, *facts))} |")
    missing = [PRODUCTS[name] for name in PRODUCTS if name not in found["precisions"]]
    if missing:
        lines += ["", f"Not measured, since this machine does not multiply it: {', '.join(missing)}."]
    return "\n".join(lines)


def main(argv=None) -> int:
    """Command line."""
    parser = Parser(prog="training_step", description=__doc__)
    add_config_arguments(parser)
    return run(parser, _execute, argv)


def _execute(settings):
    config = config_from(settings)
    start_tensorflow(settings.verbose)
    found = measured_config(config, BUDGET["full"], lambda words: print(f"{words} ...", file=sys.stderr))
    recipe = ", ".join(f"`{file}`" for file in settings.config or []) or "The default settings"
    print(text({"recipe": recipe, **found}))


if __name__ == "__main__":
    sys.exit(main())
