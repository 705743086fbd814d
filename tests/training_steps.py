"""Trains as users do, and returns what every step logged."""

import json

import keras
import tensorflow as tf


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
