"""A trained generator for other Keras programs: gradsr export keras -o face.keras

Writes the averaged generator as a .keras file, which keras.saving.load_model reads once its classes have been
imported (import tf_gradsr.registry): (lr float32 [B, h, w, 3] in [-1, 1], z float32 [B, m]) -> pictures and
image gradients of every scale.
Before it gets its name, the file is loaded again and its answer is compared: every number must be equal.
"""

import sys
from pathlib import Path

from tf_gradsr.cli import CommandFailed, Parser, run
from tf_gradsr.errors import ConfigError
from tf_gradsr.files import check_output, claim_output
from tf_gradsr.home import at_home
from tf_gradsr.options import add_run
from tf_gradsr.run_folder import RunFolder
from tf_gradsr.tensorflow_start import start_tensorflow, use_full_float32

ENDING = ".keras"


def build_parser() -> Parser:
    """The command line's parser."""
    parser = Parser(prog="gradsr export keras", description=__doc__)
    add = parser.add_argument
    add_run(add)
    add("-o", "--output", type=str, metavar=f"FILE{ENDING}", help="The file; its folder is made if needed.")
    add("--overwrite", action="store_true", help="Replace a file that already exists.")
    return parser


def main(argv=None) -> int:
    """Runs the command; returns its exit status, see `tf_gradsr.cli`."""
    return run(build_parser(), _execute, argv, interrupted="Nothing was written.")


def _execute(settings):
    output = settings.output
    if not output or not output.endswith(ENDING) or Path(output).name == ENDING:
        raise ConfigError(f"output: a file that ends with {ENDING}. Received: {output or 'nothing'}")
    path = at_home(output).absolute()
    check_output(path, settings.overwrite, received=output)
    folder = RunFolder.trained(settings.run)
    start_tensorflow(settings.verbose)
    use_full_float32()
    from tf_gradsr.inference import Hallucinator

    hallucinator = Hallucinator.load(folder.path, trust=settings.trust_run)
    with claim_output(path, settings.overwrite) as unfinished:
        hallucinator.generator.save(unfinished)
        _check(unfinished, hallucinator)
    print(f"Keras file: {path} ({path.stat().st_size / 1e6:.2f} MB); keras.saving.load_model reads it")


def _check(path, hallucinator):
    """Raises `CommandFailed` for a file whose answer differs from its generator's."""
    import keras
    import numpy as np
    import tensorflow as tf

    again = keras.saving.load_model(path, safe_mode=True)
    rng = np.random.default_rng(0)
    height, width = hallucinator.config.lr_shape
    lr = rng.uniform(-1, 1, (1, height, width, 3)).astype(np.float32)
    inputs = lr, rng.standard_normal((1, hallucinator.z_size)).astype(np.float32)
    answers = (tf.nest.flatten(network(inputs)) for network in (hallucinator.generator, again))
    if not all(np.array_equal(ours, theirs) for ours, theirs in zip(*answers)):
        raise CommandFailed("what was written gives other numbers than the model. Nothing was kept")


if __name__ == "__main__":
    sys.exit(main())
