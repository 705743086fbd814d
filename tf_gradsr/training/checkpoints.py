"""Checkpoints that a kill cannot break: each is written under a temporary name, then renamed."""

# Why not tf.train.CheckpointManager: it finds the newest by a list in a file of its own, so a run cannot
# continue once a damaged checkpoint is deleted, and starts over if the list is lost. It does not wait for the
# disk (no fsync) before it deletes the older one, and its rename would not cover the step, seed and versions.

import json
import logging
import os
import shutil
from pathlib import Path

import tensorflow as tf

import tf_gradsr
from tf_gradsr.digests import SUMS, Damaged, check_sums, replaced_with_digest, write_sums
from tf_gradsr.disk import writing
from tf_gradsr.errors import reason_of
from tf_gradsr.files import json_text
from tf_gradsr.training.divergence import check_finite_state

# Of a checkpoint; from 2 on there are digests.
FORMAT = 2
# The end of the names of parts that a run has in one precision only, which may change on the way.
LOSS_SCALE = "_loss_scale"

log = logging.getLogger(__name__)


class CheckpointError(RuntimeError):
    """A checkpoint cannot be read or contradicts itself. The message names it and the remedy."""


class _Damaged(CheckpointError):
    """A checkpoint that is not what was written, so that an older one may be read in its place."""


class Checkpoints:
    """The newest checkpoints of a run, one folder each: `step_00001000/`.

    A checkpoint holds G, its discriminators, the average of G, and both optimizers. The step is in the
    optimizer; the order of the pictures, their flips and every z follow from `train.seed` and the number of
    the example, so `state.json` needs no more than those to name the random state and the place in the data.
    `SHA256SUMS` holds the digest of each file: one that is damaged is named and never used.

    Args:
        folder: path of the run's `checkpoints/`.
        model: a compiled `SuperResolver`.
        seed: `train.seed`.
        keep: how many of the newest to keep, >= 1.
        weights: path of the file for the newest averaged generator; None: no file.
        batch_size: examples in a step from here on.
        read_only: whether another process writes the folder; `save` then only checks.

    Attributes:
        first: (step, example) at which the model was restored, (0, 0) for a new run.
    """

    def __init__(
        self,
        folder,
        model,
        seed: int,
        keep: int = 2,
        weights=None,
        batch_size: int = 1,
        read_only: bool = False,
    ):
        self.folder = Path(folder)
        self.weights = weights
        self.model = model
        self.seed = seed
        self.keep = keep
        self.batch_size = batch_size
        self.read_only = read_only
        self.first = (0, 0)
        self.variables = _variables(model.trained_parts())
        self.tracked = tf.train.Checkpoint(**self.variables)

    def steps(self) -> list:
        """Steps of the complete checkpoints, oldest first."""
        return sorted(int(path.name[5:]) for path in self.folder.glob("step_*") if path.name[5:].isdigit())

    @property
    def example(self) -> int:
        """Number of the next step's first example: not a multiple of the batch size once that was changed."""
        step, example = self.first
        return example + (self.model.step - step) * self.batch_size

    def restore_latest(self) -> int:
        """Brings the model back to its newest good checkpoint; returns that step, 0 if there is none.

        Damaged ones that are newer are named, and renamed to `damaged_step_*`.

        Raises:
            CheckpointError: the checkpoint does not fit the model, or all are damaged.
        """
        for leftover in self.folder.glob(".partial-*"):
            shutil.rmtree(leftover)
        if not self.steps():
            return 0

        step, state, damaged = self._newest_good(self._read)
        self._begin(step, state)
        for folder in damaged:
            aside = folder.with_name(f"damaged_{folder.name}")
            shutil.rmtree(aside, ignore_errors=True)
            folder.replace(aside)
        if state["tensorflow"] != tf.__version__:
            log.warning("Checkpoint from TensorFlow %s: not resumed bit for bit", state["tensorflow"])
        return step

    def restore(self, step: int) -> None:
        """Brings the model to the checkpoint of a step, and changes nothing in the folder.

        Raises:
            CheckpointError: it is missing or damaged, or does not fit the model.
        """
        self._begin(step, _read_checked(self._path(step), self._read))

    def _read(self, folder):
        state = json.loads((folder / "state.json").read_text(encoding="utf-8"))
        tracked = tf.train.Checkpoint(**_stored(folder, self.variables))
        tracked.read(str(folder / "state")).assert_consumed()
        return state

    def _begin(self, step, state):
        """Goes on counting where a checkpoint that was read left off."""
        if (state["step"], self.model.step) != (step, step):
            raise CheckpointError(
                f"Checkpoint {self._path(step)} says step {state['step']}, its weights {self.model.step}."
            )
        self.first = (step, state.get("example", step * self.batch_size))

    def read_networks(self, into: dict | None = None) -> None:
        """Reads the networks, not the optimizers, from the newest good checkpoint, for use in another run.

        Args:
            into: networks by their names in the checkpoint; None: all of the model's.

        Raises:
            CheckpointError: there is no checkpoint, it does not fit the model, or all are damaged.
        """
        if not self.steps():
            raise CheckpointError(f"{self.folder} holds no checkpoint.")
        if into is None:
            parts = self.model.trained_parts()
            into = {k: part for k, part in parts.items() if not k.endswith(("_optimizer", LOSS_SCALE))}
        networks = _variables(into)

        def read(folder):
            status = tf.train.Checkpoint(**networks).read(str(folder / "state"))
            status.assert_existing_objects_matched().expect_partial()

        self._newest_good(read)

    def _newest_good(self, read):
        """Calls `read` with the newest folder that is not damaged; (its step, the result, newer folders)."""
        damaged = {}
        for step in reversed(self.steps()):
            folder = self._path(step)
            try:
                found = _read_checked(folder, read)
            except _Damaged as error:
                damaged[folder] = error
                continue
            for error in damaged.values():
                log.warning("%s Going on from the one of step %d.", error, step)
            return step, found, list(damaged)
        newest = next(iter(damaged.values()))
        others = f", and so are the {len(damaged) - 1} older ones" if len(damaged) > 1 else ""
        raise CheckpointError(
            f"{str(newest).removesuffix('.')}{others}. A new run_dir can start from the run's weights, with "
            f"--train.initial_weights {self.folder.parent / 'generator.weights.h5'}."
        ) from newest

    def save(self) -> Path:
        """Writes the model's state under its step, then drops the oldest ones; returns the folder.

        Raises:
            DiskFull: there is no space for it; the former ones are kept.
            TrainingDiverged: a number in it is not finite; nothing is written.
        """
        step = self.model.step
        final = self._path(step)
        if final.exists():
            return final
        check_finite_state(step, self.model.trained_parts())
        if self.read_only:
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
            self.drop(old)
        return final

    def _write(self, folder):
        """Writes the state, what it belongs to and the digests of both, and waits until they are on disk."""
        self.tracked.write(str(folder / "state"))
        state = {
            "format": FORMAT,
            "step": self.model.step,
            "seed": self.seed,
            "example": self.example,
            "version": tf_gradsr.__version__,
            "tensorflow": tf.__version__,
        }
        (folder / "state.json").write_text(json_text(state) + "\n", encoding="utf-8")
        write_sums(folder)
        _flush_to_disk(folder)

    def drop(self, step: int) -> None:
        """Deletes a checkpoint; a kill does not leave a part of it under its name."""
        going = self.folder / f".partial-dropped-{step}"
        self._path(step).replace(going)
        shutil.rmtree(going)

    def save_weights(self) -> None:
        """Writes the averaged generator's weights, and their digest beside them."""
        if self.weights:
            with replaced_with_digest(self.weights) as partial:
                self.model.ema_generator.save_weights(partial)

    def _path(self, step):
        return self.folder / f"step_{step:08d}"


