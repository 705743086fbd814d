"""Which files in folders and patterns count as pictures, and the walk through folders.

A file that is given by name is read by what it holds, whatever its ending.
"""

import os
from pathlib import Path

from PIL import features

PICTURE_ENDINGS = (
    *(".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".mpo", ".webp", ".gif", ".bmp", ".dib"),
    *(".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm", ".tga"),
    *((".jp2", ".j2k", ".jpf", ".jpx", ".j2c", ".jpc") if features.check("jpg_2000") else ()),
    *((".avif", ".avifs") if features.check("avif") else ()),
)


def has_picture_ending(name: str) -> bool:
    """Whether a file is named like a picture, and not hidden."""
    return name.lower().endswith(PICTURE_ENDINGS) and not name.startswith(".")


def walk(root, report):
    """Goes through a folder and every one below it, hidden ones left out, to any depth.

    Links to folders are followed after everything else, each real folder once, so that loops end.

    Args:
        root: path. report: called with the `OSError` of a folder that cannot be read.

    Yields:
        (`Path` of a folder, sorted names of its files).
    """
    seen, pending, links = set(), [Path(root)], []
    while pending or links:
        folder = pending.pop() if pending else links.pop(0)
        try:
            status = folder.stat()
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(folder) as entries:
                entries = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            report(error)
            continue
        names = []
        # Last in, first out.
        for entry in reversed(entries):
            if not _is_folder(entry):
                names.append(entry.name)
            elif not entry.name.startswith("."):
                (links if entry.is_symlink() else pending).append(folder / entry.name)
        yield folder, names[::-1]


def _is_folder(entry):
    try:
        return entry.is_dir()
    # A link that leads in a circle.
    except OSError:
        return False
