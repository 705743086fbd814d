"""What a `Hallucinator` returns: arrays, which become PIL pictures or files."""

from typing import NamedTuple

import numpy as np
from PIL import Image

from tf_gradsr.home import at_home


class Reconstruction(NamedTuple):
    """The most likely pictures, z = 0."""

    image: np.ndarray
    """uint8 `[B, H, W, 3]`, RGB."""
    gradient: np.ndarray
    """float32 `[B, H, W, 3 or 1]`, >= 0: the image gradient as G outputs it, of the picture in [-1, 1]."""

    def pil(self):
        """Returns a `PIL.Image.Image`; for several pictures, a list of them."""
        pictures = [Image.fromarray(image) for image in self.image]
        return pictures[0] if len(pictures) == 1 else pictures

    def save(self, path) -> list:
        """Writes a picture in the format of the path's ending; several as NAME_00.png, NAME_01.png ...

        Returns:
            The paths written.

        Raises:
            ValueError: the path has no picture's ending. OSError: it cannot be written.
        """
        return _saved(self.image, path)

    def __repr__(self):
        return f"Reconstruction({_described(self.image)})"


class Samples(NamedTuple):
    """Several plausible pictures for each LR picture."""

    images: np.ndarray
    """uint8 `[B, N, H, W, 3]`, RGB."""
    gradients: np.ndarray
    """float32 `[B, N, H, W, 3 or 1]`, >= 0."""
    mean: np.ndarray
    """float32 `[B, H, W, 3]`, 0-255: mean over the samples."""
    stddev: np.ndarray
    """float32 `[B, H, W, 3]`, grey levels: root of the unbiased variance over samples; 0 for one sample."""

    def pil(self) -> list:
        """Returns the N samples as `PIL.Image.Image`; for several LR pictures, a list of N for each."""
        pictures = [[Image.fromarray(image) for image in samples] for samples in self.images]
        return pictures[0] if len(pictures) == 1 else pictures

    def save(self, path) -> list:
        """Writes every sample as NAME_00.png, NAME_01.png ..., those of the first LR picture first.

        Returns:
            The paths written.

        Raises:
            ValueError: the path has no picture's ending. OSError: it cannot be written.
        """
        return _saved(self.images.reshape(-1, *self.images.shape[2:]), path)

    def __repr__(self):
        spread = f"spread {self.stddev.mean():.2f} grey levels"
        return f"Samples({self.images.shape[1]} of each, {_described(self.images[:, 0])}, {spread})"


def _described(images):
    count, height, width = images.shape[:3]
    return f"{count} {'picture' if count == 1 else 'pictures'} of {width}x{height}"


def _saved(images, path):
    path = at_home(path)
    if path.suffix.lower() not in Image.registered_extensions():
        raise ValueError(f"path: a name with a picture's ending, such as faces.png. Received: {path}.")
    if len(images) == 1:
        paths = [path]
    else:
        digits = max(2, len(str(len(images) - 1)))
        paths = [path.with_name(f"{path.stem}_{n:0{digits}d}{path.suffix}") for n in range(len(images))]
    for image, target in zip(images, paths):
        Image.fromarray(image).save(target)
    return paths
