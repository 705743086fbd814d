"""Training with float16 convolutions: loss scaling keeps gradients alive and survives overflows."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from training_steps import fit

from tf_gradsr import losses
from tf_gradsr.models import Discriminator, GradSR
from tf_gradsr.models.loss_scale import FIRST_SCALE, PATIENCE, LossScale


@pytest.fixture
def half_model(tiny_config):
    """Maker of a compiled `GradSR` with float16 convolutions and the optimizer of the paper, beta_1 = 0."""

    def make(precision="mixed_float16", seed=0, loss=None, **settings):
        keras.utils.set_random_seed(seed)
        config = tiny_config(loss=loss, **settings)
        model = GradSR(config, precision)
        adam = [keras.optimizers.Adam(1e-3, beta_1=0.0, beta_2=0.9) for _ in range(2)]
        model.compile(config.loss, *adam, 0.5)
        return model

    return make


def weights_of(model):
    return [v.numpy() for v in (*model.generator.trainable_variables, *model._d_variables)]


# ---------------------------------------------------------------- the scale


def test_gradients_are_unscaled_exactly():
    part = LossScale()
    gradients = part.unscaled([tf.constant([2.0**14, 2.0**-20]), None])
    np.testing.assert_array_equal(gradients[0], [0.5, 2.0**-35])
    assert gradients[1] is None
    assert float(part.scale.value) == FIRST_SCALE and float(part.good_steps.value) == 1


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_an_overflow_skips_every_gradient_and_halves_the_scale(value):
    part = LossScale()
    part.good_steps.assign(7)
    gradients = part.unscaled([tf.constant([1.0, 2.0]), tf.constant([3.0, value])])
    np.testing.assert_array_equal(gradients, np.zeros((2, 2)))
    assert float(part.scale.value) == FIRST_SCALE / 2 and float(part.good_steps.value) == 0


def test_the_scale_grows_after_enough_good_steps_up_to_a_bound():
    part = LossScale()
    part.good_steps.assign(PATIENCE - 2)
    for expected in (1, 2, 2):
        part.unscaled([tf.constant([1.0])])
        assert float(part.scale.value) == expected * FIRST_SCALE
    part.scale.assign(2.0**24)
    part.good_steps.assign(PATIENCE)
    part.unscaled([tf.constant([1.0])])
    assert float(part.scale.value) == 2.0**24


def test_what_halving_does_not_cure_passes():
    part = LossScale()
    part.scale.assign(1.0)
    (gradient,) = part.unscaled([tf.constant([np.nan, 1.0])])
    assert np.isnan(gradient[0])


# ---------------------------------------------------------------- R1 through float16


@pytest.fixture
def penalties(rng):
    """R1 and its gradient in D's weights, by D's precision and both scales."""
    keras.utils.set_random_seed(0)
    networks = {}
    for precision in ("float32", "mixed_float16"):
        network = Discriminator([16, 16, 8], 2, condition_channels=3, dtype=precision)
        network.build()
        networks[precision] = network
    networks["mixed_float16"].set_weights(networks["float32"].get_weights())
    inputs = [tf.constant(rng.normal(0, 0.5, (2, n, n, 3)), tf.float32) for n in (32, 64, 16)]

    def penalty(precision, inner=None, outer=1.0):
        network = networks[precision]
        variables = [variable.value for variable in network.trainable_variables]
        with tf.GradientTape() as tape:
            value = losses.r1_penalty(network, inputs, inner)
        # The last offset does not act on gradients.
        zero = tf.UnconnectedGradients.ZERO
        gradients = tape.gradient(value, variables, tf.constant(outer), unconnected_gradients=zero)
        return float(value), np.concatenate([np.ravel(g) for g in gradients]) / outer

    return penalty


def test_r1_through_float16_is_that_of_float32(penalties):
    value, gradient = penalties("float32")
    scale = LossScale()
    found, found_gradient = penalties("mixed_float16", scale.inner, FIRST_SCALE)
    assert found == pytest.approx(value, rel=0.01)
    error = np.linalg.norm(found_gradient - gradient) / np.linalg.norm(gradient)
    assert error <= 0.01
    # What it is for: without scales, much of both gradients is below what float16 holds.
    _, unscaled = penalties("mixed_float16")
    assert np.linalg.norm(unscaled - gradient) / np.linalg.norm(gradient) > 5 * error


# ---------------------------------------------------------------- training


@pytest.mark.parametrize("steps", [12, pytest.param(200, marks=pytest.mark.slow)])
def test_losses_stay_finite(half_model, batches, steps):
    model = half_model(loss={"r1": 10.0, "perceptual": "discriminator"}, z_injection="modulate")
    logs = fit(model, batches(), steps)
    assert len(logs) == steps
    assert all(np.isfinite(list(line.values())).all() for line in logs)
    # Gradients of such small pictures are large: the first steps find the scale that suits them.
    for side in ("g", "d"):
        scales = [line[f"loss_scale/{side}"] for line in logs]
        assert scales == sorted(scales, reverse=True) and scales[-1] >= 2.0**6
    if steps == 200:
        assert logs[-1]["loss/g/pixel"] < 0.7 * logs[0]["loss/g/pixel"]


def test_a_step_is_that_of_float32(half_model, batches):
    """The gradients, seen by plain SGD, differ by float16's rounding."""
    moves, batch = [], batches()
    for precision in ("float32", "mixed_float16"):
        # With F = 0, which a level's difference would change as a whole.
        model = half_model(precision, loss={"r1": 10.0}, consistency="exact")
        model.compile(model.config.loss, *(keras.optimizers.SGD(0.01) for _ in range(2)), 0.5)
        for part in model.loss_scales.values():
            part.scale.assign(2.0**10)
        before = weights_of(model)
        fit(model, batch, 1)
        pairs = zip(weights_of(model), before, strict=True)
        moves.append(np.concatenate([np.ravel(new - old) for new, old in pairs]))
    assert np.linalg.norm(moves[1] - moves[0]) < 0.02 * np.linalg.norm(moves[0])


