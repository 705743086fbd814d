"""Follows one contestant over all batches, from its pictures to the finished rows of the table."""

from dataclasses import dataclass, field
from typing import Dict, List, Optional

import numpy as np
import tensorflow as tf

from tf_gradsr import metrics
from tf_gradsr.errors import ConfigError, reason_of
from tf_gradsr.evaluation.bootstrap import BootstrapMean, Figure
from tf_gradsr.evaluation.columns import MEASURED, Z_RANDOM, Z_ZERO
from tf_gradsr.evaluation.contestants import pictures_per_second
from tf_gradsr.evaluation.measures import Measures
from tf_gradsr.evaluation.set_distance import SetDistance
from tf_gradsr.metrics.calibration import Bin
from tf_gradsr.metrics.face_descriptors import face_distance

# Figures that are increasing functions of a ratio of means.
OF_RATIO = {
    "spread_error": np.sqrt,
    "gain_of_mean": lambda ratio: 10.0 * np.log10(ratio),
}
# Kernel and face distances are means over this many samples of each picture.
KID_SAMPLES = 2


@dataclass(frozen=True)
class Batch:
    """Pictures on which every contestant is measured."""

    numbers: np.ndarray
    """The pictures' numbers, B ints."""
    truth: np.ndarray
    """uint8 `[B, H, W, 3]`."""
    lr: np.ndarray
    """uint8 `[B, h, w, 3]`."""
    weights: np.ndarray
    """`poisson_weights` of the numbers."""
    features: Dict[str, np.ndarray] = field(default_factory=dict)
    """Features of the truth that kernel distances compare: float32 `[B, d]` by column."""


@dataclass
class Row:
    """One row of the table."""

    model: str
    consistency: Optional[str]
    """"exact", "none", or None if there is nothing to project."""
    z: Optional[str]
    """"z = 0", "z != 0", or None for a model with one answer."""
    temperature: Optional[float]
    """Factor of z; None if no z was drawn."""
    identity: dict
    """What made the pictures."""
    figures: Dict[str, Optional[Figure]] = field(default_factory=dict)
    """By column; None if it does not apply or could not be measured."""
    cost: Dict[str, float] = field(default_factory=dict)
    """By column: speed and sizes."""
    reliability: List[Bin] = field(default_factory=list)
    """Predicted against actual errors of samples; empty if these are too few."""

    @property
    def kind(self) -> Optional[str]:
        """Its z, with the temperature unless that is 1."""
        return self.z if self.temperature in (None, 1.0) else f"{self.z}, T {self.temperature:g}"

    @property
    def title(self) -> str:
        """Its name in the tables."""
        return ", ".join(part for part in (self.model, self.kind, self.consistency) if part)


