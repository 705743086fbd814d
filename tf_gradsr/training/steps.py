"""Runs training steps one after the other; their figures stay on the device until somebody reads them."""

from collections import deque

import numpy as np
import tensorflow as tf

from tf_gradsr.training.distribution import Distribution
from tf_gradsr.training.divergence import TrainingDiverged

# Steps by which a figure may be old where nobody should wait for the device: enough to keep it busy.
LAG = 2
# What a step returns before its figures: whether all are finite, the share of workers asked to stop.
_FINITE, _STOP, _FIRST = 0, 1, 2


class Figures:
    """What the steps of a phase found out: losses, scores, norms.

    Nothing here waits for the device but `check` and `means`.

    Attributes:
        step: int, training steps done. names: list of str, of the figures; empty before the first step.
    """

    def __init__(self, step: int):
        self.step, self.names = step, []
        self._unread, self._read = [], []
        self._newest = deque(maxlen=LAG + 1)

    def add(self, vector) -> None:
        """Takes what the next step returned: float32 `[2 + n]`, see `compiled_step`."""
        self.step += 1
        self._unread.append(vector)
        self._newest.append(vector)

    def check(self) -> None:
        """Waits for the steps so far.

        Raises:
            TrainingDiverged: a figure of one of them is not finite; names the first such step.
        """
        first = self.step - len(self._unread) + 1
        read = [np.asarray(vector) for vector in self._unread]
        self._unread.clear()
        for step, vector in enumerate(read, first):
            if vector[_FINITE] != 1.0:
                bad = [name for name, value in zip(self.names, vector[_FIRST:]) if not np.isfinite(value)]
                raise TrainingDiverged(step, bad)
        self._read += read

    def means(self) -> dict:
        """Waits for the steps so far; the mean of each figure, by name, over those since the last call.

        Raises:
            TrainingDiverged: see `check`.
        """
        self.check()
        if not self._read:
            return {}
        means = np.mean(np.stack(self._read).astype(np.float64), axis=0)[_FIRST:]
        self._read.clear()
        return dict(zip(self.names, map(float, means)))

    def recent(self) -> dict:
        """The figures, by name, of the newest step but `LAG`, which is done by now."""
        return dict(zip(self.names, map(float, np.asarray(self._newest[0])[_FIRST:])))

    def stop_is_agreed(self) -> bool:
        """Whether a worker was asked to stop before the newest step but `LAG`: the same on all of them."""
        return len(self._newest) > LAG and float(self._newest[0][_STOP]) > 0.0


def run_steps(model, batches, steps: int, distribution: Distribution, callbacks, stop_request) -> None:
    """Trains a model for some steps, or until the run is asked to stop.

    Why not Keras' `fit`: it waits for every step's figures, and on several machines it fails on them.

    Args:
        model: a compiled `SuperResolver`.
        batches: from `Distribution.distributed`, at least `steps` of them.
        steps: how many, >= 0.
        distribution: what the model was built on.
        callbacks: list of `StepCallback`, called in order after each step.
        stop_request: a `StopRequest`. If another worker has one, this one is marked, too.

    Raises:
        TrainingDiverged: a figure is not finite.
        WorkerLost: another worker is gone.
    """
    figures = Figures(model.step)
    with distribution.watched():
        step = compiled_step(model, distribution, figures.names)
        iterator = iter(batches)
        for callback in callbacks:
            callback.on_begin()
        for _ in range(steps):
            figures.add(step(iterator, tf.constant(float(stop_request.signal is not None))))
            for callback in callbacks:
                callback.on_step(figures.step, figures)
            if figures.stop_is_agreed() if distribution.workers > 1 else stop_request.signal:
                break
        for callback in callbacks:
            callback.on_end(figures.step, figures)
        figures.check()


def compiled_step(model, distribution: Distribution, names: list):
    """Returns the training step as one graph for all devices of this worker.

    Args:
        model: a compiled `SuperResolver`; XLA compiles its step if its `jit_compile` says so.
        distribution: see `run_steps`.
        names: list that gets the names of the figures when the graph is built.

    Returns:
        Function (iterator, stop as float32 scalar) -> float32 `[2 + n]`, means over all replicas: 1 if every
        figure is finite, the stops, the n figures.
    """
    strategy = distribution.strategy
    # The parts of a global batch are of one size; iterators over several devices forget it.
    size = model.config.train.batch_size // distribution.replicas

    def on_replica(batch, stop):
        batch = {name: tf.ensure_shape(part, [size, *part.shape[1:]]) for name, part in batch.items()}
        found = model.train_step(batch)
        names[:] = found
        values = tf.stack([tf.cast(value, tf.float32) for value in found.values()])
        is_finite = tf.reduce_all(tf.math.is_finite(values))
        return tf.concat([tf.stack([tf.cast(is_finite, tf.float32), stop]), values], axis=0)

    def on_all(batch, stop):
        return strategy.reduce("MEAN", strategy.run(on_replica, (batch, stop)), axis=None)

    compiled = tf.function(on_all, autograph=False, jit_compile=bool(model.jit_compile))

    def step(iterator, stop):
        return compiled(next(iterator), stop)

    return tf.function(step, autograph=False)
