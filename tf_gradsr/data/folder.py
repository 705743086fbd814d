"""Your own pictures: every picture file below a folder.

Splits: if the folder holds `train` and at least one of `validation` and `test`, under these names or other
usual ones (`Train`, `training`, `val`, `valid`), those are the splits, and a missing one is replaced by
the other held-out one. Otherwise a hash of each picture's relative path sends about 90 % to train, 5 % to
validation and 5 % to test, so that a picture keeps its split when others come and go; but a folder that looks
like a split and is not understood is an error, since training on test pictures would go unnoticed. If a split
would be empty (very few pictures), it uses all of them, with a warning.
"""

import hashlib
import logging
import os
import re

from tf_gradsr.config import Config
from tf_gradsr.data.source import Source, source_of_files
from tf_gradsr.decoding import PICTURE_ENDINGS, has_picture_ending, walk
from tf_gradsr.errors import ConfigError
from tf_gradsr.home import at_home

# Names of the splits' folders, in any case.
FOLDERS = {
    "train": ("train", "training"),
    "validation": ("validation", "val", "valid"),
    "test": ("test", "testing"),
}
# Words in the names of other folders that make them look like splits.
TRAIN_WORDS = {"train", "training", "trainset"}
HELD_OUT_WORDS = {"validation", "val", "valid", "test", "testing", "testset", "valset", "eval", "evaluation"}
HELD_OUT_WORDS |= {"dev", "devset", "holdout", "heldout"}
# Words that such a name may have too.
PLAIN_WORDS = {
    "images",
    "image",
    "imgs",
    "img",
    "pictures",
    "photos",
    "faces",
    "data",
    "set",
    "split",
    "hr",
    "lr",
}
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
    root = at_home(config.data.path or "")
    if not config.data.path or not root.is_dir():
        raise ConfigError(f"data.path: an existing folder of pictures. Received: {config.data.path}")
    if not os.access(root, os.R_OK | os.X_OK):
        raise ConfigError(f"data.path: a folder that can be read. Received: {config.data.path}")
    folders = split_folders(root) if split != "all" else {}
    base = folder_of_split(folders, split) if folders else root
    files = pictures_below(base)
    if not folders and split != "all":
        refuse_unclear_splits(files, root)
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
    return is_folder and not split_folders(at_home(config.data.path))


def split_folders(root):
    """Returns the folders of the splits found; an empty dict if the folder is not divided.

    A folder that holds nothing but one other folder stands for that one.

    Raises:
        ConfigError: two folders have names of the same split.
    """
    try:
        entries = [entry for entry in root.iterdir() if not entry.name.startswith(".")]
    # Reading the pictures will report it.
    except OSError:
        return {}
    found = {}
    for split, names in FOLDERS.items():
        present = [entry for entry in entries if entry.name.lower() in names and entry.is_dir()]
        if len(present) > 1:
            listed = ", ".join(sorted(entry.name for entry in present))
            raise ConfigError(f"data.path: one folder for the split {split}. Received: {root} with {listed}")
        if present:
            found[split] = present[0]
    if not found and len(entries) == 1 and entries[0].is_dir() and not entries[0].is_symlink():
        return split_folders(entries[0])
    return found if "train" in found and len(found) > 1 else {}


def refuse_unclear_splits(files, root):
    """Refuses folders of pictures, at any depth, whose names look like splits, where none were recognised."""
    children = {}
    for file in files:
        parts = file.relative_to(root).parts[:-1]
        for depth, name in enumerate(parts):
            children.setdefault(parts[:depth], set()).add(name)
    for above, names in children.items():
        unclear = splits_among(names)
        # One folder alone divides nothing.
        if len(unclear) > 1 or (unclear and not TRAIN_WORDS & words_of(unclear[0])):
            raise ConfigError(
                "data.path: splits in folders called train, validation and test; rename these, or give the "
                f"path of the one to train on. Received: {root.joinpath(*above)} with {', '.join(unclear)}"
            )


def splits_among(names):
    """Returns those of a folder's subfolders whose names look like splits, sorted."""
    with_train = any(TRAIN_WORDS & words_of(name) for name in names)
    found = []
    for name in names:
        words = words_of(name)
        known = words & (TRAIN_WORDS | HELD_OUT_WORDS)
        # A person may be called Val, but not beside a folder that is called train.
        if known and (with_train or words <= known | PLAIN_WORDS):
            found.append(name)
    return sorted(found)


def words_of(name):
    """The words of a folder's name, in lower case: "DIV2K_train_HR" -> {"div", "k", "train", "hr"}."""
    return set(re.findall(r"[a-z]+", re.sub(r"([a-z])([A-Z])", r"\1 \2", name).lower()))


def folder_of_split(folders, split):
    """Returns the split's folder, or that of the other held-out split."""
    if split not in folders:
        other = {"validation": "test", "test": "validation"}[split]
        log.warning("data.path: no folder for the split %s; using %s", split, folders[other])
        return folders[other]
    return folders[split]


def pictures_below(root):
    """Returns every picture file below a folder, hidden ones and pipes left out, sorted by path.

    Links to folders are followed; see `walk`.
    """

    def report(error):
        log.warning(
            "data.path: %s cannot be read (%s); its pictures are left out", error.filename, error.strerror
        )

    found = walk(root, report)
    files = [folder / name for folder, names in found for name in names if has_picture_ending(name)]
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