class Tracker:
    """Follows one contestant: one row, and for a stochastic model another one for each temperature.

    Args:
        contestant: see `contestants`. measures: `Measures`. temperatures: of the samples.
    """

    def __init__(self, contestant, measures: Measures, temperatures=(1.0,)):
        self.contestant, self.measures = contestant, measures
        stochastic = contestant.stochastic
        self._answer = self._sums(Z_ZERO if stochastic else None, None)
        self._sampled = [self._sums(Z_RANDOM, t) for t in temperatures] if stochastic else []

    def update(self, batch: Batch) -> list:
        """Measures one batch.

        Returns:
            List of (`Row` without figures, uint8 `[B, H, W, 3]`): the reconstruction, and the first sample
            at each temperature.
        """
        reconstruction = self.contestant.reconstruct(batch.lr)
        features = self.measures.features(reconstruction.images)
        self._answer.add(
            batch, {**self._quality(reconstruction, batch), **_of_faces([features], batch)}, [features]
        )
        shown = [(self._answer.row, reconstruction.images)]
        for sums in self._sampled:
            shown.append((sums.row, self._measure_samples(sums, batch, reconstruction)))
        return shown

    def rows(self, lr) -> list:
        """The finished rows; measures the speed on the LR pictures given."""
        cost = {
            "pictures_per_second": pictures_per_second(self.contestant, lr),
            **self.contestant.size(lr),
        }
        return [sums.finished(cost) for sums in (self._answer, *self._sampled)]

    def _sums(self, z, temperature):
        contestant = self.contestant
        return _Sums(Row(contestant.name, contestant.consistency, z, temperature, contestant.identity()))

    def _quality(self, result, batch):
        """The measures of one picture for each truth, as NumPy `[B]`."""
        values = self.measures.compare(result.images, batch.truth, batch.lr)
        if result.gradients is not None:
            values["own_gradient_error"] = self.measures.own_gradient_error(result.images, result.gradients)
        added = self.measures.by_added_metrics(result.images, batch.truth, batch.lr)
        return {**{name: value.numpy() for name, value in values.items()}, **added}

    def _measure_samples(self, sums, batch, reconstruction):
        """Adds the samples' mean quality and the measures of all of them; returns the first sample."""
        quality, images, maps, features = [], [], [], []
        for sample in self.contestant.samples(batch.lr, batch.numbers, sums.row.temperature):
            quality.append(self._quality(sample, batch))
            images.append(sample.images)
            maps.append(self.measures.distance_maps(sample.images, batch.truth))
            if len(features) < KID_SAMPLES:
                features.append(self.measures.features(sample.images))
        stacked = np.stack(images, axis=1)
        if len(images) >= metrics.LEAST_SAMPLES:
            sums.reliability.add(self.measures.reliability(stacked, batch.truth))
        distances = {name: tf.stack([m[name] for m in maps], axis=1) for name in maps[0]}
        values = {name: np.mean([q[name] for q in quality], axis=0) for name in quality[0]}
        # The CRPS of all samples replaces the mean of their own.
        of_all = {
            **self.measures.spread(stacked, reconstruction.images, batch.truth),
            **self.measures.diversity(distances),
        }
        values.update(
            {name: np.asarray(value) for name, value in of_all.items()}, **_of_faces(features, batch)
        )
        sums.add(batch, values, features)
        return images[0]


def _of_faces(features, batch):
    """How far faces are from the true person, and two samples' from each other, `[B]` each.

    Args:
        features: of one picture, or of several samples, of each truth.
    """
    if "face_kid" not in batch.features:
        return {}
    truth, made = batch.features["face_kid"], [each["face_kid"] for each in features]
    values = {"face_distance": np.mean([face_distance(truth, each) for each in made], axis=0)}
    if len(made) > 1:
        values["faces_apart"] = face_distance(made[0], made[1])
    return values


class _Sums:
    """Running sums of one row over the batches."""

    def __init__(self, row):
        self.row = row
        self.reliability = metrics.Reliability()
        self._means, self._distances = {}, {}

    def add(self, batch, values, features):
        """Adds a batch's values, `[B]` or the two parts of a ratio of means, and its features."""
        values = dict(values)
        values["sharpness"] = (100.0 * values.pop("gradient"), values.pop("true_gradient"))
        for name, value in values.items():
            parts = value if name == "sharpness" or name in OF_RATIO else (value,)
            try:
                self._means.setdefault(name, BootstrapMean()).add(batch.weights, *parts)
            except ValueError as error:
                raise ConfigError(
                    f"run: weights whose results can be measured; did its training diverge? "
                    f"Received: {self.row.model} ({name}: {reason_of(error)})"
                ) from error
        for name, truth in batch.features.items():
            made = np.stack([each[name] for each in features])
            self._distances.setdefault(name, SetDistance()).add(batch.weights, truth, made)

    def finished(self, cost):
        """The row with its figures."""
        figures = {name: mean.figure() for name, mean in self._means.items()}
        for name, function in OF_RATIO.items():
            if figures.get(name):
                figures[name] = figures[name].mapped(function)
        figures.update({name: distance.figure() for name, distance in self._distances.items()})
        own = {column.name: figures.get(column.name) for column in MEASURED}
        self.row.figures = {**own, **{name: figure for name, figure in figures.items() if name not in own}}
        self.row.cost = dict(cost)
        self.row.reliability = self.reliability.bins()
        return self.row
