"""Trains the network that estimates clean LR pictures (`CleanLR`)."""

import keras
import numpy as np
import tensorflow as tf

from tf_gradsr import metrics, ops
from tf_gradsr.config import Config
from tf_gradsr.data import evaluation_batches, load_pictures, lr_pictures, training_batches
from tf_gradsr.keras_settings import with_our_keras_settings
from tf_gradsr.models.clean_lr import CleanLR, clean_lr_loss
from tf_gradsr.optimizers import build_optimizers, ema_decay
from tf_gradsr.process import check_process
from tf_gradsr.progress import ProgressBar

# Pictures and samples of the figures at the end.
MEASURED_PICTURES, MEASURED_SAMPLES = 256, 8


@with_our_keras_settings
def train_clean_lr(config: Config, progress: bool = True) -> tuple:
    """Trains a `CleanLR` on degraded LR pictures of a config's faces.

    Args:
        config: a checked `Config` with `data.degrade`; reads `data`, `model.scale`, `model.z_size`,
            `optimizer` (G's rate) and of `train` `steps`, `batch_size`, `seed`.
        progress: show a progress bar on standard error.

    Returns:
        (the averaged network; dict of float, means over validation pictures: `input_psnr` and `psnr`, dB, of
        the input and of the estimate at z = 0 against clean LR; `crps`, grey levels, and `spread_error` of
        samples).

    Raises:
        ConfigError: the pictures cannot be read.
    """
    check_process()
    network, average = (_seeded(config) for _ in range(2))
    optimizer, _ = build_optimizers(config)
    optimizer.build(network.trainable_variables)
    decay = ema_decay(config.optimizer.ema_half_life, config.train.batch_size)

    @tf.function
    def step(batch):
        clean = ops.to_float(lr_pictures(batch["hr"], config))
        with tf.GradientTape() as tape:
            loss, logs = clean_lr_loss(network, batch["lr"], clean, batch["z"])
        gradients = tape.gradient(loss, network.trainable_variables)
        optimizer.apply_gradients(zip(gradients, network.trainable_variables))
        for mean, weight in zip(average.weights, network.weights):
            mean.assign(decay * mean + (1.0 - decay) * weight)
        return logs

    pictures = load_pictures(config, "train", progress)
    batches = training_batches(pictures, config, num_steps=config.train.steps)
    with ProgressBar(config.train.steps, "step", hidden=not progress) as bar:
        bar.begin("Training", once="building the graph")
        for batch in batches:
            logs = step(batch)
            if bar.n % 50 == 0:
                bar.set_postfix_str(", ".join(f"{name} {float(value):.2f}" for name, value in logs.items()))
            bar.update()
    return average, measure_clean_lr(average, load_pictures(config, "validation", progress), config)


def measure_clean_lr(network: CleanLR, pictures, config: Config) -> dict:
    """How close a network's estimates are to clean LR; see `train_clean_lr`."""
    batches = evaluation_batches(
        pictures, config, config.train.batch_size, MEASURED_PICTURES, MEASURED_SAMPLES
    )
    found = [_figures(network, batch, config) for batch in batches]
    means = {name: float(np.mean(np.concatenate([f[name] for f in found]))) for name in found[0]}
    spread, error = means.pop("variance"), means.pop("squared_error")
    return {**means, "spread_error": float(np.sqrt(spread / error)) if error else 0.0}


def _figures(network, batch, config):
    """Of each picture of a batch, NumPy `[B]`."""
    clean = lr_pictures(batch["hr"], config)
    z = tf.transpose(batch["z"], [1, 0, 2])
    likely = ops.to_uint8(network((batch["lr"], tf.zeros_like(z[0]))))
    samples = tf.stack([ops.to_uint8(network((batch["lr"], noise))) for noise in z], axis=1)
    levels, truth = tf.cast(samples, tf.float32), tf.cast(clean, tf.float32)
    found = {
        "input_psnr": metrics.psnr(ops.to_uint8(batch["lr"]), clean),
        "psnr": metrics.psnr(likely, clean),
        "crps": metrics.fair_crps(samples, clean),
        "variance": tf.reduce_mean(tf.math.reduce_variance(levels, axis=1), axis=[1, 2, 3])
        * (MEASURED_SAMPLES / (MEASURED_SAMPLES - 1)),
        "squared_error": tf.reduce_mean(tf.square(tf.cast(likely, tf.float32) - truth), axis=[1, 2, 3]),
    }
    return {
        name: np.minimum(value, 100.0) if "psnr" in name else np.asarray(value)
        for name, value in found.items()
    }


def _seeded(config):
    """A fresh network, the same for the same seed."""
    keras.utils.set_random_seed(config.train.seed)
    network = CleanLR(config.model.z_size)
    network.build()
    return network
