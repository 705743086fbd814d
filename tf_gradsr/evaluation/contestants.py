"""What is measured: bicubic and trained models, each as rows of pictures for a batch of LR pictures."""

import functools
import time
from typing import Iterator, NamedTuple, Optional

import numpy as np
import tensorflow as tf

from tf_gradsr import metrics, ops
from tf_gradsr.data import evaluation_noise
from tf_gradsr.evaluation.float_operations import float_operations
from tf_gradsr.evaluation.settings import Evaluation, Run
from tf_gradsr.inference import Hallucinator
from tf_gradsr.run_folder import RunFolder

# Speed is the median of at least this many repetitions, and of as many as fit into this many seconds.
REPETITIONS, SECONDS = 3, 2.0


class Result(NamedTuple):
    """Pictures of one batch."""

    images: np.ndarray
    """uint8 `[B, H, W, 3]`."""
    gradients: Optional[np.ndarray] = None
    """float32 `[B, H, W, 3 or 1]`, as the generator outputs them; None if there are none."""


class Bicubic:
    """Bicubic upscaling, the row that every table begins with."""

    name, consistency, stochastic = "bicubic", None, False

    def __init__(self, scale: int):
        self.scale = scale

    def reconstruct(self, lr) -> Result:
        """Upscales LR pictures, uint8 `[B, h, w, 3]`."""
        return Result(metrics.bicubic(ops.to_float(lr), self.scale).numpy())

    def identity(self) -> dict:
        """What made the pictures, for results.json."""
        return {}

    def size(self, lr) -> dict:
        """The same figures as `Model.size`; nothing is learned here."""
        training = {"training_cpu_minutes": None, "training_gpu_minutes": None}
        return {"gflop": 0.0, "parameters": 0, **training, "weights_megabytes": 0.0}


class Model:
    """A trained generator with one kind of consistency.

    Args:
        run: the `Run`. hallucinator: the loaded run. consistency: "exact" or "none".
        evaluation: reads `num_samples` and `seed`.
    """

    def __init__(self, run: Run, hallucinator: Hallucinator, consistency: str, evaluation: Evaluation):
        self.name, self.consistency = run.name, consistency
        self.stochastic = hallucinator.stochastic
        self._run, self._hallucinator, self._evaluation = run, hallucinator, evaluation
        self._minutes = RunFolder(run.path).training_minutes()

    def reconstruct(self, lr) -> Result:
        """Makes the pictures at z = 0 of LR pictures, uint8 `[B, h, w, 3]`."""
        images, gradients = self._hallucinator.reconstruct(lr, self.consistency)
        # Models with one answer compute the gradient from their picture.
        return Result(images, gradients if self.stochastic else None)

    def samples(self, lr, numbers, temperature: float) -> Iterator[Result]:
        """Yields the n-th sample of every picture, for each n.

        z is the temperature times noise that depends on the seed and the picture's number only.

        Args:
            lr: uint8 `[B, h, w, 3]`. numbers: the pictures' numbers, B ints. temperature: >= 0.
        """
        evaluation = self._evaluation
        noise = evaluation_noise(evaluation.seed, numbers, evaluation.num_samples, self._hallucinator.z_size)
        noise = temperature * noise
        for n in range(evaluation.num_samples):
            yield Result(*self._hallucinator.generate(lr, noise[:, n], self.consistency))

    def identity(self) -> dict:
        """What made the pictures, for results.json."""
        return {"run": str(self._run.path), **self._hallucinator.identity}

    def size(self, lr) -> dict:
        """Work for one of the LR pictures (uint8 `[B, h, w, 3]`), parameters, training, weights file."""
        return {
            "gflop": gflop(self._hallucinator, lr.shape[1:], self.consistency),
            "parameters": sum(network.count_params() for network in self._hallucinator.networks),
            **{f"training_{kind}_minutes": self._minutes.get(kind) for kind in ("cpu", "gpu")},
            "weights_megabytes": (self._run.path / "generator.weights.h5").stat().st_size / 1e6,
        }


def load_contestants(evaluation: Evaluation) -> list:
    """Returns bicubic, then every run with each kind of consistency.

    Raises:
        ConfigError: a run's weights cannot be read.
    """
    contestants = [Bicubic(evaluation.config.model.scale)]
    for run in evaluation.runs:
        hallucinator = Hallucinator.load(run.path, input_quality=evaluation.input_quality, trust=run.trust)
        contestants += [Model(run, hallucinator, kind, evaluation) for kind in evaluation.consistency]
    return contestants


def pictures_per_second(contestant, lr) -> float:
    """How many pictures per second a contestant makes from a batch of a size that it has seen before.

    Args:
        lr: uint8 `[B, h, w, 3]`.
    """
    contestant.reconstruct(lr)
    seconds, begin = [], time.perf_counter()
    while len(seconds) < REPETITIONS or time.perf_counter() - begin < SECONDS:
        start = time.perf_counter()
        contestant.reconstruct(lr)
        seconds.append(time.perf_counter() - start)
    return len(lr) / float(np.median(seconds))


def gflop(hallucinator: Hallucinator, lr_shape, consistency: str) -> float:
    """10^9 floating-point operations per picture, by TensorFlow's profiler; a multiply-add counts as two.

    Args:
        lr_shape: (h, w, 3). consistency: "exact" or "none".
    """
    lr = tf.TensorSpec([1, *lr_shape], tf.uint8)
    z = tf.TensorSpec([1, hallucinator.z_size], tf.float32)
    forward = tf.function(functools.partial(hallucinator.forward, consistency=consistency))
    return float_operations(forward.get_concrete_function(lr, z).graph) / 1e9
