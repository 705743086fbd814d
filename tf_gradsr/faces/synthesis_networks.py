"""MobileStyleGAN's two networks, from the PyPI package `random-face`, run by OpenVINO on the CPU.

Belousov 2021, "MobileStyleGAN: A Lightweight Convolutional Neural Network for High-Fidelity Image Synthesis",
arXiv 2104.04767. The package's files are read from where they are installed; its code is not imported, since
it needs a part of OpenVINO that was removed.
"""

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from tf_gradsr.errors import ConfigError, reason_of

NOISE_SIZE = 512
# Noise vectors that the mapping network takes at once.
BLOCK = 64
SIDE = 1024

REMEDY = "pip install 'tf-gradsr[faces]',"
# By default OpenVINO computes in bfloat16 if the processor can: faster, but with other pictures.
OPTIONS = {"INFERENCE_PRECISION_HINT": "f32"}


class FaceNetworks:
    """Noise to style, style to picture, in float32 whatever the processor."""

    def __init__(self, mapping, synthesis):
        self._mapping = mapping
        self._synthesis = synthesis

    @classmethod
    def load(cls) -> "FaceNetworks":
        """Compiles both networks, which takes a second or two.

        Raises:
            ConfigError: OpenVINO or the networks are not installed, or cannot be read.
        """
        folder = networks_folder()
        try:
            from openvino import Core

            core = Core()
            mapping = core.read_model(folder / "MappingNetwork.xml")
            mapping.reshape([BLOCK, NOISE_SIZE])
            synthesis = core.read_model(folder / "SynthesisNetwork.xml")
            return cls(*(core.compile_model(network, "CPU", OPTIONS) for network in (mapping, synthesis)))
        # An old or broken OpenVINO; it raises RuntimeError for anything that it cannot read or run.
        except (ImportError, RuntimeError) as error:
            raise ConfigError(
                f"faces: networks that OpenVINO can run; install the packages again, {REMEDY}. "
                f"Received: {folder} ({reason_of(error)})"
            ) from error

    def styles(self, noise: np.ndarray) -> np.ndarray:
        """Mapping network: float32 `[64, 512]`, N(0, 1), to styles of the same shape."""
        return self._mapping(noise)[0].copy()

    def picture(self, style: np.ndarray) -> np.ndarray:
        """Synthesis network: style, float32 `[512]`, to picture, float32 `[3, 1024, 1024]`, about [-1, 1]."""
        return self._synthesis(style[None])[0][0].copy()


def networks_folder() -> Path:
    """Returns the folder where the networks are installed.

    Raises:
        ConfigError: OpenVINO, the package `random-face` or its files are missing.
    """
    packages = {"openvino": find_spec("openvino"), "random-face": find_spec("random_face")}
    missing = [name for name, found in packages.items() if found is None]
    if missing:
        raise ConfigError(
            f"faces: the packages openvino and random-face; {REMEDY}. Received: no {' and no '.join(missing)}"
        )
    folder = Path(packages["random-face"].origin).parent / "data"
    for network in ("MappingNetwork", "SynthesisNetwork"):
        for ending in (".xml", ".bin"):
            if not (folder / (network + ending)).is_file():
                raise ConfigError(
                    f"faces: the networks of random-face; install the packages again, {REMEDY}. "
                    f"Received: no {folder / (network + ending)}"
                )
    return folder
