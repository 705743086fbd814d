"""CRPS, calibration and KID against NumPy from the definitions, and against what a perfect sampler gets."""

import itertools

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from tf_gradsr import metrics
from tf_gradsr.evaluation import set_distance
from tf_gradsr.evaluation.bootstrap import poisson_weights
from tf_gradsr.evaluation.set_distance import SetDistance


@pytest.fixture
def material(rng):
    """Maker of random (samples, truth): uint8 `[B, N, 6, 5, 3]`, `[B, 6, 5, 3]`."""
    return lambda count, size=3: (
        rng.integers(0, 256, (size, count, 6, 5, 3), np.uint8),
        rng.integers(0, 256, (size, 6, 5, 3), np.uint8),
    )


@pytest.fixture(scope="module")
def posterior():
    """(ten samples, truth) of a true posterior whose spread differs from pixel to pixel."""
    rng = np.random.default_rng(1)
    drawn = 128 + rng.uniform(3, 25, (8, 1, 48, 48, 3)) * rng.normal(size=(8, 11, 48, 48, 3))
    drawn = drawn.round().clip(0, 255).astype(np.uint8)
    return drawn[:, :10], drawn[:, 10]


# ---------------------------------------------------------------- CRPS


def crps_by_pairs(samples, truth):
    """Fair CRPS of one picture in float64, over all pairs."""
    samples, truth = samples.astype(np.float64), truth.astype(np.float64)
    pairs = [np.abs(a - b).mean() for a, b in itertools.permutations(samples, 2)]
    return np.abs(samples - truth).mean() - 0.5 * np.mean(pairs or [0])


@pytest.mark.parametrize("count", [1, 2, 3, 10])
def test_crps_is_that_of_all_pairs(material, count):
    samples, truth = material(count)
    result = metrics.fair_crps(samples, truth)
    assert result.dtype == tf.float32
    np.testing.assert_allclose(result, [crps_by_pairs(*pair) for pair in zip(samples, truth)], rtol=1e-5)


def test_crps_by_hand():
    # |10 - 13| and |16 - 13|, mean 3; the one pair is 6 apart: 3 - 6 / 2.
    samples = np.array([10, 16], np.uint8)[None, :, None, None, None] * np.ones((1, 2, 1, 1, 3), np.uint8)
    np.testing.assert_allclose(metrics.fair_crps(samples, np.full((1, 1, 1, 3), 13, np.uint8)), [0.0])


def test_crps_is_best_for_the_true_posterior_and_does_not_depend_on_the_number(posterior):
    samples, truth = posterior
    best = metrics.fair_crps(samples, truth).numpy().mean()
    for factor in (0.5, 1.7):
        other = (128 + factor * (samples - 128.0)).round().clip(0, 255).astype(np.uint8)
        assert metrics.fair_crps(other, truth).numpy().mean() > 1.02 * best
    assert metrics.fair_crps(samples[:, :3], truth).numpy().mean() == pytest.approx(best, rel=0.02)
    assert metrics.fair_crps(samples[:, :1], truth).numpy().mean() > 1.3 * best


# ---------------------------------------------------------------- spread/error, gain of mean


def test_parts_of_spread_and_gain_are_numpys(material):
    samples, truth = material(10)
    reconstruction, levels = samples[:, 3], samples.astype(np.float64)
    variance, error = metrics.spread_error(samples, reconstruction, truth)
    np.testing.assert_allclose(variance, levels.var(1, ddof=1).mean((1, 2, 3)), rtol=1e-5)
    np.testing.assert_allclose(error, ((levels[:, 3] - truth) ** 2).mean((1, 2, 3)), rtol=1e-5)
    one, mean = metrics.gain_of_mean(samples, truth)
    eight = levels[:, :8]
    np.testing.assert_allclose(one, ((eight - truth[:, None]) ** 2).mean((1, 2, 3, 4)), rtol=1e-5)
    np.testing.assert_allclose(mean, ((eight.mean(1) - truth) ** 2).mean((1, 2, 3)), rtol=1e-5)


@pytest.mark.parametrize("count", [2, 8, 10])
def test_a_true_posterior_is_calibrated(posterior, count):
    samples, truth = posterior
    centre = np.full_like(truth, 128)
    variance, error = (np.mean(part) for part in metrics.spread_error(samples[:, :count], centre, truth))
    assert np.sqrt(variance / error) == pytest.approx(1, abs=0.01)
    one, mean = (np.mean(part) for part in metrics.gain_of_mean(samples[:, :count], truth))
    assert 10 * np.log10(one / mean) == pytest.approx(metrics.right_gain(min(count, 8)), abs=0.05)


