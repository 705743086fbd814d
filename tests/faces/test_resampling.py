"""The cut: where it takes its pixels from, and what it makes of patterns finer than its own pixels."""

import math

import numpy as np
import pytest
from skimage.transform import AffineTransform, warp

from tf_gradsr.faces import resampling
from tf_gradsr.faces.resampling import cut


def square(left, top, side, degrees=0.0):
    """The matrix of a square of a picture, turned about its corner."""
    cosine, sine = (side * f(math.radians(degrees)) for f in (math.cos, math.sin))
    return np.array([[cosine, -sine, left], [sine, cosine, top]])


def grey(levels):
    """uint8 `[h, w, 3]` of levels `[h, w]`."""
    return np.repeat(np.uint8(levels)[..., np.newaxis], 3, axis=2)


def centres(matrix, size):
    """Where the pixel centres of a cut lie in the picture: `[size, size, 2]`."""
    places = (np.arange(size) + 0.5) / size
    u, v = np.meshgrid(places, places)
    return np.stack([u, v], axis=-1) @ matrix[:, :2].T + matrix[:, 2]


@pytest.fixture
def noise(rng):
    return rng.integers(0, 256, (96, 128, 3), np.uint8)


def test_the_same_pixels_come_back_as_they_are(noise):
    np.testing.assert_array_equal(cut(noise, square(7, 11, 64), 64), noise[11:75, 7:71])


@pytest.mark.parametrize("factor", [2, 3, 4, 16])
def test_whole_factors_give_block_means(noise, factor):
    size = 96 // factor
    means = noise[:, 32:].reshape(size, factor, size, factor, 3).mean(axis=(1, 3))
    # Of large factors block means of block means are rounded twice.
    tolerance = 0.501 if factor <= resampling.FINE else 1.0
    assert np.abs(cut(noise, square(32, 0, 96), size) - means).max() <= tolerance


@pytest.mark.parametrize("size", [7, 24, 25, 60, 61, 240])
@pytest.mark.parametrize("degrees", [0, 30, -170])
def test_a_slope_stays_where_it_is(size, degrees):
    # 6 levels a pixel: half a pixel of the picture would be 3 levels, half a pixel of the largest cut 0.4.
    picture = grey(np.tile(np.arange(40) * 6, (40, 1)))
    corner = {0: (8, 8), 30: (20, 6), -170: (32, 26)}[degrees]
    matrix = square(*corner, 20, degrees)
    expected = (centres(matrix, size)[..., 0] - 0.5) * 6
    assert np.abs(cut(picture, matrix, size)[..., 0] - expected).max() <= 0.75
    # And downwards.
    expected = (centres(matrix, size)[..., 1] - 0.5) * 6
    assert np.abs(cut(picture.transpose(1, 0, 2), matrix, size)[..., 0] - expected).max() <= 0.75


def test_an_enlarged_chessboard_has_its_fields_where_they_were():
    fields = np.indices((6, 6)).sum(axis=0) % 2 * 255
    picture = grey(np.kron(fields, np.ones((8, 8))))
    large = cut(picture, square(0, 0, 48), 480)[..., 0]
    expected = np.kron(fields, np.ones((80, 80)))
    inner = np.kron(np.ones((6, 6)), np.pad(np.ones((40, 40)), 20)).astype(bool)
    np.testing.assert_array_equal(large[inner], expected[inner])
    # The edges are in the middle between the fields: as much is lost as is won.
    assert abs(large.astype(float).mean() - expected.mean()) < 0.5


@pytest.mark.parametrize(("side", "degrees"), [(100, 0), (100, 20), (260, 45), (1100, 10)])
def test_patterns_finer_than_pixels_become_grey(side, degrees):
    picture = grey(np.indices((1600, 1600)).sum(axis=0) % 2 * 255)
    small = cut(picture, square(790, 100, side, degrees), 32)
    assert np.abs(small.astype(float) - 127.5).max() < 12 and abs(small.mean() - 127.5) < 1


def test_as_scikit_image_interpolates():
    y, x = np.mgrid[:60, :60]
    picture = grey(127 + 60 * np.sin(x / 4) + 60 * np.cos(y / 5 + x / 9))
    matrix, size = square(20, 5, 30, 25), 90
    # scikit-image puts the first pixel's centre at 0.
    to_pixel = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, size]]) / size
    back = np.vstack([matrix, [0, 0, 1]]) @ to_pixel - [[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]]
    expected = warp(picture, AffineTransform(back), output_shape=(size, size), order=3, preserve_range=True)
    assert np.abs(cut(picture, matrix, size) - expected).max() < 2


def test_beyond_its_borders_a_picture_goes_on(rng):
    assert (cut(np.full((20, 30, 3), 200, np.uint8), square(-100, -70, 300, 30), 64) == 200).all()
    picture = rng.integers(0, 256, (16, 16, 3), np.uint8)
    wide = cut(picture, square(-8, -8, 32), 32)
    np.testing.assert_array_equal(wide, np.pad(picture, ((8, 8), (8, 8), (0, 0)), mode="edge"))


def test_the_result_does_not_depend_on_the_blocks(noise, monkeypatch):
    matrix = square(30, -5, 90, 15)
    whole = cut(noise, matrix, 40)
    monkeypatch.setattr(resampling, "BLOCK", 1000)
    np.testing.assert_array_equal(cut(noise, matrix, 40), whole)
