"""What the types of settings cannot say: which values go together, and which files must be there."""

import math

from tf_gradsr.config import SSIM_WINDOW, Config
from tf_gradsr.errors import ConfigError
from tf_gradsr.home import at_home


def check_config(config: Config) -> Config:
    """Checks what a field's type alone cannot say; returns the config.

    Raises:
        ConfigError: names the setting, what is allowed and what was received.
    """
    for section, settings in config.as_dict().items():
        for name, value in settings.items():
            check_finite(f"{section}.{name}", value)
    size = config.data.lr_size
    if not isinstance(size, int) and len(size) != 2:
        raise ConfigError(f"data.lr_size: a side or [height, width]. Received: {size}")
    if min(config.hr_shape) < SSIM_WINDOW:
        raise ConfigError(
            f"data.lr_size: HR sides, LR times model.scale, of at least {SSIM_WINDOW} pixels, SSIM's window. "
            f"Received: {size}, {config.hr_shape[0]}x{config.hr_shape[1]} at scale {config.model.scale}"
        )
    for name in ("widths", "discriminator_widths"):
        if getattr(config.model, name) == []:
            raise ConfigError(f"model.{name}: at least one entry, the channels at LR size. Received: []")
    if config.data.crop and config.data.crop < max(config.lr_shape):
        raise ConfigError(
            f"data.crop: at least the LR size, {max(config.lr_shape)}. Received: {config.data.crop}"
        )
    if config.data.source == "folder" and not config.data.path:
        raise ConfigError("data.path: data.source folder needs the folder of pictures. Received: nothing")
    if config.data.source == "faces" and config.data.path:
        raise ConfigError(
            "data.path: the embedded faces take no path; use data.source folder for your own pictures. "
            f"Received: {config.data.path}"
        )
    _check_degradation(config)
    _check_model_name(config)
    _check_discriminators(config)
    if config.train.initial_weights and config.train.initial_run:
        raise ConfigError(
            "train.initial_run: null beside train.initial_weights; networks start from one of the two. "
            f"Received: {config.train.initial_run}"
        )
    if config.loss.perceptual in ("discriminator", "none") and config.loss.pixel == 0:
        raise ConfigError(
            f"loss.pixel: above 0 when loss.perceptual is {config.loss.perceptual}, or nothing ties the "
            "picture to the truth from the start. Received: 0"
        )
    if config.model.consistency == "exact" and config.data.downscale != "area":
        raise ConfigError(
            "data.downscale: model.consistency exact needs area, whose projection is exact. "
            f"Received: {config.data.downscale}"
        )
    return config


def check_finite(name: str, value) -> None:
    """Raises `ConfigError` for infinity or NaN, or a list that holds one."""
    for number in value if isinstance(value, list) else [value]:
        if isinstance(number, float) and not math.isfinite(number):
            raise ConfigError(f"{name}: a finite number. Received: {value}")


def check_consistency(consistency: str, config: Config) -> None:
    """Checks that a model's pictures can be made consistent with their input.

    Raises:
        ConfigError: exact consistency with a model that was trained on bicubic LR pictures.
    """
    if consistency == "exact" and config.data.downscale != "area":
        raise ConfigError(
            "consistency: none for a model trained with data.downscale "
            f"{config.data.downscale}; the exact projection is that of area. Received: exact"
        )


def _check_degradation(config):
    """Checks the ranges of `data.degrade`, whether it is in use or not."""
    data = config.data
    for name in ("degrade_frame", "degrade_jpeg"):
        bounds = getattr(data, name)
        if bounds is not None and (len(bounds) != 2 or bounds[0] > bounds[1]):
            raise ConfigError(f"data.{name}: [least, most]. Received: {bounds}")
    if data.degrade and data.degrade_frame[1] > config.model.scale:
        raise ConfigError(
            f"data.degrade_frame: at most model.scale, {config.model.scale}, as no face is larger than its "
            f"HR picture. Received: {data.degrade_frame}"
        )
    if not data.degrade_kernels:
        raise ConfigError("data.degrade_kernels: at least one. Received: []")


