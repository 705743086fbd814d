"""What a run takes from other runs: the initial weights, and a teacher."""

from tf_gradsr.config import Config
from tf_gradsr.config_files import load_config
from tf_gradsr.digests import check_digest
from tf_gradsr.errors import ConfigError, reason_of
from tf_gradsr.home import at_home
from tf_gradsr.registry import load_generator
from tf_gradsr.run_folder import RunFolder
from tf_gradsr.training.checkpoints import CheckpointError, Checkpoints


def start_from_other_run(model, config: Config) -> None:
    """Starts a model's networks from `train.initial_weights` or `train.initial_run`, if either is given.

    Args:
        model: a compiled `SuperResolver` with fresh weights.
        config: a checked `Config`.

    Raises:
        ConfigError: the weights or the checkpoint are missing, cannot be read or do not fit.
    """
    if config.train.initial_weights:
        _load_generator(model, config.train.initial_weights)
    if config.train.initial_run:
        _read_checkpoint("train.initial_run", config.train.initial_run, model, config)


# What a teacher and its pupil must have in common.
SHARED = ("scale", "z_size", "gradient_channels")


def load_teacher(model, config: Config, precision: str = "float32", trust: bool = False) -> None:
    """Gives a model the generator that `train.teacher` names, if it is given.

    Args:
        model: a compiled `GradSR`.
        config: a checked `Config`.
        precision: of the teacher's convolutions.
        trust: whether code that the teacher's config names may be run; what `config` names may.

    Raises:
        ConfigError: there are no such weights, or their model has other inputs or outputs.
    """
    if not config.train.teacher:
        return
    try:
        folder = RunFolder.trained(config.train.teacher)
    except ConfigError as error:
        raise ConfigError(f"train.teacher: {str(error).removeprefix('run: ')}") from error
    taught = load_config(folder.config, trust)
    if taught.model.generator == config.model.generator:
        taught.model.generator = config.model.generator
    for name in SHARED:
        theirs, ours = getattr(taught.model, name), getattr(config.model, name)
        if theirs != ours:
            raise ConfigError(f"model.{name}: as the teacher's, {theirs}. Received: {ours}")
    if taught.model.name != "gradsr":
        raise ConfigError(f"train.teacher: a run of gradsr. Received: one of {taught.model.name}")
    try:
        teacher = load_generator(folder, taught, precision)
    except ConfigError as error:
        raise ConfigError(f"train.teacher: {str(error).removeprefix('run: ')}") from error
    teacher.trainable = False
    model.teacher = teacher


def _load_generator(model, path):
    """Starts G and its average from a weights file."""
    try:
        check_digest(at_home(path))
        for network in (model.generator, model.ema_generator):
            network.load_weights(at_home(path))
    # The file's reader may raise anything.
    except Exception as error:
        raise ConfigError(
            f"train.initial_weights: a generator.weights.h5 of a run with the same model settings. "
            f"Received: {path} ({reason_of(error)})"
        ) from error


def _read_checkpoint(setting, path, model, config):
    """Reads the networks of another run's newest checkpoint."""
    other = RunFolder(path)
    try:
        differing = other.differing_settings(config, section="model")
        if differing:
            raise ConfigError(f"{differing[0]} differs")
        Checkpoints(other.checkpoints, model, config.train.seed).read_networks()
    except (ConfigError, CheckpointError, OSError) as error:
        raise ConfigError(
            f"{setting}: the folder of a run with a checkpoint and the same model settings. "
            f"Received: {path} ({reason_of(error)})"
        ) from error
