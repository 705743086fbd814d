"""A worker of a cluster, or, without TF_CONFIG, the only one: trains three steps and writes its weights.

python three_steps.py OPTIMIZER FOLDER
"""

import sys
from pathlib import Path

from tf_gradsr.tensorflow_start import start_tensorflow, use_deterministic_kernels

start_tensorflow()
use_deterministic_kernels()

import keras  # noqa: E402
import numpy as np  # noqa: E402

from tf_gradsr.training.distribution import choose_distribution  # noqa: E402

OPTIMIZERS = {
    "sgd": lambda: keras.optimizers.SGD(0.003),
    "adam": lambda: keras.optimizers.Adam(1e-4, beta_1=0.0, beta_2=0.9),
}


def main(name, folder):
    # Before anything else that TensorFlow does.
    distribution = choose_distribution()
    from training_steps import tiny_config

    from tf_gradsr.data import load_pictures, training_batches
    from tf_gradsr.models import GradSR
    from tf_gradsr.training.callbacks import StopRequest
    from tf_gradsr.training.steps import run_steps

    config = tiny_config(batch_size=6)
    config.model.scale = 2
    keras.utils.set_random_seed(0)
    with distribution.strategy.scope():
        model = GradSR(config)
        model.compile(config.loss, OPTIMIZERS[name](), OPTIMIZERS[name](), ema_decay=0.5)
    pictures = load_pictures(config, "train", progress=False)
    batches = distribution.distributed(
        lambda **share: training_batches(pictures, config, num_steps=3, **share)
    )
    run_steps(model, batches, 3, distribution, [], StopRequest())
    networks = (model.generator, *model.discriminators.values(), model.ema_generator)
    weights = [weight for network in networks for weight in network.get_weights()]
    np.savez(Path(folder) / f"{distribution.worker}_of_{distribution.workers}.npz", *weights)
    distribution.wait()


main(*sys.argv[1:])
