"""Train GradSR, or a baseline:

python -m tf_gradsr.train --config configs/quickstart.yaml --run_dir runs/quickstart

Started again on the same run_dir, it goes on from the last checkpoint. Ctrl-C saves one before leaving.
"""

import gc
import os
import sys

from tf_gradsr.config import Config, ConfigError, check_config, check_paths, is_there
from tf_gradsr.config_parser import (
    EXIT_BAD_SETTING,
    Parser,
    add_config_arguments,
    config_from,
    show_any_name,
)
from tf_gradsr.run_folder import RunFolder

# A trial of every part in about a minute: tiny networks, few pictures, both phases, nothing to download.
SMOKE = {
    "data": {"limit": 16},
    "loss": {
        "perceptual": "none",
        "discriminator_run": None,
        "pixel": 1.0,
        "faces": 0.0,
        "identity": 0.0,
        "distillation": 0.0,
    },
    "model": {
        "blocks": 1,
        "discriminator_blocks": 1,
        "widths": [8],
        "discriminator_widths": [8],
        "growth_channels": 4,
        "features_side": 32,
        "face_features": None,
    },
    "train": {
        "steps": 4,
        "reconstruction_steps": 2,
        "log_interval": 1,
        "sample_interval": 2,
        "validation_interval": 2,
        "validation_pictures": 4,
        "checkpoint_interval": 2,
        "initial_weights": None,
        "initial_run": None,
        "teacher": None,
        "summary_pictures": 4,
    },
}


def build_parser() -> Parser:
    """The command line's parser."""
    parser = Parser(prog="tf_gradsr.train", description=__doc__)
    parser.add_argument(
        "--run_dir", type=str, help="Folder of the run, made if needed; resumed if it holds one."
    )
    parser.add_argument(
        "--smoke",
        action="store_true",
        help="Try every part with tiny networks for a few steps, without downloads, on the embedded faces "
        "where the config's pictures are not there; options given beside it still hold. Not for quality.",
    )
    add_config_arguments(parser)
    return parser


def main(argv=None) -> int:
    """Runs the command line; returns 0 done, 1 failed, 2 bad setting, 128 + n for signal n."""
    parser = build_parser()
    arguments = parser.parse_args(argv)
    show_any_name()
    try:
        config = config_from(arguments)
        if not arguments.run_dir:
            raise ConfigError(
                "run_dir: the folder of the run, for example --run_dir runs/first. Received: nothing"
            )
        if arguments.smoke:
            _make_small(config, given=sys.argv[1:] if argv is None else argv)
        return _run(check_paths(config), arguments.run_dir)
    except ConfigError as error:
        print(f"{parser.prog}: error: {error}", file=sys.stderr)
        return EXIT_BAD_SETTING
    except KeyboardInterrupt:
        print("Interrupted. The last checkpoint, if there is one, is kept.", file=sys.stderr)
        return 130
    finally:
        # A fit stopped within an epoch leaves its iterator in a reference cycle of Keras. Destroyed at the
        # interpreter's end, when its threads can no longer run Python, it now and then waited for ever.
        gc.collect()


def _make_small(config: Config, given) -> None:
    """Applies `SMOKE` to all settings but those given on the command line."""
    options = {option.split("=")[0] for option in given}
    path = config.data.path
    if config.data.source == "celeb_a" and not path:
        config.data.source = "faces"
    # A config's placeholder; a path given on the command line is meant.
    given_path = "--data.path" in options
    if config.data.source == "folder" and not given_path and not is_there(path):
        config.data.source, config.data.path = "faces", None
    for section, settings in SMOKE.items():
        for name, value in settings.items():
            if f"--{section}.{name}" not in options:
                setattr(getattr(config, section), name, value)
    check_config(config)


def _run(config, run_dir):
    # TensorFlow's start-up notes on missing GPUs would bury our own lines; read when it is imported.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    from tf_gradsr.training.callbacks import TrainingDiverged
    from tf_gradsr.training.checkpoints import CheckpointError
    from tf_gradsr.training.trainer import Interrupted, train

    gpus = len(tf.config.list_physical_devices("GPU"))
    print(
        f"Training on {f'{gpus} GPU(s)' if gpus else 'the CPU'}, TensorFlow {tf.__version__}", file=sys.stderr
    )
    try:
        summary = train(config, run_dir)
    except Interrupted as stop:
        print(
            f"Stopped at step {stop.step}, checkpoint saved. The same command goes on from there.",
            file=sys.stderr,
        )
        return 128 + stop.signal
    except (TrainingDiverged, CheckpointError) as error:
        print(f"tf_gradsr.train: error: {error}", file=sys.stderr)
        return 1
    except tf.errors.ResourceExhaustedError as error:
        print(
            f"tf_gradsr.train: error: train.batch_size: one that fits the device's memory "
            f"({error.message.splitlines()[0]}); the last checkpoint is kept. "
            f"Received: {config.train.batch_size}",
            file=sys.stderr,
        )
        return 1
    minutes = RunFolder(run_dir).cpu_minutes()
    print(f"\nRun folder: {run_dir} ({config.train.steps} steps, {minutes:.1f} CPU minutes)")
    print(summary_table(summary))
    return 0


def summary_table(summary: dict) -> str:
    """The summary as a small table for the terminal."""
    lines = [f"{'':14}{'PSNR dB':>9}{'SSIM':>8}{'LR-PSNR dB':>12}{'spread (0-255)':>16}"]
    model = "model, z = 0" if "sample_std" in summary["model"] else "model"
    for row, title in (("bicubic", "bicubic"), ("model", model)):
        figures = summary[row]
        spread = f"{figures['sample_std']:.2f}" if "sample_std" in figures else "-"
        lines.append(
            f"{title:14}{figures['psnr']:>9.2f}{figures['ssim']:>8.3f}{figures['lr_psnr']:>12.1f}{spread:>16}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
