"""Blocks are there as a whole or not at all, and say what they hold."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from tf_gradsr.many_pictures.block_files import FORMATS, Made, Outcome
from tf_gradsr.many_pictures.output_folder import BULK_FOLDER

MADE = [
    Made("in/a.png", "a", "f00d", "a note", pictures=((-1, b"PNG0", 50.5), (0, b"PNG1", 49.0))),
    Made("in/b.png", "b", error="broken"),
]


@pytest.fixture(params=FORMATS)
def kind(request):
    return FORMATS[request.param]


def test_a_block_says_what_became_of_its_pictures(kind, tmp_path):
    files = kind(tmp_path, seed=7, about={"weights": "sha256:1"})
    assert files.finished(3) is None
    assert files.write(3, MADE) == Outcome(pictures=2, failed=1) == files.finished(3)
    assert [path.name for path in tmp_path.iterdir()] == [files.path(3).name]
    assert BULK_FOLDER.stranger(tmp_path) is None


def test_rows_of_parquet(tmp_path):
    FORMATS["parquet"](tmp_path, seed=7, about={"weights": "sha256:1"}).write(0, MADE)
    # What begins with _ or . is not taken for data.
    (tmp_path / "_bulk.json").write_text("{}")
    rows = pq.read_table(tmp_path).to_pylist()
    shared = {"name": "in/a.png", "lr_sha256": "f00d", "notes": "a note", "error": None}
    assert rows == [
        {**shared, "seed": None, "z_index": -1, "png": b"PNG0", "lr_psnr": 50.5},
        {**shared, "seed": 7, "z_index": 0, "png": b"PNG1", "lr_psnr": 49.0},
        {**dict.fromkeys(rows[0]), "name": "in/b.png", "error": "broken"},
    ]
    assert pq.read_metadata(tmp_path / "block_000000.parquet").metadata[b"weights"] == b"sha256:1"


def test_large_blocks_are_written_in_row_groups_as_they_are_made(tmp_path):
    content, files = np.random.default_rng(0).bytes(2**20), FORMATS["parquet"](tmp_path)
    sizes = []

    def made():
        for number in range(40):
            sizes.append(sum(path.stat().st_size for path in tmp_path.glob(".partial-*")))
            yield Made(str(number), "", "", pictures=((-1, content, 50.0),))

    assert files.write(0, made()).pictures == 40
    assert sizes[-1] > 2**24
    metadata = pq.read_metadata(files.path(0))
    assert [metadata.row_group(group).num_rows for group in range(3)] == [16, 16, 8]


def test_files_of_a_folder(tmp_path):
    FORMATS["files"](tmp_path, seed=7, about={"weights": "sha256:1"}).write(0, MADE)
    block = tmp_path / "block_000000"
    assert (block / "a" / "reconstruction.png").read_bytes() == b"PNG0"
    assert (block / "a" / "sample_00.png").read_bytes() == b"PNG1"
    assert sorted(path.name for path in block.iterdir()) == ["a", "block.json", "rows.jsonl"]
    lines = [json.loads(line) for line in (block / "rows.jsonl").read_text().splitlines()]
    assert lines[0]["lr_psnr"] == {"reconstruction.png": 50.5, "sample_00.png": 49.0}
    assert (lines[0]["folder"], lines[0]["seed"], lines[1]["error"]) == ("a", 7, "broken")
    assert json.loads((block / "block.json").read_text())["weights"] == "sha256:1"


def test_what_fails_half_way_leaves_nothing(kind, tmp_path):
    def made():
        yield MADE[0]
        raise RuntimeError("half-way")

    with pytest.raises(RuntimeError, match="half-way"):
        kind(tmp_path).write(0, made())
    assert not list(tmp_path.iterdir())


def test_what_a_kill_left_behind_is_cleared_and_is_no_block(kind, tmp_path):
    files = kind(tmp_path)
    files.write(0, MADE)
    files.path(0).rename(tmp_path / f".partial-{files.path(0).name}-0123")
    assert files.finished(0) is None and BULK_FOLDER.stranger(tmp_path) is None
    files.clear()
    assert not list(tmp_path.iterdir())


def test_a_damaged_block_is_not_finished(kind, tmp_path):
    files = kind(tmp_path)
    files.write(0, MADE)
    record = files.path(0) if files.ending else files.path(0) / "block.json"
    record.write_bytes(record.read_bytes()[:-20])
    assert files.finished(0) is None
    assert files.discard(0) and not files.discard(0)
    assert not list(tmp_path.iterdir())


def test_two_makers_of_one_block_leave_one(kind, tmp_path):
    files = kind(tmp_path)

    def made():
        kind(tmp_path).write(0, MADE)
        yield from MADE

    files.write(0, made())
    assert files.finished(0) == Outcome(2, 1)
    assert len(list(tmp_path.iterdir())) == 1
