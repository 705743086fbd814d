"""Losses against NumPy versions written from the paper, and against values worked by hand."""

import numpy as np
import pytest
import tensorflow as tf
from arrays import normal

from tf_gradsr import losses
from tf_gradsr.models import Discriminator


def sigmoid(x):
    return 1 / (1 + np.exp(-np.asarray(x, np.float64)))


# ---------------------------------------------------------------- eq. (6), eq. (7), pixel loss


def test_perceptual_loss_is_the_papers(rng):
    shapes = [(2, 8, 6, 4), (2, 4, 3, 8), (2, 2, 1, 16)]
    fake, real = ([normal(rng, *shape) for shape in shapes] for _ in range(2))
    total = 0.0
    for i in range(len(shapes)):
        distances = [abs(float(a) - float(b)) for a, b in zip(fake[i].ravel(), real[i].ravel())]
        total += sum(distances) / len(distances)
    assert float(losses.perceptual_loss(fake, real)) == pytest.approx(total / len(shapes), rel=1e-5)


def test_each_layer_counts_the_same_whatever_its_size():
    fake = [tf.zeros([1, 16, 16, 2]), tf.zeros([1, 2, 2, 2])]
    real = [tf.fill([1, 16, 16, 2], 1.0), tf.fill([1, 2, 2, 2], 3.0)]
    assert float(losses.perceptual_loss(fake, real)) == pytest.approx(2.0)


@pytest.mark.parametrize("loss", [losses.gradient_loss, losses.pixel_loss, losses.coupling_loss])
def test_mean_absolute_error_by_hand(loss):
    fake = tf.constant([[1.0, 2.0], [0.0, 4.0]])[None, :, :, None]
    real = tf.constant([[0.0, 4.0], [0.0, 1.0]])[None, :, :, None]
    assert float(loss(fake, real)) == pytest.approx((1 + 2 + 0 + 3) / 4)
    # A pyramid: the mean over its scales, here of 1.5 and 0.5.
    assert float(loss([fake, tf.ones([1, 1, 1, 1])], [real, tf.fill([1, 1, 1, 1], 0.5)])) == pytest.approx(
        1.0
    )


@pytest.mark.parametrize("loss", [losses.perceptual_loss, losses.gradient_loss, losses.pixel_loss])
def test_lists_of_different_length_are_refused(loss):
    scale = tf.zeros([1, 2, 2, 3])
    with pytest.raises(ValueError, match=r"same length.* 2 fake"):
        loss([scale, scale], [scale])


# ---------------------------------------------------------------- eq. (8)


def diversity_by_loops(g1, g2, z1, z2, tau):
    """Eq. (8) with d and the norm both as mean absolute values, example by example."""
    values = []
    for b in range(len(z1)):
        distance = np.mean([abs(x - y) for x, y in zip(g1[b].ravel(), g2[b].ravel())])
        spread = np.mean([abs(x - y) for x, y in zip(z1[b], z2[b])])
        values.append(min(distance / spread, tau))
    return np.mean(values)


@pytest.mark.parametrize("tau", [0.1, 0.6, 10.0])
def test_diversity_loss_is_the_papers(rng, tau):
    g1, g2 = (rng.uniform(0, 2, (4, 5, 3, 3)).astype(np.float32) for _ in range(2))
    # Examples of different ratios, so that the bound limits some and not others.
    g2 = g1 + (g2 - g1) * np.array([0.1, 0.5, 1.0, 2.0], np.float32)[:, None, None, None]
    z1, z2 = normal(rng, 4, 6), normal(rng, 4, 6)
    result = float(losses.diversity_loss(g1, g2, z1, z2, tau))
    assert result == pytest.approx(diversity_by_loops(g1, g2, z1, z2, tau), rel=1e-5)


def test_diversity_loss_by_hand():
    g1 = tf.zeros([2, 2, 2, 1])
    g2 = tf.stack([tf.fill([2, 2, 1], 3.0), tf.fill([2, 2, 1], 100.0)])
    z1, z2 = tf.zeros([2, 4]), tf.fill([2, 4], -2.0)
    # Ratios 3 / 2 and 100 / 2; the second is bounded by tau = 10.
    assert float(losses.diversity_loss(g1, g2, z1, z2, tau=10.0)) == pytest.approx((1.5 + 10) / 2)


def test_diversity_of_equal_noise_is_zero_and_differentiable():
    g1, g2, z = tf.Variable(tf.ones([1, 2, 2, 1])), tf.zeros([1, 2, 2, 1]), tf.ones([1, 3])
    with tf.GradientTape() as tape:
        value = losses.diversity_loss(g1, g2, z, z)
    assert float(value) == 0
    assert np.isfinite(tape.gradient(value, g1)).all()


# ---------------------------------------------------------------- adversarial losses


def test_adversarial_losses_are_the_papers(rng):
    real, fake = normal(rng, 2, 3, 3, 4), normal(rng, 4, 3, 3, 4)
    generator = -np.mean(np.log(sigmoid(fake)))
    discriminator = -np.mean(np.log(sigmoid(real))) - np.mean(np.log(1 - sigmoid(fake)))
    assert float(losses.generator_adversarial_loss(fake)) == pytest.approx(generator, rel=1e-5)
    assert float(losses.discriminator_loss(real, fake)) == pytest.approx(discriminator, rel=1e-5)


