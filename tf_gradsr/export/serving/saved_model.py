"""A trained model for TF-Serving: gradsr export saved-model --run runs/first --output models/gradsr/1

Writes a SavedModel into a folder named by its version, with a warm-up request for each signature
(assets.extra/tf_serving_warmup_requests) and a model card (assets.extra/model_card.json). Before the folder
gets its name, the SavedModel is loaded again, as a server does and as a Python program does, and its answers
to the warm-up requests are compared with the trained model's: at most one grey level apart.

Needs the protos of TF-Serving: pip install 'tf-gradsr[serving]'. Serve the folder above, here models/gradsr.
"""

import importlib.util
import sys

from jsonargparse.typing import PositiveInt

from tf_gradsr.cli import CommandFailed, Parser, missing_extra, run
from tf_gradsr.config_checks import check_consistency
from tf_gradsr.config_files import load_config
from tf_gradsr.errors import reason_of
from tf_gradsr.export.serving.version_folder import check_version_folder
from tf_gradsr.options import add_consistency, add_run
from tf_gradsr.run_folder import RunFolder
from tf_gradsr.tensorflow_start import start_tensorflow, use_full_float32


def build_parser() -> Parser:
    """The command line's parser."""
    parser = Parser(prog="gradsr export saved-model", description=__doc__)
    add = parser.add_argument
    add_run(add)
    add(
        "-o",
        "--output",
        type=str,
        metavar="MODEL/VERSION",
        help="The version's folder, made if needed; its name is a whole number. The folder above it names "
        "the model. TF-Serving takes the largest version that it finds there.",
    )
    add_consistency(add, "Part of the graph. ")
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
    add("--overwrite", action="store_true", help="Replace a SavedModel that already exists.")
    return parser


def main(argv=None) -> int:
    """Runs the command; returns its exit status, see `tf_gradsr.cli`."""
    return run(build_parser(), _execute, argv, interrupted="Nothing was written.")


def _execute(settings):
    folder = check_version_folder(settings.output, settings.overwrite)
    run_folder = RunFolder.trained(settings.run)
    check_consistency(settings.consistency, load_config(run_folder.config))
    # Before TensorFlow has started, which takes seconds.
    if importlib.util.find_spec("tensorflow_serving") is None:
        raise missing_extra("serving", "tensorflow-serving-api", "for the warm-up requests")
    start_tensorflow(settings.verbose)
    use_full_float32()
    _export(run_folder, folder, settings)


def _say(words):
    print(f"{words} ...", file=sys.stderr)


def _export(run_folder, folder, settings):
    import tensorflow as tf

    from tf_gradsr.export.serving.archive import export
    from tf_gradsr.export.serving.input_checks import Limits
    from tf_gradsr.export.serving.verification import LARGEST_DIFFERENCE, WrongExport

    limits = Limits(int(settings.max_samples), int(settings.max_side))
    try:
        differences = export(
            run_folder,
            folder,
            settings.consistency,
            limits,
            _say,
            settings.overwrite,
            settings.trust_run,
        )
    except (WrongExport, OSError, tf.errors.OpError) as error:
        raise CommandFailed(f"{reason_of(error)}. Nothing was written to {folder}") from error
    for signature, difference in differences.items():
        print(f"{signature}: at most {difference:.2g} grey levels from the trained model")
    print(f"SavedModel: {folder} (allowed: {LARGEST_DIFFERENCE:g} grey level); serve {folder.parent}")


if __name__ == "__main__":
    sys.exit(main())