def test_the_right_gain_by_hand():
    # 10 log10 of 4/3 and of 16/9.
    assert metrics.right_gain(2) == pytest.approx(1.2494, abs=1e-4)
    assert metrics.right_gain(8) == pytest.approx(2.4988, abs=1e-4)


# ---------------------------------------------------------------- reliability


def bins_by_loop(samples, truth):
    """{bin: [count, predicted squares, actual squares]}, one value after another."""
    sums = {}
    for pictures, true in zip(samples.astype(np.float64), truth.astype(np.float64)):
        half = len(pictures) // 2
        for chooser, kept in ((pictures[:half], pictures[half:]), (pictures[half:], pictures[:half])):
            chosen = np.minimum(chooser.std(0, ddof=1), 63).astype(int)
            variance = kept.var(0, ddof=1)
            actual = (kept.mean(0) - true) ** 2 * len(kept) / (len(kept) + 1)
            for number, *values in zip(chosen.ravel(), variance.ravel(), actual.ravel()):
                sums[number] = sums.get(number, 0) + np.array([1, *values])
    return sums


@pytest.mark.parametrize("count", [4, 7])
def test_reliability_is_that_of_a_loop_over_pixels(material, count):
    reliability = metrics.Reliability()
    parts = [material(count, 2), material(count, 1)]
    for samples, truth in parts:
        reliability.add(metrics.reliability_sums(samples, truth))
    expected = bins_by_loop(*(np.concatenate(x) for x in zip(*parts)))
    result = reliability.bins()
    assert sum(each.count for each in result) == 2 * 3 * 6 * 5 * 3
    assert len(result) == len(expected)
    for each, number in zip(result, sorted(expected)):
        size, predicted, actual = expected[number]
        assert each.count == size
        np.testing.assert_allclose(each[1:], np.sqrt([predicted / size, actual / size]), rtol=1e-5)


def test_a_true_posterior_lies_on_the_diagonal_in_every_bin(posterior):
    samples, truth = posterior
    for count in (4, 10):
        reliability = metrics.Reliability()
        reliability.add(metrics.reliability_sums(samples[:, :count], truth))
        bins = [each for each in reliability.bins() if each.count > 1500]
        assert len(bins) > 15
        assert all(each.actual == pytest.approx(each.predicted, rel=0.1) for each in bins)


def test_samples_that_are_equal_fall_into_the_first_bin(material):
    samples, truth = material(1, 1)
    reliability = metrics.Reliability()
    assert reliability.bins() == []
    reliability.add(metrics.reliability_sums(np.repeat(samples, 4, axis=1), truth))
    ((count, predicted, actual),) = reliability.bins()
    error = samples[0, 0].astype(float) - truth[0]
    assert (count, predicted) == (180, 0)
    assert actual == pytest.approx(np.sqrt(2 / 3 * (error**2).mean()))


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    "measure", [metrics.fair_crps, metrics.gain_of_mean, metrics.reliability_sums], ids=lambda m: m.__name__
)
def test_samples_that_do_not_fit_are_refused(material, measure):
    samples, truth = material(4)
    with pytest.raises(ValueError, match=r"uint8.* Received: samples float32, truth uint8"):
        measure(samples.astype(np.float32), truth)
    with pytest.raises(ValueError, match=r"must be \[B, N, H, W, 3\].* Received: samples \(3, 4, 6, 5, 3\)"):
        measure(samples, truth[:, 1:])


def test_too_few_samples_are_refused(material):
    samples, truth = material(3)
    with pytest.raises(ValueError, match=r"one sample or more\. Received: 0"):
        metrics.fair_crps(samples[:, :0], truth)
    with pytest.raises(ValueError, match=r"two samples or more\. Received: 1"):
        metrics.spread_error(samples[:, :1], truth, truth)
    with pytest.raises(ValueError, match=r"need 4 samples\. Received: 3"):
        metrics.reliability_sums(samples, truth)


# ---------------------------------------------------------------- KID


def kid_by_pairs(truth, features):
    """Unbiased squared MMD over pairs of different pictures, one pair after another."""
    count, size = truth.shape

    def kernel(x, y):
        return (x @ y / size + 1) ** 3

    total = 0
    for i, j in itertools.permutations(range(count), 2):
        total += kernel(truth[i], truth[j]) + kernel(features[i], features[j])
        total -= 2 * kernel(truth[i], features[j])
    return 1000 * total / (count * (count - 1))


@pytest.fixture
def features(rng):
    """(of the truth, of two pictures made of each), float32 `[20, 7]` and `[2, 20, 7]`."""
    truth = rng.uniform(0, 2, (20, 7)).astype(np.float32)
    return truth, (truth + rng.normal(0.3, 0.5, (2, 20, 7))).astype(np.float32)


