"""What happens around the training steps: progress, logs, sheets, validation, checkpoints, stopping."""

import os
import signal
import time
from contextlib import contextmanager, suppress

import keras
import numpy as np
import tensorflow as tf
from PIL import Image

from tf_gradsr.files import replaced_when_complete
from tf_gradsr.progress import ProgressBar
from tf_gradsr.signals import ENDING, Ended, handled
from tf_gradsr.training.sample_sheet import sample_sheet


class StepCallback(keras.callbacks.Callback):
    """A callback that counts steps over the whole run, resumed or not."""

    def on_train_batch_end(self, batch, logs=None):
        self.on_step(self.model.step, logs)

    def on_step(self, step: int, logs: dict) -> None:
        """Called after each step with the number of steps done and the step's figures."""


class Progress(StepCallback):
    """A progress bar with losses, pictures a second and time left."""

    def __init__(self, first_step, steps, batch_size, stop_request):
        super().__init__()
        self.stop_request = stop_request
        self.batch_size = batch_size
        self.bar = ProgressBar(steps, "step", initial=first_step)

    def begin(self, phase: str) -> None:
        """Names what comes; its first step takes long, since its graph is built."""
        self.bar.begin(phase, once="building the step")

    def on_step(self, step, logs):
        # Nobody reads the bar any more, as after `2>&1 | head`: the run ends as if by SIGPIPE.
        try:
            self._show(step, logs)
        except BrokenPipeError:
            self.stop_request.signal = self.stop_request.signal or signal.SIGPIPE
            self.bar.disable = True

    def _show(self, step, logs):
        self.bar.update(step - self.bar.n)
        rate = (self.bar.format_dict["rate"] or 0.0) * self.batch_size
        shown = {"pictures/s": f"{rate:.1f}", "G": f"{logs['loss/g/total']:.3f}"}
        # The first phase has no discriminators; a baseline has one, and no spread.
        for title, name, digits in (
            ("D_I", "loss/d_image/adv", 3),
            ("D_g", "loss/d_gradient/adv", 3),
            ("spread", "hallucination/sample_std", 2),
        ):
            if name in logs:
                shown[title] = f"{logs[name]:.{digits}f}"
        self.bar.set_postfix(shown, refresh=False)

    def close(self):
        """Ends the bar's line."""
        self.bar.close()


class MetricsLog(StepCallback):
    """Writes the mean of every figure since the last line to metrics.jsonl and TensorBoard."""

    def __init__(self, run_folder, writer, interval, batch_size):
        super().__init__()
        self.run_folder, self.writer = run_folder, writer
        self.interval, self.batch_size = interval, batch_size
        self.gpus = len(tf.config.list_physical_devices("GPU"))
        self._restart()

    def on_train_begin(self, logs=None):
        # Whatever was counted before a rollback is not of this run any more.
        self._restart()

    def _restart(self):
        self.sums, self.counts, self.steps = {}, {}, 0
        self.started, self.cpu_started = time.monotonic(), time.process_time()

    def on_step(self, step, logs):
        self.steps += 1
        for name, value in logs.items():
            self.sums[name] = self.sums.get(name, 0.0) + float(value)
            self.counts[name] = self.counts.get(name, 0) + 1
        if step % self.interval == 0:
            self.flush(step)

    def on_train_end(self, logs=None):
        if self.steps:
            self.flush(self.model.step)

    def flush(self, step):
        """Writes one line now."""
        seconds = time.monotonic() - self.started
        values = {name: self.sums[name] / self.counts[name] for name in self.sums}
        values["pictures_per_second"] = self.steps * self.batch_size / seconds
        # Over all cores, for everything this process does: the fair measure on a shared machine.
        values["cpu_seconds"] = time.process_time() - self.cpu_started
        if self.gpus:
            values["gpu_seconds"] = self.gpus * seconds
        write_metrics(self.run_folder, self.writer, step, values)
        self._restart()


def write_metrics(run_folder, writer, step, values):
    """Writes figures of one step to metrics.jsonl and TensorBoard."""
    run_folder.append_metrics({"step": step, **{name: round(float(v), 6) for name, v in values.items()}})
    with writer.as_default(step=step):
        for name, value in values.items():
            # Names without a group would each get a tab of their own, before those of the losses.
            tf.summary.scalar(name if "/" in name else f"time/{name}", value)
    writer.flush()


class SampleSheets(StepCallback):
    """Saves sheets of the same pictures with the same z throughout the run."""

    def __init__(self, run_folder, writer, interval, batch):
        super().__init__()
        self.run_folder, self.writer, self.interval, self.batch = run_folder, writer, interval, batch
        self.last = None

    def on_step(self, step, logs):
        if step % self.interval == 0:
            self.save(step)

    def save(self, step):
        """Draws and writes one sheet, once for each step."""
        if self.last == step:
            return
        self.last = step
        sheet = sample_sheet(self.model, self.batch)
        path = self.run_folder.samples / f"step_{step:08d}.png"
        with replaced_when_complete(path) as partial:
            Image.fromarray(sheet).save(partial)
        with self.writer.as_default(step=step):
            tf.summary.image("samples", sheet[np.newaxis])
        self.writer.flush()


class Validation(StepCallback):
    """Measures the averaged generator on validation pictures."""

    def __init__(self, run_folder, writer, interval, batches):
        super().__init__()
        self.run_folder, self.writer, self.interval, self.batches = run_folder, writer, interval, batches

    def on_step(self, step, logs):
        if step % self.interval == 0:
            values = {f"validation/{k}": v for k, v in self.model.measure(self.batches).items()}
            write_metrics(self.run_folder, self.writer, step, values)


class CheckpointSaver(StepCallback):
    """Saves a checkpoint every `interval` steps, and at once when the run is asked to stop."""

    def __init__(self, checkpoints, interval, stop_request):
        super().__init__()
        self.checkpoints, self.interval, self.stop_request = checkpoints, interval, stop_request

    def on_step(self, step, logs):
        if self.stop_request.signal or step % self.interval == 0:
            self.checkpoints.save()
        if self.stop_request.signal:
            self.model.stop_training = True


class StopRequest:
    """Remembers that a run should stop after the step in progress.

    Attributes:
        signal: number of the signal that asked it to stop, or None.
    """

    def __init__(self):
        self.signal = None
        self._between_steps = False

    @contextmanager
    def listening(self):
        """Listens for Ctrl-C, SIGTERM and SIGHUP while the block runs; a second Ctrl-C interrupts at once.

        In the main thread alone, since only it gets signals; see `signals.handled`.

        Raises:
            KeyboardInterrupt, Ended: the signal came outside of `steps`, where there is nothing to save.
        """
        with handled((signal.SIGINT, *ENDING), self._remember):
            yield self

    @contextmanager
    def steps(self):
        """While the block runs, signals are remembered until the step in progress is done."""
        self._between_steps = True
        try:
            yield
        finally:
            self._between_steps = False

    def _remember(self, number, frame):
        again, self.signal = self.signal is not None, self.signal or number
        if not self._between_steps or (again and number == signal.SIGINT):
            raise KeyboardInterrupt if number == signal.SIGINT else Ended(number)
        # A terminal that closes sends SIGHUP twice, a scheduler SIGTERM as often as it likes.
        if again:
            return
        # Not print: the signal may have come in the middle of one. The terminal may be gone.
        with suppress(OSError):
            os.write(2, b"\nStopping after this step; saving a checkpoint ...\n")
