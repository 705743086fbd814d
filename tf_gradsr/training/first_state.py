"""What a run's networks have from other runs: their start, and frozen features."""

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
        _read_checkpoint("train.initial_run", config.train.initial_run, model, config)


def load_frozen_discriminator(model, config: Config) -> None:
    """Brings in the D_I that `loss.discriminator_run` names, if it does, whenever a run starts or goes on.

    Args:
        model: a compiled `SuperResolver`.
        config: a checked `Config`.

    Raises:
        ConfigError: the checkpoint is not there, cannot be read or does not fit.
    """
    if config.loss.discriminator_run:
        into = {"image_discriminator": model.frozen_discriminator}
        _read_checkpoint("loss.discriminator_run", config.loss.discriminator_run, model, config, into)


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


def _read_checkpoint(setting, path, model, config, into=None):
    """Reads another run's newest checkpoint: networks by name, or all of the model's."""
    other = RunFolder(path)
    try:
        differing = other.differing_settings(config, section="model")
        if differing:
            raise ConfigError(f"{differing[0]} differs")
        Checkpoints(other.checkpoints, model, config.train.seed).read_networks(into)
    except (ConfigError, CheckpointError, OSError) as error:
        raise ConfigError(
            f"{setting}: the folder of a run with a checkpoint and the same model settings. "
            f"Received: {path} ({reason_of(error)})"
        ) from error
