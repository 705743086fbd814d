"""Checkpoints that a kill cannot break: each is written under a temporary name, then renamed."""

# Why not tf.train.CheckpointManager: it finds the newest by a list in a file of its own, so a run cannot
# continue once a damaged checkpoint is deleted, and starts over if the list is lost. It does not wait for the
# disk (no fsync) before it deletes the older one, and its rename would not cover the step, seed and versions.

import contextlib
import json
import logging
import os
import shutil
from pathlib import Path

import tensorflow as tf

import tf_gradsr
from tf_gradsr.disk import writing
from tf_gradsr.errors import reason_of
from tf_gradsr.files import json_text, replaced_when_complete

log = logging.getLogger(__name__)


class CheckpointError(RuntimeError):
    """A checkpoint cannot be read or contradicts itself. The message names it and the remedy."""


class Checkpoints:
    """The newest checkpoints of a run, one folder each: `step_00001000/`.

    A checkpoint holds G, its discriminators, the average of G, and both optimizers. The step is in the
    optimizer; the order of the pictures, their flips and every z follow from `train.seed` and the step,
    so `state.json` needs no more than those two to name the random state and the place in the data.

    Args:
        folder: path of the run's `checkpoints/`.
        model: a compiled `SuperResolver`.
        seed: `train.seed`.
        keep: how many of the newest to keep, >= 1.
        weights: path of the file for the newest averaged generator; None: no file.
    """

    def __init__(self, folder, model, seed: int, keep: int = 2, weights=None):
        self.folder = Path(folder)
        self.weights = weights
        self.model = model
        self.seed = seed
        self.keep = keep
        self.tracked = tf.train.Checkpoint(**_variables(model.trained_parts()))

    def steps(self) -> list:
        """Steps of the complete checkpoints, oldest first."""
        return sorted(int(path.name[5:]) for path in self.folder.glob("step_*") if path.name[5:].isdigit())

    def restore_latest(self) -> int:
        """Brings the model back to its newest checkpoint; returns that step, 0 if there is none.

        Raises:
            CheckpointError: the checkpoint does not fit the model or cannot be read.
        """
        for leftover in self.folder.glob(".partial-*"):
            shutil.rmtree(leftover)
        if not self.steps():
            return 0
        step = self.steps()[-1]
        folder = self._path(step)
        with _readable(folder):
            state = json.loads((folder / "state.json").read_text(encoding="utf-8"))
            self.tracked.read(str(folder / "state")).assert_consumed()
        if (state["step"], self.model.step) != (step, step):
            raise CheckpointError(
                f"Checkpoint {folder} says step {state['step']}, its weights {self.model.step}."
            )
        if state["tensorflow"] != tf.__version__:
            log.warning("Checkpoint from TensorFlow %s: not resumed bit for bit", state["tensorflow"])
        return step

    def read_networks(self, into: dict | None = None) -> None:
        """Reads the networks, not the optimizers, from the newest checkpoint, for use in another run.

        Args:
            into: networks by their names in the checkpoint; None: all of the model's.

        Raises:
            CheckpointError: there is no checkpoint, or it does not fit the model or cannot be read.
        """
        if not self.steps():
            raise CheckpointError(f"{self.folder} holds no checkpoint.")
        folder = self._path(self.steps()[-1])
        if into is None:
            into = {k: part for k, part in self.model.trained_parts().items() if not k.endswith("_optimizer")}
        networks = _variables(into)
        with _readable(folder):
            status = tf.train.Checkpoint(**networks).read(str(folder / "state"))
            status.assert_existing_objects_matched().expect_partial()

    def save(self) -> Path:
        """Writes the model's state under its step, then drops the oldest ones; returns the folder.

        Raises:
            DiskFull: there is no space for it; the former ones are kept.
        """
        step = self.model.step
        final = self._path(step)
        if final.exists():
            return final
        partial = self.folder / f".partial-{final.name}"
        shutil.rmtree(partial, ignore_errors=True)
        try:
            with writing(final):
                partial.mkdir(parents=True)
                self._write(partial)
                partial.replace(final)
        except Exception:
            # On a full disk, what was written takes space that the user needs.
            shutil.rmtree(partial, ignore_errors=True)
            raise
        self.save_weights()
        for old in self.steps()[: -self.keep]:
            shutil.rmtree(self._path(old))
        return final

    def _write(self, folder):
        """Writes the state and what it belongs to, and waits until both are on disk."""
        self.tracked.write(str(folder / "state"))
        state = {
            "step": self.model.step,
            "seed": self.seed,
            "version": tf_gradsr.__version__,
            "tensorflow": tf.__version__,
        }
        (folder / "state.json").write_text(json_text(state) + "\n", encoding="utf-8")
        _flush_to_disk(folder)

    def save_weights(self) -> None:
        """Writes the averaged generator's weights."""
        if self.weights:
            with replaced_when_complete(self.weights) as partial:
                self.model.ema_generator.save_weights(partial)

    def _path(self, step):
        return self.folder / f"step_{step:08d}"


def _variables(parts):
    """Lists of variables, since Checkpoint leaves out layers that a Keras 3 network holds in lists.

    `variables` of a network also holds batch normalisation's moving statistics.
    """
    return {name: [variable.value for variable in part.variables] for name, part in parts.items()}


@contextlib.contextmanager
def _readable(folder):
    """Turns whatever a broken or foreign checkpoint raises into `CheckpointError`."""
    try:
        yield
    except (OSError, ValueError, IndexError, AssertionError, tf.errors.OpError) as error:
        raise CheckpointError(
            f"Checkpoint {folder} cannot be read ({reason_of(error)}). "
            "Delete that folder to continue from an older one."
        ) from error


def _flush_to_disk(folder):
    """Waits until the files are on disk, so that the rename cannot overtake them in a power cut."""
    for path in folder.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())
