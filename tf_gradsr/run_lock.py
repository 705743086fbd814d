"""One command at a time in a folder, by a lock that a killed process does not leave behind."""

import os
import socket
from contextlib import contextmanager, suppress
from pathlib import Path

from tf_gradsr.errors import ConfigError
from tf_gradsr.files import unwritable

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

NAME = ".lock"


def only_training_in(folder, make: bool = False):
    """As `only_one_in`, for a training and its run folder."""
    return only_one_in(folder, "training", "run_dir", make)


@contextmanager
def only_one_in(folder, work: str, setting: str, make: bool = False):
    """Holds a folder's lock while the block runs.

    The file stays, since deleting it would let two processes hold locks on two files of one name; it says who
    holds the lock. File systems without locks are used without.

    Args:
        folder: path. work: what holds the lock, such as "training". setting: the one that names the folder.
        make: whether a missing folder is made; otherwise it has no lock yet.

    Raises:
        ConfigError: another one holds it, of this process or of another one; or it cannot be written.
    """
    path = Path(folder) / NAME
    if fcntl is None or not (make or path.parent.is_dir()):
        yield
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # A lock over NFS needs a file that can be written.
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise unwritable(path.parent, error, setting) from error
    try:
        _lock(descriptor, path, work, setting)
        yield
    finally:
        # Not by closing alone: a process forked meanwhile has it open, too.
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)


def _lock(descriptor, path, work, setting):
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.pread(descriptor, 200, 0).decode(errors="replace").strip() or "another process"
        raise ConfigError(
            f"{setting}: a folder that no other {work} is using, here {holder}; wait for it to end, or "
            f"choose another. Received: {path.parent}"
        ) from error
    except OSError:
        return
    # A full disk need not keep anybody from trying.
    with suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"process {os.getpid()} on {socket.gethostname()}\n".encode(), 0)
