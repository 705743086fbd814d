"""Writes files and folders: nothing is overwritten unasked; a kill leaves the old or the new one, whole."""

import hashlib
import json
import math
import os
import re
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Callable, Optional, Union

import psutil

from tf_gradsr.disk import DiskFull, disk_full, writing
from tf_gradsr.errors import ConfigError, reason_of

_UNFINISHED = re.compile(r"\.(?:partial|replaced)-(\d+)")


# Writing ---------------------------------------------------------------------------------------------------


@contextmanager
def replaced_when_complete(path):
    """Gives a temporary path beside `path` and moves it into place when the block ends without an error.

    The temporary name keeps the ending, which some writers look at.

    Raises:
        DiskFull: whatever the block raised, it was for want of space.
    """
    path = Path(path)
    unfinished = path.with_name(f".partial-{path.name}")
    try:
        with writing(path):
            yield unfinished
            unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


@contextmanager
def folder_when_complete(path):
    """Gives a temporary folder beside `path`, renamed to it when the block ends without an error.

    A folder of that name is replaced: see `check_output`.

    Raises:
        DiskFull: whatever the block raised, it was for want of space.
    """
    path = Path(path)
    unfinished, replaced = _unfinished(path.parent, "partial"), _unfinished(path.parent, "replaced")
    try:
        with writing(path):
            unfinished.mkdir()
            yield unfinished
            if path.exists():
                replaced.mkdir()
                path.replace(replaced / path.name)
            unfinished.replace(path)
    finally:
        _clear(unfinished)
        _clear(replaced)


@contextmanager
def files_when_complete(folder, names):
    """Gives a temporary folder, whose files are moved into `folder` when the block ends without an error.

    Args:
        folder: an existing one; files of other names in it stay.
        names: of the files that the block may write, in the order in which they are moved. Those that it does
            not write are deleted from `folder`, since they are out of date.

    Raises:
        DiskFull: whatever the block raised, it was for want of space.
    """
    folder = Path(folder)
    unfinished = _unfinished(folder, "partial")
    try:
        with writing(folder):
            unfinished.mkdir()
            yield unfinished
            for name in names:
                if (unfinished / name).exists():
                    (unfinished / name).replace(folder / name)
                else:
                    (folder / name).unlink(missing_ok=True)
    finally:
        _clear(unfinished)


def json_text(document, indent=None) -> str:
    """JSON of a document; NaN and infinity, for which JSON has no word, become null.

    Args:
        document: of dicts, lists, tuples, str, numbers, bool and None. indent: see `json.dumps`.
    """
    return json.dumps(_finite(document), indent=indent, allow_nan=False)


def _finite(value):
    if isinstance(value, dict):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


# Kinds of output -------------------------------------------------------------------------------------------


def _itself(path):
    return path if os.path.lexists(path) else None


@dataclass(frozen=True)
class Kind:
    """What a command writes at a path, and so may replace there when it is asked to."""

    name: str
    """In words, as in "replaces only a SavedModel"."""
    stranger: Callable[[Path], Optional[Path]]
    """The first thing at a path that is not of this kind, and must stay; None if there is none."""
    taken: Callable[[Path], Optional[Path]] = _itself
    """The first thing at a path that may be replaced only when asked for; None if there is none."""
    when_complete: Callable = folder_when_complete
    """Context manager of a path that gives a temporary one."""
    shared: bool = False
    """Whether the output is some files of a folder that may hold other files too."""

    def home(self, path: Path) -> Path:
        """The folder that is written into."""
        return path if self.shared else path.parent


FILE = Kind(
    "a file, not a folder", lambda path: path if path.is_dir() else None, when_complete=replaced_when_complete
)


def folder_of(name: str, entries: str, mark: Optional[str] = None, folders: Optional[dict] = None) -> Kind:
    """The kind of a folder that is replaced as a whole.

    Args:
        name: in words. entries: regular expression of all names that may be in it.
        mark: an entry that each such folder has; None: any may be empty.
        folders: of those entries that are folders themselves, {regular expression of the name: `Kind`}.
    """
    folders = folders or {}

    def stranger(path):
        if not path.is_dir() or path.is_symlink() or (mark and not (path / mark).is_file()):
            return path
        return next(filter(None, map(strange_entry, sorted(path.iterdir()))), None)

    def strange_entry(entry):
        within = next((kind for name, kind in folders.items() if re.fullmatch(name, entry.name)), None)
        if within:
            return within.stranger(entry)
        return None if re.fullmatch(entries, entry.name) else entry

    return Kind(name, stranger)


