"""Where the results of a block are: a Parquet file or a folder, there as a whole or not at all."""

import json
import os
import shutil
from abc import ABC, abstractmethod
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Iterable, Optional
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq

from tf_gradsr.disk import writing
from tf_gradsr.files import json_text

RECONSTRUCTION = -1
# Bytes of pictures in a row group, roughly.
ROW_GROUP_BYTES = 2**24
SCHEMA = pa.schema(
    [
        pa.field("name", pa.string(), nullable=False),
        pa.field("lr_sha256", pa.string()),
        pa.field("seed", pa.int64()),
        pa.field("z_index", pa.int32()),
        pa.field("png", pa.binary()),
        pa.field("lr_psnr", pa.float32()),
        pa.field("notes", pa.string()),
        pa.field("error", pa.string()),
    ]
)


@dataclass(frozen=True)
class Made:
    """What became of one picture.

    Attributes:
        name: see `Source`. folder: see `Source`.
        lr_sha256: SHA-256 of the LR picture's RGB bytes, row by row; None: it could not be read.
        notes: what was left out or decided on the way. error: why there are no pictures.
        pictures: list of (z_index, PNG bytes, LR-PSNR in dB); z_index is `RECONSTRUCTION` for z = 0.
    """

    name: str
    folder: str
    lr_sha256: Optional[str] = None
    notes: str = ""
    error: str = ""
    pictures: tuple = ()


@dataclass(frozen=True)
class Outcome:
    """What a finished block says about itself.

    Attributes:
        pictures: how many it was made of. failed: how many of them have an error.
    """

    pictures: int
    failed: int


class BlockFiles(ABC):
    """The results of all blocks, in one folder.

    Args:
        folder: path. seed: of the samples. about: {str: str}, settings that are written with each block.
    """

    ending = ""

    def __init__(self, folder, seed: int = 0, about: Optional[dict] = None):
        self.folder, self.seed, self.about = Path(folder), seed, about or {}

    def path(self, number: int) -> Path:
        """Where a finished block is."""
        return self.folder / f"block_{number:06d}{self.ending}"

    def write(self, number: int, made: Iterable[Made]) -> Outcome:
        """Writes a block under a temporary name, then renames it.

        Raises:
            OSError: it cannot be written; DiskFull, for want of space.
        """
        count, failed = 0, 0

        def counted():
            nonlocal count, failed
            for one in made:
                count, failed = count + 1, failed + bool(one.error)
                yield one

        with _renamed_when_complete(self.path(number)) as unfinished:
            self._write(unfinished, counted(), lambda: Outcome(count, failed))
        return Outcome(count, failed)

    def finished(self, number: int) -> Optional[Outcome]:
        """What a finished block says about itself; None if it is not there, or damaged."""
        # Whatever is wrong with it, it can be made again.
        with suppress(OSError, ValueError, KeyError, TypeError, pa.ArrowException):
            return Outcome(**self._outcome(self.path(number)))
        return None

    def discard(self, number: int) -> bool:
        """Deletes what is at a block's place; returns whether there was something."""
        path = self.path(number)
        there = os.path.lexists(path)
        delete(path)
        return there

    def clear(self) -> None:
        """Deletes what killed workers have left behind."""
        for path in self.folder.glob(".partial-block_*"):
            delete(path)

    @abstractmethod
    def _write(self, path, made, outcome):
        """Writes everything to a temporary path; `outcome()` is right once `made` has been used up."""

    @abstractmethod
    def _outcome(self, path):
        """The fields of the `Outcome` of a finished block."""


class ParquetBlocks(BlockFiles):
    """A Parquet file for each block, a row for each picture made or failed."""

    ending = ".parquet"

    def _write(self, path, made, outcome):
        # PNG does not get smaller; the other columns repeat.
        repeating = [name for name in SCHEMA.names if name != "png"]
        compression = {name: "NONE" if name == "png" else "ZSTD" for name in SCHEMA.names}
        with pq.ParquetWriter(
            path, SCHEMA.with_metadata(self.about), compression=compression, use_dictionary=repeating
        ) as writer:
            rows, size = [], 0
            for one in made:
                rows += self._rows(one)
                size += sum(len(png) for _, png, _ in one.pictures)
                if size >= ROW_GROUP_BYTES:
                    writer.write_table(pa.Table.from_pylist(rows, SCHEMA))
                    rows, size = [], 0
            if rows:
                writer.write_table(pa.Table.from_pylist(rows, SCHEMA))
            writer.add_key_value_metadata({"outcome": json_text(vars(outcome()))})

    def _rows(self, one):
        base = {"name": one.name, "lr_sha256": one.lr_sha256, "notes": one.notes or None}
        if one.error:
            return [{**base, "error": one.error}]
        return [
            {**base, "seed": None if index < 0 else self.seed, "z_index": index, "png": png, "lr_psnr": psnr}
            for index, png, psnr in one.pictures
        ]

    def _outcome(self, path):
        return json.loads(pq.read_metadata(path).metadata[b"outcome"])


class FolderBlocks(BlockFiles):
    """A folder for each block: a folder of PNG files for each input, and a line for each in rows.jsonl."""

    def _write(self, path, made, outcome):
        path.mkdir()
        with (path / "rows.jsonl").open("w", encoding="utf-8") as lines:
            for one in made:
                lines.write(f"{json_text(self._line(path, one))}\n")
        record = {"outcome": vars(outcome()), **self.about}
        (path / "block.json").write_text(json_text(record, indent=2) + "\n", encoding="utf-8")

    def _line(self, path, one):
        line = {"name": one.name, "lr_sha256": one.lr_sha256, "notes": one.notes or None}
        if one.error:
            return {**line, "error": one.error}
        home, psnrs = path / one.folder, {}
        home.mkdir(parents=True)
        for index, png, psnr in one.pictures:
            name = "reconstruction.png" if index < 0 else f"sample_{index:02d}.png"
            (home / name).write_bytes(png)
            psnrs[name] = psnr
        return {**line, "folder": one.folder, "seed": self.seed, "lr_psnr": psnrs}

    def _outcome(self, path):
        return json.loads((path / "block.json").read_text(encoding="utf-8"))["outcome"]


FORMATS = {"parquet": ParquetBlocks, "files": FolderBlocks}


@contextmanager
def _renamed_when_complete(path):
    """Gives a temporary path, renamed to `path` when the block ends without an error.

    The name is used by nobody else, on any machine: a worker that was given up may still be writing.
    """
    unfinished = path.with_name(f".partial-{path.name}-{uuid4().hex[:12]}")
    try:
        with writing(path):
            yield unfinished
            _flush(unfinished)
            try:
                unfinished.replace(path)
            except OSError:
                # Another worker has made the same folder meanwhile.
                if not path.is_dir():
                    raise
    finally:
        delete(unfinished)


def _flush(path):
    """Waits until the files are on disk, so that the rename cannot overtake them in a power cut."""
    for file in [path, *path.rglob("*")] if path.is_dir() else [path]:
        if file.is_file():
            with file.open("rb") as opened:
                os.fsync(opened.fileno())


def delete(path: Path) -> None:
    """Deletes a file or a whole folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
