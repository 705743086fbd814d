"""The settings of an evaluation, checked before TensorFlow is loaded, which takes seconds."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import List, Optional, Tuple

from tf_gradsr.config import Config
from tf_gradsr.config_checks import check_config, is_there
from tf_gradsr.config_files import load_config
from tf_gradsr.errors import ConfigError
from tf_gradsr.files import check_output, files_of
from tf_gradsr.home import at_home
from tf_gradsr.run_folder import RunFolder

# What all models of one table must share, or they would be measured on different LR pictures.
SHARED = ("model.scale", "data.lr_size", "data.downscale")
# Written in results.json, for programs that read it.
FORMAT = 1
# results.json, by which such a folder is recognised, is put in place before the others.
RESULT_FILES = (
    "results.json",
    "results.csv",
    "results.md",
    "figure.png",
    "samples.png",
    "reliability.png",
    "report.html",
)


@dataclass(frozen=True)
class Run:
    """A run to be measured."""

    name: str
    """Its name in the table."""
    path: Path
    """Its folder."""
    config: Config
    """What it was trained with."""
    trust: bool = False
    """Whether code that the config names may be run."""


@dataclass(frozen=True)
class Evaluation:
    """A checked evaluation: which models, on which pictures, how."""

    runs: Tuple[Run, ...]
    """At least one; they agree on scale, LR size and downscaling."""
    config: Config
    """The first run's, with the pictures to measure on in `data`."""
    split: str = "test"
    """"train", "validation", "test", or, for a folder, "all"."""
    num_samples: int = 10
    """N >= 2: samples of each picture by a stochastic model."""
    consistency: Tuple[str, ...] = ("exact",)
    """Of "exact" and "none"; see `Hallucinator.generate`. Each gives its own rows."""
    input_quality: str = "clean"
    """"clean" or "photo"; see `Hallucinator.load`."""
    temperature: Tuple[float, ...] = (1.0,)
    """Factors of z, >= 0. Each gives its own row of samples."""
    batch_size: int = 8
    """Pictures measured at once; bounds the memory."""
    seed: int = 0
    """Seed of every z and of the bootstrap."""
    figure_pictures: int = 4
    """Rows of the figure, one for each of the first pictures."""
    metrics: Tuple = ()
    """`Column`s with a `value`: the user's own metrics."""


def read_runs(named: Optional[List[str]], trust: bool = False) -> Tuple[Run, ...]:
    """Reads the configs of run folders.

    Args:
        named: list of "DIR" or "NAME=DIR".
        trust: whether code that the configs name may be run.

    Raises:
        ConfigError: none given, two of the same name, no config or weights there, or runs that do not belong
            in one table.
    """
    if not named:
        raise ConfigError(
            "run: the folder of a training run, once for each model, for example --run runs/first. "
            "Received: nothing"
        )
    runs = tuple(read_run(text, trust) for text in named)
    for number, run in enumerate(runs):
        if twin := next((other for other in runs[:number] if other.name == run.name), None):
            raise ConfigError(
                f"run: a different name for each model, --run NAME=DIR. Received: {run.name} for both "
                f"{twin.path} and {run.path}"
            )
        check_alike(runs[0], run)
    return runs


def read_run(text: str, trust: bool = False) -> Run:
    """Reads a run from "DIR" or "NAME=DIR"; the name is the folder's unless one is given."""
    name, equals, path = text.partition("=")
    if not equals or is_there(text):
        name, path = "", text
    folder = RunFolder.trained(path)
    return Run(name or folder.path.resolve().name, folder.path, load_config(folder.config, trust), trust)


def check_alike(first: Run, other: Run) -> None:
    """Refuses two runs that differ in what `SHARED` names."""
    for name in SHARED:
        section, setting = name.split(".")
        ours, theirs = (getattr(getattr(run.config, section), setting) for run in (first, other))
        if name == "data.lr_size":
            ours, theirs = first.config.lr_shape, other.config.lr_shape
        if ours != theirs:
            raise ConfigError(
                f"run: models of one table share {name}; measure them separately. "
                f"Received: {ours} in {first.path}, {theirs} in {other.path}"
            )


def pictures_config(
    config: Config, source=None, path=None, limit=None, others: Optional[dict] = None
) -> Config:
    """Returns a run's config with other pictures; None keeps the run's own.

    Args:
        others: other settings of `data` by name, such as "degrade". Without `augment`, pictures are not
            moved, whatever the run used.

    Raises:
        ConfigError: the settings do not go together, or the path does not exist.
    """
    data = config.data
    if source:
        # A path belongs to its source. A source given here is trusted, even where the run names the same.
        data = replace(data, source=source, path=data.path if source == data.source else None)
    if path:
        data = replace(data, path=path)
    data = replace(data, limit=limit or data.limit, cache="memory", **{"augment": False, **(others or {})})
    config = check_config(replace(config, data=data))
    if data.path and not is_there(data.path):
        raise ConfigError(
            "data.path: an existing path; the run's own is used unless --data.path names another. "
            f"Received: {data.path}"
        )
    return config


def results_path(output: Optional[str], overwrite: bool) -> Path:
    """Returns the folder of the results, checked.

    Raises:
        ConfigError: none given, or see `check_output`.
    """
    if not output:
        raise ConfigError(
            "output: the folder of the results, for example --output results/first. Received: nothing"
        )
    path = at_home(output)
    check_output(path, overwrite, EVALUATION_FILES)
    return path


def _first_entry(folder):
    """The first entry of a folder: results go only into a new or empty one, unless `--overwrite` is given."""
    entries = sorted(folder.iterdir()) if folder.exists() else []
    return next((path for path in entries if not path.name.startswith(".")), None)


def _foreign(folder):
    """A file that has the name of a result, in a folder that no evaluation wrote."""
    there = next((folder / name for name in RESULT_FILES if (folder / name).exists()), None)
    return None if _is_evaluated(folder / RESULT_FILES[0]) else there


def _is_evaluated(path):
    """Whether a results.json is an evaluation's."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and "format" in found and "rows" in found


EVALUATION_FILES = files_of("what this command wrote", RESULT_FILES, _foreign, _first_entry)
