"""Measure whose faces runs make: python benchmarks/face_identity.py --run runs/first --data faces --split val

Uses a face recognition network that takes no part in training (`FaceDescriptors`; if it is missing, the error
says how to fetch it). "to true person": mean distance of descriptors, 0 to 2; "between samples": the same
between samples of one input; "kernel distance": between the sets of descriptors as in KID, times 1000, about
0 if they have the same distribution. The last rows show these figures at their best and worst: the truths
against themselves as JPEG, one half against the other, and against the next person.
"""

import argparse
import os

from degraded_lr import BATCH, SPLITS

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

from tf_gradsr.data import evaluation_noise, stream_batches, stream_pictures
from tf_gradsr.errors import ConfigError
from tf_gradsr.evaluation.face_scale import JPEG_QUALITY, compressed
from tf_gradsr.inference import Hallucinator
from tf_gradsr.metrics import BadWeights, MissingWeights, kernel_distance
from tf_gradsr.metrics.face_descriptors import FaceDescriptors, distance_apart, face_distance

# Ways to halve the truths; the distance of one pair of halves is mostly chance.
HALVINGS = 100
HEADINGS = (
    "faces",
    "z = 0 to true person",
    "samples to true person",
    "between samples",
    "kernel distance z = 0",
    "kernel distance samples",
)


def describe(hallucinator, network, options) -> tuple:
    """Descriptors of a run's pictures.

    Returns:
        (of the truths, `[n, 1024]`; of the truths as JPEG, the same; of z = 0, the same; of samples,
        `[N, n, 1024]`, N = 0 for a model with one answer).
    """
    config = hallucinator.config
    config.data.source, config.data.path, config.data.limit = "folder", options.data, options.limit
    pictures = stream_pictures(config, SPLITS[options.split])
    count = options.num_samples if hallucinator.stochastic else 0
    parts = []
    for numbers, truth, lr in stream_batches(pictures, config, BATCH):
        made = [hallucinator.reconstruct(lr).image]
        if count:
            # Each face has its own z, as `evaluate` draws them. `sample` gives all inputs the same few z, so
            # what one z does to every face would count as a difference between the sets.
            z = evaluation_noise(options.seed, numbers, count, hallucinator.z_size)
            made += [hallucinator.generate(lr, z[:, n])[0] for n in range(count)]
        parts.append([network(x).numpy() for x in (truth, compressed(truth), *made)])
    truth, jpeg, zero, *samples = (np.concatenate(part) for part in zip(*parts))
    return truth, jpeg, zero, samples


def row(title, figures) -> str:
    """A line of the table; figures in the headings' order, None if there is none."""
    digits = (3, 3, 3, 1, 1)
    cells = ["-" if x is None else f"{x:.{d}f}" for x, d in zip(figures, digits)]
    return f"| {title} | {' | '.join(cells)} |"


def figures_of(truth, zero, samples) -> list:
    """A run's figures in the headings' order; descriptors as from `describe`."""
    return [
        face_distance(truth, zero).mean(),
        np.mean([face_distance(truth, each) for each in samples]) if samples else None,
        distance_apart(samples).mean() if len(samples) > 1 else None,
        kernel_distance(truth, zero),
        np.mean([kernel_distance(truth, each) for each in samples]) if samples else None,
    ]


def scale_rows(truth, jpeg) -> list:
    """The lines that put the figures into perspective, from descriptors of the truths and of their JPEGs."""
    half, halves = len(truth) // 2, []
    for seed in range(HALVINGS if half > 1 else 0):
        mixed = np.random.default_rng(seed).permutation(truth)
        halves.append(kernel_distance(mixed[:half], mixed[half : 2 * half]))
    spread = f", from halving to halving ± {np.std(halves):.1f}" if halves else ""
    following = np.roll(truth, 1, axis=0)
    return [
        row(
            f"truth, JPEG of quality {JPEG_QUALITY}",
            [face_distance(truth, jpeg).mean(), None, None, kernel_distance(truth, jpeg), None],
        ),
        row(f"truth, two halves{spread}", [None, None, None, np.mean(halves) if halves else None, None]),
        row("truth, the next person", [face_distance(truth, following).mean(), *[None] * 4]),
    ]


def main():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", action="append", required=True, help="folder of a run; may be repeated")
    parser.add_argument("--data", required=True, help="folder of faces in train, val and test")
    parser.add_argument(
        "--split", choices=SPLITS, default="val", help="default: val; do not choose models on test"
    )
    parser.add_argument("--limit", type=int, help="number of pictures, the first ones (default: all)")
    parser.add_argument("--num_samples", type=int, default=4, help="of each picture (default: 4)")
    parser.add_argument("--seed", type=int, default=0, help="of the samples (default: 0)")
    parser.add_argument(
        "--network", help="unpacked npm package @vladmandic/human, if not where it is looked for"
    )
    options = parser.parse_args()
    if options.limit is not None and options.limit < 2:
        parser.error(f"--limit: at least 2, figures of sets need pairs. Received: {options.limit}")
    if options.num_samples < 1:
        parser.error(f"--num_samples: at least 1. Received: {options.num_samples}")
    try:
        network = FaceDescriptors.load(options.network)
        for number, run in enumerate(options.run):
            truth, jpeg, zero, samples = describe(Hallucinator.load(run), network, options)
            if number == 0:
                print(f"| {' | '.join(HEADINGS)} |\n|{'---|' * len(HEADINGS)}", flush=True)
                scale = scale_rows(truth, jpeg)
            print(row(f"`{run}`", figures_of(truth, zero, samples)), flush=True)
    except (ConfigError, MissingWeights, BadWeights) as error:
        parser.error(str(error))
    print("\n".join(scale))


if __name__ == "__main__":
    main()