def test_kid_is_that_of_all_pairs(features):
    truth, (made, _) = features
    expected = kid_by_pairs(*(x.astype(np.float64) for x in (truth, made)))
    assert metrics.kernel_distance(truth, made) == pytest.approx(expected, rel=1e-9)
    terms = metrics.kid_terms(truth, made)
    np.testing.assert_allclose(terms, terms.T)
    assert (np.diag(terms) == 0).all()


def test_a_perfect_sampler_has_a_kid_near_0(rng):
    # Truth and sample share what the input determines, and differ in what it does not.
    shared = rng.normal(0, 1, (400, 16))
    truth, made = (shared + rng.normal(0, 0.5, (400, 16)) for _ in range(2))
    off = metrics.kernel_distance(truth, made + 0.5)
    assert abs(metrics.kernel_distance(truth, made)) < 0.02 * off
    # With the pairs of a picture and its own truth, it would look better than it is.
    own = ((truth * made).sum(1) / 16 + 1) ** 3
    assert 2 * own.mean() / len(truth) * 1000 > 0.02 * off


@pytest.mark.parametrize(
    ("shapes", "said"),
    [
        (((3, 4), (2, 4)), "a row for each picture"),
        (((3,), (3,)), "a row"),
        (((1, 4), (1, 4)), "Received: 1"),
    ],
)
def test_features_that_do_not_fit_are_refused(shapes, said):
    with pytest.raises(ValueError, match=said):
        metrics.kernel_distance(*(np.ones(shape) for shape in shapes))


def test_the_distance_of_a_set_is_streamed(features):
    truth, made = features
    weights = poisson_weights(0, range(20))
    expected = np.mean([metrics.kernel_distance(truth, each) for each in made])
    distance = SetDistance()
    for part in (slice(0, 7), slice(7, 20)):
        distance.add(weights[part], truth[part], made[:, part])
    figure = distance.figure()
    assert figure.mean == pytest.approx(expected)
    # A replicate by hand: each picture as often as it was drawn, none paired with a copy of itself.
    drawn = np.repeat(np.arange(20), weights[:, 0].astype(int))
    pairs = [(i, j) for i, j in itertools.product(drawn, drawn) if i != j]
    terms = np.mean([metrics.kid_terms(truth, each) for each in made], axis=0)
    by_hand = SetDistance(replicates=1)
    by_hand.add(weights[:, :1], truth, made)
    low, high = by_hand.figure()[1:]
    assert low == high == pytest.approx(1000 * np.mean([terms[pair] for pair in pairs]))
    assert figure.low < expected < figure.high


def test_the_distances_interval_is_the_classical_bootstraps(rng):
    truth = rng.uniform(0, 2, (80, 7))
    made = truth + rng.normal(0.3, 0.5, (80, 7))
    distance = SetDistance()
    distance.add(poisson_weights(0, range(80)), truth, made[None])
    figure = distance.figure()
    terms = 1000 * metrics.kid_terms(truth, made)

    def of_pairs(drawn):
        chosen = terms[np.ix_(drawn, drawn)]
        return chosen.sum() / (drawn[:, None] != drawn).sum()

    low, high = scipy.stats.bootstrap(
        (np.arange(80),), of_pairs, vectorized=False, n_resamples=4000, method="percentile", rng=rng
    ).confidence_interval
    assert abs(figure.low - low) < 0.1 * (high - low)
    assert abs(figure.high - high) < 0.1 * (high - low)


@pytest.mark.parametrize("sizes", [(20,), (3,) * 6 + (2,), (9, 11)])
def test_many_pictures_are_paired_in_blocks(features, monkeypatch, sizes):
    monkeypatch.setattr(set_distance, "BLOCK", 8)
    truth, made = features
    distance, weights, start = SetDistance(), poisson_weights(0, range(20)), 0
    for size in sizes:
        part = slice(start, start + size)
        distance.add(weights[part], truth[part], made[:, part])
        start += size
    blocks = [slice(0, 8), slice(8, 16), slice(16, 20)]
    sums = [1000 * metrics.kid_terms(truth[b], each[b]).sum() for each in made for b in blocks]
    assert distance.figure().mean == pytest.approx(sum(sums) / 2 / (8 * 7 * 2 + 4 * 3))


def test_one_picture_has_no_distance():
    distance = SetDistance()
    assert distance.figure() is None
    distance.add(poisson_weights(0, [0]), np.ones((1, 4)), np.ones((1, 1, 4)))
    assert distance.figure() is None
