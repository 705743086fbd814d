"""Full disks, said as such: libraries report them in many ways, most without the path, some as no memory."""

import errno
import os
from contextlib import contextmanager
from pathlib import Path
from typing import Optional

_FULL = (errno.ENOSPC, errno.EDQUOT)
# TensorFlow, HDF5 and others put the system's words, or its number, into a message of their own.
_WORDS = (*map(os.strerror, _FULL), *(f"errno = {number}" for number in _FULL))
# With less than this free, a write that failed for no stated reason failed for want of space.
_NEARLY_FULL = 2**16


class DiskFull(OSError):
    """A disk, or the user's share of it, is full. The message is one line with the path."""

    def __init__(self, path, reason: str = ""):
        reason = reason or os.strerror(errno.ENOSPC)
        place = f": {path}" if path else ""
        super().__init__(f"disk full{place} ({reason}); free some space, then run the same command again")
        self.path = path


@contextmanager
def writing(path):
    """Raises `DiskFull` with this path for whatever a full disk makes the block raise.

    Args:
        path: of the file or the folder that the block writes.
    """
    try:
        yield
    except DiskFull:
        raise
    except Exception as error:
        full = disk_full(error, path)
        if full is None:
            raise
        raise full from error


def disk_full(error: BaseException, path=None) -> Optional[DiskFull]:
    """The `DiskFull` to raise for an error, or None if its reason is another one.

    Args:
        error: of any library. path: what was being written; None: whatever the error names.
    """
    if isinstance(error, DiskFull):
        return error
    for cause in _causes(error):
        if isinstance(cause, DiskFull):
            return cause
        number = cause.errno if isinstance(cause, OSError) else None
        place = path or getattr(cause, "filename", None)
        if number in _FULL:
            return DiskFull(place, os.strerror(number))
        if number is None:
            said = next((words for words in _WORDS if words in str(cause)), None)
            if said:
                return DiskFull(place, "" if said.startswith("errno") else said)
    # Pillow and NumPy count what was written, and do not say why it was too little.
    if path and _may_hide_it(error) and _is_nearly_full(Path(path)):
        return DiskFull(path)
    return None


def _causes(error):
    """The error and those that it came from."""
    seen = []
    while error is not None and error not in seen:
        seen.append(error)
        error = error.__cause__ or error.__context__
    return seen


def _may_hide_it(error):
    # Not their subclasses, which say what they are.
    return type(error) in (OSError, RuntimeError, ValueError) and getattr(error, "errno", None) is None


def _is_nearly_full(path):
    try:
        place = next(folder for folder in (path.absolute(), *path.absolute().parents) if folder.exists())
        found = os.statvfs(place)
    except (OSError, StopIteration):
        return False
    # Some file systems have no number of inodes.
    return found.f_bavail * found.f_frsize < _NEARLY_FULL or (found.f_files > 0 and found.f_favail == 0)