def test_an_overflow_is_skipped_and_the_next_step_counts(half_model, batches):
    model = half_model(loss={"r1": 10.0})
    fit(model, batches(), 1)
    before = weights_of(model)
    # 2^60 times a gradient is more than float16 holds.
    for part in model.loss_scales.values():
        part.scale.assign(2.0**60)
    (logs,) = fit(model, batches(), 1)
    assert all(np.isfinite(list(logs.values())))
    assert logs["norm/g"] == logs["norm/d"] == 0
    assert logs["loss_scale/g"] == logs["loss_scale/d"] == 2.0**59
    for old, new in zip(before, weights_of(model), strict=True):
        np.testing.assert_array_equal(old, new)
    assert model.step == 2
    for part in model.loss_scales.values():
        part.scale.assign(2.0**10)
    fit(model, batches(), 1)
    assert any((old != new).any() for old, new in zip(before, weights_of(model)))


def test_a_run_that_diverges_is_found(half_model, batches):
    """NaN in the pictures is nothing that a smaller scale cures."""
    model, batch = half_model(), batches()
    batch["hr"] = batch["hr"] * np.nan
    for part in model.loss_scales.values():
        part.scale.assign(4.0)
    logs = fit(model, batch, 3)
    assert [np.isfinite(line["loss/g/total"]) for line in logs] == [True, True, False]
    assert not np.isfinite(logs[-1]["norm/g"])


def test_replicas_skip_together(tiny_config, two_devices, batches):
    """One replica's overflow skips the step of both, and their scales stay one."""
    with two_devices.scope():
        part = LossScale()

    @tf.function
    def step(values):
        def replica(value):
            (gradient,) = part.unscaled([value])
            return gradient

        return two_devices.run(replica, args=(values,))

    values = two_devices.experimental_distribute_values_from_function(
        lambda context: tf.constant([1.0, np.inf][context.replica_id_in_sync_group])
    )
    for gradient in two_devices.experimental_local_results(step(values)):
        assert float(gradient) == 0.0
    assert part.scale.numpy() == FIRST_SCALE / 2
    with two_devices.scope():
        keras.utils.set_random_seed(0)
        config = tiny_config(loss={"r1": 10.0})
        model = GradSR(config, "mixed_float16")
        model.compile(config.loss, *(keras.optimizers.Adam(1e-3) for _ in range(2)), 0.5)
    logs = fit(model, batches(), 2)
    assert all(np.isfinite(list(line.values())).all() for line in logs)
    assert logs[-1]["norm/d"] > 0
