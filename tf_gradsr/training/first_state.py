"""What a new run's networks start from, if not from random weights."""

from pathlib import Path

from tf_gradsr.config import Config, ConfigError, reason_of
from tf_gradsr.run_folder import RunFolder
from tf_gradsr.training.checkpoints import CheckpointError, Checkpoints


def start_from_other_run(model, config: Config) -> None:
    """Starts a model's networks as `train.initial_weights` or `train.initial_run` says, if either does.

    Args:
        model: a compiled `SuperResolver`, its weights as made.
        config: a checked `Config`.

    Raises:
        ConfigError: the weights or the checkpoint are not there, cannot be read or do not fit.
    """
    if config.train.initial_weights:
        _load_generator(model, config.train.initial_weights)
    if config.train.initial_run:
        _load_networks(model, config)


def _load_generator(model, path):
    """Starts G and its average from a weights file."""
    try:
        for network in (model.generator, model.ema_generator):
            network.load_weights(Path(path).expanduser())
    # The file's reader raises whatever it trips over.
    except Exception as error:
        raise ConfigError(
            f"train.initial_weights: a generator.weights.h5 of a run with the same model settings. "
            f"Received: {path} ({reason_of(error)})"
        ) from error


def _load_networks(model, config):
    """Starts G, its average and the discriminators from another run's newest checkpoint."""
    path = config.train.initial_run
    other = RunFolder(path)
    try:
        differing = other.differing_settings(config, section="model")
        if differing:
            raise ConfigError(f"{differing[0]} differs")
        Checkpoints(other.checkpoints, model, config.train.seed).read_networks()
    except (ConfigError, CheckpointError, OSError) as error:
        raise ConfigError(
            "train.initial_run: the folder of a run with a checkpoint and the same model settings. "
            f"Received: {path} ({reason_of(error)})"
        ) from error
