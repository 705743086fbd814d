"""Finds the files that a command line's paths mean, and the names of their results."""

import glob
from pathlib import Path

from tf_gradsr.decoding import PICTURE_ENDINGS
from tf_gradsr.errors import ConfigError, nearest


def find_inputs(paths) -> list:
    """Files of paths that are files, folders (the pictures directly in them) or globs (`**` goes deeper).

    Args:
        paths: list of str or `Path`.

    Returns:
        List of `Path`, in the order of `paths`, those of a folder or glob sorted; each file once.

    Raises:
        ConfigError: one of the paths leads to nothing, or cannot be read.
    """
    files = {}
    for path in paths:
        try:
            # An empty string would be the current folder.
            found = _files_of(Path(path).expanduser()) if str(path) else []
        except OSError as error:
            raise ConfigError(
                f"input: a path that can be read. Received: {path} ({error.strerror})"
            ) from error
        if not found:
            raise ConfigError(
                "input: a file, a folder with pictures, or a glob that finds some "
                f"({', '.join(PICTURE_ENDINGS)}){_hint(path)} Received: {path or repr(path)}"
            )
        for file in found:
            files.setdefault(file.resolve(), file)
    return list(files.values())


def folder_names(files) -> list:
    """A folder name for each file: its stem; if files have the same stem, the second gets `stem_2`.

    Names differ in more than case, which some file systems ignore.
    """
    names, taken = [], set()
    # Dots alone would lead out of the folder.
    stems = [file.stem if file.stem.strip(".") else "picture" for file in files]
    reserved = {stem.casefold() for stem in stems}
    for stem in stems:
        name, count = stem, 1
        while name.casefold() in taken or (count > 1 and name.casefold() in reserved):
            count += 1
            name = f"{stem}_{count}"
        taken.add(name.casefold())
        names.append(name)
    return names


def _hint(path):
    """A hint with the closest name in the folder of a mistyped one."""
    path = Path(path).expanduser()
    try:
        names = [entry.name for entry in path.parent.iterdir()] if path.name else []
    except OSError:
        names = []
    hint = nearest(path.name, names)
    return f"; {hint}" if hint else "."


def _files_of(path):
    if path.is_file():
        return [path]
    if path.is_dir():
        return _pictures_in(path)
    if not glob.has_magic(str(path)):
        return []
    found = []
    # Not Path.glob, which goes into hidden folders.
    for match in sorted(Path(name) for name in glob.glob(str(path), recursive=True)):  # noqa: PTH207
        found += _pictures_in(match) if match.is_dir() and "**" not in path.parts else _pictures([match])
    return found


def _pictures_in(folder):
    return _pictures(sorted(folder.iterdir()))


def _pictures(paths):
    """The paths that are files named like pictures, without hidden ones."""
    return [
        path
        for path in paths
        if path.name.lower().endswith(PICTURE_ENDINGS) and not path.name.startswith(".") and path.is_file()
    ]
