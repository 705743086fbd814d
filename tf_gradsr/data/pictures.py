"""The pictures of one split at HR size: decoded once, then read by number."""

import functools
import logging
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

import numpy as np
import tensorflow as tf

from tf_gradsr.config import Config
from tf_gradsr.data import cache
from tf_gradsr.data.celeb_a import open_celeb_a
from tf_gradsr.data.faces import open_faces
from tf_gradsr.data.folder import open_folder
from tf_gradsr.data.source import damaged_records
from tf_gradsr.decoding import decode, fit_picture
from tf_gradsr.errors import REASON_LENGTH, ConfigError
from tf_gradsr.extensions import call_extension
from tf_gradsr.memory import available_memory
from tf_gradsr.progress import ProgressBar

SOURCES = {"faces": open_faces, "celeb_a": open_celeb_a, "folder": open_folder}
SPLITS = ("train", "validation", "test")
# Bytes: a tensor's memory begins at a multiple of them.
ALIGNMENT = 64

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PictureSet:
    """The pictures of one split."""

    array: np.ndarray
    """uint8 `[N, H, W, 3]`, RGB, N >= 1: in memory, or a read-only `np.memmap`."""
    skipped: list[tuple[str, str]]
    """(file name, reason) of each picture that could not be read."""
    path: Optional[Path] = None
    """The cache file, which begins with `array`'s bytes; None: memory."""

    def __len__(self):
        return len(self.array)

    def read(self, numbers):
        """Reads pictures with TensorFlow operations only, so that any process with the cache file can.

        Args:
            numbers: int `[B]`, each below N.

        Returns:
            uint8 `[B, H, W, 3]`.
        """
        if self.path is None:
            return tf.gather(self._tensor, numbers)
        # Maps the file and reads no more of it than the chosen pictures; the graph holds its path alone.
        whole = tf.raw_ops.ImmutableConst(
            dtype=tf.uint8, shape=self.array.shape, memory_region_name=str(self.path)
        )
        return tf.gather(whole, numbers)

    @functools.cached_property
    def _tensor(self):
        """The array as a tensor outside of any graph, which graphs refer to and do not copy."""
        flags = self.array.flags
        with tf.init_scope(), tf.device("CPU"):
            if flags.c_contiguous and flags.writeable and self.array.ctypes.data % ALIGNMENT == 0:
                # The same memory; `convert_to_tensor` copies.
                return tf.experimental.dlpack.from_dlpack(self.array.__dlpack__())
            return tf.convert_to_tensor(self.array)


def load_pictures(config: Config, split: str, progress: bool = True) -> PictureSet:
    """Reads the pictures of a split, cut and resized to HR; from the cache file if there is an intact one.

    Args:
        config: reads `data` and the HR shape.
        split: "train", "validation", "test", or, for a folder, "all".
        progress: show a progress bar while pictures are decoded.

    Returns:
        `PictureSet`. Unreadable pictures are left out, listed in `skipped`, and warned about.

    Raises:
        ConfigError: the source cannot be opened, none of its pictures can be read, or memory or disk is too
            small.
        ValueError: unknown split.
    """
    source, names = open_split(config, split)
    if config.data.cache == "memory":
        return fill_memory(DecodedPictures(source, names, config, progress), config)
    path = cache.path_of(config, split, source.identity)
    found = cache.read(path)
    if found is None:
        decoded = DecodedPictures(source, names, config, progress)
        cache.write(path, decoded, len(names) * bytes_of_picture(config), config.hr_shape)
        found = cache.read(path)
    return PictureSet(*found, path.absolute())


def stream_pictures(config: Config, split: str) -> "DecodedPictures":
    """Reads the pictures of a split one after the other and keeps none, for sets of any size.

    Args:
        config: reads `data`, but not `data.cache`, and the HR shape.
        split: "train", "validation", "test", or, for a folder, "all".

    Returns:
        `DecodedPictures`, to be iterated once; the same pictures in the same order as `load_pictures`.

    Raises:
        ConfigError: the source cannot be opened; when iterated, none of its pictures can be read.
        ValueError: unknown split.
    """
    return DecodedPictures(*open_split(config, split), config, progress=False)


def open_split(config, split):
    """Returns the split's `Source` and the names of the pictures within `data.limit`."""
    allowed = (*SPLITS, "all") if config.data.source == "folder" else SPLITS
    if split not in allowed:
        raise ValueError(f"split must be one of {allowed}. Received: split={split!r}.")
    name = config.data.source
    if name in SOURCES:
        source = SOURCES[name](config, split)
    else:
        source = call_extension("data.source", name, config, split)
    return source, source.names[: config.data.limit]


