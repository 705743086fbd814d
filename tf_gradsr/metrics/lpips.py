"""Convert the official LPIPS weights: python -m tf_gradsr.metrics.lpips --convert

Writes the file that LPIPS.load reads, from PyTorch's weights. Needs PyTorch and the package lpips: the
extra "lpips", or pip install torch lpips==0.1.4. PyTorch downloads the backbone once (AlexNet 233 MiB,
VGG-16 528 MiB, from download.pytorch.org) into its own cache; the linear heads are in the package lpips.
Without a network connection, fetch alexnet-owt-7be5be79.pth or vgg16-397923af.pth elsewhere and give it as
--backbone. An existing file is replaced once the new one is complete.
"""

import importlib
import importlib.util
import pickle
import sys
from pathlib import Path

import numpy as np

from tf_gradsr.cli import Parser, run
from tf_gradsr.config_files import one_line
from tf_gradsr.errors import ConfigError
from tf_gradsr.home import at_home
from tf_gradsr.metrics.lpips_weights import (
    BACKBONES,
    BadWeights,
    MissingWeights,
    backbone,
    default_weights_path,
    save_weights,
)

__all__ = ["BadWeights", "MissingWeights", "convert_weights", "default_weights_path", "main"]

# torchvision's weights. torch.hub fetches them: torchvision, imported after TensorFlow, can crash.
BACKBONE_URLS = {
    "alex": "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
    "vgg": "https://download.pytorch.org/models/vgg16-397923af.pth",
}
INSTALL = "pip install torch lpips==0.1.4"


class ConversionError(ConfigError):
    """The conversion cannot be done; one line: the option, what is needed, what was received."""


def __getattr__(name):
    if name == "LPIPS":  # needs TensorFlow, which converting does not
        return importlib.import_module("tf_gradsr.metrics.lpips_layer").LPIPS
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def build_parser() -> Parser:
    """The command line's parser."""
    parser = Parser(prog="tf_gradsr.metrics.lpips", description=__doc__)
    parser.add_argument("--convert", action="store_true", help="Convert; the command does nothing else.")
    parser.add_argument(
        "--network",
        type=str,
        default="alex",
        metavar="{" + ",".join(BACKBONES) + "}",
        help="alex: AlexNet, which the authors recommend for measuring, 10 MB. vgg: VGG-16, 59 MB.",
    )
    parser.add_argument(
        "--backbone", type=str, metavar="FILE.pth", help="torchvision's weights; default: download them."
    )
    parser.add_argument(
        "--linear",
        type=str,
        metavar="FILE.pth",
        help="The linear heads of LPIPS 0.1; default: those in the installed package lpips.",
    )
    parser.add_argument(
        "--output",
        type=str,
        metavar="FILE.npz",
        help="The file to write; default: ~/.cache/tf_gradsr/lpips_{network}.npz, where LPIPS.load looks.",
    )
    return parser


def main(argv=None) -> int:
    """Runs the command; returns its exit status, see `tf_gradsr.cli`."""
    return run(build_parser(), _execute, argv, interrupted="Nothing was written.")


def _execute(options):
    if not options.convert:
        raise ConversionError("--convert: must be given, nothing else is done here. Received: nothing")
    if options.network not in BACKBONES:
        raise ConversionError(f"--network: one of {', '.join(BACKBONES)}. Received: {options.network}")
    output = at_home(options.output or default_weights_path(options.network))
    try:
        _convert(options, output)
    except (ConversionError, BadWeights) as error:
        raise ConversionError(one_line(str(error))) from error
    title = backbone(options.network).title
    print(f"{output}: LPIPS 0.1 with {title}, {output.stat().st_size / 1e6:.1f} MB")


def convert_weights(network, features, linear) -> dict:
    """Converts PyTorch's weights to our names and layout.

    Args:
        network: "alex" or "vgg".
        features: mapping of arrays: `features.<n>.weight` `[out, in, h, w]` and `features.<n>.bias` `[out]`,
            as torchvision names them; others are ignored.
        linear: mapping of arrays: `lin<n>.model.1.weight` `[1, channels, 1, 1]`, n from 0, as the package
            lpips names them.

    Returns:
        Dict of float32 arrays, see `lpips_weights.weight_shapes`.

    Raises:
        ValueError: unknown network.
        BadWeights: a name is missing or an array has another shape.
    """
    return {**_convolutions(network, features), **_linear_heads(network, linear)}