def files_of(name: str, names, stranger=lambda folder: None, taken=None) -> Kind:
    """The kind of some files in a folder, which is made if needed.

    Args:
        name: in words. names: of the files, see `files_when_complete`.
        stranger: see `Kind`; if left out, nothing is one.
        taken: see `Kind`; if left out, every file of these names.
    """
    names = tuple(names)

    def first(folder):
        return next((folder / one for one in names if os.path.lexists(folder / one)), None)

    return Kind(name, stranger, taken or first, partial(files_when_complete, names=names), shared=True)


# Checks ----------------------------------------------------------------------------------------------------


def check_output(path, overwrite: bool, kind: Kind = FILE, inputs=(), received=None) -> None:
    """Refuses a place that cannot be written, or where something would be lost.

    Commands call it before they compute; `claim_output` calls it again.

    Args:
        path: what will be written. overwrite: whether something of this kind may be replaced.
        kind: the kind of what is written.
        inputs: paths that are read, which must not lie in a folder that is replaced.
        received: the setting as given; None: the path.

    Raises:
        ConfigError: names what is in the way, and the remedy.
    """
    path = Path(path)
    received = path if received is None else received
    try:
        home = kind.home(path)
        above = next(folder for folder in (home, *home.parents) if folder.exists())
        if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
            raise ConfigError(f"output: a folder that can be written. Received: {home}")
        there, stranger = kind.taken(path), kind.stranger(path) if os.path.lexists(path) else None
    except OSError as error:
        raise unwritable(path, error) from error
    if stranger and not overwrite:
        raise ConfigError(
            f"output: {stranger} already exists, and --overwrite replaces only {kind.name}; choose another "
            f"place. Received: {received}"
        )
    if there and not overwrite:
        raise ConfigError(
            f"output: {there} already exists; give --overwrite to replace it, or another place. "
            f"Received: {received}"
        )
    if stranger:
        raise ConfigError(
            f"overwrite: replaces only {kind.name}; {stranger} is something else. "
            f"Choose another --output. Received: {received}"
        )
    read = next((p for p in inputs if there and path.resolve() in Path(p).resolve().parents), None)
    if read:
        raise ConfigError(
            f"overwrite: would replace {path}, which the input {read} lies in. "
            f"Choose another --output. Received: {received}"
        )


@contextmanager
def claim_output(path, overwrite: bool, kind: Kind = FILE):
    """Gives a temporary path to write to; it becomes `path` when the block ends without an error.

    Until then, and after an error, what is already there stays as it is.

    Args:
        as `check_output`.

    Yields:
        `pathlib.Path`: of a file that does not exist yet, or of an empty folder.

    Raises:
        ConfigError: see `check_output`, `prepare_folder`.
    """
    path = Path(path)
    check_output(path, overwrite, kind)
    prepare_folder(kind.home(path))
    with kind.when_complete(path) as unfinished:
        yield unfinished


def prepare_folder(folder) -> None:
    """Makes a folder, tries to write into it, and clears what a stopped run left behind.

    Raises:
        ConfigError: it cannot be written.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.iterdir():
            match = _UNFINISHED.fullmatch(path.name)
            # Another run at work on the same folder keeps its own.
            if match and (int(match.group(1)) == os.getpid() or not psutil.pid_exists(int(match.group(1)))):
                _clear(path)
        trial = _unfinished(folder, "partial")
        trial.mkdir()
        trial.rmdir()
    except OSError as error:
        raise unwritable(folder, error) from error


def unwritable(path, error: OSError, setting: str = "output") -> Union[ConfigError, DiskFull]:
    """Returns the error to raise for an `OSError` met while writing to `path`.

    Args:
        path: what was being written. error: what came up. setting: the one that names the place.
    """
    full = disk_full(error, path)
    if full:
        return full
    return ConfigError(
        f"{setting}: a folder that can be written. Received: {path} ({error.strerror or reason_of(error)})"
    )


def _unfinished(folder, kind):
    return Path(folder) / f".{kind}-{os.getpid()}"


def _clear(folder):
    """Deletes a temporary folder; old files in it go back to their place unless new ones are there."""
    if folder.name.startswith(".replaced-") and folder.is_dir():
        for old in folder.iterdir():
            if not os.path.lexists(folder.parent / old.name):
                old.replace(folder.parent / old.name)
    shutil.rmtree(folder, ignore_errors=True)


# Digests ---------------------------------------------------------------------------------------------------


def sha256_of(content) -> str:
    """SHA-256, in hexadecimal, of bytes or of the file at a path."""
    content = content if isinstance(content, bytes) else Path(content).read_bytes()
    return hashlib.sha256(content).hexdigest()
