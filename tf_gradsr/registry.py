"""The models by their name in a config, `model.name`."""

from tf_gradsr.baselines import ESRGAN, SRGAN, build_rrdbnet, build_srresnet
from tf_gradsr.config import Config
from tf_gradsr.errors import ConfigError, reason_of
from tf_gradsr.models import GradSR, SuperResolver, build_gradsr_generator
from tf_gradsr.optimizers import build_optimizers, ema_decay
from tf_gradsr.process import check_process
from tf_gradsr.run_folder import RunFolder

# model.name: the model and the maker of its generator.
MODELS = {
    "gradsr": (GradSR, build_gradsr_generator),
    "srgan": (SRGAN, build_srresnet),
    "esrgan": (ESRGAN, build_rrdbnet),
}


def build_model(config: Config, precision: str = "float32", jit_compile: bool = False) -> SuperResolver:
    """The compiled model of a checked config, with fresh weights. Call it inside the strategy's scope.

    Args:
        config: a checked `Config`.
        precision: what to train with, as `train.precision`, which is not read here.
        jit_compile: whether XLA compiles the step.

    Raises:
        ConfigError: weights of a pretrained network are needed and cannot be obtained.
    """
    make = MODELS[config.model.name][0]
    model = make(config) if precision == "float32" else make(config, precision)
    g_optimizer, d_optimizer = build_optimizers(config)
    decay = ema_decay(config.optimizer.ema_half_life, config.train.batch_size)
    model.compile(config.loss, g_optimizer, d_optimizer, decay, jit_compile)
    return model


def build_generator(config: Config, precision: str = "float32"):
    """The generator alone of a checked config, with fresh weights: what `generator.weights.h5` fits.

    Args:
        config: a checked `Config`.
        precision: what to compute with, as `train.precision`, which is not read here.

    Returns:
        A built Keras network `(lr float32 [B, h, w, 3] in [-1, 1], z float32 [B, m])` -> two lists, coarse
        to fine, full size last: pictures and image gradients. `stochastic` says whether z matters.

    Raises:
        ConfigError: a baseline in another precision than float32; see also `check_process`.
    """
    check_process()
    make = MODELS[config.model.name][1]
    if precision == "float32":
        return make(config)
    if config.model.name != "gradsr":
        raise ConfigError(
            f"precision: float32 with model.name {config.model.name}; only gradsr has the choice. "
            f"Received: {precision}"
        )
    return make(config, precision)


def load_generator(folder: RunFolder, config: Config, precision: str = "float32"):
    """The averaged generator of a run; see `build_generator`.

    Args:
        folder: from `RunFolder.trained`. config: the run's.

    Raises:
        ConfigError: the weights do not fit the config; or see `build_generator`.
    """
    generator = build_generator(config, precision)
    try:
        generator.load_weights(folder.weights)
    # The file's reader may raise anything.
    except Exception as error:
        raise ConfigError(
            f"run: weights that fit the run's config.yaml. Received: {folder.weights} ({reason_of(error)})"
        ) from error
    return generator
