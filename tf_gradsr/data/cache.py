"""Cache files: the pictures of one split at HR size, one after the other, followed by a manifest.

A file is written under another name and renamed when complete. Its name is a fingerprint of everything the
pictures depend on, so a changed setting or source makes another file. Old ones may be deleted at any time,
those that a training reads excepted.
"""

# Why not `.npy`: its header holds the number of pictures, known only at the end, and has no place for
# the unreadable ones' names and the checksum. A version that solved both was a few lines longer and no
# faster.

import hashlib
import json
import logging
import os
import shutil
import socket
import zlib
from pathlib import Path

import numpy as np

from tf_gradsr.config import Config
from tf_gradsr.errors import ConfigError
from tf_gradsr.files import json_text, unwritable
from tf_gradsr.home import cache_at_home

# Raise it when the same source would give other pixels: files of older versions are then left alone.
FORMAT = 3
# The last bytes of the file hold the manifest's CRC-32 and its length in bytes.
CRC_BYTES, LENGTH_BYTES = 4, 8
GIGABYTE = 1e9

log = logging.getLogger(__name__)


def path_of(config: Config, split: str, identity) -> Path:
    """Returns the path of the cache file for a split.

    Args:
        config: reads `data` and the HR shape.
        split: name of the split.
        identity: `Source.identity`.

    Returns:
        `pathlib.Path` below `data.cache_dir`.
    """
    folder = cache_at_home(config.data.cache_dir)
    settings = [FORMAT, split, config.hr_shape, config.data.crop, config.data.limit]
    fingerprint = hashlib.sha256(json.dumps([settings, identity]).encode()).hexdigest()[:16]
    return folder / f"{config.data.source.replace(':', '_')}_{split}_{fingerprint}.pictures"


def write(path, decoded, needed, hr_shape):
    """Writes a cache file.

    Args:
        path: of the file.
        decoded: iterable of uint8 `[H, W, 3]`; its attribute `skipped` is complete after the iteration.
        needed: bytes the pictures take at most.
        hr_shape: (H, W).

    Raises:
        ConfigError: `data.cache_dir` cannot be made or written, or its disk is too small.
        DiskFull: it got full meanwhile.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        check_space(path.parent, needed)
        write_rows(path, decoded, hr_shape)
    except OSError as error:
        raise unwritable(path.parent, error, "data.cache_dir") from error


def check_space(folder, needed):
    """Refuses a disk with less space than the pictures take."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise ConfigError(
            f"data.cache_dir: a disk with {needed / GIGABYTE:.1f} GB free. Received: {folder} with "
            f"{free / GIGABYTE:.1f} GB. Choose another folder, or a smaller data.limit"
        )


def write_rows(path, decoded, hr_shape):
    """Writes the pictures and their manifest under another name, then renames the file."""
    # Workers on several machines may share the folder.
    partial = path.with_name(f"{path.name}.{socket.gethostname()}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            count = checksum = 0
            for picture in decoded:
                file.write(picture.tobytes())
                checksum = zlib.crc32(picture, checksum)
                count += 1
            manifest = {"shape": [count, *hr_shape, 3], "skipped": decoded.skipped, "crc32": checksum}
            encoded = json_text(manifest).encode()
            file.write(encoded + _trailer(encoded))
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def read(path):
    """Opens a cache file, after one pass over it to check the checksum.

    Returns:
        (read-only `np.memmap` uint8 `[N, H, W, 3]`, skipped), or None if there is no file or it is damaged.
    """
    if not path.is_file():
        return None
    try:
        with path.open("rb") as file:
            end = file.seek(-CRC_BYTES - LENGTH_BYTES, os.SEEK_END)
            trailer = file.read()
            length = int.from_bytes(trailer[CRC_BYTES:], "little")
            file.seek(end - length)
            encoded = file.read(length)
        if _trailer(encoded) != trailer:
            raise ValueError("the manifest does not match its checksum")
        manifest = json.loads(encoded)
        array = np.memmap(path, np.uint8, "r", shape=tuple(manifest["shape"]))
        if array.size == end - length and zlib.crc32(array) == manifest["crc32"]:
            return array, [tuple(entry) for entry in manifest["skipped"]]
    # A damaged file's last bytes, whatever they are, were read as a length and as JSON.
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        pass
    log.warning("The cache file %s is damaged and is written again", path)
    return None


def _trailer(encoded):
    return zlib.crc32(encoded).to_bytes(CRC_BYTES, "little") + len(encoded).to_bytes(LENGTH_BYTES, "little")
