"""Which pictures belong to which block, the same every time the command is given."""

import glob
import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Iterator, Optional, Union

import pyarrow as pa
import pyarrow.parquet as pq

from tf_gradsr.errors import ConfigError, reason_of
from tf_gradsr.gallery.inputs import find_inputs, folder_names
from tf_gradsr.gallery.reading import UnreadablePicture
from tf_gradsr.home import at_home

ENDING = ".parquet"
NAME_COLUMN = "name"
# Rows of a Parquet file that are decoded at a time.
ROWS_AT_ONCE = 16


@dataclass(frozen=True)
class Source:
    """A picture before it is read."""

    name: str
    """The path as the user gave it, or what a Parquet file calls it; always text that can be encoded."""
    folder: str
    """Of its results within a block, relative."""
    content: Union[Path, bytes, Exception]
    """Its file, or its bytes; or why there are none."""


@dataclass(frozen=True)
class Block:
    """Pictures that are made and written together: files, or rows of one row group of a Parquet file."""

    number: int
    files: tuple = ()
    """(path, folder below the given one) pairs of str."""
    parquet: str = ""
    row_group: int = 0
    before: int = 0
    """Rows of the file before the row group."""
    first: int = 0
    """The block's first row, in its row group."""
    count: int = 0
    """Pictures."""

    def sources(self, home, column: str) -> Iterator[Source]:
        """The block's pictures, in order; those of a Parquet file are read one after another.

        Args:
            home: folder that relative paths start from. column: of a Parquet file, with the pictures.
        """
        if self.parquet:
            path = Path(home, self.parquet)
            names, below = self._row_names(path, column), [""] * self.count
            contents = self._column(path, column, "bytes")
        else:
            names, below = zip(*self.files)
            contents = (Path(home, name) for name in names)
        folders = folder_names([PurePath(name) for name in names], [PurePath(one) for one in below])
        for name, folder, content in zip(names, folders, contents):
            if content is None:
                content = UnreadablePicture("not a picture: the row has none")
            yield Source(_text(name), _text(folder), content)

    def _row_names(self, path, column):
        found = list(self._column(path, NAME_COLUMN))
        if not any(isinstance(name, str) for name in found):
            found = list(self._column(path, column, "path"))
        first = self.before + self.first
        return [
            name if isinstance(name, str) and name else f"{self.parquet}:{first + row}"
            for row, name in enumerate(found)
        ]

    def _column(self, path, column, part=""):
        """A value for each of the block's rows; a damaged file's are `OSError`, a missing column's None."""
        try:
            with pq.ParquetFile(path, memory_map=True) as file:
                kind = file.schema_arrow.field(column).type if column in file.schema_arrow.names else None
                within = part if kind is not None and pa.types.is_struct(kind) else ""
                if kind is None or (part == "path" and not within):
                    return [None] * self.count
                read = f"{column}.{within}" if within else column
        except (OSError, pa.ArrowException) as error:
            return [_unreadable(path, error)] * self.count
        return self._values(path, column, read, within)

    def _values(self, path, column, read, within):
        row, end, given = 0, self.first + self.count, 0
        try:
            with pq.ParquetFile(path, memory_map=True) as file:
                for batch in file.iter_batches(ROWS_AT_ONCE, row_groups=[self.row_group], columns=[read]):
                    for value in batch[column]:
                        if self.first <= row < end:
                            yield _part(value.as_py(), within)
                            given += 1
                        row += 1
                    if row >= end:
                        return
        except (OSError, pa.ArrowException) as error:
            yield from [_unreadable(path, error)] * (self.count - given)


