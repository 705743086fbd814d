"""The weights of LPIPS (Zhang et al. 2018): their shapes, their file, and reading and writing it."""

import hashlib
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Tuple

import numpy as np

from tf_gradsr.files import replaced_when_complete
from tf_gradsr.home import at_home

FORMAT = "tf_gradsr.lpips.1"


class MissingWeights(FileNotFoundError):
    """There is no file of LPIPS weights; the message says how to get one."""


class BadWeights(ValueError):
    """A file does not hold the weights asked for; the message says what is wrong."""


@dataclass(frozen=True)
class Convolution:
    """One convolution of a backbone, followed by ReLU.

    Attributes:
        index: its number in `features` of torchvision's network.
        size: side of its square kernel.
        inputs, outputs: channels.
        stride, padding: in pixels; zeros are padded on all four sides.
        pool: (side, stride) of the max pooling before it, if any.
        tapped: whether LPIPS compares its output.
    """

    index: int
    size: int
    inputs: int
    outputs: int
    stride: int = 1
    padding: int = 1
    pool: Tuple[int, int] | None = None
    tapped: bool = True


@dataclass(frozen=True)
class Backbone:
    """A network whose features LPIPS compares.

    Attributes:
        title: its name in prose.
        minimal_side: sides of the smallest picture that leaves one pixel in the last features.
        convolutions: from the picture up.
    """

    title: str
    minimal_side: int
    convolutions: Tuple[Convolution, ...]

    @property
    def tapped(self):
        """Output channels of the compared layers."""
        return tuple(layer.outputs for layer in self.convolutions if layer.tapped)


BACKBONES = {
    # Krizhevsky 2014 ("One weird trick"), as in torchvision.
    "alex": Backbone(
        "AlexNet",
        31,
        (
            Convolution(0, 11, 3, 64, stride=4, padding=2),
            Convolution(3, 5, 64, 192, padding=2, pool=(3, 2)),
            Convolution(6, 3, 192, 384, pool=(3, 2)),
            Convolution(8, 3, 384, 256),
            Convolution(10, 3, 256, 256),
        ),
    ),
    # Simonyan and Zisserman 2015, configuration D.
    "vgg": Backbone(
        "VGG-16",
        16,
        (
            Convolution(0, 3, 3, 64, tapped=False),
            Convolution(2, 3, 64, 64),
            Convolution(5, 3, 64, 128, pool=(2, 2), tapped=False),
            Convolution(7, 3, 128, 128),
            Convolution(10, 3, 128, 256, pool=(2, 2), tapped=False),
            Convolution(12, 3, 256, 256, tapped=False),
            Convolution(14, 3, 256, 256),
            Convolution(17, 3, 256, 512, pool=(2, 2), tapped=False),
            Convolution(19, 3, 512, 512, tapped=False),
            Convolution(21, 3, 512, 512),
            Convolution(24, 3, 512, 512, pool=(2, 2), tapped=False),
            Convolution(26, 3, 512, 512, tapped=False),
            Convolution(28, 3, 512, 512),
        ),
    ),
}


def backbone(network) -> Backbone:
    """Returns the backbone of that name.

    Raises:
        ValueError: unknown network.
    """
    if network not in BACKBONES:
        raise ValueError(f'network must be "alex" or "vgg". Received: network={network!r}.')
    return BACKBONES[network]


def weight_shapes(network) -> dict:
    """Name -> shape of all weights of a network, in the order in which the layer holds them.

    `conv<n>_kernel` `[h, w, in, out]` and `conv<n>_bias` `[out]` for each convolution, `linear<n>`
    `[channels]` for each compared layer; n from 1.

    Raises:
        ValueError: unknown network.
    """
    shapes = {}
    for number, layer in enumerate(backbone(network).convolutions, 1):
        shapes[f"conv{number}_kernel"] = (layer.size, layer.size, layer.inputs, layer.outputs)
        shapes[f"conv{number}_bias"] = (layer.outputs,)
    for number, channels in enumerate(backbone(network).tapped, 1):
        shapes[f"linear{number}"] = (channels,)
    return shapes


