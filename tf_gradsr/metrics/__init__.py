"""Measures of super-resolved pictures, on uint8, one value for each picture; KID compares two sets."""

import importlib

# Imported when first used: converting LPIPS weights needs no TensorFlow.
_MODULES = {
    "LPIPS": "lpips_layer",
    "BadWeights": "lpips_weights",
    "MissingWeights": "lpips_weights",
    "default_weights_path": "lpips_weights",
    "LEAST_SAMPLES": "calibration",
    "MEAN_OF": "calibration",
    "Reliability": "calibration",
    "gain_of_mean": "calibration",
    "reliability_sums": "calibration",
    "right_gain": "calibration",
    "spread_error": "calibration",
    "fair_crps": "crps",
    "diversity_score": "diversity",
    "squared_error_maps": "diversity",
    "kernel_distance": "kid",
    "kid_terms": "kid",
    "bicubic": "pictures",
    "lr_psnr": "pictures",
    "measure": "pictures",
    "psnr": "pictures",
    "sample_std": "pictures",
    "sample_variance": "pictures",
    "ssim": "pictures",
}

__all__ = [
    "LEAST_SAMPLES",
    "LPIPS",
    "MEAN_OF",
    "BadWeights",
    "MissingWeights",
    "Reliability",
    "bicubic",
    "default_weights_path",
    "diversity_score",
    "fair_crps",
    "gain_of_mean",
    "kernel_distance",
    "kid_terms",
    "lr_psnr",
    "measure",
    "psnr",
    "reliability_sums",
    "right_gain",
    "sample_std",
    "sample_variance",
    "spread_error",
    "squared_error_maps",
    "ssim",
]


def __getattr__(name):
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
