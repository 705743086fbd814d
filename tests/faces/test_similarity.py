"""Least-squares similarities: against scikit-image, and numbers worked by hand."""

import numpy as np
import pytest
from skimage.transform import SimilarityTransform

from tf_gradsr.faces.similarity import (
    apply_matrix,
    compose,
    degrees_of,
    fit_similarity,
    invert_matrix,
    scale_of,
)


def umeyama(source, target):
    """scikit-image's fit."""
    if hasattr(SimilarityTransform, "from_estimate"):
        return SimilarityTransform.from_estimate(source, target).params[:2]
    transform = SimilarityTransform()
    assert transform.estimate(source, target)
    return transform.params[:2]


@pytest.mark.parametrize("count", [2, 3, 5, 20])
def test_as_scikit_image_fits_points_that_fit_badly(rng, count):
    source, target = rng.normal(size=(2, count, 2)) * 40 + [[[3, 500]], [[70, -9]]]
    np.testing.assert_allclose(fit_similarity(source, target), umeyama(source, target), atol=1e-8)


def test_a_quarter_turn_twice_as_large():
    source = [(0, 0), (1, 0), (0, 1)]
    target = [(5, 7), (5, 9), (3, 7)]
    matrix = fit_similarity(source, target)
    np.testing.assert_allclose(matrix, [[0, -2, 5], [2, 0, 7]], atol=1e-12)
    assert scale_of(matrix) == pytest.approx(2) and degrees_of(matrix) == pytest.approx(90)
    np.testing.assert_allclose(apply_matrix(matrix, (1, 1)), (3, 9), atol=1e-12)
    np.testing.assert_allclose(compose(invert_matrix(matrix), matrix), [[1, 0, 0], [0, 1, 0]], atol=1e-12)


def test_nothing_is_mirrored(rng):
    source = rng.normal(size=(6, 2))
    matrix = fit_similarity(source, source * (-1, 1))
    assert np.linalg.det(matrix[:, :2]) >= 0


@pytest.mark.parametrize(
    ("source", "target", "said"),
    [
        (np.zeros((5, 2)), np.zeros((5, 2)), "at least two different"),
        (np.zeros((5, 2)), np.zeros((4, 2)), r"\(5, 2\) and \(4, 2\)"),
        (np.zeros((1, 2)), np.zeros((1, 2)), "n at least 2"),
        (np.zeros((5, 3)), np.zeros((5, 3)), r"\[n, 2\]"),
        ([(0, 0), (1, np.nan)], [(0, 0), (1, 1)], "NaN"),
    ],
)
def test_points_that_tell_nothing_are_refused(source, target, said):
    with pytest.raises(ValueError, match=said):
        fit_similarity(source, target)
