"""Writing files so that a kill leaves no half file."""

from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replaced_when_complete(path):
    """Gives a temporary path beside `path` and moves it into place when the block ends without an error.

    The temporary name keeps the ending, which some writers look at.
    """
    path = Path(path)
    partial = path.with_name(f".partial-{path.name}")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
