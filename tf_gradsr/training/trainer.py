"""Runs one training run, from a config to a run folder."""

import contextlib
import dataclasses
import random
import sys

import numpy as np
import tensorflow as tf

from tf_gradsr import metrics, ops
from tf_gradsr.config import Config, TrainConfig
from tf_gradsr.data import evaluation_batches, load_pictures, training_batches
from tf_gradsr.disk import writing
from tf_gradsr.errors import ConfigError
from tf_gradsr.keras_settings import with_our_keras_settings
from tf_gradsr.memory import check_memory
from tf_gradsr.process import check_process
from tf_gradsr.registry import build_model
from tf_gradsr.run_folder import RunFolder
from tf_gradsr.run_lock import only_training_in
from tf_gradsr.training.callbacks import (
    CheckpointSaver,
    MetricsLog,
    Progress,
    SampleSheets,
    StopRequest,
    Validation,
)
from tf_gradsr.training.checkpoints import Checkpoints
from tf_gradsr.training.divergence import (
    FiniteCheck,
    TrainingDiverged,
    data_seed,
    roll_back,
    with_remedy,
)
from tf_gradsr.training.first_state import (
    load_teacher,
    start_from_other_run,
)
from tf_gradsr.training.precision import usable_precision, uses_xla
from tf_gradsr.training.step_memory import least_step_memory

SHEET_ROWS = 4
SHEET_SAMPLES = 3
# Samples behind each `sample_std`.
MEASURED_SAMPLES = 4


class Interrupted(Exception):
    """The run was asked to stop and has saved a checkpoint.

    Attributes:
        step: steps done. signal: number of the signal that asked.
    """

    def __init__(self, step, signal_number):
        super().__init__(f"stopped at step {step}")
        self.step, self.signal = step, signal_number


@with_our_keras_settings
def train(
    config: Config, run_dir, progress: bool = True, strategy=None, stop_request=None, trust: bool = False
) -> dict:
    """Trains, or continues training, the model of a config in a run folder.

    Args:
        config: a checked `Config`.
        run_dir: path of the run folder; if it holds checkpoints, the run continues from the newest good one.
            Settings of `run_changes.CURES` may then differ from before, which is said and recorded.
        progress: show progress bars on standard error.
        strategy: a `tf.distribute.Strategy`; None: `choose_strategy`.
        stop_request: a `StopRequest`, to end the run early; None: only an exception ends it early.
        trust: see `load_teacher`.

    The process is left as it is: signals and TensorFlow's deterministic kernels are up to the caller, see
    `StopRequest.listening` and `tensorflow_start.use_deterministic_kernels`, which `gradsr train` uses.

    Returns:
        The summary, as in summary.json: `bicubic` and `model`, each a dict of mean figures on test pictures.

    Raises:
        ConfigError: a setting cannot work here, or another training is using the folder.
        DiskFull: there is no space for the run's files; the same call continues once there is.
        NotEnoughMemory: a step does not fit the memory; only checked on CPUs.
        Interrupted: `stop_request` asked for it; a checkpoint is saved.
        TrainingDiverged: a figure or a weight is not finite; says what can be done.
        CheckpointError: the run's checkpoints are damaged, or do not fit the model.
    """
    check_process()
    folder = RunFolder(run_dir)
    with writing(folder.path), only_training_in(folder.path):
        strategy, stop_request = strategy or choose_strategy(config), stop_request or StopRequest()
        return _train_in(folder, config, progress, strategy, stop_request, trust)


def _train_in(folder, config, progress, strategy, stop_request, trust):
    # What fails fast comes first: reading the pictures can take long.
    changed = folder.check(config)
    if not tf.config.list_physical_devices("GPU"):
        check_memory(
            least_step_memory(config),
            f"a step of train.batch_size {config.train.batch_size}",
            "choose a smaller train.batch_size",
        )
    precision = usable_precision(config.train.precision)
    with strategy.scope(), _seeded_weights(config.train.seed):
        model = build_model(config, precision, uses_xla(config.train))
    checkpoints = Checkpoints(
        folder.checkpoints,
        model,
        config.train.seed,
        config.train.keep_checkpoints,
        folder.weights,
        config.train.batch_size,
    )
    step = checkpoints.restore_latest()
    if step == 0:
        start_from_other_run(model, config)
    with strategy.scope():
        load_teacher(model, config, precision, trust)
    pictures = {split: load_pictures(config, split, progress) for split in ("train", "validation", "test")}
    with contextlib.ExitStack() as stack:
        # Made only now, so that a run that fails early leaves nothing behind; it is not locked yet.
        if not folder.path.is_dir():
            stack.enter_context(only_training_in(folder.path, make=True))
        if changed:
            folder.changes.record(step, settings=changed)
        folder.prepare(config)
        folder.write_unreadable({split: loaded.skipped for split, loaded in pictures.items()})
        folder.forget_metrics_after(step)
        if step:
            print(f"Continuing from step {step} of {folder.path}", file=sys.stderr)
        for name, (before, now) in changed.items():
            print(f"From here on with {name} {now}, which was {before}", file=sys.stderr)
        if step < config.train.steps:
            try:
                _fit(model, config, pictures, folder, checkpoints, progress, stop_request)
            except TrainingDiverged as error:
                raise with_remedy(error, checkpoints.steps(), config) from error
        # A kill may have come between the last checkpoint and its weights.
        checkpoints.save_weights()
        summary = summarize(model, pictures["test"], config)
        folder.write_summary(summary)
    return summary


