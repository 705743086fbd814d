"""One evaluation from checked settings to figures, in memory that does not grow with the pictures."""

import os
import platform
import sys
from dataclasses import dataclass, field
from typing import Dict, List, Optional

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

import tf_gradsr
from tf_gradsr import metrics
from tf_gradsr.config import ConfigError, reason_of
from tf_gradsr.data import is_hashed, stream_batches, stream_pictures
from tf_gradsr.evaluation.bootstrap import BootstrapMean, Figure, poisson_weights
from tf_gradsr.evaluation.columns import MEASURED, NO_WEIGHTS, Z_RANDOM, Z_ZERO
from tf_gradsr.evaluation.contestants import load_contestants, pictures_per_second
from tf_gradsr.evaluation.measures import Measures
from tf_gradsr.evaluation.settings import Evaluation

# AlexNet's column always stands in the table, VGG-16's where its weights are there.
NETWORKS = ("alex", "vgg")
# On the sheet of samples.
SAMPLES_SHOWN = 64


@dataclass
class Row:
    """One row of the table."""

    model: str
    consistency: Optional[str]
    """"exact", "none", or None where there is nothing to project."""
    z: Optional[str]
    """"z = 0", "z != 0", or None for a model with one answer."""
    identity: dict
    """What made the pictures."""
    figures: Dict[str, Optional[Figure]] = field(default_factory=dict)
    """By column; None where it does not apply or could not be measured."""
    cost: Dict[str, float] = field(default_factory=dict)
    """By column: speed and sizes."""

    @property
    def title(self) -> str:
        """Its name in the tables."""
        return ", ".join(part for part in (self.model, self.z, self.consistency) if part)


@dataclass
class Results:
    """Everything that an evaluation found."""

    rows: List[Row]
    pictures: int
    """How many pictures were measured."""
    skipped: list
    """(file name, reason) of each picture that could not be read."""
    absent: Dict[str, str]
    """By column: the words in place of figures that could not be measured."""
    notes: List[str]
    """Sentences below the table."""
    environment: Dict[str, str]
    """Versions and device."""
    figure: Dict[str, np.ndarray]
    """Column title to uint8 `[B, H, W, 3]`: the first pictures."""
    samples: Dict[str, np.ndarray]
    """Title of each row of samples to uint8 `[B, H, W, 3]`: the first samples of the first pictures."""


def evaluate(evaluation: Evaluation, progress: bool = True) -> Results:
    """Measures bicubic and every run on every picture of the split.

    Args:
        evaluation: checked.
        progress: show a progress bar on standard error.

    Raises:
        ConfigError: weights or pictures cannot be read, or weights give no measurable results.
    """
    lpips, absent, notes = load_lpips(evaluation.config.hr_shape)
    if is_hashed(evaluation.config, evaluation.split):
        notes.append(
            f"The folder is not divided into splits: {evaluation.split} is the share that a hash of the "
            "names chooses; --data.split all measures every picture."
        )
    measures = Measures(evaluation.config.model.scale, evaluation.config.data.downscale, lpips)
    trackers = [Tracker(c, measures) for c in load_contestants(evaluation)]
    pictures = stream_pictures(evaluation.config, evaluation.split)
    sheet, samples = Sheet(evaluation.figure_pictures), Sheet(SAMPLES_SHOWN)
    first_lr, count = None, 0
    # Without a terminal (a log file), an update every ten seconds is enough.
    interval = 0.2 if sys.stderr.isatty() else 10.0
    with tqdm(
        total=len(pictures), unit=" pictures", desc="Measuring", mininterval=interval, disable=not progress
    ) as bar:
        for numbers, hr, lr in stream_batches(pictures, evaluation.config, evaluation.batch_size):
            weights = poisson_weights(evaluation.seed, numbers)
            sheet.add("truth", hr)
            for tracker in trackers:
                for row, images in tracker.update(numbers, hr, lr, weights):
                    sheet.add(row.title, images)
                    if row.z == Z_RANDOM:
                        samples.add(row.title, images)
            first_lr = lr if first_lr is None else first_lr
            count += len(hr)
            bar.update(len(hr))
        # Unreadable pictures are done with, too.
        bar.update(bar.total - bar.n)
        bar.set_description("Timing")
        rows = [row for tracker in trackers for row in tracker.rows(first_lr)]
    return Results(
        rows, count, pictures.skipped, absent, notes, environment(), sheet.columns, samples.columns
    )


def load_lpips(hr_shape) -> tuple:
    """The LPIPS layers whose weights are there.

    Args:
        hr_shape: (H, W) of the pictures.

    Returns:
        (dict of network to layer, dict of column to the words in its place, notes).

    Raises:
        ConfigError: a weights file is damaged.
    """
    layers, absent, notes = {}, {}, []
    for network in NETWORKS:
        columns = [f"lpips_{network}"] + (["diversity_lpips"] if network == "alex" else [])
        try:
            layer = metrics.LPIPS.load(network)
        except metrics.MissingWeights as error:
            absent.update(dict.fromkeys(columns, NO_WEIGHTS))
            if network == "alex":
                notes.append(str(error))
            continue
        except metrics.BadWeights as error:
            raise ConfigError(str(error)) from error
        if min(hr_shape) < layer.minimal_side:
            absent.update(dict.fromkeys(columns, "too small"))
            notes.append(
                f"LPIPS {network} takes pictures of {layer.minimal_side}x{layer.minimal_side} or more. "
                f"Received: {hr_shape[0]}x{hr_shape[1]}."
            )
            continue
        layers[network] = layer
    return layers, absent, notes


