"""Measures against NumPy, scikit-image and Pillow."""

import numpy as np
import pytest
import references
import skimage.metrics
import tensorflow as tf
from PIL import Image

from tf_gradsr import metrics, ops


@pytest.fixture
def smooth(rng):
    """Maker of smooth uint8 pictures."""

    def make(count, height, width):
        coarse = rng.uniform(0, 255, (count, 5, 5, 3))
        return np.asarray(tf.image.resize(coarse, (height, width), "bicubic")).clip(0, 255).astype(np.uint8)

    return make


def noisy(rng, images, sigma):
    return (images + rng.normal(0, sigma, images.shape)).clip(0, 255).astype(np.uint8)


def test_psnr_is_scikit_images(rng, smooth):
    truth = smooth(3, 20, 28)
    images = np.concatenate([noisy(rng, truth[:1], 3), noisy(rng, truth[1:], 30)])
    expected = [skimage.metrics.peak_signal_noise_ratio(t, i) for t, i in zip(truth, images)]
    np.testing.assert_allclose(metrics.psnr(images, truth), expected, rtol=1e-4)


def test_psnr_by_hand():
    grey = np.full((1, 8, 8, 3), 100, np.uint8)
    # Every pixel 10 levels off: 10 log10(255^2 / 100).
    np.testing.assert_allclose(metrics.psnr(grey, grey + 10), [28.1308], atol=1e-3)
    assert np.isinf(metrics.psnr(grey, grey)).all()


@pytest.mark.parametrize("sigma", [2, 15, 60])
def test_ssim_is_scikit_images(rng, smooth, sigma):
    truth = smooth(2, 32, 24)
    images = noisy(rng, truth, sigma)
    expected = references.ssim(images, truth)
    assert max(expected) < 0.999
    np.testing.assert_allclose(metrics.ssim(images, truth), expected, atol=0.002)


def test_ssim_of_equal_pictures_is_one(smooth):
    images = smooth(2, 16, 16)
    np.testing.assert_allclose(metrics.ssim(images, images), [1, 1], atol=1e-5)


def test_lr_psnr_measures_the_unrounded_block_mean(rng, smooth):
    images = noisy(rng, smooth(2, 16, 24), 20)
    lr = rng.integers(0, 256, (2, 4, 6, 3)).astype(np.uint8)
    means = images.reshape(2, 4, 4, 6, 4, 3).mean((2, 4))
    expected = 10 * np.log10(255**2 / np.mean((means - lr) ** 2, axis=(1, 2, 3)))
    np.testing.assert_allclose(metrics.lr_psnr(images, lr, 4), expected, rtol=1e-4)
    # Half a level off everywhere, which rounding would hide.
    checks = np.tile(np.array([[10, 11], [11, 10]], np.uint8)[:, :, None], (4, 4, 3))[None]
    np.testing.assert_allclose(
        metrics.lr_psnr(checks, np.full((1, 4, 4, 3), 10, np.uint8), 2), [54.1514], atol=1e-3
    )


def test_lr_psnr_is_capped_at_100(rng):
    lr = rng.integers(0, 256, (2, 4, 4, 3)).astype(np.uint8)
    np.testing.assert_array_equal(metrics.lr_psnr(lr.repeat(2, 1).repeat(2, 2), lr, 2), [100, 100])


def test_lr_psnr_uses_the_method_given(rng):
    images = rng.integers(0, 256, (1, 16, 16, 3)).astype(np.uint8)
    bicubic = ops.downscale(tf.cast(images, tf.float32), 4, "bicubic").numpy().clip(0, 255)
    lr = bicubic.round().astype(np.uint8)
    assert metrics.lr_psnr(images, lr, 4, "bicubic") > 50 > metrics.lr_psnr(images, lr, 4)


@pytest.mark.parametrize("count", [2, 3, 5])
def test_sample_std_is_numpys_unbiased_one(rng, count):
    samples = rng.integers(0, 256, (3, count, 6, 4, 3)).astype(np.uint8)
    expected = samples.astype(np.float64).std(axis=1, ddof=1).mean((1, 2, 3))
    np.testing.assert_allclose(metrics.sample_std(samples), expected, rtol=1e-5)


def test_sample_std_of_equal_samples_is_zero_and_of_one_is_refused(rng):
    sample = rng.integers(0, 256, (2, 1, 4, 4, 3)).astype(np.uint8)
    np.testing.assert_array_equal(metrics.sample_std(sample.repeat(3, 1)), [0, 0])
    with pytest.raises(ValueError, match=r"two samples or more\. Received: 1"):
        metrics.sample_std(sample)


@pytest.mark.parametrize("scale", [2, 4, 8])
def test_bicubic_is_pillows(rng, scale):
    lr = rng.integers(0, 256, (1, 9, 12, 3)).astype(np.uint8)
    result = metrics.bicubic(ops.to_float(lr), scale).numpy()
    assert result.dtype == np.uint8
    for channel in range(3):
        # Pillow's float mode: its 8-bit mode clips between the two passes.
        image = Image.fromarray(lr[0, :, :, channel].astype(np.float32))
        pillow = np.asarray(image.resize((12 * scale, 9 * scale), Image.BICUBIC)).clip(0, 255)
        assert np.abs(result[0, :, :, channel] - pillow).max() < 0.8


def test_measure_scores_the_pictures_a_user_would_get(rng, batches):
    batch = batches((8, 8), scale=2, count=3)

    def model(inputs):
        """Brightens by the mean of z, so that z = 0 is the plain bicubic picture."""
        lr, z = inputs
        image = tf.image.resize(lr, (16, 16), "bicubic") + tf.reduce_mean(z, 1)[:, None, None, None]
        return image, None

    measured = {name: np.asarray(value) for name, value in metrics.measure(model, batch, 2).items()}
    bicubic, truth = metrics.bicubic(batch["lr"], 2), ops.to_uint8(batch["hr"])
    lr = ops.to_uint8(batch["lr"])
    samples = np.stack([ops.to_uint8(model((batch["lr"], batch["z"][:, n]))[0]) for n in range(3)], axis=1)
    np.testing.assert_allclose(measured["psnr"], metrics.psnr(bicubic, truth), rtol=1e-5)
    np.testing.assert_allclose(measured["ssim"], metrics.ssim(bicubic, truth), rtol=1e-5)
    np.testing.assert_allclose(measured["lr_psnr"], metrics.lr_psnr(bicubic, lr, 2), rtol=1e-5)
    expected_std = samples.astype(np.float64).std(axis=1, ddof=1).mean((1, 2, 3))
    assert (expected_std > 1).all()
    np.testing.assert_allclose(measured["sample_std"], expected_std, rtol=1e-5)
