"""NaN and infinity: found before they reach a checkpoint, and what a run does about them."""

import logging

import numpy as np

from tf_gradsr.config import Config

log = logging.getLogger(__name__)

# Rollbacks at one place, before a run gives up.
MOST_ROLLBACKS = 3
# Odd, so that no two orders of the data have the same seed; seeds are below 2**31.
_SEED_STRIDE, _SEEDS = 1_000_003, 2**31


class TrainingDiverged(RuntimeError):
    """A loss, a gradient or a weight is not finite.

    Attributes:
        step: the step that found it. names: list of str, what is not finite. note: str, what else there is
            to say.
    """

    def __init__(self, step: int, names, note: str = ""):
        super().__init__(f"Step {step}: {', '.join(names)} is not finite{note and '; '}{note}")
        self.step, self.names, self.note = step, list(names), note


def check_finite_state(step: int, parts: dict) -> None:
    """Checks all that a checkpoint would hold: losses were finite before the last update, not after it.

    Args:
        step: for the message. parts: `SuperResolver.trained_parts`.

    Raises:
        TrainingDiverged: names the parts.
    """
    bad = [name for name, part in parts.items() if not all(map(_is_finite, part.variables))]
    if bad:
        raise TrainingDiverged(step, [f"a weight of {name}" for name in bad])


def _is_finite(variable):
    values = np.asarray(variable.numpy())
    # bfloat16 is of no NumPy kind of its own.
    return values.dtype.kind in "iub" or bool(np.isfinite(values.astype(np.float64)).all())


def data_seed(seed: int, order: int) -> int:
    """The seed of the pictures' order, flips and noise after `order` rollbacks; the run's own before any."""
    return (seed + order * _SEED_STRIDE) % _SEEDS


def roll_back(error: TrainingDiverged, checkpoints, changes) -> int:
    """Brings a model back to its newest checkpoint, or the one before if that one led here already.

    Args:
        error: what went wrong. checkpoints: `Checkpoints`. changes: `Changes` of the run.

    Returns:
        The step of that checkpoint.

    Raises:
        TrainingDiverged: it is the fourth time at this place.
        CheckpointError: there is no good checkpoint.
    """
    steps, former = checkpoints.steps(), (changes.lines() or [{}])[-1]
    times = 1
    # Since then, no checkpoint was saved beyond the step that failed, and no setting was changed.
    if "rollback" in former and steps and steps[-1] <= former["failed_step"]:
        times = former["rollback"] + 1
    if times > MOST_ROLLBACKS:
        raise TrainingDiverged(error.step, error.names, f"{MOST_ROLLBACKS} rollbacks did not help")
    if times > 1 and len(steps) > 1:
        checkpoints.drop(steps[-1])
    step = checkpoints.restore_latest()
    changes.record(step, rollback=times, failed_step=error.step, not_finite=error.names)
    log.warning("%s: back to the checkpoint of step %d, with other data (%d)", error, step, times)
    return step


def with_remedy(error: TrainingDiverged, steps: list, config: Config) -> TrainingDiverged:
    """The same error with what can be done, as options that the same command takes.

    Args:
        error: from a step. steps: of the checkpoints. config: the run's.
    """
    where = f"the last good checkpoint is step {steps[-1]}" if steps else "no checkpoint had been saved"
    rates = config.optimizer
    rates = (
        f"--optimizer.g_learning_rate {rates.g_learning_rate / 2:g} "
        f"--optimizer.d_learning_rate {rates.d_learning_rate / 2:g}"
    )
    remedies = [rates]
    if config.model.name == "gradsr":
        remedies.append(f"--loss.r1 {config.loss.r1 * 2 or 10:g}")
    if config.train.on_nonfinite == "stop":
        remedies.append("--train.on_nonfinite rollback")
    note = f"{where}. The same command goes on from there with {', or '.join(remedies)}, added to it"
    return TrainingDiverged(error.step, error.names, f"{error.note}{error.note and '; '}{note}.")
