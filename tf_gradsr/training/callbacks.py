"""What happens around the training steps: progress, logs, sheets, validation, checkpoints, stopping."""

import os
import signal
import time
from contextlib import contextmanager, suppress

import numpy as np
import tensorflow as tf
from PIL import Image

from tf_gradsr.files import replaced_when_complete
from tf_gradsr.progress import ProgressBar
from tf_gradsr.signals import ENDING, Ended, handled
from tf_gradsr.training.sample_sheet import sample_sheet

# Seconds between two looks at the figures for the progress bar.
SHOWN_EVERY = 0.5


class StepCallback:
    """Something that happens after training steps. What waits for the device should not do so at each."""

    def on_begin(self) -> None:
        """Called before the first step of a phase."""

    def on_step(self, step: int, figures) -> None:
        """Called after each step with the number of steps done, resumed or not, and the `Figures`."""

    def on_end(self, step: int, figures) -> None:
        """Called after the last step of a phase."""


class FiniteCheck(StepCallback):
    """Checks the figures before anything is made of them or of the weights. Must come first.

    Args:
        intervals: list of int, steps between two checks.
    """

    def __init__(self, intervals):
        self.intervals = intervals

    def on_step(self, step, figures):
        if any(step % interval == 0 for interval in self.intervals):
            figures.check()


class Progress(StepCallback):
    """A progress bar with losses, pictures a second and time left."""

    def __init__(self, first_step, steps, batch_size, stop_request):
        self.stop_request = stop_request
        self.batch_size = batch_size
        self.bar = ProgressBar(steps, "step", initial=first_step)
        self.shown = -SHOWN_EVERY

    def begin(self, phase: str) -> None:
        """Names what comes; its first step takes long, since its graph is built."""
        self.bar.begin(phase, once="building the step")

    def on_step(self, step, figures):
        # Nobody reads the bar any more, as after `2>&1 | head`: the run ends as if by SIGPIPE.
        try:
            self.bar.update(step - self.bar.n)
            if time.monotonic() - self.shown >= SHOWN_EVERY:
                self.shown = time.monotonic()
                self._show(figures.recent())
        except BrokenPipeError:
            self.stop_request.signal = self.stop_request.signal or signal.SIGPIPE
            self.bar.disable = True

    def _show(self, figures):
        rate = (self.bar.format_dict["rate"] or 0.0) * self.batch_size
        shown = {"pictures/s": f"{rate:.1f}", "G": f"{figures['loss/g/total']:.3f}"}
        # The first phase has no discriminators; a baseline has one, and no spread.
        for title, name, digits in (
            ("D_I", "loss/d_image/adv", 3),
            ("D_g", "loss/d_gradient/adv", 3),
            ("spread", "hallucination/sample_std", 2),
        ):
            if name in figures:
                shown[title] = f"{figures[name]:.{digits}f}"
        self.bar.set_postfix(shown, refresh=False)

    def close(self):
        """Ends the bar's line."""
        self.bar.close()


class MetricsLog(StepCallback):
    """Writes the mean of every figure since the last line to metrics.jsonl and TensorBoard."""

    def __init__(self, run_folder, writer, interval, batch_size):
        self.run_folder, self.writer = run_folder, writer
        self.interval, self.batch_size = interval, batch_size
        self.gpus = len(tf.config.list_physical_devices("GPU"))

    def on_begin(self):
        self.steps = 0
        self.started, self.cpu_started = time.monotonic(), time.process_time()

    def on_step(self, step, figures):
        self.steps += 1
        if step % self.interval == 0:
            self.flush(step, figures)

    def on_end(self, step, figures):
        if self.steps:
            self.flush(step, figures)

    def flush(self, step, figures):
        """Writes one line now."""
        values = figures.means()
        seconds = time.monotonic() - self.started
        values["pictures_per_second"] = self.steps * self.batch_size / seconds
        # Over all cores, for everything this process does: the fair measure on a shared machine.
        values["cpu_seconds"] = time.process_time() - self.cpu_started
        if self.gpus:
            values["gpu_seconds"] = self.gpus * seconds
        write_metrics(self.run_folder, self.writer, step, values)
        self.on_begin()


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

    def __init__(self, model, run_folder, writer, interval, batch):
        self.model, self.run_folder, self.writer = model, run_folder, writer
        self.interval, self.batch = interval, batch
        self.last = None

    def on_step(self, step, figures):
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

    def __init__(self, model, run_folder, writer, interval, batches):
        self.model, self.run_folder, self.writer = model, run_folder, writer
        self.interval, self.batches = interval, batches

    def on_step(self, step, figures):
        if step % self.interval == 0:
            values = {f"validation/{k}": v for k, v in self.model.measure(self.batches).items()}
            write_metrics(self.run_folder, self.writer, step, values)


class CheckpointSaver(StepCallback):
    """Saves a checkpoint every `interval` steps."""

    def __init__(self, checkpoints, interval):
        self.checkpoints, self.interval = checkpoints, interval

    def on_step(self, step, figures):
        if step % self.interval == 0:
            self.checkpoints.save()


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
