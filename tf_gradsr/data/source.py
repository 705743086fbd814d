"""What every source of pictures provides: names, and pictures that are still encoded."""

import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import tensorflow as tf

from tf_gradsr.errors import ConfigError, reason_of


class Source(NamedTuple):
    """One split of one source. Nothing is decoded before the cache is filled."""

    names: list[str]
    """Name of each picture, in order; for messages."""
    elements: tf.data.Dataset
    """One scalar for each name: whatever `open` takes."""
    open: Callable[[Any], BinaryIO]
    """Opens an element's encoded picture; called from several threads at once."""
    identity: list[Any]
    """Everything the pictures depend on, as JSON values: a cache made from another identity is not reused."""
    place: Path | None = None
    """Folder of the TFRecord files, if there are any; for messages."""


def source_of_files(files, root, identity) -> Source:
    """Returns the source that reads picture files from disk.

    Args:
        files: list of `pathlib.Path`, in order.
        root: `pathlib.Path`, the folder that names are relative to.
        identity: list of JSON values, added to the files' names, sizes and times.

    Returns:
        `Source`.
    """
    # File names are bytes: those that are not valid text are shown with escapes.
    names = [
        os.fsencode(path.relative_to(root).as_posix()).decode("utf-8", "backslashreplace") for path in files
    ]
    return Source(
        names=names,
        elements=tf.data.Dataset.range(len(files)),
        open=lambda index: files[index].open("rb"),
        identity=[*identity, [(name, *stamp(path)) for name, path in zip(names, files)]],
    )


def stamp(path):
    """Returns (size, time of the last change) of a file; zeros for one that cannot be reached."""
    try:
        status = path.stat()
    except OSError:
        return (0, 0)
    return (status.st_size, status.st_mtime_ns)


def source_of_tfds(builder, split) -> Source:
    """Returns the source that reads the "image" feature of a prepared TFDS dataset, in the order on disk.

    Args:
        builder: `tfds.core.DatasetBuilder`, prepared.
        split: "train", "validation" or "test".

    Returns:
        `Source`.
    """
    import tensorflow_datasets as tfds

    dataset = builder.as_dataset(
        split=split,
        shuffle_files=False,
        decoders={"image": tfds.decode.SkipDecoding()},
        # One shard after the other, and no second cache below ours.
        read_config=tfds.ReadConfig(interleave_cycle_length=1, try_autocache=False),
    )
    info = builder.info.splits[split]
    return Source(
        names=[f"{builder.info.full_name} {split} {index}" for index in range(info.num_examples)],
        elements=dataset.map(lambda example: example["image"]),
        open=io.BytesIO,
        identity=[builder.info.full_name, info.num_examples, info.num_bytes],
        place=Path(builder.data_dir),
    )


def damaged_records(folder) -> Path:
    """The first TFRecord file of a folder whose checksums do not hold; the folder, if all of them do."""
    for path in sorted(Path(folder).glob("*.tfrecord*")):
        try:
            tf.data.TFRecordDataset(str(path)).reduce(0, lambda count, record: count + 1)
        except tf.errors.OpError:
            return path
    return Path(folder)


def source_of_prepared(folder, split) -> Source:
    """Returns the source that reads a dataset that TFDS prepared earlier; needs no network.

    Args:
        folder: `pathlib.Path` of the version's folder, with `dataset_info.json`.
        split: "train", "validation" or "test".

    Returns:
        `Source`.

    Raises:
        ConfigError: its features.json cannot be read, or names classes other than TFDS's own, which TFDS
            would import.
    """
    _check_features(Path(folder) / "features.json")
    import tensorflow_datasets as tfds

    return source_of_tfds(tfds.builder_from_directory(folder), split)


def _check_features(path):
    try:
        names = set(_class_names(json.loads(path.read_text(encoding="utf-8"))))
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(
            f"data.path: a dataset that TFDS prepared. Received: {path} ({reason_of(error)})"
        ) from error
    foreign = sorted(name for name in names if not str(name).startswith("tensorflow_datasets."))
    if foreign:
        raise ConfigError(
            f"data.path: a dataset whose features are classes of TFDS. Received: {path}, with {foreign[0]}"
        )


def _class_names(described):
    """Every `pythonClassName` in nested dicts and lists."""
    if isinstance(described, list):
        described = dict(enumerate(described))
    if isinstance(described, dict):
        for key, value in described.items():
            if key in ("pythonClassName", "type"):
                yield value
            yield from _class_names(value)