@contextlib.contextmanager
def _seeded_weights(seed):
    """Seeds the weights made in the block, for which Keras draws seeds from Python's random generator."""
    former = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(former)


def choose_strategy(config: Config):
    """Returns a `MirroredStrategy` over all visible GPUs, or the default strategy on one device.

    Raises:
        ConfigError: the global batch cannot be divided equally.
    """
    devices = tf.config.list_logical_devices("GPU")
    if len(devices) < 2:
        return tf.distribute.get_strategy()
    if config.train.batch_size % len(devices):
        raise ConfigError(
            f"train.batch_size: a multiple of the number of GPUs, {len(devices)}. "
            f"Received: {config.train.batch_size}"
        )
    return tf.distribute.MirroredStrategy()


def _fit(model, config, pictures, folder, checkpoints, progress, stop_request):
    """Runs `fit` on the rest of each phase: reconstruction alone, then the full objective."""
    settings, start = config.train, model.step
    writer = tf.summary.create_file_writer(str(folder.events))
    sheet_batch = next(
        iter(evaluation_batches(pictures["validation"], config, SHEET_ROWS, SHEET_ROWS, SHEET_SAMPLES))
    )
    validation = evaluation_batches(
        pictures["validation"], config, settings.batch_size, settings.validation_pictures, 2
    )
    sheets = SampleSheets(folder, writer, settings.sample_interval, sheet_batch)
    sheets.set_model(model)
    callbacks = [
        FiniteCheck(),
        MetricsLog(folder, writer, settings.log_interval, settings.batch_size),
        sheets,
        Validation(folder, writer, settings.validation_interval, validation),
        CheckpointSaver(checkpoints, settings.checkpoint_interval, stop_request),
    ]
    if start == 0:
        sheets.save(0)
        if settings.on_nonfinite == "rollback":
            checkpoints.save()
    with contextlib.ExitStack() as stack:
        stack.enter_context(stop_request.steps())
        bar = Progress(start, settings.steps, settings.batch_size, stop_request) if progress else None
        if bar:
            # Before the saver, which sees a stop that the bar asks for.
            callbacks.insert(-1, bar)
            stack.callback(bar.close)
        while model.step < settings.steps:
            try:
                _fit_phase(model, config, pictures["train"], folder, checkpoints, callbacks, bar)
                # A signal can come after the last step's callbacks, so the saver alone is not enough.
                checkpoints.save()
            except TrainingDiverged as error:
                if settings.on_nonfinite == "stop":
                    raise
                folder.forget_metrics_after(roll_back(error, checkpoints, folder.changes))
            if stop_request.signal:
                raise Interrupted(model.step, stop_request.signal)
    sheets.save(model.step)


def _fit_phase(model, config, pictures, folder, checkpoints, callbacks, bar):
    """Runs `fit` from the model's step to the end of the phase that it is in."""
    run_phases = phases(config.train)
    number, (reconstruction_only, end) = next(
        (n, phase) for n, phase in enumerate(run_phases, 1) if model.step < phase[1]
    )
    if bar:
        name = "reconstruction" if reconstruction_only else "adversarial"
        bar.begin(f"{name} {number}/{len(run_phases)}")
    model.reconstruction_only = reconstruction_only
    model.make_train_function(force=True)
    seed, steps = data_seed(config.train.seed, len(folder.changes.rollbacks())), end - model.step
    shown = dataclasses.replace(config, train=dataclasses.replace(config.train, seed=seed))
    model.fit(
        training_batches(pictures, shown, num_steps=steps, first_example=checkpoints.example),
        epochs=1,
        steps_per_epoch=steps,
        callbacks=callbacks,
        shuffle=False,
        verbose=0,
    )


def phases(settings: TrainConfig) -> list:
    """Each phase of a run, in order: (whether G is trained alone, the step at which the phase ends)."""
    ends = {True: settings.reconstruction_steps, False: settings.steps}
    return [(alone, min(end, settings.steps)) for alone, end in ends.items() if end]


def summarize(model, pictures, config: Config) -> dict:
    """Returns mean figures of bicubic upscaling and of the model on the first `train.summary_pictures`.

    Returns:
        `{"bicubic": {"psnr", "ssim", "lr_psnr"}, "model": {"psnr", "ssim", "lr_psnr", "sample_std"}}`: dB at
        z = 0, SSIM at z = 0, dB at LR size, grey levels over four samples. A baseline has no `sample_std`.
        With `data.degrade` both have `clean_lr_psnr`, too: `lr_psnr` is against the degraded input.
    """
    batches = evaluation_batches(
        pictures, config, config.train.batch_size, config.train.summary_pictures, MEASURED_SAMPLES
    )
    measured = []
    for batch in batches:
        # Bicubic upscaling as a model with one answer.
        measured.append(
            metrics.measure(
                lambda inputs: (ops.to_float(metrics.bicubic(inputs[0], model.scale)), None),
                batch,
                model.scale,
                config.data.downscale,
                stochastic=False,
                degraded=config.data.degrade,
            )
        )
    means = {name: float(np.mean(np.concatenate([m[name] for m in measured]))) for name in measured[0]}
    return {"bicubic": means, "model": model.measure(batches)}
