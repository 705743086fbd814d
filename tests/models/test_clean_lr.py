"""The network that estimates clean LR, its loss and its training."""

import numpy as np
import pytest
import tensorflow as tf
from checkout import ROOT

from tf_gradsr.config_files import load_config
from tf_gradsr.errors import ConfigError
from tf_gradsr.models.clean_lr import CleanLR, clean_lr_loss, load_clean_lr
from tf_gradsr.training.clean_lr_trainer import train_clean_lr


@pytest.fixture
def network(rng):
    network = CleanLR(4, width=8, blocks=2)
    network.build()
    network.set_weights([rng.normal(0, 0.2, w.shape) for w in network.get_weights()])
    return network


def test_estimates_are_on_the_grid_in_range_and_depend_on_z(network, pictures, rng):
    lr, z = pictures(2, 6, 7, 3), rng.normal(size=(2, 4)).astype(np.float32)
    likely, sample = (network((lr, noise)).numpy() for noise in (np.zeros_like(z), z))
    for made in (likely, sample):
        levels = (made + 1) * 127.5
        assert made.shape == lr.shape and np.abs(levels - np.rint(levels)).max() < 1e-3
        assert made.min() >= -1 and made.max() <= 1
    assert np.abs(likely - sample).max() > 0.1
    np.testing.assert_array_equal(likely, network((lr, np.zeros_like(z))))


def test_a_pixel_depends_on_the_stated_neighbourhood_alone(network, pictures):
    lr, z = pictures(1, 21, 21, 3), np.ones((1, 4), np.float32)
    other = lr.copy()
    other[0, 10, 10] = -other[0, 10, 10]
    moved = np.abs(network((lr, z)) - network((other, z))).max(axis=(0, 3))
    rows, columns = np.nonzero(moved)
    assert moved[10, 10] > 0
    assert max(np.abs(rows - 10).max(), np.abs(columns - 10).max()) <= network.receptive_radius


def test_the_loss_is_the_error_of_the_most_likely_and_the_score_of_two_samples(network, pictures, rng):
    lr, clean = pictures(2, 8, 8, 3), pictures(2, 8, 8, 3)
    z = rng.normal(size=(2, 2, 4)).astype(np.float32)
    loss, logs = clean_lr_loss(network, tf.constant(lr), tf.constant(clean), tf.constant(z))
    likely = network((lr, np.zeros((2, 4), np.float32))).numpy()
    first, second = (network((lr, z[:, k])).numpy() for k in range(2))
    error, score = np.abs(likely - clean).mean(), []
    for k in (1, 2, 4):
        a, b, c = (x.reshape(2, 8 // k, k, 8 // k, k, 3).mean((2, 4)) for x in (first, second, clean))
        score.append((np.abs(a - c) + np.abs(b - c) - np.abs(a - b)).mean() / 2)
    assert float(loss) == pytest.approx(error + np.mean(score), rel=1e-4)
    assert float(logs["l1"]) == pytest.approx(error * 127.5, rel=1e-4)
    assert float(logs["crps"]) == pytest.approx(np.mean(score) * 127.5, rel=1e-4)


def test_training_brings_lr_closer_to_clean_lr_and_samples_apart():
    config = load_config(ROOT / "configs" / "clean_lr.yaml")
    config.data.source, config.data.limit, config.data.degrade_jpeg = "faces", 24, (60, 60)
    config.model.z_size = 8
    config.optimizer.g_learning_rate, config.optimizer.ema_half_life = 3e-3, 64
    config.optimizer.schedule, config.optimizer.warmup_steps = "constant", 0
    config.train.steps, config.train.batch_size = 40, 8
    network, figures = train_clean_lr(config, progress=False)
    assert network.z_size == 8
    assert figures["psnr"] > figures["input_psnr"] + 0.1
    assert figures["crps"] > 0 and figures["spread_error"] > 0.02


def test_weights_that_do_not_fit_are_named(network, tmp_path):
    path = tmp_path / "clean_lr.weights.h5"
    network.save_weights(path)
    with pytest.raises(ConfigError, match=r"input_quality: weights of a network with z of 4 numbers"):
        load_clean_lr(path, 4)
