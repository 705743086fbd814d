"""Paths in a home folder: a container's user may have none, or no name, or may not write there."""

import os
import tempfile
from pathlib import Path


def at_home(path) -> Path:
    """The path, with `~` as the home folder, where there is such a home; a file may be called `~name` too."""
    # Not Path.expanduser, which fails where there is none.
    return Path(os.path.expanduser(path))  # noqa: PTH111


def cache_at_home(path) -> Path:
    """The folder for a cache: as `at_home`, or one for temporary files if `~` cannot be written."""
    folder = at_home(path)
    if not str(path).startswith("~") or _can_be_made(folder):
        return folder
    return Path(tempfile.gettempdir()) / f"tf_gradsr-{os.getuid() if hasattr(os, 'getuid') else 'cache'}"


def _can_be_made(folder):
    # No home: nobody means a folder called "~".
    if not folder.is_absolute():
        return folder.exists()
    try:
        above = next(place for place in (folder, *folder.parents) if place.exists())
    except (OSError, StopIteration):
        return False
    return above.is_dir() and os.access(above, os.W_OK | os.X_OK)
