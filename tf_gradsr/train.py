"""Train GradSR, or a baseline:

gradsr train --config configs/quickstart.yaml --run_dir runs/quickstart

Started again on the same run_dir, it continues from the last checkpoint. Ctrl-C saves one before leaving.
"""

import signal
import sys
from argparse import SUPPRESS
from dataclasses import fields
from typing import Literal

from tf_gradsr.cli import SHARED_OPTIONS, CommandFailed, Parser, run
from tf_gradsr.config import Config
from tf_gradsr.config_checks import check_config, check_paths, is_there
from tf_gradsr.config_files import add_config_arguments, config_from
from tf_gradsr.disk import disk_full
from tf_gradsr.errors import ConfigError
from tf_gradsr.options import add_trust
from tf_gradsr.run_folder import RunFolder
from tf_gradsr.signals import ENDING, handled
from tf_gradsr.standard_streams import say
from tf_gradsr.tensorflow_start import start_tensorflow, use_deterministic_kernels

# Tries every part in about a minute: tiny networks, few pictures, both phases, nothing to download.
SMOKE = {
    "data": {"limit": 16},
    "loss": {
        "perceptual": "none",
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


# What `--help` shows; `--help_all` shows every setting.
MOST_CHANGED = {
    "data.source",
    "data.path",
    "data.lr_size",
    "data.limit",
    "data.cache",
    "model.name",
    "model.scale",
    "model.blocks",
    "model.widths",
    "model.consistency",
    "model.discriminator",
    "loss.perceptual",
    "optimizer.g_learning_rate",
    "train.steps",
    "train.batch_size",
    "train.seed",
    "train.precision",
    "train.initial_weights",
    "train.checkpoint_interval",
    "train.validation_interval",
}


_SECTIONS = {section.name for section in fields(Config)}


def build_parser(all_settings: bool = True) -> Parser:
    """The command line's parser; without `all_settings` its help shows only those of `MOST_CHANGED`."""
    parser = Parser(prog="gradsr train", description=__doc__)
    parser.add_argument(
        "--run_dir", type=str, help="Folder of the run, made if needed; resumed if it holds one."
    )
    parser.add_argument(
        "--smoke",
        action="store_true",
        help="Try every part with tiny networks for a few steps, without downloads, on the embedded faces "
        "if the config's pictures are missing; options given with it still apply. Not for quality.",
    )
    parser.add_argument(
        "--distribution",
        type=Literal["auto", "none", "mirrored", "multi_worker", "tpu"],
        default="auto",
        help="The devices that share each batch. none: one device. mirrored: all GPUs of this machine. "
        "multi_worker: those of all machines that the environment's TF_CONFIG names, each of which runs the "
        "same command. tpu: a TPU's cores. auto: multi_worker if there is a TF_CONFIG, mirrored if there are "
        "several GPUs, otherwise none.",
    )
    add_trust(parser.add_argument)
    add_config_arguments(parser)
    if not all_settings:
        parser.epilog = (
            f"These are the {len(MOST_CHANGED)} settings that people change most; --help_all shows all.\n"
            f"{SHARED_OPTIONS}"
        )
        parser.usage = "gradsr train --config FILE --run_dir DIR [--SETTING VALUE ...]"
        for action in parser._actions:
            name = action.dest
            if name in _SECTIONS or ("." in name and name not in MOST_CHANGED):
                action.help = SUPPRESS
    return parser


def main(argv=None) -> int:
    """Runs the command; returns its exit status, see `tf_gradsr.cli`."""
    typed, all_settings = sys.argv[1:] if argv is None else list(argv), True
    if "--help_all" in typed:
        typed = ["--help"]
    # Settings without help are left out of --print_config, too.
    elif {"-h", "--help"} & set(typed):
        all_settings = False
    return run(
        build_parser(all_settings),
        _execute,
        typed,
        interrupted="The last checkpoint, if there is one, is kept.",
    )


def _execute(settings):
    config = config_from(settings)
    if not settings.run_dir:
        raise ConfigError(
            "run_dir: the folder of the run, for example --run_dir runs/first. Received: nothing"
        )
    if settings.smoke:
        _make_small(config, given=settings.typed)
    check_paths(config)
    start_tensorflow(settings.verbose)
    if config.train.deterministic:
        use_deterministic_kernels()
    return _train(config, settings)


def _make_small(config: Config, given) -> None:
    """Applies `SMOKE` to all settings but those given on the command line."""
    options = {option.split("=")[0] for option in given}
    path = config.data.path
    if config.data.source == "celeb_a" and not path:
        config.data.source = "faces"
    # A path in a config may be a placeholder; one given on the command line is meant.
    given_path = "--data.path" in options
    if config.data.source == "folder" and not given_path and not is_there(path):
        config.data.source, config.data.path = "faces", None
    for section, settings in SMOKE.items():
        for name, value in settings.items():
            if f"--{section}.{name}" not in options:
                setattr(getattr(config, section), name, value)
    check_config(config)


def _train(config, settings):
    import tensorflow as tf

    from tf_gradsr.training.callbacks import StopRequest
    from tf_gradsr.training.checkpoints import CheckpointError
    from tf_gradsr.training.distribution import WorkerLost, choose_distribution
    from tf_gradsr.training.divergence import TrainingDiverged
    from tf_gradsr.training.run import Interrupted
    from tf_gradsr.training.trainer import train

    run_dir = settings.run_dir
    # Python's own handlers are not run while TensorFlow waits for other workers, which may be forever.
    with handled((signal.SIGINT, *ENDING), signal.SIG_DFL):
        distribution = choose_distribution(settings.distribution)
    print(f"Training on {distribution}, TensorFlow {tf.__version__}", file=sys.stderr)
    try:
        with StopRequest().listening() as stop_request:
            summary = train(
                config,
                run_dir,
                distribution=distribution,
                stop_request=stop_request,
                trust=settings.trust_run,
            )
    except WorkerLost as error:
        raise CommandFailed(str(error)) from error
    except Interrupted as stop:
        say(f"Stopped at step {stop.step}, checkpoint saved. The same command continues from there.")
        return 128 + stop.signal
    except (TrainingDiverged, CheckpointError) as error:
        raise CommandFailed(str(error)) from error
    except tf.errors.ResourceExhaustedError as error:
        # TensorFlow's word for a full disk, too.
        full = disk_full(error)
        if full:
            raise full from error
        raise CommandFailed(
            f"train.batch_size: one that fits the device's memory ({error.message.splitlines()[0]}); the "
            f"same command with a smaller --train.batch_size goes on from the last checkpoint, if there is "
            f"one. Received: {config.train.batch_size}"
        ) from error
    if summary is None:
        # The chief says it.
        return 0
    minutes = RunFolder(run_dir).cpu_minutes()
    print(f"\nRun folder: {run_dir} ({config.train.steps} steps, {minutes:.1f} CPU minutes)")
    print(summary_table(summary))
    print(f"\nNext: gradsr hallucinate face.png --run {run_dir}; gradsr evaluate --run {run_dir}")
    return 0


def summary_table(summary: dict) -> str:
    """The summary as a small table for the terminal."""
    clean = "clean_lr_psnr" in summary["model"]
    titles = ["PSNR dB", "SSIM", "LR-PSNR dB", *["clean LR-PSNR dB"] * clean, "spread (0-255)"]
    widths = [9, 8, 12, *[18] * clean, 16]
    lines = [" " * 14 + "".join(f"{title:>{width}}" for title, width in zip(titles, widths))]
    model = "model, z = 0" if "sample_std" in summary["model"] else "model"
    for row, title in (("bicubic", "bicubic"), ("model", model)):
        figures = summary[row]
        cells = [f"{figures['psnr']:.2f}", f"{figures['ssim']:.3f}", f"{figures['lr_psnr']:.1f}"]
        cells += [f"{figures['clean_lr_psnr']:.1f}"] if clean else []
        cells.append(f"{figures['sample_std']:.2f}" if "sample_std" in figures else "-")
        lines.append(f"{title:14}" + "".join(f"{cell:>{width}}" for cell, width in zip(cells, widths)))
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
