"""Make a run small enough for the package:

gradsr package --run runs/faces_8x --output tf_gradsr/pretrained/faces_8x

Writes a run folder with the averaged generator as float16, half the size, its SHA-256, the config and the
summary. Any command takes it as --run; pictures differ from the run's by a grey level here and there.
"""

import hashlib
import shutil
import sys
from pathlib import Path
from typing import Optional

import h5py
import numpy as np
from jsonargparse.typing import NonNegativeFloat

from tf_gradsr.cli import Parser, run
from tf_gradsr.errors import ConfigError
from tf_gradsr.files import replaced_when_complete
from tf_gradsr.run_folder import RunFolder


def build_parser() -> Parser:
    """The command line's parser."""
    parser = Parser(prog="gradsr package", description=__doc__)
    parser.add_argument("--run", type=str, metavar="DIR", help="Folder of a training run.")
    parser.add_argument("-o", "--output", type=str, metavar="DIR", help="Folder to write, made if needed.")
    for kind, meaning in (("cpu", "all cores"), ("gpu", "all GPUs")):
        parser.add_argument(
            f"--{kind}_minutes",
            type=Optional[NonNegativeFloat],
            help=f"What training cost over all its stages, minutes of {meaning}; left out, the run's own.",
        )
    parser.add_argument("--overwrite", action="store_true", help="Replace the weights in the output folder.")
    return parser


def main(argv=None) -> int:
    """Runs the command line; exit statuses as `tf_gradsr.cli` says."""
    return run(build_parser(), _execute, argv, interrupted="The output folder may be incomplete.")


def _execute(options):
    for name in ("run", "output"):
        if not getattr(options, name):
            raise ConfigError(f"{name}: a folder. Received: nothing")
    run_folder = RunFolder.trained(options.run)
    given = {kind: getattr(options, f"{kind}_minutes") for kind in ("cpu", "gpu")}
    minutes = {**run_folder.training_minutes(), **{kind: m for kind, m in given.items() if m is not None}}
    packaged = package_weights(run_folder, options.output, options.overwrite, minutes)
    print(f"{packaged.weights}: {packaged.weights.stat().st_size / 1e6:.2f} MB")


def package_weights(
    run: RunFolder, output, overwrite: bool = False, minutes: Optional[dict] = None
) -> RunFolder:
    """Writes weights as float16, checksum, config and, if there is one, summary of a run.

    Args:
        run: a trained run.
        output: path of the folder.
        overwrite: whether to replace weights that are there.
        minutes: for the summary, see `RunFolder.training_minutes`; None, nothing is said of it.

    Returns:
        The folder written.

    Raises:
        ConfigError: the folder cannot be written, holds weights already, or a weight is beyond float16.
    """
    packaged = RunFolder(output)
    if packaged.weights.exists() and not overwrite:
        raise ConfigError(
            f"output: a folder without weights; --overwrite replaces them. Received: {packaged.path}"
        )
    try:
        packaged.path.mkdir(parents=True, exist_ok=True)
        with replaced_when_complete(packaged.weights) as partial:
            _write_half(run.weights, partial)
        digest = hashlib.sha256(packaged.weights.read_bytes()).hexdigest()
        with replaced_when_complete(packaged.checksum) as partial:
            Path(partial).write_text(f"{digest}  {packaged.weights.name}\n", encoding="utf-8")
        if run.config.resolve() != packaged.config.resolve():
            shutil.copyfile(run.config, packaged.config)
        known = {"training_minutes": minutes} if minutes else {}
        packaged.write_summary({**run.read_summary(), **known})
    except OSError as error:
        raise ConfigError(
            f"output: a folder that can be written. Received: {packaged.path} ({error.strerror or error})"
        ) from error
    return packaged


def _write_half(source, target):
    """Copies a file of weights, float32 as float16."""
    with h5py.File(source) as old, h5py.File(target, "w") as new:

        def copy(name, item):
            if isinstance(item, h5py.Group):
                made = new.require_group(name)
            else:
                values = item[()]
                if values.dtype == np.float32:
                    values = values.astype(np.float16)
                    if not np.isfinite(values).all():
                        raise ConfigError(
                            f"run: weights within float16's ±65504. Received: {source} ({name})"
                        )
                made = new.create_dataset(name, data=values)
            made.attrs.update(item.attrs)

        new.attrs.update(old.attrs)
        old.visititems(copy)


if __name__ == "__main__":
    sys.exit(main())