@dataclass(frozen=True)
class Plan:
    """All pictures of a command line, in blocks.

    Attributes:
        files: list of (path, folder below the given one), both str.
        parquet: list of (path, rows of each row group).
        block_size: the most pictures in a block.
    """

    files: list
    parquet: list
    block_size: int
    total: int = field(init=False)
    """Pictures."""

    def __post_init__(self):
        rows = sum(sum(groups) for _, groups in self.parquet)
        object.__setattr__(self, "total", len(self.files) + rows)

    @classmethod
    def of(cls, inputs, block_size: int, recursive=False, column="image", output=None) -> "Plan":
        """Finds the pictures.

        Args:
            inputs: files, folders and globs of pictures, see `find_inputs`; Parquet files, globs of them, and
                folders that have some directly in them.
            block_size: see the class. recursive: whether folders are searched to any depth for pictures.
            column: of Parquet files, with the pictures: their bytes, or a struct with a field `bytes`.
            output: folder that pictures are not taken from.

        Raises:
            ConfigError: one of the inputs leads to nothing, cannot be read, or has no such column.
        """
        tables = {given: _parquet_files(given) for given in inputs}
        found = find_inputs([given for given, files in tables.items() if files is None], recursive)
        files = [(str(one.path), str(one.below)) for one in found if not _within(one.path, output)]
        paths = dict.fromkeys(str(path) for files in tables.values() for path in files or ())
        plan = cls(files, [(path, _rows_of(path, column)) for path in paths], block_size)
        if not plan.total:
            raise ConfigError(f"input: at least one picture. Received: {' '.join(map(str, inputs))}")
        return plan

    def blocks(self) -> Iterator[Block]:
        """The blocks, numbered from 0."""
        number = 0
        for first in range(0, len(self.files), self.block_size):
            files = tuple(self.files[first : first + self.block_size])
            yield Block(number, files, count=len(files))
            number += 1
        for path, groups in self.parquet:
            before = 0
            for group, rows in enumerate(groups):
                for first in range(0, rows, self.block_size):
                    count = min(self.block_size, rows - first)
                    yield Block(number, (), path, group, before, first, count)
                    number += 1
                before += rows

    def digest(self) -> str:
        """Names the pictures and their order, not what they hold."""
        digest = hashlib.sha256()
        for path, below in self.files:
            digest.update(os.fsencode(f"{path}\0{below}\0"))
        for path, groups in self.parquet:
            digest.update(os.fsencode(f"{path}\0{groups}\0"))
        return f"{self.total} pictures, sha256:{digest.hexdigest()[:16]}"


def _parquet_files(given) -> Optional[list]:
    """The Parquet files that an input means; None if it means pictures."""
    path = at_home(given)
    if path.is_dir():
        return sorted(path.glob(f"*{ENDING}")) or None
    if path.suffix != ENDING:
        return None
    # The pattern may be absolute, and ** is meant for any depth.
    found = [path] if path.is_file() else sorted(map(Path, glob.glob(str(path), recursive=True)))  # noqa: PTH207
    if not found:
        raise ConfigError(f"input: no such Parquet file. Received: {given}")
    return found


def _rows_of(path, column):
    """The number of rows of each row group of a Parquet file that holds pictures."""
    try:
        with pq.ParquetFile(path) as file:
            schema, metadata = file.schema_arrow, file.metadata
            rows = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
    except (OSError, pa.ArrowException) as error:
        raise ConfigError(
            f"input: a Parquet file that can be read. Received: {path} ({reason_of(error)})"
        ) from error
    if column not in schema.names or not _holds_bytes(schema.field(column).type):
        raise ConfigError(
            f"picture_column: a column of the bytes of PNG or other files in {path}, which has "
            f"{', '.join(schema.names)}. Received: {column}"
        )
    return rows


def _holds_bytes(kind):
    if pa.types.is_struct(kind):
        return any(entry.name == "bytes" and _holds_bytes(entry.type) for entry in kind)
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind)


def _unreadable(path, error):
    return OSError(f"{path}: {reason_of(error)}")


def _part(value, within):
    return value.get(within) if within and isinstance(value, dict) else value


def _within(path, folder):
    return folder is not None and Path(folder).resolve() in path.resolve().parents


def _text(name):
    """A name as text: bytes of a file's name that are no UTF-8 become escapes."""
    return os.fsencode(name).decode(errors="backslashreplace")
