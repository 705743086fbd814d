"""A trained model for TF-Serving: python -m export.saved_model --run runs/first --output models/gradsr/1

Writes a SavedModel into a folder named by its version, with a warm-up request for each signature
(assets.extra/tf_serving_warmup_requests) and a model card (assets.extra/model_card.json). Before the folder
gets its name, the SavedModel is loaded again, as a server does and as a Python program does, and its answers
to the warm-up requests are compared with the trained model's: at most one grey level apart.

Needs the protos of TF-Serving: pip install -e '.[serving]'. Serve the folder above, here models/gradsr.
"""

import importlib.util
import os
import signal
import sys
from typing import Literal

from jsonargparse.typing import PositiveInt

from export.version_folder import check_version_folder
from tf_gradsr.config import ConfigError, check_consistency, reason_of
from tf_gradsr.config_parser import EXIT_BAD_SETTING, Parser, load_config
from tf_gradsr.run_folder import RunFolder


def build_parser() -> Parser:
    """The command line's parser."""
    parser = Parser(prog="export.saved_model", description=__doc__)
    add = parser.add_argument
    add(
        "--run",
        type=str,
        metavar="DIR",
        help="Folder of a training run, with config.yaml and generator.weights.h5; left out, the face model "
        "that comes with the package, 16x16 -> 128x128.",
    )
    add(
        "--output",
        type=str,
        metavar="MODEL/VERSION",
        help="The version's folder, made if needed; its name is a whole number. The folder above it names "
        "the model. TF-Serving takes the largest version that it finds there.",
    )
    add(
        "--consistency",
        type=Literal["exact", "none"],
        default="exact",
        help="Part of the graph. exact: every picture downscales to its input, each pixel within one grey "
        "level after rounding. none: as the generator puts it out.",
    )
    add(
        "--max_samples",
        type=PositiveInt,
        default=64,
        help="A request for more samples of a picture is refused.",
    )
    add(
        "--max_side",
        type=PositiveInt,
        default=512,
        help="A request with higher or wider LR pictures is refused, and so is one whose pictures times "
        "samples have more LR pixels than one such square. Lower it to save memory: one LR pixel takes about "
        "scale^2 times 500 bytes at the default widths.",
    )
    add("--overwrite", action="store_true", help="Replace a SavedModel that is there already.")
    return parser


def main(argv=None) -> int:
    """Runs the command line; returns 0 done, 1 failed, 2 bad setting, 130 interrupted."""
    parser = build_parser()
    settings = parser.parse_args(argv)
    try:
        folder = check_version_folder(settings.output, settings.overwrite)
        run = RunFolder.trained(settings.run)
        check_consistency(settings.consistency, load_config(run.config))
        _check_protos()
        return _run(parser.prog, run, folder, settings)
    except ConfigError as error:
        print(f"{parser.prog}: error: {error}", file=sys.stderr)
        return EXIT_BAD_SETTING
    except KeyboardInterrupt:
        print("Interrupted. Nothing was written.", file=sys.stderr)
        return 130


def _check_protos():
    """Asks for TF-Serving's protos before TensorFlow has started, which takes seconds."""
    if importlib.util.find_spec("tensorflow_serving") is None:
        raise ConfigError(
            "serving: the package tensorflow-serving-api, for the warm-up requests: "
            "pip install -e '.[serving]'. Received: an installation without it"
        )


def _say(words):
    print(f"{words} ...", file=sys.stderr)


def _run(prog, run, folder, settings):
    # TensorFlow's start-up notes on missing GPUs would bury our own lines; read when it is imported.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    from export.archive import export
    from export.input_checks import Limits
    from export.verification import LARGEST_DIFFERENCE, WrongExport

    # Notes of its loaders and writers.
    tf.get_logger().setLevel("ERROR")
    # Full float32 on GPUs, as in evaluation: the exported model is compared with the trained one.
    tf.config.experimental.enable_tensor_float_32_execution(False)
    limits = Limits(int(settings.max_samples), int(settings.max_side))
    try:
        differences = export(run, folder, settings.consistency, limits, _say)
    except (WrongExport, OSError, tf.errors.OpError) as error:
        print(f"{prog}: error: {reason_of(error)}. Nothing was written to {folder}", file=sys.stderr)
        return 1
    for signature, difference in differences.items():
        print(f"{signature}: at most {difference:.2g} grey levels from the trained model")
    print(f"SavedModel: {folder} (allowed: {LARGEST_DIFFERENCE:g} grey level); serve {folder.parent}")
    return 0


if __name__ == "__main__":
    # Asked to end, it leaves as it does at Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
