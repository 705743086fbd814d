"""Make a run small enough for the package:

gradsr package --run runs/faces_8x --output tf_gradsr/pretrained/faces_8x

Writes a run folder with the averaged generator (and the network that estimates clean LR, if there is one)
as float16, half the size, their SHA-256, the config and the summary. Any command takes it as --run; pictures
differ from the run's by a grey level here and there.
"""

import sys
from typing import Optional

import h5py
import numpy as np
from jsonargparse.typing import NonNegativeFloat

from tf_gradsr.cli import Parser, run
from tf_gradsr.config_files import load_config, save_config
from tf_gradsr.errors import ConfigError
from tf_gradsr.files import claim_output, files_of, sha256_of, unwritable
from tf_gradsr.run_folder import RunFolder

PACKAGED_RUN = files_of(
    "a packaged run",
    (
        "config.yaml",
        "summary.json",
        "generator.weights.h5",
        "generator.weights.sha256",
        "clean_lr.weights.h5",
        "clean_lr.weights.sha256",
    ),
)


def build_parser() -> Parser:
    """The command line's parser."""
    parser = Parser(prog="gradsr package", description=__doc__)
    parser.add_argument("--run", type=str, metavar="DIR", help="Folder of a training run.")
    parser.add_argument("-o", "--output", type=str, metavar="DIR", help="Folder to write, made if needed.")
    for kind, meaning in (("cpu", "all cores"), ("gpu", "all GPUs")):
        parser.add_argument(
            f"--{kind}_minutes",
            type=Optional[NonNegativeFloat],
            help=f"Cost of training over all stages, in minutes of {meaning}; if left out, the run's own.",
        )
    parser.add_argument("--overwrite", action="store_true", help="Replace what is already there.")
    return parser


def main(argv=None) -> int:
    """Runs the command; returns its exit status, see `tf_gradsr.cli`."""
    return run(build_parser(), _execute, argv, interrupted="Nothing was written.")


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
    """Writes a run's weights as float16, their checksums, its config and, if there is one, its summary.

    Args:
        run: a trained run.
        output: path of the folder.
        overwrite: whether to replace what is there.
        minutes: for the summary, see `RunFolder.training_minutes`; None leaves them out.

    Returns:
        The folder written.

    Raises:
        ConfigError: the folder cannot be written or already holds a run, or a weight is beyond float16.
    """
    path = RunFolder(output).path
    try:
        with claim_output(path, overwrite, PACKAGED_RUN) as folder:
            packaged = RunFolder(folder)
            _write_half(run.weights, packaged.weights, packaged.checksum)
            if run.clean_lr.is_file():
                _write_half(run.clean_lr, packaged.clean_lr, packaged.clean_lr_checksum)
            save_config(load_config(run.config), packaged.config)
            known = {"training_minutes": minutes} if minutes else {}
            packaged.write_summary({**run.read_summary(), **known})
    except OSError as error:
        raise unwritable(path, error) from error
    return RunFolder(path)


def _write_half(source, target, checksum):
    """Copies a file of weights, float32 as float16, and writes the copy's checksum."""
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
    checksum.write_text(f"{sha256_of(target)}  {target.name}\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
