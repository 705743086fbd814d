"""Small runs: their config, training as users do, and what every step logged."""

import json

import h5py
import keras
import tensorflow as tf

from tf_gradsr.config import Config


def fit(model, batch, steps):
    """Trains in graph mode on one batch; returns the logs of every step."""
    history = []
    log = keras.callbacks.LambdaCallback(on_train_batch_end=lambda _, logs: history.append(dict(logs)))
    dataset = tf.data.Dataset.from_tensors(batch).repeat()
    model.fit(dataset, epochs=1, steps_per_epoch=steps, callbacks=[log], verbose=0, shuffle=False)
    return history


def read_metrics(folder):
    """The lines of a run folder's metrics.jsonl, as dicts."""
    return [json.loads(line) for line in folder.metrics.read_text().splitlines()]


def tiny_config(**train_settings) -> Config:
    """The config of a run of six steps on 16 embedded faces, two of them of G alone."""
    config = Config()
    config.data.source, config.data.lr_size, config.data.limit = "faces", 8, 16
    config.model.scale = 4
    config.model.blocks = config.model.discriminator_blocks = 1
    config.model.widths, config.model.z_size = [8], 4
    config.loss.perceptual, config.loss.pixel, config.loss.r1_interval = "none", 1.0, 2
    config.optimizer.g_learning_rate = 1e-3
    settings = {
        "steps": 6,
        "reconstruction_steps": 2,
        "batch_size": 4,
        "log_interval": 2,
        "sample_interval": 3,
        "validation_interval": 3,
        "validation_pictures": 4,
        "checkpoint_interval": 2,
        "summary_pictures": 4,
        **train_settings,
    }
    for name, value in settings.items():
        setattr(config.train, name, value)
    return config


def load_weights(folder):
    """{name: array} of a run's generator.weights.h5."""
    found = {}
    with h5py.File(folder.weights) as file:
        file.visititems(lambda name, item: found.update({name: item[()]}) if hasattr(item, "dtype") else None)
    return found