# Settings that the baselines do not have, and the only value that each may have with them.
GRADSR_ONLY = {
    "consistency": "learned",
    "z_injection": "concat",
    "gradient_channels": 3,
    "discriminator": "mirror",
    "generator": None,
}
# VGG-19's block5 comes after four halvings.
SMALLEST_VGG19_SIDE = 16


def _check_model_name(config):
    """Checks the settings that not every model has."""
    name, network = config.model.name, config.loss.perceptual
    own = ["vgg16", "efficientnet", "discriminator"] if name == "gradsr" else ["vgg19"]
    if network not in (*own, "none"):
        raise ConfigError(
            f"loss.perceptual: {', '.join(own)} or none with model.name {name}. Received: {network}"
        )
    if name == "gradsr":
        return
    if config.train.precision != "float32":
        raise ConfigError(
            f"train.precision: float32 (the default) with model.name {name}; only gradsr has the choice. "
            f"Received: {config.train.precision}"
        )
    for setting, value in GRADSR_ONLY.items():
        received = getattr(config.model, setting)
        if received != value:
            raise ConfigError(
                f"model.{setting}: {value} (the default) with model.name {name}; only gradsr has the choice. "
                f"Received: {received}"
            )
    if network == "vgg19" and min(config.hr_shape) < SMALLEST_VGG19_SIDE:
        raise ConfigError(
            f"data.lr_size: HR sides of at least {SMALLEST_VGG19_SIDE} pixels for loss.perceptual vgg19. "
            f"Received: {config.data.lr_size}, {config.hr_shape[0]}x{config.hr_shape[1]} at scale "
            f"{config.model.scale}"
        )


def _check_discriminators(config):
    """Checks that there is a D_I and that the settings around it fit together."""
    kind, loss = config.model.discriminator, config.loss
    if config.model.name != "gradsr":
        return
    if (loss.faces or loss.identity) and not config.model.face_features:
        raise ConfigError(
            "model.face_features: the folder of the unpacked npm package @vladmandic/face-api for loss.faces "
            "and loss.identity. Received: nothing"
        )
    if (loss.distillation > 0) != bool(config.train.teacher):
        raise ConfigError(
            "train.teacher: the folder of a trained run with loss.distillation above 0, else null. "
            f"Received: {config.train.teacher or 'nothing'}, loss.distillation {loss.distillation}"
        )
    if kind == "mirror" and loss.mirror == 0:
        raise ConfigError(
            "loss.mirror: above 0 with model.discriminator mirror, or nothing judges the samples. Received: 0"
        )
    if loss.perceptual == "discriminator" and (kind == "projected" or loss.mirror == 0):
        raise ConfigError(
            "loss.perceptual: discriminator takes features of the paper's D_I, so model.discriminator mirror "
            f"or both and loss.mirror above 0. Received: {loss.perceptual}"
        )


def is_there(path) -> bool:
    """Whether a path, in which `~` is allowed, exists; False also if the system refuses to say."""
    try:
        return at_home(path).exists()
    # A name that is too long, a folder that may not be entered, or a home of no known user.
    except (OSError, RuntimeError):
        return False


def check_paths(config: Config) -> Config:
    """Checks that the files that a config names are there; returns the config.

    Separate from `check_config`, because a config may be read where its pictures are not.

    Raises:
        ConfigError: names the setting and the missing path.
    """
    named = {"data.path": config.data.path}
    if config.loss.perceptual.startswith("vgg") and config.loss.vgg_weights not in ("imagenet", "random"):
        named["loss.vgg_weights"] = config.loss.vgg_weights
    named["train.initial_weights"] = config.train.initial_weights
    named["train.initial_run"] = config.train.initial_run
    for name, path in named.items():
        if path and not is_there(path):
            raise ConfigError(f"{name}: an existing path. Received: {path}")
    return config
