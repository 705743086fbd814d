"""Similarity transforms between the frame and a photograph: fitted, inverted, applied, read.

A matrix is float64 `[2, 3]` and maps (x, y) to `matrix[:, :2] @ (x, y) + matrix[:, 2]`. Coordinates are
continuous: (0, 0) is the outer corner of the first pixel, whose centre is (0.5, 0.5).
"""

import math

import numpy as np

# Of the unit square, in order around it.
CORNERS = np.array([(0, 0), (1, 0), (1, 1), (0, 1)])


def fit_similarity(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The rotation, scale and shift that bring points nearest to others, in least squares.

    Umeyama 1991, "Least-squares estimation of transformation parameters between two point patterns", IEEE
    TPAMI 13(4), equations (40) to (42). No mirroring.

    Args:
        source, target: float `[n, 2]`, n >= 2, in the same order.

    Returns:
        float64 `[2, 3]`, from source to target.

    Raises:
        ValueError: other shapes, numbers that are not finite, or source points that are all the same.
    """
    source, target = np.asarray(source, np.float64), np.asarray(target, np.float64)
    if source.shape != target.shape or source.ndim != 2 or source.shape[1] != 2 or len(source) < 2:
        raise ValueError(
            f"points: two arrays of the same shape [n, 2], n at least 2. "
            f"Received: {source.shape} and {target.shape}"
        )
    if not (np.isfinite(source).all() and np.isfinite(target).all()):
        raise ValueError("points: finite numbers. Received: NaN or infinity")
    centre, aim = source.mean(axis=0), target.mean(axis=0)
    variance = ((source - centre) ** 2).sum(axis=1).mean()
    if variance == 0:
        raise ValueError(f"points: at least two different ones. Received: {source.tolist()}")
    covariance = (target - aim).T @ (source - centre) / len(source)
    left, singular, right = np.linalg.svd(covariance)
    # Without it the best "rotation" may be a mirror.
    signs = np.array([1.0, math.copysign(1.0, np.linalg.det(left) * np.linalg.det(right))])
    linear = (left * signs) @ right * ((singular * signs).sum() / variance)
    return np.column_stack([linear, aim - linear @ centre])


def apply_matrix(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Maps points, float `[..., 2]`, by a matrix `[2, 3]`; float64 of the same shape."""
    matrix = np.asarray(matrix, np.float64)
    return np.asarray(points, np.float64) @ matrix[:, :2].T + matrix[:, 2]


def invert_matrix(matrix: np.ndarray) -> np.ndarray:
    """The matrix `[2, 3]` of the inverse map.

    Raises:
        numpy.linalg.LinAlgError: it maps everything to a line or a point.
    """
    linear = np.linalg.inv(np.asarray(matrix, np.float64)[:, :2])
    return np.column_stack([linear, -linear @ np.asarray(matrix, np.float64)[:, 2]])


def compose(outer: np.ndarray, inner: np.ndarray) -> np.ndarray:
    """The matrix `[2, 3]` that does `inner` first, then `outer`."""
    linear = outer[:, :2] @ inner[:, :2]
    return np.column_stack([linear, outer[:, :2] @ inner[:, 2] + outer[:, 2]])


def scale_of(matrix: np.ndarray) -> float:
    """By how much a similarity enlarges."""
    return float(math.sqrt(abs(np.linalg.det(np.asarray(matrix)[:, :2]))))


def degrees_of(matrix: np.ndarray) -> float:
    """By how much a similarity turns, in (-180, 180]; positive is clockwise to the eye, because y points
    down."""
    return float(math.degrees(math.atan2(matrix[1][0], matrix[0][0])))
