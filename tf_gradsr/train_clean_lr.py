"""Train the network that estimates clean LR pictures, for small faces in photographs:

gradsr train-clean-lr --config configs/clean_lr.yaml --run runs/mine --data.path faces

It learns what LR pictures were before JPEG, noise and resampling damaged them (data.degrade), and is written
into the run's folder as clean_lr.weights.h5. hallucinate, photo and evaluate use it with --input_quality
photo. It takes minutes and is not resumed.
"""

import sys

from tf_gradsr.cli import Parser, run
from tf_gradsr.config import Config
from tf_gradsr.config_checks import check_paths
from tf_gradsr.config_files import add_config_arguments, config_from, load_config
from tf_gradsr.digests import replaced_with_digest
from tf_gradsr.errors import ConfigError
from tf_gradsr.files import check_output, unwritable
from tf_gradsr.run_folder import RunFolder
from tf_gradsr.tensorflow_start import start_tensorflow


def build_parser() -> Parser:
    """The command line's parser."""
    parser = Parser(prog="gradsr train-clean-lr", description=__doc__)
    parser.add_argument("--run", type=str, metavar="DIR", help="Folder of the run that it is for.")
    parser.add_argument("--overwrite", action="store_true", help="Replace the run's clean_lr.weights.h5.")
    add_config_arguments(parser)
    return parser


def main(argv=None) -> int:
    """Runs the command; returns its exit status, see `tf_gradsr.cli`."""
    return run(build_parser(), _execute, argv, interrupted="Nothing was written.")


def _execute(settings):
    config = config_from(settings)
    if not settings.run:
        raise ConfigError(
            "run: the folder of the run that it is for, for example --run runs/mine. Received: nothing"
        )
    if not config.data.degrade:
        raise ConfigError("data.degrade: true, or there is nothing to learn. Received: false")
    folder = RunFolder.trained(settings.run)
    _check_fit(load_config(folder.config), config, folder.path)
    check_output(folder.clean_lr, settings.overwrite)
    check_paths(config)
    start_tensorflow(settings.verbose)
    from tf_gradsr.training.clean_lr_trainer import train_clean_lr

    network, figures = train_clean_lr(config)
    try:
        with replaced_with_digest(folder.clean_lr) as partial:
            network.save_weights(partial)
    except OSError as error:
        raise unwritable(folder.clean_lr, error) from error
    print(
        f"{folder.clean_lr}: LR {figures['input_psnr']:.2f} dB, estimated {figures['psnr']:.2f} dB at z = 0 "
        f"against clean LR; samples: CRPS {figures['crps']:.2f} grey levels, spread/error "
        f"{figures['spread_error']:.2f}"
    )
    print(f"\nNext: gradsr hallucinate face.png --run {settings.run} --input_quality photo")
    return 0


def _check_fit(of_run: Config, config: Config, path):
    """Refuses a network that would not fit the run's generator."""
    for section, name in (
        ("model", "scale"),
        ("model", "z_size"),
        ("data", "lr_size"),
        ("data", "downscale"),
    ):
        expected, received = (getattr(getattr(c, section), name) for c in (of_run, config))
        if expected != received:
            raise ConfigError(f"{section}.{name}: {expected}, as in {path}. Received: {received}")


if __name__ == "__main__":
    sys.exit(main())
