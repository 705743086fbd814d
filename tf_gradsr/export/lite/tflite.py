"""A trained model for phones and browsers: gradsr export tflite --run runs/first --output model.tflite

Writes a LiteRT file for one LR size, uint8 pictures in and out, with the signatures hallucinate(lr, z) and
reconstruct(lr) (models that give one answer per picture: only reconstruct), and a description beside it
(model.tflite.json). Before it gets its name, the file is run with LiteRT and its answers are compared with
the trained model's. none and float16: at most 2 grey levels apart anywhere; dynamic and int8: at least 38 dB
PSNR.

Needs LiteRT: pip install 'tf-gradsr[mobile]'
"""

import importlib.util
import sys
from typing import List, Literal, Optional, Union

from jsonargparse.typing import PositiveInt

from tf_gradsr.cli import CommandFailed, Parser, missing_extra, run
from tf_gradsr.config_checks import check_consistency
from tf_gradsr.config_files import load_config
from tf_gradsr.errors import ConfigError, reason_of
from tf_gradsr.export.lite.paths import ENDING, description_path, lite_path
from tf_gradsr.options import add_consistency, add_run
from tf_gradsr.run_folder import RunFolder
from tf_gradsr.tensorflow_start import standard_error_held_back, start_tensorflow, use_full_float32


def build_parser() -> Parser:
    """The command line's parser."""
    parser = Parser(prog="gradsr export tflite", description=__doc__)
    add = parser.add_argument
    add_run(add)
    add("-o", "--output", type=str, metavar=f"FILE{ENDING}", help="The file; its folder is made if needed.")
    add(
        "--quantize",
        type=Literal["none", "float16", "dynamic", "int8"],
        default="none",
        help="Type of the weights, and for int8 of the arithmetic. none: float32. float16: half the size. "
        "dynamic: 8-bit weights, a quarter. int8: a quarter, and the network computes with 8-bit integers.",
    )
    add(
        "--lr_size",
        type=Optional[Union[PositiveInt, List[PositiveInt]]],
        default=None,
        help="Side of the LR pictures, or [height, width]; if left out, that of the run.",
    )
    add_consistency(add, "Part of the graph. ")
    add(
        "--representative_path",
        type=Optional[str],
        default=None,
        metavar="DIR",
        help="int8: where the run's pictures (data.path) are on this machine, if not where its config.yaml "
        "says; embedded: the faces in the package, like those that its own model was trained on. Training "
        "pictures give the ranges of the integers; answers are compared on test pictures.",
    )
    add(
        "--representative_pictures",
        type=PositiveInt,
        default=100,
        help="int8: at most this many training pictures give the ranges.",
    )
    add("--overwrite", action="store_true", help="Replace a file that already exists.")
    return parser


def main(argv=None) -> int:
    """Runs the command; returns its exit status, see `tf_gradsr.cli`."""
    return run(build_parser(), _execute, argv, interrupted="Nothing was written.")


def _execute(settings):
    path = lite_path(settings.output, settings.overwrite)
    run_folder = RunFolder.trained(settings.run)
    check_consistency(settings.consistency, load_config(run_folder.config))
    lr_shape = check_lr_size(settings.lr_size)
    # Before TensorFlow has started, which takes seconds.
    if importlib.util.find_spec("ai_edge_litert") is None:
        raise missing_extra("mobile", "ai-edge-litert", "which runs the file")
    start_tensorflow(settings.verbose)
    use_full_float32()
    _export(run_folder, path, lr_shape, settings)


def check_lr_size(size) -> Optional[tuple]:
    """(height, width) of `--lr_size`; None for the run's own.

    Raises:
        ConfigError: a list that does not have two sides.
    """
    if size is None:
        return None
    sides = [size, size] if isinstance(size, int) else size
    if len(sides) != 2:
        raise ConfigError(f"lr_size: a side or [height, width]. Received: {size}")
    return tuple(int(side) for side in sides)


def _export(run_folder, path, lr_shape, settings):
    import tensorflow as tf

    from tf_gradsr.export.lite.lite_file import export
    from tf_gradsr.export.lite.verification import WrongFile

    try:
        # LiteRT prints which kernels it uses.
        with standard_error_held_back(shown_on=()) as say:
            description = export(
                run_folder,
                path,
                settings.quantize,
                lr_shape,
                settings.consistency,
                settings.representative_path,
                int(settings.representative_pictures),
                lambda words: say(f"{words} ..."),
                settings.overwrite,
                settings.trust_run,
            )
    except (WrongFile, OSError, tf.errors.OpError) as error:
        raise CommandFailed(f"{reason_of(error)}. Nothing was written to {path}") from error
    for line in report(description):
        print(line)
    size = description["bytes"] / 1e6
    print(f"LiteRT file: {path} ({size:.2f} MB); described in {description_path(path).name}")
    print(f"Next: gradsr benchmark {path.name}; gradsr web build --model {path.name} --output page")


def report(description: dict) -> list:
    """Lines about how far a file's answers are from the Python model's, and what a phone's GPU cannot run."""
    lines = []
    for signature, found in description["differences_to_python_in_grey_levels"].items():
        psnr = "equal" if found["psnr"] is None else f"PSNR {found['psnr']:.1f} dB"
        lines.append(
            f"{signature}: mean difference {found['mean']:.2g}, max {found['max']:.3g} grey levels, {psnr}; "
            f"gradient max {found['gradient_max']:.2g}"
        )
    left = description["operations_that_gpus_leave_to_the_cpu"]
    lines.append(f"operations that GPUs leave to the CPU: {', '.join(left) or 'none'}")
    return lines


if __name__ == "__main__":
    sys.exit(main())
