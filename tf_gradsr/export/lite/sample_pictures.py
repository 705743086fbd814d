"""LR pictures for comparing a LiteRT file and for calibrating an int8 file."""

from dataclasses import replace

import numpy as np

from tf_gradsr.config import Config, DataConfig
from tf_gradsr.data import stream_batches, stream_pictures
from tf_gradsr.errors import ConfigError

# How many pictures a file is compared on.
COMPARED = 16
EMBEDDED = "embedded"


def calibration_pictures(config: Config, lr_shape: tuple, path, count: int):
    """LR pictures of a run: its training pictures to calibrate with, its test pictures to compare on.

    Args:
        config: the run's. lr_shape: (height, width).
        path: where its pictures are; None: where the config says; "embedded", the package's own faces.
        count: how many to calibrate with, at most.

    Returns:
        (uint8 `[N, h, w, 3]`, uint8 `[M, h, w, 3]`).

    Raises:
        ConfigError: there are no such pictures.
    """
    data = replace(config.data, lr_size=list(lr_shape))
    if path == EMBEDDED:
        data = replace(data, source="faces", path=None)
    elif path:
        source = "folder" if data.source == "faces" else data.source
        data = replace(data, source=source, path=path)
    config = replace(config, data=data)
    try:
        return lr_pictures(config, "train", count), lr_pictures(config, "test", COMPARED)
    except ConfigError as error:
        # Named by the option of this command; the run's config may come from another machine.
        raise ConfigError(
            "representative_path: for int8, the folder of the run's pictures, if they are not where its "
            f"config.yaml says, or the word {EMBEDDED}. Received: {path or 'nothing'} ({error})"
        ) from error


def comparison_pictures(config: Config, lr_shape: tuple) -> np.ndarray:
    """Embedded faces, which every installation has, and hard pictures: noise, black and white.

    Returns:
        uint8 `[N, h, w, 3]`.
    """
    # At twice the LR size, to avoid the warning about faces smaller than HR.
    faces = replace(
        config,
        data=DataConfig(source="faces", lr_size=list(lr_shape), downscale=config.data.downscale),
        model=replace(config.model, scale=2),
    )
    noise = np.random.default_rng(0).integers(0, 256, (2, *lr_shape, 3), np.uint8)
    flat = np.stack([np.zeros_like(noise[0]), np.full_like(noise[0], 255)])
    return np.concatenate([lr_pictures(faces, "test", COMPARED - 4), noise, flat])


def lr_pictures(config: Config, split: str, count: int) -> np.ndarray:
    """The first LR pictures of a split, uint8 `[N, h, w, 3]`, N <= count."""
    limited = replace(config, data=replace(config.data, limit=min(count, config.data.limit or count)))
    batches = stream_batches(stream_pictures(limited, split), limited, count)
    return np.concatenate([lr for _, _, lr in batches])
