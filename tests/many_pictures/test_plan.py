"""Which pictures are in which block: files, folders, globs, Parquet files; what is refused."""

import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tf_gradsr.errors import ConfigError
from tf_gradsr.many_pictures.plan import Plan


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def write_table(path, columns, rows_in_group=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path, row_group_size=rows_in_group)
    return path


def read(plan, home, column="image"):
    """(name, folder, content) of every source, and the blocks' numbers and lengths."""
    found, sizes = [], {}
    for block in plan.blocks():
        sources = list(block.sources(home, column))
        sizes[block.number] = len(sources)
        assert block.count == len(sources)
        found += [(one.name, one.folder, one.content) for one in sources]
    return found, sizes


def test_files_are_in_blocks_in_the_order_of_their_names(tmp_path, monkeypatch):
    touch(tmp_path / "in", "b.png", "a.jpg", "c.png", "notes.txt")
    monkeypatch.chdir(tmp_path)
    plan = Plan.of(["in"], 2)
    found, sizes = read(plan, tmp_path)
    assert [name for name, _, _ in found] == ["in/a.jpg", "in/b.png", "in/c.png"]
    assert [content for _, _, content in found] == [tmp_path / name for name, _, _ in found]
    assert sizes == {0: 2, 1: 1} and plan.total == 3


def test_results_of_a_tree_mirror_it_and_have_different_names_within_a_block(tmp_path):
    touch(tmp_path, "x.png", "x.jpg", "deep/er/x.png")
    found, _ = read(Plan.of([tmp_path], 8, recursive=True), tmp_path)
    assert sorted(folder for _, folder, _ in found) == ["deep/er/x", "x", "x_2"]


def test_the_digest_names_the_pictures_and_their_number(tmp_path):
    touch(tmp_path, "a.png", "b.png")
    before = Plan.of([tmp_path], 8).digest()
    assert before.startswith("2 pictures, ") and before == Plan.of([tmp_path], 3).digest()
    touch(tmp_path, "c.png")
    assert Plan.of([tmp_path], 8).digest() != before
    (tmp_path / "a.png").rename(tmp_path / "0.png")
    (tmp_path / "c.png").unlink()
    assert Plan.of([tmp_path], 8).digest() not in (before, "")


def test_results_in_the_output_folder_are_no_inputs(tmp_path):
    touch(tmp_path, "a.png", "made/block_000000/a/reconstruction.png")
    assert Plan.of([tmp_path], 8, recursive=True, output=tmp_path / "made").total == 1
    assert Plan.of([tmp_path], 8, recursive=True).total == 2


def test_a_file_given_twice_is_taken_once(tmp_path):
    touch(tmp_path, "a.png")
    write_table(tmp_path / "t" / "t.parquet", {"image": [b"1"]})
    inputs = [tmp_path, tmp_path / "a.png", tmp_path / "t", tmp_path / "t" / "*.parquet"]
    assert Plan.of([str(one) for one in inputs], 8).total == 2


def test_rows_of_parquet_files_are_in_blocks_within_their_row_groups(tmp_path):
    contents = [b"%d" % number for number in range(40)]
    table = {"image": contents, "name": [f"n{number}" for number in range(40)]}
    path = write_table(tmp_path / "in.parquet", table, rows_in_group=23)
    found, sizes = read(Plan.of([path], 10), tmp_path)
    assert [content for _, _, content in found] == contents
    assert [name for name, _, _ in found] == table["name"]
    assert list(sizes.values()) == [10, 10, 3, 10, 7]


@pytest.mark.parametrize("given", ["in", "in/*.parquet", "in/**/*.parquet"])
def test_folders_and_globs_of_parquet_files(given, tmp_path, monkeypatch):
    for name in ("b", "a"):
        write_table(tmp_path / "in" / f"{name}.parquet", {"image": [name.encode()]})
    monkeypatch.chdir(tmp_path)
    found, _ = read(Plan.of([given], 10), tmp_path)
    assert found == [("in/a.parquet:0", "a", b"a"), ("in/b.parquet:0", "b", b"b")]


def test_structs_of_bytes_and_path_as_data_sets_have_them(tmp_path):
    rows = [{"bytes": b"1", "path": "one.png"}, {"bytes": b"2", "path": None}, None]
    path = write_table(tmp_path / "in.parquet", {"face": rows, "label": [1, 2, 3]})
    found, _ = read(Plan.of([path], 10, column="face"), tmp_path, "face")
    assert [name for name, _, _ in found] == ["one.png", f"{path}:1", f"{path}:2"]
    assert [content for _, _, content in found[:2]] == [b"1", b"2"]
    assert "the row has none" in str(found[2][2])


def test_a_parquet_file_that_became_damaged_gives_an_error_for_each_row(tmp_path):
    rows = [os.urandom(1000) for _ in range(20)]
    path = tmp_path / "in.parquet"
    plain = {"use_dictionary": False, "compression": "NONE"}
    pq.write_table(pa.table({"image": rows}), path, row_group_size=10, **plain)
    plan = Plan.of([path], 5)
    content = bytearray(path.read_bytes())
    # The header of the second row group's page.
    start = content.index(rows[10])
    content[start - 24 : start] = bytes(24)
    path.write_bytes(content)
    found, sizes = read(plan, tmp_path)
    assert list(sizes.values()) == [5] * 4
    assert [content for _, _, content in found[:10]] == rows[:10]
    assert all(isinstance(content, OSError) for _, _, content in found[10:])
    path.unlink()
    found, _ = read(plan, tmp_path)
    assert [type(content) for _, _, content in found] == [OSError] * 20


def test_names_that_are_no_text_are_escaped(tmp_path):
    name = os.fsdecode(b"\xff.png")
    touch(tmp_path, name)
    found, _ = read(Plan.of([tmp_path], 8), tmp_path)
    assert found[0][0] == f"{tmp_path}/\\xff.png"
    assert found[0][2] == tmp_path / name


def test_what_is_refused(tmp_path):
    touch(tmp_path, "not.parquet", "folder/notes.txt")
    other = write_table(tmp_path / "other.parquet", {"label": [1], "name": ["a"]})
    empty = write_table(tmp_path / "empty.parquet", {"image": pa.array([], pa.binary())})
    for given, column, said in [
        (tmp_path / "none.parquet", "image", "input: no such Parquet file"),
        (tmp_path / "not.parquet", "image", "input: a Parquet file that can be read"),
        (tmp_path / "none", "image", "input: no such file or folder"),
        (tmp_path / "folder", "image", "input: no picture there"),
        (other, "image", "picture_column: a column of the bytes of PNG or other files"),
        (other, "label", "which has label, name. Received: label"),
        (empty, "image", "input: at least one picture"),
    ]:
        with pytest.raises(ConfigError, match=said):
            Plan.of([str(given)], 8, column=column)