def _convolutions(network, features):
    weights = {}
    for number, layer in enumerate(backbone(network).convolutions, 1):
        name, shape = f"features.{layer.index}", (layer.outputs, layer.inputs, layer.size, layer.size)
        kernel = _array(features, f"{name}.weight", shape)
        weights[f"conv{number}_kernel"] = kernel.transpose(2, 3, 1, 0)
        weights[f"conv{number}_bias"] = _array(features, f"{name}.bias", (layer.outputs,))
    return weights


def _linear_heads(network, linear):
    return {
        f"linear{number + 1}": _array(linear, f"lin{number}.model.1.weight", (1, channels, 1, 1)).reshape(-1)
        for number, channels in enumerate(backbone(network).tapped)
    }


def _array(arrays, name, shape):
    if name not in arrays:
        raise BadWeights(f"{name} is missing")
    array = np.asarray(arrays[name], np.float32)
    if array.shape != shape:
        raise BadWeights(f"{name} has the shape {list(array.shape)}, not {list(shape)}")
    return array


def _convert(options, output):
    try:
        import torch
    except ImportError as error:
        raise ConversionError(f"--convert: needs PyTorch ({INSTALL}). Received: {error}") from error
    network = options.network
    linear_file = options.linear or _packaged_linear_heads(network)
    linear = _load("--linear", linear_file, torch)
    features = _load("--backbone", options.backbone, torch) if options.backbone else _download(network, torch)
    title = backbone(network).title
    try:
        weights = _linear_heads(network, linear)
    except BadWeights as error:
        raise ConversionError(
            f"--linear: the LPIPS 0.1 heads for {title}. Received: {linear_file} ({error})"
        ) from error
    try:
        weights.update(_convolutions(network, features))
    except BadWeights as error:
        raise ConversionError(
            f"--backbone: torchvision's weights of {title}. Received: {options.backbone} ({error})"
        ) from error
    try:
        save_weights(output, network, weights)
    except OSError as error:
        raise ConversionError(f"--output: a file that can be written. Received: {error}") from error


def _packaged_linear_heads(network):
    """Path of the heads in the package lpips, which is not imported, since it would import torchvision."""
    package = importlib.util.find_spec("lpips")
    if package is None or package.origin is None:
        raise ConversionError(
            f"--linear: the LPIPS heads, or the package lpips that holds them ({INSTALL}). Received: neither"
        )
    return Path(package.origin).parent / "weights" / "v0.1" / f"{network}.pth"


def _load(option, path, torch):
    """Reads a PyTorch file: name -> array; code in it is not run."""
    path = at_home(path)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        return {name: tensor.numpy() for name, tensor in state.items()}
    except OSError as error:
        raise ConversionError(
            f"{option}: a PyTorch weights file. Received: {path} ({error.strerror})"
        ) from error
    except (RuntimeError, EOFError, KeyError, ValueError, pickle.UnpicklingError) as error:
        raise ConversionError(f"{option}: a PyTorch weights file. Received: {path} (not one)") from error
    except (AttributeError, TypeError) as error:
        raise ConversionError(
            f"{option}: a PyTorch weights file, names and tensors. Received: {path} (something else)"
        ) from error


def _download(network, torch):
    """Name -> array of torchvision's weights, from PyTorch's cache or the network; the hash is checked."""
    url = BACKBONE_URLS[network]
    try:
        state = torch.hub.load_state_dict_from_url(
            url, map_location="cpu", check_hash=True, weights_only=True
        )
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise ConversionError(
            f"--backbone: {url} could not be downloaded ({error}); fetch it elsewhere and add "
            f"--backbone {url.rsplit('/', 1)[1]}. Received: nothing"
        ) from error
    return {name: tensor.numpy() for name, tensor in state.items()}


if __name__ == "__main__":
    sys.exit(main())