@pytest.mark.parametrize(
    ("real", "fake", "generator", "discriminator"),
    [
        (0.0, 0.0, np.log(2), 2 * np.log(2)),
        # D(real) = 3/4 and D(fake) = 1/3.
        (np.log(3), -np.log(2), np.log(3), np.log(4 / 3) + np.log(3 / 2)),
        # Far beyond float32's exponential: no overflow, and the gradient of a lost G does not vanish.
        (200.0, -200.0, 200.0, 0.0),
        (-200.0, 200.0, 0.0, 400.0),
    ],
)
def test_adversarial_losses_by_hand(real, fake, generator, discriminator):
    real, fake = (tf.fill([2, 2, 2, 3], float(value)) for value in (real, fake))
    assert float(losses.generator_adversarial_loss(fake)) == pytest.approx(generator, rel=1e-5)
    assert float(losses.discriminator_loss(real, fake)) == pytest.approx(discriminator, rel=1e-5)


def test_generator_loss_does_not_saturate():
    logits = tf.Variable([-50.0])
    with tf.GradientTape() as tape:
        loss = losses.generator_adversarial_loss(logits)
    np.testing.assert_allclose(tape.gradient(loss, logits), [-1.0])


# ---------------------------------------------------------------- R1


def test_r1_of_a_polynomial_by_hand():
    # D(x) = w x^2 of one number: |dD/dx|^2 = 4 w^2 x^2, for x = 1, 2, -3 on average 4 w^2 * 14 / 3.
    w = tf.Variable(0.5)
    with tf.GradientTape() as tape:
        penalty = losses.r1_penalty(lambda inputs: w * inputs[0] ** 2, [tf.constant([[1.0], [2.0], [-3.0]])])
    assert float(penalty) == pytest.approx(4 * 0.25 * 14 / 3)
    # Its derivative in D's weight, 8 w x^2 on average.
    assert float(tape.gradient(penalty, w)) == pytest.approx(8 * 0.5 * 14 / 3)


def test_r1_sums_over_all_inputs_and_scores_by_the_mean_output():
    # Two output features, 3 a and a b: the score is their mean, its gradient ((3 + b) / 2, a / 2).
    a, b = tf.constant([[1.0], [2.0]]), tf.constant([[5.0], [-1.0]])
    penalty = losses.r1_penalty(lambda inputs: tf.concat([3 * inputs[0], inputs[0] * inputs[1]], 1), [a, b])
    assert float(penalty) == pytest.approx(((4**2 + 0.5**2) + (1**2 + 1**2)) / 2)


def test_r1_counts_an_unused_input_as_zero():
    x, unused = tf.constant([[1.0, 2.0]]), tf.ones([1, 2, 2, 3])
    assert float(losses.r1_penalty(lambda inputs: 2 * inputs[0], [x, unused])) == pytest.approx(2.0)


@pytest.mark.parametrize("condition_channels", [3, 0])
def test_r1_matches_finite_differences_of_the_score(rng, condition_channels):
    discriminator = Discriminator(
        widths=[3, 4, 3], blocks=1, condition_channels=condition_channels, dtype="float64"
    )
    discriminator.build()
    shapes = [(4, 4, 3), (8, 8, 3)] + [(2, 2, 3)] * bool(condition_channels)
    inputs = [rng.normal(size=(2, *shape)) for shape in shapes]
    sizes = [np.prod(shape) for shape in shapes]

    def scores(rows):
        """Mean output of D for each row, in which one example's inputs are strung together."""
        parts = np.split(rows, np.cumsum(sizes)[:-1], axis=1)
        logits = discriminator([tf.constant(p.reshape(-1, *shape)) for p, shape in zip(parts, shapes)])
        return logits.numpy().mean((1, 2, 3))

    h, squares = 1e-6, []
    for example in np.concatenate([x.reshape(2, -1) for x in inputs], axis=1):
        nudges = h * np.eye(example.size)
        squares.append(np.sum(((scores(example + nudges) - scores(example - nudges)) / (2 * h)) ** 2))
    penalty = losses.r1_penalty(discriminator, [tf.constant(x) for x in inputs])
    assert float(penalty) == pytest.approx(np.mean(squares), rel=1e-4)
    assert float(penalty) > 0


def test_derivative_of_r1_in_the_weights_matches_finite_differences(rng):
    discriminator = Discriminator(widths=[3, 4], blocks=1, condition_channels=3, dtype="float64")
    discriminator.build()
    inputs = [tf.constant(rng.normal(size=shape)) for shape in [(2, 4, 4, 3), (2, 2, 2, 3)]]
    with tf.GradientTape() as tape:
        penalty = losses.r1_penalty(discriminator, inputs)
    kernels = [v for v in discriminator.trainable_variables if v.name == "kernel"]
    slopes = [np.asarray(slope) for slope in tape.gradient(penalty, [v.value for v in kernels])]
    h = 1e-6
    for kernel, slope in zip(kernels, slopes):
        direction, ends, start = rng.normal(size=kernel.shape), [], kernel.numpy()
        for sign in (1, -1):
            kernel.assign(start + sign * h * direction)
            ends.append(float(losses.r1_penalty(discriminator, inputs)))
        kernel.assign(start)
        assert np.abs(slope).max() > 0
        assert np.sum(slope * direction) == pytest.approx((ends[0] - ends[1]) / (2 * h), rel=1e-3, abs=1e-7)
