"""Independent answers that several tests compare with: NumPy tap by tap, scikit-image."""

import numpy as np
import skimage.metrics


def conv(x, layer):
    """A same-size convolution with zero padding, tap by tap."""
    kernel, *bias = layer.get_weights()
    reach, (height, width) = kernel.shape[0] // 2, x.shape[1:3]
    padded = np.pad(x, ((0, 0), (reach, reach), (reach, reach), (0, 0)))
    taps = [
        padded[:, i : i + height, j : j + width] @ kernel[i, j]
        for i in range(kernel.shape[0])
        for j in range(kernel.shape[1])
    ]
    return sum(taps) + (bias[0] if bias else 0)


def ssim(images, truth):
    """scikit-image's SSIM with a Gaussian window, one value for each uint8 picture."""
    settings = {"data_range": 255, "gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    pairs = zip(truth, images)
    return [skimage.metrics.structural_similarity(t, i, channel_axis=-1, **settings) for t, i in pairs]
