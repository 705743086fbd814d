"""Runs one training run, from a config to a run folder."""

import contextlib
import random
import sys
from typing import Optional

import tensorflow as tf

from tf_gradsr.config import Config
from tf_gradsr.data import load_pictures
from tf_gradsr.disk import writing
from tf_gradsr.keras_settings import with_our_keras_settings
from tf_gradsr.memory import check_memory
from tf_gradsr.precision import usable_precision, uses_xla
from tf_gradsr.process import check_process
from tf_gradsr.registry import build_model
from tf_gradsr.run_folder import RunFolder
from tf_gradsr.run_lock import only_training_in
from tf_gradsr.training.callbacks import StopRequest
from tf_gradsr.training.checkpoints import Checkpoints
from tf_gradsr.training.distribution import choose_distribution
from tf_gradsr.training.divergence import TrainingDiverged, with_remedy
from tf_gradsr.training.first_state import load_teacher, start_from_other_run
from tf_gradsr.training.run import Run
from tf_gradsr.training.step_memory import least_step_memory
from tf_gradsr.training.summary import summarize


@with_our_keras_settings
def train(
    config: Config, run_dir, progress: bool = True, distribution=None, stop_request=None, trust: bool = False
) -> Optional[dict]:
    """Trains, or continues training, the model of a config in a run folder.

    Args:
        config: a checked `Config`.
        run_dir: path of the run folder; if it holds checkpoints, the run continues from the newest good one.
            Settings of `run_changes.CURES` may then differ from before, which is said and recorded.
        progress: show progress bars on standard error.
        distribution: the `Distribution` to train on; None: `choose_distribution()`. On several workers each
            calls this with the same config and the same folder, which all can read and the chief writes.
        stop_request: a `StopRequest`, to end the run early; None: only an exception ends it early.
        trust: see `load_teacher`.

    The process is left as it is: signals and TensorFlow's deterministic kernels are up to the caller, see
    `StopRequest.listening` and `tensorflow_start.use_deterministic_kernels`, which `gradsr train` uses.

    Returns:
        The summary, as in summary.json: `bicubic` and `model`, each a dict of mean figures on test pictures;
        None on workers other than the chief.

    Raises:
        ConfigError: a setting cannot work here, or another training is using the folder.
        DiskFull: there is no space for the run's files; the same call continues once there is.
        NotEnoughMemory: a step does not fit the memory; only checked on CPUs.
        Interrupted: `stop_request` asked for it; a checkpoint is saved.
        TrainingDiverged: a figure or a weight is not finite; says what can be done.
        CheckpointError: the run's checkpoints are damaged, or do not fit the model.
        WorkerLost: another worker of the run is gone.
    """
    check_process()
    # Several workers must find each other before TensorFlow does anything else.
    distribution = distribution or choose_distribution()
    distribution.check(config)
    folder, stop_request = RunFolder(run_dir), stop_request or StopRequest()
    if not distribution.is_chief:
        return _train_in(folder, config, False, distribution, stop_request, trust)
    with writing(folder.path), only_training_in(folder.path):
        return _train_in(folder, config, progress, distribution, stop_request, trust)


def _train_in(folder, config, progress, distribution, stop_request, trust):
    # What fails fast comes first: reading the pictures can take long.
    changed, is_chief = folder.check(config), distribution.is_chief
    if not tf.config.list_physical_devices("GPU"):
        check_memory(
            least_step_memory(config),
            f"a step of train.batch_size {config.train.batch_size}",
            "choose a smaller train.batch_size",
        )
    precision = config.train.precision
    if not distribution.is_tpu:
        precision = usable_precision(precision)
    with distribution.strategy.scope(), _seeded_weights(config.train.seed):
        model = build_model(config, precision, uses_xla(config.train, distribution.replicas))
    checkpoints = Checkpoints(
        folder.checkpoints,
        model,
        config.train.seed,
        config.train.keep_checkpoints,
        folder.weights,
        config.train.batch_size,
        read_only=not is_chief,
    )
    run = Run(config, model, folder, checkpoints, distribution, stop_request)
    step = run.restore()
    if step == 0:
        start_from_other_run(model, config)
    with distribution.strategy.scope():
        load_teacher(model, config, precision, trust)
    splits = ("train", "validation", "test") if is_chief else ("train",)
    pictures = {split: load_pictures(config, split, progress) for split in splits}
    with contextlib.ExitStack() as stack:
        if is_chief:
            # Made only now, so that a run that fails early leaves nothing behind; it is not locked yet.
            if not folder.path.is_dir():
                stack.enter_context(only_training_in(folder.path, make=True))
            _prepare(folder, config, pictures, step, changed)
        if step < config.train.steps:
            try:
                run.train(pictures, progress)
            except TrainingDiverged as error:
                raise with_remedy(error, checkpoints.steps(), config) from error
        summary = None
        if is_chief:
            # A kill may have come between the last checkpoint and its weights.
            checkpoints.save_weights()
            summary = summarize(model, pictures["test"], config)
            folder.write_summary(summary)
        # A worker that ends earlier looks as if it were lost.
        distribution.wait()
    return summary


def _prepare(folder, config, pictures, step, changed):
    """Makes the run folder ready for what comes after a step, and says what is different from before."""
    if changed:
        folder.changes.record(step, settings=changed)
    folder.prepare(config)
    folder.write_unreadable({split: loaded.skipped for split, loaded in pictures.items()})
    folder.forget_metrics_after(step)
    if step:
        print(f"Continuing from step {step} of {folder.path}", file=sys.stderr)
    for name, (before, now) in changed.items():
        print(f"From here on with {name} {now}, which was {before}", file=sys.stderr)


@contextlib.contextmanager
def _seeded_weights(seed):
    """Seeds the weights made in the block, for which Keras draws seeds from Python's random generator."""
    former = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(former)
