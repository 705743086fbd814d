"""How time grows with the pictures' size, the batch, the channels and the number of pictures."""

import contextlib
import io
import tempfile
from pathlib import Path

from benchmarks.bench.sizes import FULL, small_run
from benchmarks.bench.turns import number, seconds_in_turns, usable_clocks
from tf_gradsr.cli import CommandFailed

TITLE = "Growth"
# The smaller of the package's models: its pictures can grow further in the same time.
RUN = "faces_8x_mobile"
# What grows: its name, its values at each size, the exponent of work that is proportional to it, and the
# number of pictures of one run.
PIXELS, BATCH, CHANNELS, PICTURES = "LR pixels", "batch", "channels", "pictures"
SIDES = {"full": (8, 16, 32, 64, 128), "small": (4, 8)}
BATCHES = {"full": (1, 4, 16, 64), "small": (1, 2)}
WIDTHS = {"full": (0.5, 1, 2, 4), "small": (0.25, 0.5)}
COUNTS = {"full": (4, 16, 64, 256), "small": (1, 2)}
MEANT = {PIXELS: 1, BATCH: 1, CHANNELS: 2, PICTURES: 1}
WORDS = {
    PIXELS: "one picture of that many LR pixels, without tiles",
    BATCH: "that many 16x16 pictures in one call",
    CHANNELS: "one 16x16 picture, all widths multiplied, random weights; channels at LR size",
    PICTURES: "`gradsr hallucinate --num_samples 1` on that many files, from reading to writing; "
    "without the start of Python and TensorFlow",
}
CLOCK_NAMES = {"wall": "Seconds", "cpu": "CPU seconds"}
BUDGET = {"full": 10.0, "small": 0.0}


def measure(size: str, say) -> dict:
    """Measures each.

    Returns:
        By what grows: `values`, `clock`, whose `seconds` (medians) they are: the CPU's where there is no GPU;
        `exponent` of the power law fitted to all points, and `last`, the exponent between the last two.
    """
    from tf_gradsr.inference import Hallucinator
    from tf_gradsr.run_folder import RunFolder

    with tempfile.TemporaryDirectory() as place:
        folder = RunFolder.trained(RUN) if size == FULL else small_run(Path(place) / "run")
        model = Hallucinator.load(folder.path)
        growing = {
            PIXELS: {side**2: answers(model, 1, side) for side in SIDES[size]},
            BATCH: {batch: answers(model, batch, 16) for batch in BATCHES[size]},
            CHANNELS: dict(wider(model.config, factor) for factor in WIDTHS[size]),
            PICTURES: {count: command(folder.path, count, Path(place)) for count in COUNTS[size]},
        }
        return {name: grown(name, actions, BUDGET[size], say) for name, actions in growing.items()}


def grown(name: str, actions: dict, budget: float, say) -> dict:
    """Times actions in turns and fits their growth, see `measure`."""
    import numpy as np

    say(f"{name}: {', '.join(map(str, actions))}")
    # The command starts anew each time: nothing to warm.
    measured = seconds_in_turns(actions, budget, least=2, warm=name != PICTURES)
    clock = usable_clocks()[-1]
    values, seconds = list(actions), [float(np.median(measured[clock][value])) for value in actions]
    return {
        "values": values,
        "clock": clock,
        "seconds": seconds,
        "exponent": exponent(values, seconds),
        "last": exponent(values[-2:], seconds[-2:]),
    }


def exponent(values, seconds) -> float:
    """b of `seconds = a * values^b`, by least squares of the logarithms; both > 0, at least two points."""
    import numpy as np

    return float(np.polyfit(np.log(values), np.log(seconds), 1)[0])


def answers(model, batch: int, side: int):
    """A function that hallucinates `batch` random pictures of a side at once, see `Hallucinator.generate`."""
    import numpy as np

    rng = np.random.default_rng(0)
    lr = rng.integers(0, 256, (batch, side, side, 3), np.uint8)
    z = rng.standard_normal((batch, model.z_size)).astype(np.float32)
    return lambda: model.generate(lr, z)


def wider(config, factor: float) -> tuple:
    """(channels at LR size, function) of the config's network with all its widths multiplied."""
    import copy

    from tf_gradsr.inference import Hallucinator
    from tf_gradsr.registry import build_generator

    config = copy.deepcopy(config)
    config.model.widths = [max(1, round(width * factor)) for width in config.model.widths]
    return config.model.widths[0], answers(Hallucinator(build_generator(config), config), 1, 16)


def command(run: Path, count: int, place: Path):
    """A function that runs `gradsr hallucinate` in this process on a folder of `count` random pictures.

    Raises:
        CommandFailed: when it is called and the command fails; the message is what it printed.
    """
    import numpy as np
    from PIL import Image

    from tf_gradsr import hallucinate

    inputs, output = place / f"{count}", place / f"{count}_results"
    inputs.mkdir()
    rng = np.random.default_rng(0)
    for index in range(count):
        Image.fromarray(rng.integers(0, 256, (16, 16, 3), np.uint8)).save(inputs / f"{index:04d}.png")
    arguments = [str(inputs), "--run", str(run), "--num_samples", "1", "-o", str(output), "--overwrite"]

    def action():
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            status = hallucinate.main(arguments)
        if status > 128:
            # It was asked to end, and so are we.
            raise KeyboardInterrupt
        if status:
            raise CommandFailed(f"gradsr hallucinate failed: {printed.getvalue().strip()}")

    return action


def text(found: dict, figure: str = "growth.png") -> str:
    """What was measured, in Markdown. `figure`: path of the plots, from where the text is."""
    clock = CLOCK_NAMES[next(iter(found.values()))["clock"]]
    lines = [
        f"`{RUN}`. {clock} = a x value^b: b is fitted to the logarithms of all points by least squares; the "
        "last column but one is b between the two largest, where fixed costs count least.",
        "",
        "| what grows | from, to | **time grows** | **b, all points** | **b, last two** | b of the work |",
        "|---|---|---|---|---|---|",
    ]
    for name, one in found.items():
        values, seconds = one["values"], one["seconds"]
        grows = f"{values[0]:,} to {values[-1]:,} | {number(seconds[-1] / seconds[0])} times"
        lines.append(
            f"| {name}: {WORDS[name]} | {grows} | {one['exponent']:.2f} | {one['last']:.2f} | {MEANT[name]} |"
        )
    alt = "Four plots of time over what grows, with the fitted lines"
    return "\n".join([*lines, "", f"![{alt}]({figure})"])
