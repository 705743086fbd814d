"""Measures of super-resolved pictures, all on uint8, one value for each picture."""

from tf_gradsr.metrics.pictures import bicubic, lr_psnr, measure, psnr, sample_std, ssim

__all__ = ["bicubic", "lr_psnr", "measure", "psnr", "sample_std", "ssim"]
