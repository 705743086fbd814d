"""Finds the files that a command line's paths mean, and the names of their results."""

import fnmatch
import glob
import sys
from pathlib import Path, PurePath
from typing import NamedTuple

from tf_gradsr.decoding import PICTURE_ENDINGS, has_picture_ending, walk
from tf_gradsr.errors import ConfigError, nearest
from tf_gradsr.home import at_home

# Names that commands give to other files in the folder of the results.
RESERVED = ("overview.png", "report.html", "faces.jsonl")


class Found(NamedTuple):
    """A file, and where it lies in the given tree."""

    path: Path
    below: PurePath = PurePath()
    """Its folder, relative to the given one, if folders are searched to any depth."""


def find_inputs(paths, recursive: bool = False) -> list:
    """The picture files that paths stand for.

    Args:
        paths: files, which are taken whatever their name; folders, for the pictures directly in them;
            globs, `**` for any depth. A path that exists is that file or folder, whatever brackets and
            stars its name has.
        recursive: whether also the pictures in all folders below a given folder are taken.

    Returns:
        List of `Found`, in the order of `paths`, those of a folder or glob sorted; each file once.

    Raises:
        ConfigError: one of the paths leads to nothing, or cannot be read.
    """
    files = {}
    for path in paths:
        try:
            # An empty string would be the current folder.
            found = _files_of(at_home(path), recursive) if str(path) else []
        except OSError as error:
            raise ConfigError(
                f"input: a path that can be read. Received: {path} ({error.strerror})"
            ) from error
        if not found:
            raise ConfigError(f"input: {_nothing_found(path)} Received: {path or repr(path)}")
        for file in found:
            files.setdefault(file.path.resolve(), file)
    return list(files.values())


def folder_names(files, below=None) -> list:
    """A folder name for each file: its stem; if files have the same stem, the second gets `stem_2`.

    Names differ in more than case, which some file systems ignore, and from those in `RESERVED`.

    Args:
        files: list of `Path`. below: for each, the folder that its name goes into, relative; None: none.
    """
    below = below or [PurePath()] * len(files)
    # Dots alone would lead out of the folder.
    stems = [file.stem if file.stem.strip(".") else "picture" for file in files]
    wished = [(folder / stem).as_posix() for folder, stem in zip(below, stems)]
    reserved = {name.casefold() for name in wished}
    # A result's folder must not be one of the tree's own.
    taken = {part.as_posix().casefold() for folder in set(below) for part in (folder, *folder.parents)}
    taken |= {(folder / name).as_posix().casefold() for folder in set(below) for name in RESERVED}
    names = []
    for wish in wished:
        name, count = wish, 1
        while name.casefold() in taken or (count > 1 and name.casefold() in reserved):
            count += 1
            name = f"{wish}_{count}"
        taken.add(name.casefold())
        names.append(name)
    return names


def _nothing_found(path):
    """Why a path leads to no picture: it is not there, or nothing in it ends as pictures do."""
    if at_home(path).is_dir() or glob.has_magic(str(path)):
        return f"no picture there ({', '.join(PICTURE_ENDINGS)})."
    return f"no such file or folder{_hint(path)}"


def _hint(path):
    """A hint with the closest name in the folder of a mistyped one."""
    path = at_home(path)
    try:
        names = [entry.name for entry in path.parent.iterdir()] if path.name else []
    except OSError:
        names = []
    hint = nearest(path.name, names)
    return f"; {hint}" if hint else "."


def _files_of(path, recursive):
    if path.is_file():
        return [Found(path)]
    if path.is_dir():
        return _tree(path) if recursive else _pictures(sorted(path.iterdir()))
    base, pattern = _pattern_of(path)
    if not pattern:
        return []
    if "**" in pattern:
        return _pictures(sorted(_matches_below(base, pattern)))
    found = []
    # Not Path.glob, which goes into hidden folders.
    for name in sorted(glob.glob(str(Path(*pattern)), root_dir=base)):  # noqa: PTH207
        match = base / name
        found += _files_of(match, recursive) if match.is_dir() else _pictures([match])
    return found


def _pattern_of(path):
    """(folder, parts of a pattern in it), or no parts where there is nothing to match."""
    base = Path()
    for number, part in enumerate(path.parts):
        if glob.has_magic(part) and not (base / part).exists():
            return base, path.parts[number:]
        base /= part
    return base, ()


def _matches_below(base, pattern):
    """Files that a pattern with `**` means; unlike `glob`, links that lead in a circle end."""
    deep = pattern.index("**")
    # What stands before the stars may have wildcards of its own.
    starts = glob.glob(str(Path(*pattern[:deep])), root_dir=base) if deep else [""]  # noqa: PTH207
    for start in sorted(starts):
        for folder, names in walk(base / start, _report):
            between = folder.relative_to(base / start).parts
            for name in names:
                if _fits((*between, name), pattern[deep:]):
                    yield folder / name


def _fits(parts, pattern):
    if not pattern:
        return not parts
    if pattern[0] == "**":
        # At the end, everything below; elsewhere any number of folders.
        return len(pattern) == 1 or any(_fits(parts[n:], pattern[1:]) for n in range(len(parts)))
    return bool(parts) and fnmatch.fnmatch(parts[0], pattern[0]) and _fits(parts[1:], pattern[1:])


def _tree(root):
    found = []
    for folder, names in walk(root, _report):
        files = _pictures([folder / name for name in names])
        found += [Found(file.path, folder.relative_to(root)) for file in files]
    return sorted(found)


def _report(error):
    print(f"{error.filename}: {error.strerror}; its pictures are left out", file=sys.stderr)


def _pictures(paths):
    """The paths that are files named like pictures, without hidden ones."""
    return [Found(path) for path in paths if has_picture_ending(path.name) and path.is_file()]
