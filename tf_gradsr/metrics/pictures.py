"""PSNR, SSIM, LR-PSNR and sample spread on uint8 pictures."""

import tensorflow as tf

from tf_gradsr import ops
from tf_gradsr.sampling import sample_variance


def psnr(images, truth):
    """Peak signal-to-noise ratio in dB over all pixels and colours.

    Args:
        images, truth: uint8 `[B, H, W, C]`.

    Returns:
        float32 `[B]`; infinite where the pictures are equal.
    """
    return tf.image.psnr(images, truth, max_val=255)


def ssim(images, truth):
    """Structural similarity with an 11x11 Gaussian window, sigma 1.5 (Wang et al. 2004).

    Args:
        images, truth: uint8 `[B, H, W, C]`, sides >= 11.

    Returns:
        float32 `[B]`, at most 1.
    """
    return tf.image.ssim(images, truth, max_val=255)


def lr_psnr(images, lr, scale, method="area"):
    """PSNR in dB between a picture's downscaled version, not rounded, and the LR picture it came from.

    Args:
        images: uint8 `[B, H, W, 3]`.
        lr: uint8 `[B, H / scale, W / scale, 3]`.
        scale: int.
        method: the DS used in training, see `ops.downscale`.

    Returns:
        float32 `[B]`, at most 100: above that, only float32 rounding is measured.
    """
    down = ops.downscale(tf.cast(images, tf.float32), scale, method)
    return tf.minimum(tf.image.psnr(down, tf.cast(lr, tf.float32), max_val=255.0), 100.0)


def sample_std(samples):
    """Mean over pixels and colours of the standard deviation over samples, in grey levels of 255.

    The square root of `sample_variance`.

    Args:
        samples: uint8 `[B, N, H, W, 3]`, N >= 2.

    Returns:
        float32 `[B]`, >= 0.

    Raises:
        ValueError: fewer than two samples.
    """
    return mean_of_each(tf.sqrt(sample_variance(samples)))


def mean_of_each(tensor):
    """`[B, H, W, C]` to its mean for each of B."""
    return tf.reduce_mean(tensor, axis=[1, 2, 3])


def bicubic(lr, scale):
    """Bicubic upscaling (Keys, a = -0.5), the usual baseline.

    Args:
        lr: float32 `[B, h, w, 3]` in [-1, 1].
        scale: int.

    Returns:
        uint8 `[B, h * scale, w * scale, 3]`.
    """
    shape = tf.shape(lr)
    return ops.to_uint8(tf.image.resize(lr, [shape[1] * scale, shape[2] * scale], "bicubic"))


def measure(model, batch, scale, method="area", stochastic=True, degraded=False):
    """Measures a model on one batch, on the uint8 pictures that a user would get.

    Args:
        model: callable `(lr, z)` -> `(image, gradient)`, float32 in [-1, 1].
        batch: dict of `lr` float32 `[B, h, w, 3]`, `hr` float32 `[B, H, W, 3]`, both in [-1, 1], and `z`
            float32 `[B, N, m]`, N >= 2.
        scale: int.
        method: the DS used in training.
        stochastic: bool; False for a model that gives one answer per picture, which has no `sample_std`.
        degraded: bool; whether `lr` is (`data.degrade`), so that there is a `clean_lr_psnr`.

    Returns:
        Dict of float32 `[B]`: `psnr`, `ssim`, `lr_psnr` against `lr`, and `clean_lr_psnr` against the
        downscaled truth, all at z = 0; `sample_std` over the N samples.
    """
    lr, z = batch["lr"], batch["z"]
    truth = ops.to_uint8(batch["hr"])
    reconstruction = ops.to_uint8(model((lr, tf.zeros_like(z[:, 0])))[0])
    figures = {
        "psnr": psnr(reconstruction, truth),
        "ssim": ssim(reconstruction, truth),
        "lr_psnr": lr_psnr(reconstruction, ops.to_uint8(lr), scale, method),
    }
    if degraded:
        clean = ops.to_uint8(ops.downscale(batch["hr"], scale, method))
        figures["clean_lr_psnr"] = lr_psnr(reconstruction, clean, scale, method)
    if not stochastic:
        return figures
    count = tf.shape(z)[1]
    samples = ops.to_uint8(model((tf.repeat(lr, count, axis=0), tf.reshape(z, [-1, z.shape[2]])))[0])
    samples = tf.reshape(samples, tf.concat([tf.shape(z)[:2], tf.shape(samples)[1:]], axis=0))
    return {**figures, "sample_std": sample_std(samples)}
