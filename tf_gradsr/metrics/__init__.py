"""Measures of super-resolved pictures, all on uint8, one value for each picture."""

import importlib

# Imported when first used: converting LPIPS weights needs no TensorFlow.
_MODULES = {
    "LPIPS": "lpips_layer",
    "BadWeights": "lpips_weights",
    "MissingWeights": "lpips_weights",
    "default_weights_path": "lpips_weights",
    "diversity_score": "diversity",
    "squared_error_maps": "diversity",
    "bicubic": "pictures",
    "lr_psnr": "pictures",
    "measure": "pictures",
    "psnr": "pictures",
    "sample_std": "pictures",
    "ssim": "pictures",
}

__all__ = [
    "LPIPS",
    "BadWeights",
    "MissingWeights",
    "bicubic",
    "default_weights_path",
    "diversity_score",
    "lr_psnr",
    "measure",
    "psnr",
    "sample_std",
    "squared_error_maps",
    "ssim",
]


def __getattr__(name):
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
