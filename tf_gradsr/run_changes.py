"""What a run that goes on may change, and the run folder's changes.jsonl, which keeps what it did change."""

import os
import time
from pathlib import Path

from tf_gradsr.config import Config
from tf_gradsr.errors import ConfigError
from tf_gradsr.run_metrics import append_line, read_lines

# Settings that a resumed run may change: how long, how often, and where the pictures lie.
RESUMABLE = {
    "train.steps",
    "train.log_interval",
    "train.sample_interval",
    "train.validation_interval",
    "train.validation_pictures",
    "train.checkpoint_interval",
    "train.keep_checkpoints",
    "train.summary_pictures",
    "train.initial_weights",
    "train.teacher",
    "train.initial_run",
    "train.on_nonfinite",
    "data.path",
    "data.cache",
    "data.cache_dir",
}
# Those by which a run that diverged or ran out of memory goes on. Each change is said and recorded.
CURES = {
    "optimizer.g_learning_rate",
    "optimizer.d_learning_rate",
    "optimizer.schedule",
    "optimizer.warmup_steps",
    "loss.r1",
    "loss.r1_interval",
    "train.batch_size",
    "train.precision",
    "train.jit_compile",
    "train.deterministic",
}


def differences(before: Config, now: Config) -> dict:
    """Settings in which two configs differ: {"model.blocks": (before, now)}."""
    own, other = flat(before.as_dict()), flat(now.as_dict())
    return {name: (own[name], other[name]) for name in other if own[name] != other[name]}


def check_resumable(before: Config, now: Config, path) -> dict:
    """Checks that a run goes on with settings that it may have.

    Args:
        before: what the run was trained with. now: what it is to go on with. path: of its folder.

    Returns:
        The changes to record, as `differences`.

    Raises:
        ConfigError: another setting differs; says what can be done instead.
    """
    changed = differences(before, now)
    for name, (old, new) in changed.items():
        if name not in RESUMABLE | CURES:
            start = "" if name.startswith("model.") else f", which --train.initial_run {path} can start"
            raise ConfigError(
                f"{name}: a run is resumed with its own settings, {old} here; choose another run_dir for a "
                f"new run{start}. Received: {new}"
            )
    return {name: pair for name, pair in changed.items() if name in CURES}


class Changes:
    """The lines of changes.jsonl: changed settings, and rollbacks.

    Args:
        path: of the file.
    """

    def __init__(self, path):
        self.path = Path(path)

    def record(self, step: int, **what) -> None:
        """Adds a line: the step from which it holds, the time, and what; waits until it is on disk."""
        append_line(self.path, {"step": step, "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"), **what})
        with self.path.open("rb") as file:
            os.fsync(file.fileno())

    def lines(self) -> list:
        """All lines, in order, as dicts; damaged ones are left out."""
        return read_lines(self.path)

    def rollbacks(self) -> list:
        """The lines of rollbacks, in order; their number is that of the order of the data."""
        return [line for line in self.lines() if "rollback" in line]


def flat(settings):
    """{"train": {"steps": 1}} -> {"train.steps": 1}"""
    return {
        f"{section}.{name}": value for section, inner in settings.items() for name, value in inner.items()
    }