def fill_memory(decoded, config) -> PictureSet:
    """Decodes all pictures into one array."""
    needed, available = len(decoded) * bytes_of_picture(config), available_memory()
    if needed > available:
        raise ConfigError(
            f"data.cache: memory must hold {len(decoded)} pictures, {needed / cache.GIGABYTE:.1f} GB. "
            f"Received: {available / cache.GIGABYTE:.1f} GB available. "
            "Use data.cache file, or a smaller data.limit"
        )
    array = aligned_empty((len(decoded), *config.hr_shape, 3))
    count = 0
    for count, picture in enumerate(decoded, start=1):
        array[count - 1] = picture
    return PictureSet(array[:count], decoded.skipped)


def aligned_empty(shape) -> np.ndarray:
    """An unfilled uint8 array whose memory a tensor can share."""
    size = math.prod(shape)
    memory = np.empty(size + ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    return memory[start : start + size].reshape(shape)


def bytes_of_picture(config):
    """Bytes of one HR picture in uint8."""
    height, width = config.hr_shape
    return height * width * 3


class DecodedPictures:
    """Iterates once over a source's readable pictures at HR size, in order, decoded in parallel.

    Yields uint8 arrays `[H, W, 3]`. `skipped` is complete when the iteration is.
    """

    def __init__(self, source, names, config, progress):
        self.skipped = []
        self._source = source
        self._names = names
        self._config = config
        self._progress = progress

    def __len__(self):
        return len(self._names)

    def __iter__(self):
        small, doubtful = 0, []
        results, seen = self._results(), 0
        with ProgressBar(len(self), "picture", hidden=not self._progress) as bar:
            bar.begin("Reading pictures")
            for name, (picture, is_small, reason, doubts) in zip(self._names, results):
                bar.update()
                seen += 1
                if reason:
                    self.skipped.append((name, reason.decode()))
                    continue
                small += is_small
                if doubts:
                    doubtful.append((name, doubts.decode()))
                yield picture
        if seen < len(self):
            raise ConfigError(
                f"data.path: {len(self)} pictures, as its own list says. Received: {seen}; "
                f"{self._names[seen]} and what follows are missing"
            )
        self._report(small, doubtful)

    def _results(self):
        """The elements of `_dataset`; damage below a single picture's file is named, such as a TFRecord's."""
        try:
            yield from self._dataset().as_numpy_iterator()
        except (tf.errors.DataLossError, tf.errors.FailedPreconditionError) as error:
            place = self._source.place
            # Without the names of graph nodes, which come first.
            words = " ".join(re.sub(r"\{\{.*?\}\}", "", error.message).split())
            raise ConfigError(
                f"data.path: a data set whose files are whole. Received: "
                f"{place and damaged_records(place)}, damaged ({words[:REASON_LENGTH]})"
            ) from error

    def _dataset(self):
        """Dataset of (uint8 `[H, W, 3]`, whether it was upscaled, why it cannot be read, doubts; or "")."""
        types = (tf.uint8, tf.bool, tf.string, tf.string)
        return (
            self._source.elements.take(len(self._names))
            .map(
                # Declared stateless: TensorFlow then keeps it parallel under deterministic kernels too.
                lambda element: tf.numpy_function(self._decode, [element], types, stateful=False),
                num_parallel_calls=tf.data.AUTOTUNE,
            )
            .prefetch(tf.data.AUTOTUNE)
        )

    def _decode(self, element):
        shape = self._config.hr_shape
        try:
            with self._source.open(element) as file:
                found = decode(file)
            fitted = fit_picture(found.over_white(), shape, self._config.data.crop)
            return *fitted, b"", "; ".join(found.doubts).encode()
        # The decoder may raise anything for a broken file.
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            return np.zeros((*shape, 3), np.uint8), False, reason.encode("utf-8", "replace"), b""

    def _report(self, small, doubtful):
        """Warns of pictures left out, doubtful or enlarged; refuses a source without readable pictures."""
        if len(self.skipped) == len(self):
            name, reason = self.skipped[0]
            raise ConfigError(
                f"data.path: at least one readable picture. Received: {len(self)} files, none readable, the "
                f"first {name} ({reason})"
            )
        if self.skipped:
            first = ", ".join(name for name, _ in self.skipped[:3])
            log.warning("%d of %d pictures left out, unreadable: %s", len(self.skipped), len(self), first)
        if doubtful:
            (name, words), count = doubtful[0], len(doubtful)
            log.warning("%d of %d pictures may not look as intended: %s: %s", count, len(self), name, words)
        if small:
            height, width = self._config.hr_shape
            log.warning("%d of %d pictures are smaller than %dx%d: enlarged", small, len(self), height, width)
