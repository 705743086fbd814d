"""Makes tests/metrics/lpips_reference.npz: distances and maps of the reference implementation of LPIPS.

    pip install torch==2.13.0 torchvision==0.28.0 lpips==0.1.4
    python tests/metrics/make_lpips_fixture.py

It was run once. The reference (PyPI package lpips, by the paper's authors) gets backbones of seeded random
weights, which the tests draw again, and its own linear heads, which are stored: see lpips_reference.txt.
"""

from pathlib import Path

import numpy as np

FIXTURE = Path(__file__).with_name("lpips_reference.npz")
# Number in torchvision's `features`: shape of the kernel, [out, in, h, w].
KERNELS = {
    "alex": {
        0: (64, 3, 11, 11),
        3: (192, 64, 5, 5),
        6: (384, 192, 3, 3),
        8: (256, 384, 3, 3),
        10: (256, 256, 3, 3),
    },
    "vgg": {
        0: (64, 3, 3, 3),
        2: (64, 64, 3, 3),
        5: (128, 64, 3, 3),
        7: (128, 128, 3, 3),
        10: (256, 128, 3, 3),
        12: (256, 256, 3, 3),
        14: (256, 256, 3, 3),
        17: (512, 256, 3, 3),
        19: (512, 512, 3, 3),
        21: (512, 512, 3, 3),
        24: (512, 512, 3, 3),
        26: (512, 512, 3, 3),
        28: (512, 512, 3, 3),
    },
}
# Height and width of the pictures: the smallest that the network takes, and odd sides.
SIZES = {"alex": [(31, 31), (40, 57)], "vgg": [(16, 16), (25, 38)]}


def uniform(generator, shape):
    """float32 in [-1, 1) from the bit stream, which NumPy keeps the same across versions."""
    words = generator.random_raw(int(np.prod(shape)))
    return ((words >> np.uint64(40)).astype(np.float32) * np.float32(2.0**-23) - 1).reshape(shape)


def seeded_backbone(network):
    """torchvision's name -> float32 array; scaled as He et al. 2015 do."""
    generator = np.random.PCG64({"alex": 1, "vgg": 2}[network])
    arrays = {}
    for number, shape in KERNELS[network].items():
        bound = np.float32(np.sqrt(6 / np.prod(shape[1:])))
        arrays[f"features.{number}.weight"] = bound * uniform(generator, shape)
        arrays[f"features.{number}.bias"] = np.float32(0.1) * uniform(generator, shape[:1])
    return arrays


def seeded_pictures(height, width):
    """Three pairs, uint8 `[3, H, W, 3]` each: noise and noise, a slope and its noisy version, equal ones."""
    generator = np.random.PCG64(3)
    noise = [uniform(generator, (height, width, 3)) * 128 + 128 for _ in range(3)]
    rows, columns = np.mgrid[:height, :width]
    slope = np.stack([rows * 255 / height, columns * 255 / width, np.full((height, width), 90)], axis=-1)
    images = np.stack([noise[0], slope + (noise[2] - 128) / 4, slope])
    truth = np.stack([noise[1], slope, slope])
    return images.clip(0, 255).astype(np.uint8), truth.clip(0, 255).astype(np.uint8)


def import_torchvision():
    """torchvision, even a build whose compiled operations do not fit PyTorch, since none is used."""
    import torch

    try:
        import torchvision
    except RuntimeError:
        for operation in ("nms", "qnms"):
            torch.library.define(f"torchvision::{operation}", "(Tensor a, Tensor b, float c) -> Tensor")
        import torchvision
    return torchvision


def reference(network):
    """The reference implementation with the seeded backbone."""
    import lpips
    import torch

    layer = lpips.LPIPS(net=network, pnet_rand=True, verbose=False)
    layers = {name.split(".", 1)[1]: module for name, module in layer.net.named_modules() if "." in name}
    with torch.no_grad():
        for name, array in seeded_backbone(network).items():
            _, number, kind = name.split(".")
            getattr(layers[number], kind).copy_(torch.from_numpy(array))
    return layer


def main():
    import_torchvision()
    import torch

    arrays = {}
    for network in KERNELS:
        layer = reference(network)
        for number, head in enumerate(layer.lins):
            arrays[f"{network}/lin{number}.model.1.weight"] = head.model[1].weight.detach().numpy()
        for height, width in SIZES[network]:
            pair = [
                torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1
                for pictures in seeded_pictures(height, width)
            ]
            place = f"{network}/{height}x{width}"
            with torch.no_grad():
                layer.spatial = False
                arrays[f"{place}/distances"] = layer(*pair).numpy()[:, 0, 0, 0]
                layer.spatial = True
                arrays[f"{place}/maps"] = layer(*pair).numpy()[:, 0]
            print(place, arrays[f"{place}/distances"])
    np.savez_compressed(FIXTURE, **arrays)
    print(f"{FIXTURE}: {FIXTURE.stat().st_size} bytes")


if __name__ == "__main__":
    main()