def _variables(parts):
    """Lists of variables, since Checkpoint leaves out layers that a Keras 3 network holds in lists.

    `variables` of a network also holds batch normalisation's moving statistics.
    """
    return {name: [variable.value for variable in part.variables] for name, part in parts.items()}


def _stored(folder, variables):
    """The variables to read from a checkpoint: all, but of loss scales those that it has, ours or not."""
    stored = {}
    for name, shape in tf.train.list_variables(str(folder / "state")):
        part, _, index = name.partition("/")
        if part.endswith(LOSS_SCALE):
            stored.setdefault(part, {})[index.split("/")[0]] = shape
    kept = {name: part for name, part in variables.items() if not name.endswith(LOSS_SCALE) or name in stored}
    unused = {name: [tf.Variable(tf.zeros(s)) for s in part.values()] for name, part in stored.items()}
    return {**unused, **kept}


def _read_checked(folder, read):
    """What `read` returns for an intact checkpoint.

    Raises:
        _Damaged: it is not what was written. CheckpointError: it is, but does not fit.
    """
    has_sums = (folder / SUMS).is_file()
    try:
        if has_sums:
            check_sums(folder)
        elif json.loads((folder / "state.json").read_text(encoding="utf-8")).get("format", 1) >= FORMAT:
            raise Damaged(f"{SUMS} is missing")
    except (OSError, ValueError, AttributeError) as error:
        raise _Damaged(f"Checkpoint {folder} is damaged ({reason_of(error)}).") from error
    try:
        return read(folder)
    except (OSError, ValueError, IndexError, AssertionError, tf.errors.OpError) as error:
        if has_sums:
            raise CheckpointError(f"Checkpoint {folder} does not fit ({reason_of(error)}).") from error
        # Of an earlier version: nothing tells damage from a checkpoint of another model.
        raise _Damaged(f"Checkpoint {folder} cannot be read ({reason_of(error)}).") from error


def _flush_to_disk(folder):
    """Waits until the files are on disk, so that the rename cannot overtake them in a power cut."""
    for path in folder.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())
