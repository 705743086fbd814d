"""Learning-rate schedules, the two Adam optimizers and the average's half-life."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_gradsr.config import Config
from tf_gradsr.optimizers import WarmupCosine, build_optimizers, ema_decay, learning_rate


def rates(schedule, steps):
    return [float(schedule(step)) for step in steps]


def test_constant_rate_without_warmup():
    np.testing.assert_allclose(rates(learning_rate(1e-4, 100), [0, 50, 99, 1000]), [1e-4] * 4, rtol=1e-6)


def test_warmup_rises_linearly_to_the_peak_and_stays():
    schedule = learning_rate(1.0, 100, warmup_steps=4)
    np.testing.assert_allclose(rates(schedule, [0, 1, 2, 3, 4, 50]), [0.25, 0.5, 0.75, 1, 1, 1], rtol=1e-6)


def test_cosine_falls_to_zero_at_the_last_step_and_stays():
    schedule = learning_rate(2.0, 100, cosine=True)
    expected = [2.0, 1 + np.sqrt(0.5), 1.0, 1 - np.sqrt(0.5), 0, 0]
    np.testing.assert_allclose(rates(schedule, [0, 25, 50, 75, 100, 130]), expected, atol=1e-6)


def test_schedule_survives_its_config():
    schedule = learning_rate(3e-4, 50, warmup_steps=5, cosine=True)
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(schedule))
    assert rates(copy, range(0, 60, 7)) == rates(schedule, range(0, 60, 7))


def test_defaults_are_the_papers_two_adams():
    g_adam, d_adam = build_optimizers(Config())
    for adam, rate in ((g_adam, 1e-4), (d_adam, 4e-4)):
        assert isinstance(adam, keras.optimizers.Adam)
        assert (adam.beta_1, adam.beta_2) == (0.0, 0.9)
        assert float(adam.learning_rate) == pytest.approx(rate)


def test_the_cosine_starts_from_the_peak_after_the_warmup():
    schedule = learning_rate(2.0, 110, warmup_steps=10, cosine=True)
    np.testing.assert_allclose(rates(schedule, [4, 9, 10, 60, 110]), [1, 2, 2, 1, 0], atol=1e-6)


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_an_optimizer_steps_at_the_rates_on_every_replica(two_devices, policy):
    keras.config.set_dtype_policy(policy)
    try:
        with two_devices.scope():
            sgd = keras.optimizers.SGD(learning_rate(1.0, 6, warmup_steps=2, cosine=True))
            weight = keras.Variable(0.0)
            sgd.build([weight])

        @tf.function
        def step():
            two_devices.run(lambda: sgd.apply([tf.constant(-1.0)], [weight]))

        weights = [0.0]
        for _ in range(7):
            step()
            weights.append(float(weight.value.values[1]))
    finally:
        keras.config.set_dtype_policy("float32")
    # A replica's gradients add up: two of -1.
    expected = [0.5, 1, *(0.5 + 0.5 * np.cos(np.pi * np.arange(5) / 4))]
    np.testing.assert_allclose(np.diff(weights), 2 * np.array(expected), atol=1e-6)


def test_the_discriminators_cosine_starts_when_they_do():
    config = Config()
    config.optimizer.schedule = "cosine"
    config.train.steps, config.train.reconstruction_steps = 100, 60
    g_adam, d_adam = build_optimizers(config)
    for adam, last in ((g_adam, 100), (d_adam, 40)):
        schedule = WarmupCosine.from_config(adam.get_config()["learning_rate"]["config"])
        peak = float(schedule(0))
        np.testing.assert_allclose(rates(schedule, [last // 2, last]), [peak / 2, 0], atol=1e-9)


def test_first_step_of_adam_is_the_rate_times_the_sign():
    g_adam, _ = build_optimizers(Config())
    weight = keras.Variable([1.0, 1.0])
    g_adam.apply_gradients([(tf.constant([3.0, -0.2]), weight)])
    np.testing.assert_allclose(weight.numpy() - 1, [-1e-4, 1e-4], rtol=1e-2)


@pytest.mark.parametrize(
    ("half_life", "batch_size", "decay"), [(5541, 8, 0.999), (8, 8, 0.5), (16, 8, 0.5**0.5), (0, 8, 0.0)]
)
def test_average_halves_after_its_half_life(half_life, batch_size, decay):
    assert ema_decay(half_life, batch_size) == pytest.approx(decay, rel=1e-5)
    if half_life:
        assert ema_decay(half_life, batch_size) ** (half_life / batch_size) == pytest.approx(0.5)
