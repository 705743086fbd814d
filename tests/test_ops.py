"""Picture operations against NumPy versions written from the paper."""

import numpy as np
import pytest
import skimage.transform
import tensorflow as tf
from PIL import Image

from tf_gradsr import ops

LEVEL = 2 / 255
EVERY_LEVEL = np.arange(256, dtype=np.uint8)


def gradient_by_loops(image):
    """Eq. (3) to (5) pixel by pixel on one [H, W, C] picture, in float64; x runs along the width."""
    height, width, channels = image.shape
    image = image.astype(np.float64)
    result = np.zeros(image.shape)
    for y in range(height):
        for x in range(width):
            for c in range(channels):
                g_x = image[y, min(x + 1, width - 1), c] - image[y, max(x - 1, 0), c]
                g_y = image[min(y + 1, height - 1), x, c] - image[max(y - 1, 0), x, c]
                result[y, x, c] = np.hypot(g_x, g_y)
    return result


def block_mean_by_loops(images, factor):
    """DS of [B, H, W, C] pictures: the mean of each block, in float64."""
    b, height, width, c = images.shape
    result = np.zeros((b, height // factor, width // factor, c))
    for i in range(height // factor):
        for j in range(width // factor):
            block = images[:, i * factor : (i + 1) * factor, j * factor : (j + 1) * factor]
            result[:, i, j] = block.astype(np.float64).mean((1, 2))
    return result


# ---------------------------------------------------------------- the uint8 border


def test_every_level_survives_the_round_trip():
    floats = ops.to_float(EVERY_LEVEL).numpy()
    np.testing.assert_allclose(floats, np.arange(256) / 127.5 - 1, atol=1e-6)
    assert floats[0] == -1 and floats[255] == 1
    np.testing.assert_array_equal(ops.to_uint8(floats), EVERY_LEVEL)


@pytest.mark.parametrize(
    ("value", "level"),
    [
        (-1.0, 0),
        (-1.7, 0),
        (1.0, 255),
        (3.0, 255),
        (1.2 * LEVEL, 129),
        (-1 + 0.4 * LEVEL, 0),
        (-1 + 0.6 * LEVEL, 1),
    ],
)
def test_to_uint8_takes_the_nearest_level_and_clips(value, level):
    result = ops.to_uint8(tf.constant([[[[value]]]]))
    assert result.dtype == tf.uint8
    assert int(result[0, 0, 0, 0]) == level


def test_colour_order_is_untouched():
    chart = np.array([[[[255, 128, 0], [1, 2, 3]]]], np.uint8)
    np.testing.assert_allclose(ops.to_float(chart)[0, 0, 0], [1, 128 / 127.5 - 1, -1], atol=1e-6)
    np.testing.assert_array_equal(ops.to_uint8(ops.to_float(chart)), chart)


# ---------------------------------------------------------------- image gradient, eq. (3) to (5)


@pytest.mark.parametrize("shape", [(6, 6, 3), (5, 8, 1), (1, 4, 3), (2, 2, 3)])
def test_image_gradient_is_the_papers(pictures, shape):
    images = pictures(2, *shape)
    expected = np.stack([gradient_by_loops(image) for image in images])
    np.testing.assert_allclose(ops.image_gradient(images), expected, atol=3e-6)


def test_image_gradient_by_hand():
    # One row and one column of neighbours around the middle pixel: g_x = 0.5 - 0.2, g_y = 0.9 - 0.5.
    image = np.array([[0.0, 0.5, 0.0], [0.2, 0.7, 0.5], [0.0, 0.9, 0.0]], np.float32)[None, :, :, None]
    gradient = ops.image_gradient(image)[0, :, :, 0].numpy()
    assert gradient[1, 1] == pytest.approx(0.5, abs=1e-5)
    # The border is replicated: at the top left g_x = 0.5 - 0.0, g_y = 0.2 - 0.0.
    assert gradient[0, 0] == pytest.approx(np.hypot(0.5, 0.2), abs=1e-5)


def test_image_gradient_reaches_its_documented_bound():
    # Black and white corners around the middle: both differences are 2.
    image = np.array([[0, -1, 0], [-1, 0, 1], [0, 1, 0]], np.float32)[None, :, :, None]
    assert float(ops.image_gradient(image)[0, 1, 1, 0]) == pytest.approx(2 * np.sqrt(2), abs=1e-5)


def test_image_gradient_of_a_flat_picture_is_zero_with_zero_derivative():
    images = tf.fill([1, 4, 4, 3], 0.3)
    with tf.GradientTape() as tape:
        tape.watch(images)
        gradient = ops.image_gradient(images)
    np.testing.assert_array_equal(gradient, np.zeros((1, 4, 4, 3)))
    np.testing.assert_array_equal(tape.gradient(gradient, images), np.zeros((1, 4, 4, 3)))


def test_derivative_of_image_gradient_matches_finite_differences(rng):
    image, direction = rng.uniform(-1, 1, (2, 5, 4, 3))
    images = tf.constant(image[None], tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(images)
        total = tf.reduce_sum(ops.image_gradient(images))
    slope = np.sum(tape.gradient(total, images)[0].numpy() * direction)
    h = 1e-6
    ends = [gradient_by_loops(image + s * h * direction).sum() for s in (1, -1)]
    assert slope == pytest.approx((ends[0] - ends[1]) / (2 * h), rel=1e-3)


# ---------------------------------------------------------------- DS


@pytest.mark.parametrize("factor", [1, 2, 4, 8])
def test_area_downscale_is_the_block_mean(pictures, factor):
    images = pictures(2, 8, 16, 3)
    result = np.asarray(ops.downscale(images, factor))
    np.testing.assert_allclose(result, block_mean_by_loops(images, factor), atol=1e-6)
    np.testing.assert_allclose(
        result[0], skimage.transform.downscale_local_mean(images[0], (factor, factor, 1)), atol=1e-6
    )


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_bicubic_downscale_is_pillows_antialiased_one(pictures, factor):
    images = pictures(1, 32, 48, 1)
    pillow = Image.fromarray(images[0, :, :, 0]).resize((48 // factor, 32 // factor), Image.BICUBIC)
    result = ops.downscale(images, factor, "bicubic")[0, :, :, 0]
    np.testing.assert_allclose(result, np.asarray(pillow), atol=1e-4)


def test_downscale_knows_sides_only_at_run_time(pictures):
    images = pictures(1, 8, 12, 3)
    spec = [tf.TensorSpec([None, None, None, 3])]
    for method in ("area", "bicubic"):
        traced = tf.function(lambda x: ops.downscale(x, 4, method), input_signature=spec)  # noqa: B023
        np.testing.assert_allclose(traced(images), ops.downscale(images, 4, method), atol=1e-6)


@pytest.mark.parametrize(
    ("height", "factor", "method", "message"),
    [
        (10, 4, "area", "multiples of the factor. Received: images of 10x8, factor=4"),
        (8, 4, "lanczos", "method must be .* Received: method='lanczos'"),
    ],
)
def test_downscale_refuses(height, factor, method, message):
    with pytest.raises(ValueError, match=message):
        ops.downscale(tf.zeros([1, height, 8, 3]), factor, method)


# ---------------------------------------------------------------- upscaling


@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
def test_nearest_upscale_repeats_pixels(rng, dtype):
    images = rng.integers(0, 256, (2, 3, 2, 3)).astype(dtype)
    result = ops.upscale_nearest(images, 4)
    assert result.dtype == dtype
    np.testing.assert_array_equal(result, images.repeat(4, axis=1).repeat(4, axis=2))


def test_nearest_upscale_is_the_adjoint_of_the_area_mean(rng):
    small, large = rng.normal(size=(1, 3, 2, 1)), rng.normal(size=(1, 12, 8, 1))
    left = np.sum(ops.downscale(tf.constant(large), 4).numpy() * small)
    right = np.sum(ops.upscale_nearest(tf.constant(small), 4).numpy() * large)
    assert right == pytest.approx(16 * left)


def test_bilinear_upscale_by_hand():
    # Centres of the new pixels lie at -0.25, 0.25, 0.75 and 1.25 of the old ones.
    image = tf.constant([0.0, 1.0])[None, None, :, None]
    np.testing.assert_allclose(ops.upscale_bilinear(image, 2)[0, 0, :, 0], [0, 0.25, 0.75, 1], atol=1e-6)


# ---------------------------------------------------------------- rounding and F, eq. (12)


def test_rounding_lands_on_the_nearest_of_the_256_levels(rng):
    values = rng.uniform(-1, 1, (2, 16, 16, 3)).astype(np.float32)
    rounded = ops.straight_through_round(values).numpy()
    levels = np.arange(256) / 127.5 - 1
    nearest = levels[np.abs(values[..., None] - levels).argmin(-1)]
    np.testing.assert_allclose(rounded, nearest, atol=1e-6)


def test_rounding_leaves_levels_alone_and_does_not_clip():
    levels = ops.to_float(EVERY_LEVEL)
    np.testing.assert_array_equal(ops.straight_through_round(levels), levels)
    np.testing.assert_allclose(
        ops.straight_through_round(tf.constant(1 + 2.4 * LEVEL)), 1 + 2 * LEVEL, atol=1e-6
    )


def test_gradient_passes_straight_through_the_rounding(rng):
    values = tf.constant(rng.uniform(-1.5, 1.5, (2, 3, 3, 3)), tf.float32)
    upstream = tf.constant(rng.normal(size=values.shape), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(values)
        rounded = ops.straight_through_round(values)
    np.testing.assert_array_equal(tape.gradient(rounded, values, output_gradients=upstream), upstream)


@pytest.mark.parametrize("factor", [2, 4, 8])
@pytest.mark.parametrize("epsilon", [0.0, 0.1, 2.5])
def test_consistency_residual_is_the_papers(rng, pictures, factor, epsilon):
    lr = pictures(2, 3, 2, 3)
    hr = lr.repeat(factor, 1).repeat(factor, 2) + rng.normal(0, 0.02 * factor, (2, 3 * factor, 2 * factor, 3))
    down = block_mean_by_loops(hr, factor)
    rounded = np.round((down + 1) * 255 / 2) * 2 / 255 - 1
    expected = np.maximum(np.abs(rounded - lr) / LEVEL - epsilon, 0)
    assert expected.max() > 1
    result = ops.consistency_residual(tf.constant(hr, tf.float32), lr, factor, epsilon)
    np.testing.assert_allclose(result, expected, atol=2e-4)


@pytest.mark.parametrize(
    ("levels_away", "epsilon", "expected"),
    [(0.0, 0.1, 0.0), (0.4, 0.1, 0.0), (0.6, 0.1, 0.9), (-3.0, 0.1, 2.9), (3.0, 5.0, 0.0), (3.0, 0.0, 3.0)],
)
def test_consistency_residual_by_hand(levels_away, epsilon, expected):
    lr = tf.fill([1, 2, 2, 3], 20 / 127.5 - 1)
    hr = tf.fill([1, 4, 4, 3], (20 + levels_away) / 127.5 - 1)
    np.testing.assert_allclose(
        ops.consistency_residual(hr, lr, 2, epsilon), np.full((1, 2, 2, 3), expected), atol=1e-4
    )


def test_consistency_residual_uses_the_method_given(pictures):
    hr = pictures(1, 16, 16, 3)
    lr = ops.straight_through_round(ops.downscale(hr, 4, "bicubic"))
    assert np.max(ops.consistency_residual(hr, lr, 4, 0.1, "bicubic")) == 0
    assert np.max(ops.consistency_residual(hr, lr, 4, 0.1)) > 1


def test_consistency_residual_pulls_a_picture_towards_its_input():
    # Two levels too bright: each of the 4 pixels of a block moves its mean, so dF/dHR = 1 / (4 r).
    lr = tf.fill([1, 2, 2, 3], 0.0)
    hr = tf.Variable(tf.fill([1, 4, 4, 3], 2 * LEVEL))
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(ops.consistency_residual(hr, lr, 2))
    np.testing.assert_allclose(tape.gradient(total, hr), np.full(hr.shape, 1 / (4 * LEVEL)), rtol=1e-5)


# ---------------------------------------------------------------- exact consistency


@pytest.mark.parametrize("factor", [2, 4, 8, 16])
@pytest.mark.parametrize("rounds", [0, 2])
def test_enforced_pictures_downscale_exactly_to_the_input(rng, pictures, factor, rounds):
    lr = pictures(2, 3, 5, 3)
    hr = tf.constant(rng.uniform(-1, 1, (2, 3 * factor, 5 * factor, 3)), tf.float32)
    result = ops.enforce_consistency(hr, lr, factor, rounds)
    np.testing.assert_allclose(block_mean_by_loops(result.numpy(), factor), lr, atol=2e-6)


def test_enforcing_leaves_a_consistent_picture_alone(rng):
    hr = tf.constant(rng.uniform(-1, 1, (2, 12, 8, 3)), tf.float32)
    lr = tf.constant(block_mean_by_loops(hr.numpy(), 4), tf.float32)
    np.testing.assert_allclose(ops.enforce_consistency(hr, lr, 4), hr, atol=1e-6)


def test_bilinear_rounds_leave_less_for_the_blocky_last_step():
    # A smooth residual: the nearest step alone makes a staircase, whose steps the rounds must reduce.
    lr = tf.reshape(tf.linspace(-1.0, 1.0, 8), [1, 1, 8, 1]) * tf.ones([1, 8, 1, 1])
    hr = tf.zeros([1, 64, 64, 1])
    steps = [
        np.abs(np.diff(ops.enforce_consistency(hr, lr, 8, rounds).numpy(), axis=2)).max() for rounds in (0, 2)
    ]
    assert steps[1] < 0.5 * steps[0]


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_clipping_consistently_keeps_the_block_means(rng, pictures, factor):
    lr = pictures(4, 3, 5, 3)
    lr[1] = rng.choice([-1.0, 1.0], lr[1].shape)
    lr[2] = rng.choice([-1.0, -1 + LEVEL, 1 - LEVEL, 1.0], lr[2].shape)
    hr = rng.normal(0, 3, (4, 3 * factor, 5 * factor, 3)).astype(np.float32)
    # One picture is all white: its blocks are all faded towards LR.
    hr[3] = 1.0
    result = ops.clip_consistently(tf.constant(hr), lr, factor).numpy()
    assert result.min() >= -1 and result.max() <= 1
    np.testing.assert_allclose(block_mean_by_loops(result, factor), lr, atol=3e-6)
    plain = block_mean_by_loops(np.clip(hr, -1, 1), factor)
    assert np.abs(plain - lr).max() > 0.1


def test_clipping_consistently_leaves_fine_pictures_alone(rng):
    hr = tf.constant(rng.uniform(-1, 1, (2, 12, 8, 3)), tf.float32)
    lr = tf.constant(block_mean_by_loops(hr.numpy(), 4), tf.float32)
    np.testing.assert_allclose(ops.clip_consistently(hr, lr, 4), hr, atol=2e-6)


def test_clipping_consistently_by_hand():
    # Clipped to 1, 1, 0, -1 the mean is 0.25; wanted 0.5: a third of the way to white, (1 - 0.25) / 3.
    hr = tf.reshape(tf.constant([1.5, 1.0, 0.0, -1.0]), [1, 2, 2, 1])
    result = ops.clip_consistently(hr, tf.fill([1, 1, 1, 1], 0.5), 2)
    np.testing.assert_allclose(tf.reshape(result, [-1]), [1, 1, 1 / 3, -1 / 3], atol=1e-6)
    # Wanted -0.5 instead: 0.75 of the 1.25 down to black.
    result = ops.clip_consistently(hr, tf.fill([1, 1, 1, 1], -0.5), 2)
    np.testing.assert_allclose(tf.reshape(result, [-1]), [-0.2, -0.2, -0.6, -1], atol=1e-6)


@pytest.mark.parametrize("factor", [1, 2, 4])
def test_gradient_of_nearest_upscaling_sums_each_block(factor, rng):
    images = tf.constant(rng.normal(size=(2, 3, 4, 5)).astype(np.float32))
    upstream = rng.normal(size=(2, 3 * factor, 4 * factor, 5)).astype(np.float32)
    with tf.GradientTape() as tape:
        tape.watch(images)
        loss = tf.reduce_sum(ops.upscale_nearest(images, factor) * upstream)
    expected = upstream.reshape(2, 3, factor, 4, factor, 5).sum((2, 4))
    np.testing.assert_allclose(tape.gradient(loss, images), expected, atol=1e-5)
