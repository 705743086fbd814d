"""The picture that a model starts from: read, made small if asked, and refused if it is too large."""

import tensorflow as tf

from tf_gradsr.gallery.reading import UnreadablePicture, make_pair, read_picture
from tf_gradsr.memory import available_memory

# Bytes of memory per HR pixel at the peak: sums over samples (48), a picture with gradient (15), floats.
BYTES_A_PIXEL = 140
# Bytes of memory per HR pixel of one forward pass, at the default widths.
BYTES_OF_FEATURES = 900


class TooLarge(ValueError):
    """A picture's results do not fit the memory or the file format."""


# What can go wrong with one file while others work.
FAILURES = (UnreadablePicture, TooLarge, OSError, MemoryError, tf.errors.ResourceExhaustedError)


def read_lr(source, config, settings, cut=lambda picture: picture) -> tuple:
    """Reads the picture that a model starts from.

    Args:
        source: see `read_picture`. config: the model's `Config`.
        settings: with `downscale` and `lr_size`, as the command line has them.
        cut: with `downscale`, called with the `Picture` that was read, for the part of it to make LR from.

    Returns:
        (LR, HR or None), both `Picture`.

    Raises:
        UnreadablePicture: it is broken, too large or too small, or not a picture.
    """
    picture = read_picture(source, reduced=settings.downscale)
    if not settings.downscale:
        return picture, None
    return make_pair(cut(picture), config.model.scale, config.data.downscale, settings.lr_size)


def check_room(hallucinator, lr, bytes_a_pixel: int = BYTES_A_PIXEL) -> None:
    """Refuses what would fill the memory, before the system kills the process half-way.

    Args:
        hallucinator: a `Hallucinator`. lr: `[h, w, 3]`. bytes_a_pixel: of the results, for each HR pixel.

    Raises:
        TooLarge: less is free.
    """
    height, width = (side * hallucinator.scale for side in lr.shape[:2])
    needed = height * width * bytes_a_pixel
    needed += min(height * width, hallucinator.pixels_at_once) * BYTES_OF_FEATURES
    available = available_memory()
    if needed > available:
        raise TooLarge(
            f"a result of {width}x{height} needs {needed / 1e9:.1f} GB of memory, "
            f"but {available / 1e9:.1f} GB are free; cut the picture, or, if it is already large, give "
            f"--downscale --lr_size {min(hallucinator.config.lr_shape)}"
        )
