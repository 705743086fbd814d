"""CelebA (Liu et al. 2015), from TFDS or from local files. Official splits; pictures are 178x218.

If `data.crop` is left out, a square HR shape takes the largest centred square, 178x178.
"""

import io
import logging
import re
import threading
import zipfile
from pathlib import Path

import tensorflow as tf

from tf_gradsr.config import Config
from tf_gradsr.data.source import Source, source_of_files, source_of_prepared, source_of_tfds, stamp
from tf_gradsr.errors import ConfigError, reason_of
from tf_gradsr.home import at_home

ARCHIVE = "img_align_celeba.zip"
FOLDER = "img_align_celeba"
PARTITION = "list_eval_partition.txt"
# The same file as Kaggle has it: commas, a line of headings, sometimes a byte order mark.
PARTITIONS = (PARTITION, "list_eval_partition.csv")
HOMEPAGE = "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html"
# The numbers of list_eval_partition.txt.
SPLITS = {"train": "0", "validation": "1", "test": "2"}

# Bytes of an unpacked picture; CelebA's have 30,000 at most.
LARGEST_MEMBER = 2**26

log = logging.getLogger(__name__)


def open_celeb_a(config: Config, split: str) -> Source:
    """Opens CelebA.

    Args:
        config: reads `data.path`. None: TFDS downloads and prepares it. Otherwise `img_align_celeba.zip`, the
            folder of its pictures, or a folder that holds either, with `list_eval_partition.txt` (or `.csv`)
            in it, beside it or up to two folders above; the official folders `Img` and `Eval`, and Kaggle's
            folder in a folder; or a TFDS data folder in which `celeb_a` has been prepared.
        split: "train", "validation" or "test".

    Returns:
        `Source`, in the order of the partition file (TFDS: of the prepared files).

    Raises:
        ConfigError: the download failed, or `data.path` does not hold what it should.
    """
    if config.data.path is None:
        return source_of_tfds(downloaded_builder(), split)
    path = at_home(config.data.path)
    if not path.exists():
        raise ConfigError(f"data.path: an existing {ARCHIVE}, or folder of CelebA. Received: {path}")
    prepared = sorted(path.glob("celeb_a/*/dataset_info.json"))
    if prepared:
        return source_of_prepared(prepared[-1].parent, split)
    pictures = find_pictures(path)
    partition = find_partition(pictures)
    names = names_of_split(partition, split)
    if pictures.is_dir():
        return source_of_folder(pictures, partition, names)
    return source_of_archive(pictures, partition, names)


# TFDS ------------------------------------------------------------------------------------------------------


def downloaded_builder():
    """Returns TFDS's builder, downloading and preparing CelebA if need be."""
    import tensorflow_datasets as tfds

    builder = tfds.builder("celeb_a")
    try:
        builder.download_and_prepare()
    except ImportError:
        raise
    # A login or quota page instead of an archive leads to many kinds of exceptions.
    except Exception as error:
        cause = reason_of(error)
        raise ConfigError(
            "data.path: left out, so CelebA had to be downloaded, and the CelebA download failed (its host, "
            f"Google Drive, often answers 'quota exceeded'). Received: {type(error).__name__}: {cause}. Get "
            f"{ARCHIVE} and {PARTITION} by hand from {HOMEPAGE}, put them in one folder, and pass "
            "--data.path FOLDER"
        ) from error
    return builder


# Local files -----------------------------------------------------------------------------------------------


def find_pictures(path):
    """Returns the archive or the folder of pictures that `data.path` means."""
    candidates = [path]
    if not path.is_file():
        candidates = [home / name for home in (path, path / "Img") for name in (ARCHIVE, FOLDER)]
        candidates += [path / FOLDER / FOLDER, path / "Img" / FOLDER / FOLDER, path]
    for candidate in candidates:
        if zipfile.is_zipfile(candidate) or (candidate.is_dir() and next(candidate.glob("*.jpg"), None)):
            return candidate
    raise ConfigError(
        f"data.path: {ARCHIVE}, or a folder that holds it or {FOLDER}/*.jpg. Received: {path}, without them"
    )


def find_partition(pictures):
    """Returns the path of the partition file: in the folder of pictures, beside it, or above it."""
    folders = ([pictures] if pictures.is_dir() else []) + list(pictures.absolute().parents[:3])
    folders = [place for folder in folders for place in (folder, folder / "Eval")]
    places = [folder / name for folder in folders for name in PARTITIONS]
    for place in places:
        if place.is_file():
            return place
    looked = ", ".join(str(folder / PARTITION) for folder in folders)
    raise ConfigError(
        f"data.path: CelebA's pictures with {PARTITION} beside them. Received: {pictures} without it; "
        f"looked for {looked}, and the same as .csv"
    )


def names_of_split(partition, split):
    """Returns the file names of a split, in the file's order."""
    lines = text_of(partition).replace('"', "").splitlines()
    rows = [re.split(r"[,;\s]+", line.strip()) for line in lines]
    names = [row[0] for row in rows if row[1:] == [SPLITS[split]]]
    if not names:
        raise ConfigError(
            f"data.path: {PARTITION} with lines 'NAME {SPLITS[split]}', the split {split}. "
            f"Received: {partition}, without any"
        )
    return names


def text_of(partition):
    """Returns a partition file's text, without the byte order mark of some copies."""
    return partition.read_text(encoding="utf-8-sig")


def source_of_folder(folder, partition, names):
    """Returns the source that reads the unpacked pictures."""
    present = {path.name for path in folder.glob("*.jpg")}
    files = [folder / name for name in existing(names, present, folder)]
    return source_of_files(files, folder, ["celeb_a", str(folder.resolve()), text_of(partition)])


def source_of_archive(path, partition, names):
    """Returns the source that reads members of the archive without unpacking it; nothing is written.

    Members count by the last part of their names, wherever the rest of them leads.
    """
    try:
        archive = zipfile.ZipFile(path)
    # A damaged list of members may raise anything.
    except Exception as error:
        raise ConfigError(
            f"data.path: a zip archive that can be read. Received: {path} ({reason_of(error)})"
        ) from error
    members = {Path(member).name: member for member in archive.namelist() if member.endswith(".jpg")}
    names = existing(names, members, path)
    lock = threading.Lock()

    def open_member(index):
        # ZipFile counts its open members without a lock of its own.
        with lock, archive.open(members[names[index]]) as member:
            content = member.read(LARGEST_MEMBER + 1)
        if len(content) > LARGEST_MEMBER:
            raise ValueError(f"more than {LARGEST_MEMBER} bytes, unpacked: not a picture of CelebA")
        return io.BytesIO(content)

    return Source(
        names=names,
        elements=tf.data.Dataset.range(len(names)),
        open=open_member,
        identity=["celeb_a", str(path.resolve()), *stamp(path), text_of(partition)],
    )


def existing(names, present, place):
    """Returns the names that are present; warns about the others."""
    found = [name for name in names if name in present]
    if not found:
        raise ConfigError(f"data.path: the pictures that {PARTITION} names. Received: {place}, without any")
    if len(found) < len(names):
        missing = len(names) - len(found)
        log.warning("data.path: %d of the %d pictures in %s are missing", missing, len(names), PARTITION)
    return found
