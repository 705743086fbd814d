"""The folder of one training run: where its files are, and writing them so that a kill breaks none."""

import json
import math
from pathlib import Path
from typing import Optional

from tf_gradsr.config import Config
from tf_gradsr.config_checks import is_there
from tf_gradsr.config_files import load_config, save_config
from tf_gradsr.digests import Damaged, check_digest, digest_path
from tf_gradsr.errors import ConfigError, nearest, reason_of
from tf_gradsr.files import json_text, replaced_when_complete, unwritable
from tf_gradsr.home import at_home
from tf_gradsr.run_changes import Changes, check_resumable, differences
from tf_gradsr.run_metrics import append_line, forget_lines_after, total

# Run folders that come with the package, and the default: faces, 16x16 to 128x128.
PRESETS = Path(__file__).parent / "pretrained"
DEFAULT_PRESET = "faces_8x"


def preset_names() -> list:
    """Names of the models that come with the package."""
    return sorted(path.parent.name for path in PRESETS.glob("*/config.yaml"))


class RunFolder:
    """The paths in a run's folder, and what is read from them and written to them.

    Layout: `config.yaml`, `metrics.jsonl`, `events/` (TensorBoard), `samples/step_*.png`, `checkpoints/`,
    `generator.weights.h5` (the averaged generator), `summary.json`; if picture files were left out,
    `unreadable.txt`; if settings were changed on the way, or the run went back, `changes.jsonl`; if
    `gradsr train-clean-lr` was run, `clean_lr.weights.h5`. Beside each file of weights is its `.sha256`.
    """

    def __init__(self, path):
        self.path = at_home(path)
        self.unreadable = self.path / "unreadable.txt"
        self.config = self.path / "config.yaml"
        self.metrics = self.path / "metrics.jsonl"
        self.events = self.path / "events"
        self.samples = self.path / "samples"
        self.checkpoints = self.path / "checkpoints"
        self.weights = self.path / "generator.weights.h5"
        self.checksum = digest_path(self.weights)
        self.clean_lr = self.path / "clean_lr.weights.h5"
        self.clean_lr_checksum = digest_path(self.clean_lr)
        self.summary = self.path / "summary.json"
        self.changes = Changes(self.path / "changes.jsonl")

    @classmethod
    def trained(cls, run_dir) -> "RunFolder":
        """The folder of a run that has weights to load.

        Args:
            run_dir: its path, or the name of a model that comes with the package (`preset_names`); None,
                `DEFAULT_PRESET`. An existing folder takes precedence over a name.

        Raises:
            ConfigError: there are no such weights, they cannot be read, or do not match their checksum.
        """
        name = DEFAULT_PRESET if run_dir is None else str(run_dir)
        is_preset = run_dir is None or (name in preset_names() and not is_there(name))
        folder = cls(PRESETS / name if is_preset else run_dir)
        try:
            folder._check_trained()
        except OSError as error:
            raise ConfigError(
                f"run: a folder that can be read. Received: {folder.path} ({error.strerror})"
            ) from error
        return folder

    def _check_trained(self):
        if not self.config.is_file():
            names = preset_names()
            hint = nearest(self.path, names, otherwise=f"one of {', '.join(names)}.")
            raise ConfigError(
                "run: the folder of a training run, with config.yaml, or a model of the package; "
                f"{hint} Received: {self.path}"
            )
        if not self.weights.is_file():
            raise ConfigError(
                f"run: a run with {self.weights.name}, written with each checkpoint. Received: {self.path}"
            )
        self._check_sum(self.weights)
        if self.clean_lr.is_file():
            self._check_sum(self.clean_lr)

    def _check_sum(self, weights):
        checksum, is_preset = digest_path(weights), self.path.resolve().parent == PRESETS.resolve()
        if is_preset and not checksum.is_file():
            raise ConfigError(
                f"run: {checksum.name} beside the package's weights; install the package again. "
                f"Received: {self.path}, without it"
            )
        try:
            check_digest(weights)
        except Damaged as error:
            remedy = (
                "install the package again"
                if is_preset
                else "gradsr train with this run_dir, or gradsr package, writes them again; if you put them "
                f"there yourself, delete {checksum.name}"
            )
            raise ConfigError(
                f"run: weights that match {checksum.name}; if they are damaged, {remedy}. Received: {error}"
            ) from error

    def check_input_quality(self, input_quality: str) -> None:
        """Refuses "photo" for a run without the network that estimates clean LR.

        Raises:
            ConfigError: there is none; says how it is trained.
        """
        if input_quality == "photo" and not self.clean_lr.is_file():
            raise ConfigError(
                f"input_quality: clean, or a run with {self.clean_lr.name}: gradsr train-clean-lr --config "
                f"configs/clean_lr.yaml --run {self.path}. Received: photo, {self.path}"
            )

    def prepare(self, config: Config) -> None:
        """Makes the folder, clears what a kill left behind, and writes config.yaml.

        Raises:
            ConfigError: the folder cannot be made.
        """
        try:
            for folder in (self.path, self.events, self.samples, self.checkpoints):
                folder.mkdir(parents=True, exist_ok=True)
            for folder in (self.path, self.samples):
                for leftover in folder.glob(".partial-*"):
                    if leftover.is_file():
                        leftover.unlink()
        except OSError as error:
            raise unwritable(self.path, error, "run_dir") from error
        with replaced_when_complete(self.config) as partial:
            save_config(config, partial)

    def check(self, config: Config) -> dict:
        """Checks that a run may go on with these settings; a folder without a checkpoint holds no run.

        Returns:
            {"train.batch_size": (before, now)}: the changes to record, see `run_changes.CURES`.

        Raises:
            ConfigError: the folder holds a run with other settings, or its config.yaml is damaged.
        """
        if not is_there(self.config) or not any(self.checkpoints.glob("step_*")):
            return {}
        try:
            before = load_config(self.config)
        except ConfigError as error:
            raise ConfigError(
                f"run_dir: a run whose config.yaml can be read, or without one: then it goes on with the "
                f"settings given now. Received: {self.config} ({error})"
            ) from error
        return check_resumable(before, config, self.path)

    def differing_settings(self, config: Config, section: str = "") -> list:
        """Names, such as `model.blocks`, of the settings in which this run's config differs from another.

        Args:
            config: the other one.
            section: only of this section, if given.

        Raises:
            ConfigError: this run's config cannot be read.
        """
        return [name for name in differences(load_config(self.config), config) if name.startswith(section)]

    def forget_metrics_after(self, step: int) -> None:
        """Drops the lines of metrics.jsonl after a checkpoint's step: the resumed run writes them again."""
        forget_lines_after(self.metrics, step)

    def write_unreadable(self, skipped: dict) -> None:
        """Writes unreadable.txt, a line of split, file and reason for each picture that was left out."""
        rows = [(split, name, reason) for split, left in skipped.items() for name, reason in left]
        # Names may hold tabs and newlines.
        lines = ["\t".join(_one_line(entry) for entry in row) + "\n" for row in rows]
        if not lines:
            self.unreadable.unlink(missing_ok=True)
            return
        with replaced_when_complete(self.unreadable) as partial:
            partial.write_text("".join(lines), encoding="utf-8")

    def append_metrics(self, values: dict) -> None:
        """Adds one line to metrics.jsonl."""
        append_line(self.metrics, values)

    def cpu_minutes(self) -> float:
        """Minutes of CPU time, over all cores, of the run's steps, resumed or not, from metrics.jsonl."""
        return total(self.metrics, "cpu_seconds") / 60

    def training_minutes(self) -> dict:
        """What training cost: `{"cpu": minutes of all cores, "gpu": minutes of all GPUs}`.

        The entry "training_minutes" of summary.json, which counts all stages; else from metrics.jsonl, which
        counts this run alone; {} if there is neither.

        Raises:
            ConfigError: summary.json cannot be read, or its entry holds no minutes.
        """
        found = self.read_summary().get("training_minutes")
        if found is None:
            gpu = total(self.metrics, "gpu_seconds") / 60
            return {"cpu": self.cpu_minutes(), "gpu": gpu} if is_there(self.metrics) else {}
        minutes = [found.get(kind) for kind in ("cpu", "gpu")] if isinstance(found, dict) else [None]
        if not all(isinstance(value, (int, float)) and 0 <= value < math.inf for value in minutes):
            raise ConfigError(
                f'run: training_minutes of "cpu" and "gpu", numbers of 0 or more, in {self.summary}. '
                f"Received: {found}"
            )
        return found

    def calibration(self) -> Optional[dict]:
        """What `evaluate --record_calibration` found out about this run's samples, or None.

        Returns:
            The entry "calibration" of summary.json; its `spread_error` is a number above 0.

        Raises:
            ConfigError: summary.json cannot be read, or its calibration is not valid.
        """
        found = self.read_summary().get("calibration")
        if found is None:
            return None
        ratio = found.get("spread_error") if isinstance(found, dict) else None
        if not isinstance(ratio, (int, float)) or not 0 < ratio < math.inf:
            raise ConfigError(
                f"run: a calibration with a spread_error above 0 in {self.summary}, as evaluate "
                f"--record_calibration writes it. Received: {found}"
            )
        return found

    def record_calibration(self, calibration: dict) -> None:
        """Puts the entry "calibration" into summary.json and leaves its others as they are.

        Raises:
            ConfigError: summary.json cannot be read or written.
        """
        summary = {**self.read_summary(), "calibration": calibration}
        try:
            self.write_summary(summary)
        except OSError as error:
            raise unwritable(self.path, error, "record_calibration") from error

    def read_summary(self):
        """Returns summary.json as a dict; empty if there is none."""
        if not is_there(self.summary):
            return {}
        try:
            summary = json.loads(self.summary.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"run: a readable summary.json. Received: {self.summary} ({reason_of(error)})"
            ) from error
        if not isinstance(summary, dict):
            raise ConfigError(f"run: a summary.json with named entries. Received: {self.summary}")
        return summary

    def write_summary(self, summary: dict) -> None:
        """Writes summary.json."""
        with replaced_when_complete(self.summary) as partial:
            partial.write_text(json_text(summary, indent=2) + "\n", encoding="utf-8")


def _one_line(text):
    return text.translate({ord(c): ascii(c)[1:-1] for c in "\t\n\r\v\f\x85\u2028\u2029"})
