"""What a run's networks have from other runs: their start, and frozen features."""

from pathlib import Path

from tf_gradsr.config import Config, TrainConfig
from tf_gradsr.config_files import load_config
from tf_gradsr.errors import ConfigError, reason_of
from tf_gradsr.files import replaced_when_complete
from tf_gradsr.models import build_generator
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


# What a teacher and its pupil must have in common.
SHARED = ("scale", "z_size", "gradient_channels")


def load_teacher(model, config: Config, precision: str = "float32") -> None:
    """Gives a model the generator that `train.teacher` names, if it does.

    Args:
        model: a compiled `GradSR`.
        config: a checked `Config`.
        precision: of the teacher's convolutions.

    Raises:
        ConfigError: there are no such weights, or they are of a model that takes or gives other things.
    """
    if not config.train.teacher:
        return
    folder = RunFolder.trained(config.train.teacher)
    taught = load_config(folder.config)
    for name in SHARED:
        theirs, ours = getattr(taught.model, name), getattr(config.model, name)
        if theirs != ours:
            raise ConfigError(f"model.{name}: as the teacher's, {theirs}. Received: {ours}")
    if taught.model.name != "gradsr":
        raise ConfigError(f"train.teacher: a run of gradsr. Received: one of {taught.model.name}")
    teacher = build_generator(taught, precision)
    try:
        teacher.load_weights(folder.weights)
    # The file's reader raises whatever it trips over.
    except Exception as error:
        raise ConfigError(
            f"train.teacher: weights that fit the run's config.yaml. Received: {folder.weights} "
            f"({reason_of(error)})"
        ) from error
    teacher.trainable = False
    model.teacher = teacher


def load_frozen_discriminator(model, config: Config, folder: RunFolder, step: int) -> None:
    """Brings in the D_I that `loss.discriminator_run` names, if it does.

    A run that goes on has a copy of its own, because the other run may have gone on too.

    Args:
        model: a compiled `SuperResolver`.
        config: a checked `Config`.
        folder: the run's own.
        step: steps done.

    Raises:
        ConfigError: the checkpoint is not there, cannot be read, does not fit, or its D_I has not been
            trained at full size; or the copy cannot be read.
    """
    if not config.loss.discriminator_run:
        return
    if not step:
        setting, path = "loss.discriminator_run", config.loss.discriminator_run
        _read_checkpoint(setting, path, model, config, {"image_discriminator": model.frozen_discriminator})
        return
    try:
        model.frozen_discriminator.load_weights(folder.frozen_discriminator)
    # The file's reader raises whatever it trips over.
    except Exception as error:
        raise ConfigError(
            "run_dir: a run with the copy of the frozen discriminator that it began with. "
            f"Received: {folder.frozen_discriminator} ({reason_of(error)})"
        ) from error


def save_frozen_discriminator(model, config: Config, folder: RunFolder) -> None:
    """Writes the copy that `load_frozen_discriminator` reads when the run goes on, if there is anything."""
    if config.loss.discriminator_run:
        with replaced_when_complete(folder.frozen_discriminator) as partial:
            model.frozen_discriminator.save_weights(partial)


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
        checkpoints = Checkpoints(other.checkpoints, model, config.train.seed)
        checkpoints.read_networks(into)
        if into is not None:
            _check_trained(load_config(other.config).train, checkpoints.steps()[-1])
    except (ConfigError, CheckpointError, OSError) as error:
        raise ConfigError(
            f"{setting}: the folder of a run with a checkpoint and the same model settings. "
            f"Received: {path} ({reason_of(error)})"
        ) from error


def _check_trained(settings: TrainConfig, step):
    """Refuses discriminators that have not been trained at full size by a step."""
    untrained = settings.reconstruction_steps + sum(steps for _, steps in settings.grow or [])
    if step <= untrained:
        raise ConfigError(f"at step {step}, its D_I is trained at full size from step {untrained} on")
