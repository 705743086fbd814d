"""The diversity score against numbers worked by hand and NumPy."""

import numpy as np
import pytest
import tensorflow as tf

from tf_gradsr import metrics


def score_in_numpy(distances):
    """The score of one picture in float64, `[N, H, W]`."""
    distances = distances.astype(np.float64)
    global_best = min(sample.mean() for sample in distances)
    local_best = np.minimum.reduce(distances).mean()
    return (global_best - local_best) / global_best * 100


def test_score_by_hand():
    # Means 4 and 3, best of each pixel (1, 2, 3, 0): mean 1.5; (3 - 1.5) / 3.
    distances = np.array([[[[1, 2], [3, 10]], [[5, 4], [3, 0]]]], np.float32)
    np.testing.assert_allclose(metrics.diversity_score(distances), [50.0], rtol=1e-6)


def test_score_is_100_where_each_pixel_is_hit_by_some_sample():
    distances = np.array([[[[0, 2]], [[2, 0]]]], np.float32)
    np.testing.assert_allclose(metrics.diversity_score(distances), [100.0])


@pytest.mark.parametrize("count", [1, 2, 10])
def test_score_is_numpys(rng, count):
    distances = rng.uniform(0, 0.7, (4, count, 9, 13)).astype(np.float32)
    expected = [score_in_numpy(picture) for picture in distances]
    result = metrics.diversity_score(distances).numpy()
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-4)


def test_score_does_not_depend_on_the_unit(rng):
    distances = rng.uniform(1, 2, (2, 3, 8, 8)).astype(np.float32)
    np.testing.assert_allclose(
        metrics.diversity_score(distances * 1e-6), metrics.diversity_score(distances * 1e4), rtol=1e-4
    )


def test_equal_samples_score_0_and_never_less(rng):
    sample = rng.uniform(0, 1, (50, 1, 16, 16)).astype(np.float32)
    for count in (1, 5):
        result = metrics.diversity_score(np.repeat(sample, count, axis=1)).numpy()
        np.testing.assert_allclose(result, 0, atol=1e-4)
        assert (result >= 0).all()


def test_a_sample_that_is_the_truth_scores_0():
    distances = np.stack([np.zeros((2, 4, 4)), np.ones((2, 4, 4))], axis=1).astype(np.float32)
    np.testing.assert_array_equal(metrics.diversity_score(distances), [0, 0])
    np.testing.assert_array_equal(metrics.diversity_score(distances * 0), [0, 0])


def test_score_in_a_compiled_function(rng):
    distances = rng.uniform(0, 1, (2, 3, 5, 5)).astype(np.float32)
    compiled = tf.function(
        metrics.diversity_score, input_signature=[tf.TensorSpec([None, None, None, None], tf.float32)]
    )
    np.testing.assert_allclose(compiled(distances), metrics.diversity_score(distances), rtol=1e-5)


@pytest.mark.parametrize("shape", [(3, 8, 8), (2, 3, 8, 8, 3), (2, 0, 8, 8)])
def test_distances_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match=r"\[B, N, H, W\].*Received: distances"):
        metrics.diversity_score(np.zeros(shape, np.float32))


def test_squared_error_maps_are_numpys(rng):
    samples = rng.integers(0, 256, (2, 3, 5, 7, 3)).astype(np.uint8)
    truth = rng.integers(0, 256, (2, 5, 7, 3)).astype(np.uint8)
    expected = ((samples.astype(np.int64) - truth[:, None].astype(np.int64)) ** 2).mean(axis=-1)
    result = metrics.squared_error_maps(samples, truth).numpy()
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, expected, rtol=1e-6)
    black = np.zeros((1, 1, 2, 2, 3), np.uint8)
    np.testing.assert_array_equal(
        metrics.squared_error_maps(black, 255 - black[0]), np.full((1, 1, 2, 2), 65025)
    )


def test_score_of_squared_errors(rng):
    truth = rng.integers(0, 256, (1, 6, 6, 3)).astype(np.uint8)
    samples = np.stack([truth, truth], axis=1)
    samples[:, 0, :3] ^= 16
    samples[:, 1, 3:] ^= 16
    # Each half is right in one of the two.
    np.testing.assert_allclose(metrics.diversity_score(metrics.squared_error_maps(samples, truth)), [100.0])


@pytest.mark.parametrize(
    ("samples", "truth", "said"),
    [
        (np.zeros((1, 2, 4, 4, 3), np.float32), np.zeros((1, 4, 4, 3), np.uint8), "uint8.*samples float32"),
        (np.zeros((1, 2, 4, 4, 3), np.uint8), np.zeros((1, 4, 5, 3), np.uint8), r"\[B, N, H, W, 3\]"),
        (np.zeros((2, 4, 4, 3), np.uint8), np.zeros((2, 4, 4, 3), np.uint8), r"\[B, N, H, W, 3\]"),
        (np.zeros((2, 2, 4, 4, 3), np.uint8), np.zeros((1, 4, 4, 3), np.uint8), r"\[B, N, H, W, 3\]"),
    ],
)
def test_bad_pictures_are_refused(samples, truth, said):
    with pytest.raises(ValueError, match=said):
        metrics.squared_error_maps(samples, truth)
