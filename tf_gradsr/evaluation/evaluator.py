"""Runs one evaluation, from checked settings to figures, in memory that does not grow with the pictures."""

import os
import platform
from dataclasses import dataclass
from typing import Dict, List

import keras
import numpy as np
import tensorflow as tf

import tf_gradsr
from tf_gradsr.data import is_hashed, stream_batches, stream_pictures
from tf_gradsr.evaluation.bootstrap import poisson_weights
from tf_gradsr.evaluation.columns import Z_RANDOM
from tf_gradsr.evaluation.contestants import load_contestants
from tf_gradsr.evaluation.degraded_input import InputQuality
from tf_gradsr.evaluation.face_scale import FaceScale
from tf_gradsr.evaluation.measures import Measures
from tf_gradsr.evaluation.networks import load_networks
from tf_gradsr.evaluation.settings import Evaluation
from tf_gradsr.evaluation.tracker import Batch, Row, Tracker
from tf_gradsr.progress import ProgressBar

# On the sheet of samples.
PICTURES_ON_SAMPLE_SHEET = 64


@dataclass
class Results:
    """Everything that an evaluation found."""

    rows: List[Row]
    pictures: int
    """How many pictures were measured."""
    skipped: list
    """(file name, reason) of each picture that could not be read."""
    absent: Dict[str, str]
    """By column: the words that stand in place of figures that could not be measured."""
    notes: List[str]
    """Sentences below the table."""
    environment: Dict[str, str]
    """Versions and device."""
    figure: Dict[str, np.ndarray]
    """Column title to uint8 `[B, H, W, 3]`: the first pictures."""
    samples: Dict[str, np.ndarray]
    """Title of each row of samples to uint8 `[B, H, W, 3]`: the first samples of the first pictures."""
    lr: np.ndarray
    """uint8 `[B, h, w, 3]`: what the pictures of `figure` were made from."""

    def described(self, split: str) -> str:
        """How many pictures of which split were measured: "500 test pictures"."""
        kind = "" if split == "all" else f"{split} "
        return f"{self.pictures} {kind}{'picture' if self.pictures == 1 else 'pictures'}"


def evaluate(evaluation: Evaluation, progress: bool = True) -> Results:
    """Measures bicubic and every run on every picture of the split.

    Args:
        evaluation: checked.
        progress: show a progress bar on standard error.

    Raises:
        ConfigError: weights or pictures cannot be read, or weights give no measurable results.
    """
    pictures = stream_pictures(evaluation.config, evaluation.split)
    with ProgressBar(len(pictures), "picture", hidden=not progress) as bar:
        return _evaluate(evaluation, pictures, bar)


def _evaluate(evaluation, pictures, bar):
    bar.begin("Loading the networks")
    config = evaluation.config
    networks = load_networks(config.hr_shape)
    notes = networks.notes
    if is_hashed(config, evaluation.split):
        notes.append(
            f"The folder is not divided into splits: {evaluation.split} is the part that a hash of the "
            "names chooses; --data.split all measures every picture."
        )
    scale, downscale = config.model.scale, config.data.downscale
    measures = Measures(scale, downscale, networks.lpips, networks.features, evaluation.metrics)
    trackers = [Tracker(c, measures, evaluation.temperature) for c in load_contestants(evaluation)]
    face_scale = FaceScale(networks.features["face_kid"]) if "face_kid" in networks.features else None
    input_quality = InputQuality(config) if config.data.degrade else None
    followers = [follower for follower in (face_scale, input_quality) if follower]
    sheet, inputs = (Sheet(evaluation.figure_pictures) for _ in range(2))
    samples = Sheet(PICTURES_ON_SAMPLE_SHEET)
    first_lr, count = None, 0
    bar.begin("Measuring", once="building the graphs")
    batches = stream_batches(pictures, config, evaluation.batch_size, augment=config.data.augment)
    for numbers, hr, lr in batches:
        batch = Batch(numbers, hr, lr, poisson_weights(evaluation.seed, numbers), measures.features(hr))
        for follower in followers:
            follower.add(batch)
        sheet.add("truth", hr)
        inputs.add("lr", lr)
        for tracker in trackers:
            for row, images in tracker.update(batch):
                sheet.add(row.title, images)
                if row.z == Z_RANDOM:
                    samples.add(row.title, images)
        first_lr = lr if first_lr is None else first_lr
        count += len(hr)
        bar.update(len(hr))
    # Unreadable pictures count as done.
    bar.update(bar.total - bar.n)
    bar.begin("Timing")
    notes += [follower.note() for follower in followers]
    rows = [row for tracker in trackers for row in tracker.rows(first_lr)]
    return Results(
        rows,
        count,
        pictures.skipped,
        networks.absent,
        notes,
        environment(),
        sheet.columns,
        samples.columns,
        inputs.columns["lr"],
    )


class Sheet:
    """Keeps the first pictures of every column.

    Args:
        size: how many to keep.
    """

    def __init__(self, size: int):
        self.size, self.columns = size, {}

    def add(self, title, images) -> None:
        """Adds uint8 `[B, H, W, 3]` to a column until it is full."""
        held = self.columns.get(title, images[:0])
        if len(held) < self.size:
            self.columns[title] = np.concatenate([held, images])[: self.size]


def environment() -> dict:
    """The versions and the device that the figures depend on."""
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
