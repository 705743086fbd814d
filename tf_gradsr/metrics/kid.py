"""Kernel Inception distance (Binkowski et al. 2018) of two sets of pictures, from given features."""

import numpy as np

# Factor of the distance in tables, as is usual.
KID_UNIT = 1000.0


def polynomial_kernel(first, second) -> np.ndarray:
    """`(x . y / d + 1)^3` of each pair, the kernel of Binkowski et al. 2018.

    Args:
        first: float64 `[A, d]`. second: float64 `[B, d]`.

    Returns:
        float64 `[A, B]`.
    """
    return (first @ second.T / first.shape[1] + 1.0) ** 3


def kid_terms(truth, features) -> np.ndarray:
    """What each pair of pictures adds to the distance; KID is the mean over pairs of different pictures.

    `k(x_i, x_j) + k(y_i, y_j) - k(x_i, y_j) - k(y_i, x_j)`, x the truths' features, y those of the pictures
    made from them. A picture is never paired with its own truth, from which it was made, so a sampler of the
    true posterior is near 0 too.

    Args:
        truth, features: float `[n, d]`, row i of both belonging to the same picture.

    Returns:
        float64 `[n, n]`, symmetric; 0 where a picture would meet itself.

    Raises:
        ValueError: shapes that differ or are not rows of features.
    """
    truth, features = np.asarray(truth, np.float64), np.asarray(features, np.float64)
    if truth.ndim != 2 or truth.shape != features.shape:
        raise ValueError(
            "truth and features must be [n, d], a row for each picture. "
            f"Received: truth {truth.shape}, features {features.shape}."
        )
    across = polynomial_kernel(truth, features)
    terms = polynomial_kernel(truth, truth) + polynomial_kernel(features, features) - across - across.T
    np.fill_diagonal(terms, 0.0)
    return terms


def kernel_distance(truth, features) -> float:
    """Unbiased squared maximum mean discrepancy of two sets of features, times 1000.

    Args:
        truth, features: float `[n, d]`, n >= 2, row i of both belonging to the same picture.

    Returns:
        About 0 for sets of one distribution, where it may be negative; larger is more different.

    Raises:
        ValueError: see `kid_terms`, or fewer than two pictures.
    """
    count = len(truth)
    if count < 2:
        raise ValueError(f"A distance of sets needs two pictures or more. Received: {count}.")
    return float(KID_UNIT * kid_terms(truth, features).sum() / (count * (count - 1)))
