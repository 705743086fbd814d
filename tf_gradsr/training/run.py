"""The course of a run: its phases, what happens around their steps, rollbacks, stopping."""

import contextlib
import dataclasses
import functools
import signal

import tensorflow as tf

from tf_gradsr.config import Config, TrainConfig
from tf_gradsr.data import evaluation_batches, training_batches
from tf_gradsr.errors import ConfigError
from tf_gradsr.models import SuperResolver
from tf_gradsr.run_folder import RunFolder
from tf_gradsr.training.callbacks import (
    CheckpointSaver,
    FiniteCheck,
    MetricsLog,
    Progress,
    SampleSheets,
    StopRequest,
    Validation,
)
from tf_gradsr.training.checkpoints import Checkpoints
from tf_gradsr.training.distribution import Distribution
from tf_gradsr.training.divergence import TrainingDiverged, data_seed, roll_back
from tf_gradsr.training.steps import run_steps

SHEET_ROWS = 4
SHEET_SAMPLES = 3


class Interrupted(Exception):
    """The run was asked to stop and has saved a checkpoint.

    Attributes:
        step: steps done. signal: number of the signal that asked.
    """

    def __init__(self, step, signal_number):
        super().__init__(f"stopped at step {step}")
        self.step, self.signal = step, signal_number


@dataclasses.dataclass(frozen=True)
class Run:
    """A run as one process sees it.

    With several workers each has the same, but only the chief writes the folder.
    """

    config: Config
    model: SuperResolver
    folder: RunFolder
    checkpoints: Checkpoints
    distribution: Distribution
    stop_request: StopRequest

    def restore(self, how=None) -> int:
        """Brings every worker to the same checkpoint, the chief first; returns its step, 0 if there is none.

        Args:
            how: function by which the chief does it and which returns the step; None: to the newest good one.

        Raises:
            ConfigError: a worker cannot see the chief's checkpoint. CheckpointError: see `Checkpoints`.
        """
        checkpoints, is_chief = self.checkpoints, self.distribution.is_chief
        step = (how or checkpoints.restore_latest)() if is_chief else 0
        step = self.distribution.from_chief(step)
        if not is_chief and step in checkpoints.steps():
            checkpoints.restore(step)
        elif not is_chief and step:
            raise ConfigError(
                f"run_dir: a folder that all workers can read. Received: {checkpoints.folder}, without the "
                f"checkpoint of step {step} that the chief goes on from"
            )
        return step

    def train(self, pictures: dict, progress: bool) -> None:
        """Runs the rest of each phase: reconstruction alone, then the full objective.

        Args:
            pictures: {"train": `PictureSet`}; the chief's also "validation".
            progress: show a progress bar.

        Raises:
            Interrupted, TrainingDiverged, CheckpointError, WorkerLost: see `trainer.train`.
        """
        settings, start = self.config.train, self.model.step
        callbacks, save_sheet = self.callbacks(pictures.get("validation"))
        if start == 0:
            save_sheet(0)
            if settings.on_nonfinite == "rollback":
                self.checkpoints.save()
        with contextlib.ExitStack() as stack:
            stack.enter_context(self.stop_request.steps())
            bar = (
                Progress(start, settings.steps, settings.batch_size, self.stop_request) if progress else None
            )
            if bar:
                callbacks.append(bar)
                stack.callback(bar.close)
            while self.model.step < settings.steps:
                try:
                    self._phase(pictures["train"], callbacks, bar)
                    self.checkpoints.save()
                except TrainingDiverged as error:
                    if settings.on_nonfinite == "stop":
                        raise
                    self._roll_back(error)
                # The others leave once the chief's checkpoint is there; one of them may have got the signal.
                if self.distribution.total(self.stop_request.signal is not None):
                    raise Interrupted(self.model.step, self.stop_request.signal or signal.SIGTERM)
        save_sheet(self.model.step)

    def callbacks(self, validation):
        """(what happens after steps, in order; function that writes a sheet); the chief alone writes."""
        settings, folder = self.config.train, self.folder
        saver = CheckpointSaver(self.checkpoints, settings.checkpoint_interval)
        others = [saver.interval, settings.log_interval, settings.sample_interval]
        check = FiniteCheck([*others, settings.validation_interval])
        if not self.distribution.is_chief:
            return [check, saver], lambda step: None
        writer = tf.summary.create_file_writer(str(folder.events))
        shown = next(iter(evaluation_batches(validation, self.config, SHEET_ROWS, SHEET_ROWS, SHEET_SAMPLES)))
        measured = evaluation_batches(
            validation, self.config, settings.batch_size, settings.validation_pictures, 2
        )
        sheets = SampleSheets(self.model, folder, writer, settings.sample_interval, shown)
        return [
            check,
            MetricsLog(folder, writer, settings.log_interval, settings.batch_size),
            sheets,
            Validation(self.model, folder, writer, settings.validation_interval, measured),
            saver,
        ], sheets.save

    def _phase(self, pictures, callbacks, bar):
        """Trains from the model's step to the end of the phase that it is in."""
        settings, run_phases = self.config.train, phases(self.config.train)
        number, (reconstruction_only, end) = next(
            (n, phase) for n, phase in enumerate(run_phases, 1) if self.model.step < phase[1]
        )
        if bar:
            name = "reconstruction" if reconstruction_only else "adversarial"
            bar.begin(f"{name} {number}/{len(run_phases)}")
        self.model.reconstruction_only = reconstruction_only
        order = self.distribution.from_chief(len(self.folder.changes.rollbacks()))
        shown = dataclasses.replace(settings, seed=data_seed(settings.seed, order))
        steps = end - self.model.step
        batches = functools.partial(
            training_batches,
            pictures,
            dataclasses.replace(self.config, train=shown),
            num_steps=steps,
            first_example=self.checkpoints.example,
        )
        run_steps(
            self.model,
            self.distribution.distributed(batches),
            steps,
            self.distribution,
            callbacks,
            self.stop_request,
        )

    def _roll_back(self, error):
        step = self.restore(lambda: roll_back(error, self.checkpoints, self.folder.changes))
        if self.distribution.is_chief:
            self.folder.forget_metrics_after(step)


def phases(settings: TrainConfig) -> list:
    """Each phase of a run, in order: (whether G is trained alone, the step at which the phase ends)."""
    ends = {True: settings.reconstruction_steps, False: settings.steps}
    return [(alone, min(end, settings.steps)) for alone, end in ends.items() if end]
