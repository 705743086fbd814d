"""Your own pictures: every picture file below a folder.

Splits: if the folder holds `train` and at least one of `validation`, `val` and `test`, those are the splits,
and a missing one is replaced by the other held-out one. Otherwise a hash of each picture's relative path
sends about 90 % to train, 5 % to validation and 5 % to test, so that a picture keeps its split when others
come and go. If a split would be empty (very few pictures), it uses all of them, with a warning.
"""

import hashlib
import logging
import os
from pathlib import Path

from tf_gradsr.config import Config
from tf_gradsr.data.source import Source, source_of_files
from tf_gradsr.decoding import PICTURE_ENDINGS
from tf_gradsr.errors import ConfigError

# The folders of the splits; the first name that exists wins.
FOLDERS = {"train": ["train"], "validation": ["validation", "val"], "test": ["test"]}
# Each split's share of the hash range [0, 1).
SHARES = {"train": (0.0, 0.9), "validation": (0.9, 0.95), "test": (0.95, 1.0)}

log = logging.getLogger(__name__)


def open_folder(config: Config, split: str) -> Source:
    """Opens the pictures below `data.path`.

    Args:
        config: reads `data.path`.
        split: "train", "validation", "test", or "all".

    Returns:
        `Source`, sorted by name.

    Raises:
        ConfigError: the folder is missing, cannot be read, or holds no picture.
    """
    root = Path(config.data.path or "").expanduser()
    if not config.data.path or not root.is_dir():
        raise ConfigError(f"data.path: an existing folder of pictures. Received: {config.data.path}")
    if not os.access(root, os.R_OK | os.X_OK):
        raise ConfigError(f"data.path: a folder that can be read. Received: {config.data.path}")
    folders = split_folders(root) if split != "all" else {}
    base = folder_of_split(folders, split) if folders else root
    files = pictures_below(base)
    if not files:
        raise ConfigError(
            f"data.path: a folder with pictures ({', '.join(PICTURE_ENDINGS)}). Received: {base}, without any"
        )
    if not folders and split != "all":
        files = hashed_split(files, root, split)
    return source_of_files(files, root, ["folder", str(root.resolve())])


def is_hashed(config: Config, split: str) -> bool:
    """Whether a hash of the names, and not a folder, decides which pictures a split holds."""
    is_folder = config.data.source == "folder" and split != "all"
    return is_folder and not split_folders(Path(config.data.path).expanduser())


def split_folders(root):
    """Returns the folders of the splits found; an empty dict if the folder is not divided."""
    found = {}
    for split, names in FOLDERS.items():
        present = [root / name for name in names if (root / name).is_dir()]
        if present:
            found[split] = present[0]
    return found if "train" in found and len(found) > 1 else {}


def folder_of_split(folders, split):
    """Returns the split's folder, or that of the other held-out split."""
    if split not in folders:
        other = {"validation": "test", "test": "validation"}[split]
        log.warning("data.path: no folder for the split %s; using %s", split, folders[other])
        return folders[other]
    return folders[split]


def pictures_below(root):
    """Returns every picture file below a folder, hidden ones and pipes left out, sorted by path."""

    def report(error):
        log.warning(
            "data.path: %s cannot be read (%s); its pictures are left out", error.filename, error.strerror
        )

    files = []
    for folder, subfolders, names in os.walk(root, onerror=report):
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        files += [
            Path(folder, name)
            for name in names
            if name.lower().endswith(PICTURE_ENDINGS) and not name.startswith(".")
        ]
    # Reading a pipe would wait forever.
    return sorted(path for path in files if not _is_pipe(path))


def _is_pipe(path):
    """Whether a path exists and is not a file. False if it cannot be reached: reading will report it."""
    try:
        return path.exists() and not path.is_file()
    except OSError:
        return False


def hashed_split(files, root, split):
    """Returns the split's pictures by the hash of their relative paths; all pictures rather than none."""
    low, high = SHARES[split]
    chosen = [path for path in files if low <= hash_of(path.relative_to(root)) < high]
    if not chosen:
        log.warning("data.path: too few pictures for a split %s; it uses all %d", split, len(files))
    return chosen or files


def hash_of(path):
    """Maps a relative path to [0, 1), the same on every machine."""
    digest = hashlib.sha256(os.fsencode(path.as_posix())).digest()
    return int.from_bytes(digest[:6], "big") / 2**48