def default_weights_path(network) -> Path:
    """Default path of the converted weights: `~/.cache/tf_gradsr/lpips_{network}.npz`.

    Raises:
        ValueError: unknown network.
    """
    backbone(network)
    return at_home(f"~/.cache/tf_gradsr/lpips_{network}.npz")


def save_weights(path, network, weights) -> None:
    """Writes a weights file: an npz of the arrays, the format, the network and a checksum.

    Written under a temporary name and renamed; missing folders are made.

    Args:
        path: file name; a file of that name is replaced.
        network: "alex" or "vgg".
        weights: dict of arrays as `weight_shapes` names them; stored as float32.

    Raises:
        ValueError: unknown network.
        BadWeights: an array is missing, superfluous, of another shape, or not finite.
        OSError: the file cannot be written.
    """
    path = at_home(path)
    weights = {name: np.asarray(array, np.float32) for name, array in weights.items()}
    _check(weights, network, path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replaced_when_complete(path) as partial, partial.open("wb") as file:
        np.savez(file, format=FORMAT, network=network, checksum=_checksum(weights), **weights)


def load_weights(path, network) -> dict:
    """Reads a weights file and checks its format, network, shapes and checksum.

    Args:
        path: file name.
        network: "alex" or "vgg".

    Returns:
        Dict of float32 arrays, names and shapes as in `weight_shapes`.

    Raises:
        ValueError: unknown network.
        MissingWeights: no such file; the message says how to get it.
        BadWeights: not a weights file, damaged, of another version or another network.
    """
    title = backbone(network).title
    path = at_home(path)
    if not path.exists():
        raise MissingWeights(
            f"LPIPS needs the official weights of {title}, converted once: pip install torch lpips==0.1.4; "
            f"{convert_command(network, path)}. Received: {path}, which does not exist."
        )
    try:
        if not zipfile.is_zipfile(path):  # NumPy would take other files too
            raise ValueError("not an npz file")
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise _bad(path, network, str(error) or type(error).__name__) from error
    stated = {name: str(arrays.pop(name, "nothing")) for name in ("format", "network", "checksum")}
    if stated["format"] != FORMAT:
        raise _bad(path, network, f"format {stated['format']}, not {FORMAT}")
    if stated["network"] != network:
        raise _bad(path, network, f"made for network {stated['network']!r}")
    _check(arrays, network, path)
    if stated["checksum"] != _checksum(arrays):
        raise _bad(path, network, "the checksum does not agree")
    return {name: arrays[name] for name in weight_shapes(network)}


def convert_command(network, path=None) -> str:
    """The command line that makes the weights file of a network."""
    command = "python -m tf_gradsr.metrics.lpips --convert"
    if network != "alex":
        command += f" --network {network}"
    if path is not None and Path(path) != default_weights_path(network):
        command += f" --output {path}"
    return command


def _check(weights, network, path):
    """Raises BadWeights unless names, shapes, dtype and values can be those of the network."""
    shapes = weight_shapes(network)
    for name in [*shapes, *weights]:
        if name not in weights:
            raise _bad(path, network, f"{name} is missing")
        if name not in shapes:
            raise _bad(path, network, f"{name} is superfluous")
        if weights[name].shape != shapes[name] or weights[name].dtype != np.float32:
            found = f"{weights[name].dtype} {list(weights[name].shape)}"
            raise _bad(path, network, f"{name} is {found}, not float32 {list(shapes[name])}")
        if not np.isfinite(weights[name]).all():
            raise _bad(path, network, f"{name} is not finite")


def _bad(path, network, reason):
    return BadWeights(
        f"LPIPS needs an intact weights file of network {network!r}; make it again: "
        f"{convert_command(network, path)}. Received: {path} ({reason})."
    )


def _checksum(weights):
    """SHA-256 over names, shapes and values."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        digest.update(f"{name}{weights[name].shape}".encode())
        digest.update(np.ascontiguousarray(weights[name], "<f4"))
    return digest.hexdigest()
