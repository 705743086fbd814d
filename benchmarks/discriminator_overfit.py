"""Whether discriminators know the training pictures: python benchmarks/discriminator_overfit.py runs/first

Prints how well the discriminators of a run's newest checkpoint tell truths from hallucinations of the same LR
pictures, on training pictures and on validation pictures; what was memorised helps only with the former.
"right": share of pictures whose truth looks more real; "margin": by how much, in mean outputs, with its
standard error.
"""

import argparse

import numpy as np
import tensorflow as tf

from tf_gradsr.config_files import load_config
from tf_gradsr.data import evaluation_batches, load_pictures
from tf_gradsr.registry import build_model
from tf_gradsr.run_folder import RunFolder
from tf_gradsr.training.checkpoints import Checkpoints

TITLES = {"image": "D_I", "gradient": "D_g"}


def load(run):
    """(config, model) of a run's newest checkpoint."""
    folder = RunFolder(run)
    config = load_config(folder.config)
    if config.model.name != "gradsr":
        raise SystemExit(f"run: one of model.name gradsr. Received: {config.model.name}")
    model = build_model(config)
    Checkpoints(folder.checkpoints, model, config.train.seed).read_networks()
    return config, model


def margins(model, batches) -> dict:
    """By discriminator: how much more real the truth looks than the hallucination, for each picture."""
    score = tf.function(model.scores, reduce_retracing=True)
    scores = [score(batch) for batch in batches]
    return {
        name: np.concatenate([real - fake for real, fake in (part[name] for part in scores)])
        for name in scores[0]
    }


def main():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", help="folder of a run with a checkpoint")
    parser.add_argument("--data", help="folder of pictures in train and val; if left out, the run's own")
    parser.add_argument(
        "--pictures", type=int, default=256, help="number of pictures of each split (default: 256)"
    )
    options = parser.parse_args()
    if options.pictures < 1:
        parser.error(f"--pictures: at least 1. Received: {options.pictures}")
    config, model = load(options.run)
    mirrors = [name for name, critic in model.critics.items() if not critic.needs_draws]
    if not mirrors:
        raise SystemExit("run: one with the paper's discriminators, loss.mirror above 0. Received: none")
    if options.data:
        config.data.source, config.data.path = "folder", options.data
    titles = [f"{TITLES[name]} {figure}" for name in mirrors for figure in ("right", "margin")]
    print(f"| pictures | {' | '.join(titles)} |\n|{'---|' * (len(titles) + 1)}")
    for split in ("train", "validation"):
        pictures = load_pictures(config, split, progress=False)
        batches = evaluation_batches(pictures, config, config.train.batch_size, options.pictures)
        found = margins(model, batches)
        cells = [
            f"{100 * np.mean(m > 0):.1f} % | {np.mean(m):.2f} ± {np.std(m) / len(m) ** 0.5:.2f}"
            for m in found.values()
        ]
        count = min(len(pictures), options.pictures)
        print(f"| {count} of {split} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