class Tracker:
    """Follows one contestant over all batches: one row, or two for a stochastic model.

    Args:
        contestant: see `contestants`. measures: `Measures`.
    """

    def __init__(self, contestant, measures: Measures):
        self.contestant, self.measures = contestant, measures
        kinds = (Z_ZERO, Z_RANDOM) if contestant.stochastic else (None,)
        self._means = {z: {} for z in kinds}

    def update(self, numbers, truth, lr, weights) -> list:
        """Measures one batch.

        Args:
            numbers: the pictures' numbers. truth: uint8 `[B, H, W, 3]`. lr: uint8 `[B, h, w, 3]`.
            weights: `poisson_weights` of the numbers.

        Returns:
            List of (`Row` without figures, uint8 `[B, H, W, 3]`): the reconstruction, and the first sample.
        """
        reconstruction = self.contestant.reconstruct(lr)
        shown = {None: reconstruction.images}
        if not self.contestant.stochastic:
            self._add(None, weights, self._quality(reconstruction, truth, lr))
        else:
            self._add(Z_ZERO, weights, self._quality(reconstruction, truth, lr))
            values, sample = self._measure_samples(numbers, truth, lr, reconstruction)
            self._add(Z_RANDOM, weights, values)
            shown = {Z_ZERO: reconstruction.images, Z_RANDOM: sample}
        return [(self._row(z), images) for z, images in shown.items()]

    def rows(self, lr) -> list:
        """The finished rows; measures the speed on the LR pictures given."""
        cost = {
            "pictures_per_second": pictures_per_second(self.contestant, lr),
            **self.contestant.size(lr),
        }
        finished = []
        for z, means in self._means.items():
            row = self._row(z)
            row.figures = {c.name: means[c.name].figure() if c.name in means else None for c in MEASURED}
            row.cost = dict(cost)
            finished.append(row)
        return finished

    def _row(self, z):
        return Row(self.contestant.name, self.contestant.consistency, z, self.contestant.identity())

    def _quality(self, result, truth, lr):
        """The measures of one picture for each truth, as NumPy `[B]`."""
        values = self.measures.compare(result.images, truth, lr)
        if result.gradients is not None:
            values["own_gradient_error"] = self.measures.own_gradient_error(result.images, result.gradients)
        return {name: value.numpy() for name, value in values.items()}

    def _measure_samples(self, numbers, truth, lr, reconstruction):
        """(measures of the samples: quality as means over them, and diversity; the first sample)."""
        quality, images, maps = [], [], []
        for sample in self.contestant.samples(lr, numbers):
            quality.append(self._quality(sample, truth, lr))
            images.append(sample.images)
            maps.append(self.measures.distance_maps(sample.images, truth))
        values = {name: np.mean([q[name] for q in quality], axis=0) for name in quality[0]}
        stacked = {name: tf.stack([m[name] for m in maps], axis=1) for name in maps[0]}
        values.update(self.measures.spread(np.stack(images, axis=1), reconstruction.images))
        values.update(self.measures.diversity(stacked))
        return {name: np.asarray(value) for name, value in values.items()}, images[0]

    def _add(self, z, weights, values):
        """Adds a batch's values to the row's means; sharpness is a ratio of means."""
        values = dict(values)
        values["sharpness"] = (100.0 * values.pop("gradient"), values.pop("true_gradient"))
        for name, value in values.items():
            parts = value if isinstance(value, tuple) else (value,)
            try:
                self._means[z].setdefault(name, BootstrapMean()).add(weights, *parts)
            except ValueError as error:
                raise ConfigError(
                    f"run: weights whose results can be measured; did its training diverge? "
                    f"Received: {self.contestant.name} ({name}: {reason_of(error)})"
                ) from error


class Sheet:
    """Keeps the first pictures of every column.

    Args:
        size: how many.
    """

    def __init__(self, size: int):
        self.size, self.columns = size, {}

    def add(self, title, images) -> None:
        """Adds uint8 `[B, H, W, 3]` to a column until it is full."""
        held = self.columns.get(title, images[:0])
        if len(held) < self.size:
            self.columns[title] = np.concatenate([held, images])[: self.size]


def environment() -> dict:
    """Versions and the device, which the figures depend on."""
    return {
        "tf_gradsr": tf_gradsr.__version__,
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "device": device_name(),
    }


def device_name() -> str:
    """The device that speeds were measured on."""
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        return tf.config.experimental.get_device_details(gpus[0]).get("device_name", "GPU")
    threads = tf.config.threading.get_intra_op_parallelism_threads() or os.cpu_count()
    return f"CPU, {threads} cores"
