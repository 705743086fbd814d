"""SHA-256 digests beside files, as `sha256sum` writes them: a damaged file is named, never used."""

import os
import re
from contextlib import contextmanager
from pathlib import Path

from tf_gradsr.files import replaced_when_complete, sha256_of

SUMS = "SHA256SUMS"


class Damaged(ValueError):
    """A file is not what was written. The message names it and says how it differs."""


# A folder ---------------------------------------------------------------------------------------------------


def write_sums(folder) -> None:
    """Writes `SHA256SUMS`, with a line for every other file of a folder; `sha256sum -c` reads it, too."""
    folder = Path(folder)
    files = sorted(path for path in folder.iterdir() if path.name != SUMS)
    (folder / SUMS).write_text("".join(f"{_sum(path)}\n" for path in files), encoding="utf-8")


def check_sums(folder) -> None:
    """Checks every file that a folder's `SHA256SUMS` names.

    Raises:
        Damaged: a file is missing or differs, or `SHA256SUMS` itself is damaged.
        OSError: a file cannot be read.
    """
    folder = Path(folder)
    listed = (folder / SUMS).read_bytes()
    names = re.findall(rb"^[0-9a-f]{64}  ([\w.-]+)$", listed, re.MULTILINE)
    understood = b""
    for name in [name.decode() for name in names]:
        if not (folder / name).is_file():
            raise Damaged(f"{folder / name}, which {SUMS} lists, is missing")
        line = f"{_sum(folder / name)}\n".encode()
        if line not in listed:
            raise Damaged(f"{folder / name} does not match {SUMS}")
        understood += line
    if not names or listed != understood:
        raise Damaged(f"{folder / SUMS} is damaged")


def _sum(path):
    return f"{sha256_of(path)}  {path.name}"


# A file -----------------------------------------------------------------------------------------------------


def digest_path(path) -> Path:
    """Where a file's digest lies: `generator.weights.sha256` for `generator.weights.h5`."""
    return Path(path).with_suffix(".sha256")


@contextmanager
def replaced_with_digest(path):
    """As `replaced_when_complete`, and the file's digest is written beside it.

    No kill leaves a file that does not match: while a file takes another's place, both are listed.
    """
    path, listed = Path(path), digest_path(path)
    with replaced_when_complete(path) as unfinished:
        yield unfinished
        new = f"{sha256_of(unfinished)}  {path.name}\n"
        _flush(unfinished)
        if path.exists():
            old = f"{_sum(path)}\n"
            # Damage does not become valid by being replaced.
            if not listed.exists() or old in _lines(listed):
                _write(listed, old + new)
    _write(listed, new)


def check_digest(path) -> None:
    """Checks a file against the digest beside it, if there is one.

    Raises:
        Damaged: they do not match, or the digest is damaged.
        OSError: a file cannot be read.
    """
    path, listed = Path(path), digest_path(path)
    # A run that goes on may have replaced both since the digest was read.
    for _ in range(2):
        if not listed.is_file():
            return
        lines, found = _lines(listed), f"{_sum(path)}\n"
        if found in lines and all(re.fullmatch(r"[0-9a-f]{64}  .*\n", line) for line in lines):
            return
    raise Damaged(f"{path} does not match {listed.name}: {found[:16]}..., not {lines[0][:16]}...")


def _lines(listed):
    text = listed.read_text(encoding="utf-8", errors="replace")
    return re.findall(r".*\n|.+", text) or [""]


def _write(listed, text):
    with replaced_when_complete(listed) as unfinished:
        unfinished.write_text(text, encoding="utf-8")
        _flush(unfinished)


def _flush(path):
    """Waits until a file is on disk, so that the rename cannot overtake it in a power cut."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
