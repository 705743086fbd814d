"""Folders to any depth, links, patterns, and the names of results in a tree."""

import os
from pathlib import Path, PurePath

import pytest
from PIL import features

from tf_gradsr.decoding import walk
from tf_gradsr.gallery.inputs import find_inputs, folder_names
from tf_gradsr.home import at_home


@pytest.fixture
def make(tmp_path):
    """Makes empty files of these names."""

    def made(*names):
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        return tmp_path

    return made


def below(root, found):
    return [one.path.relative_to(root).as_posix() for one in found]


def test_every_ending_that_pillow_reads_is_seen(make):
    names = ["1.jfif", "2.jpe", "3.JP2", "4.avif", "5.tga", "6.ppm", "7.apng", "8.mpo", "9.dib"]
    if not features.check("avif"):
        names.remove("4.avif")
    root = make(*names, "notes.txt", "data.json", "favicon.ico")
    assert below(root, find_inputs([root])) == below(root, find_inputs([root / "*"])) == names


def test_what_exists_is_no_pattern(make):
    root = make("a[1].png", "a1.png", "set [2024]/b.png", "set [2024]/c [x].png", "what?/d.png", "**/e.png")
    for given, found in (
        ("a[1].png", ["a[1].png"]),
        ("set [2024]", ["set [2024]/b.png", "set [2024]/c [x].png"]),
        ("set [2024]/*.png", ["set [2024]/b.png", "set [2024]/c [x].png"]),
        ("set [2024]/c [x].png", ["set [2024]/c [x].png"]),
        ("set [2024]/[bc]*.png", ["set [2024]/b.png", "set [2024]/c [x].png"]),
        ("what?/*", ["what?/d.png"]),
        ("**", ["**/e.png"]),
        ("a[0-9].png", ["a1.png"]),
    ):
        assert below(root, find_inputs([root / given])) == found, given


def test_a_tree_is_searched_to_any_depth_and_hidden_folders_are_not(make):
    root = make("a.png", "b/c.png", "b/d/e.jpg", ".trash/f.png", "b/.g.png")
    found = find_inputs([root], recursive=True)
    assert below(root, found) == ["a.png", "b/c.png", "b/d/e.jpg"]
    assert [one.below.as_posix() for one in found] == [".", "b", "b/d"]
    assert below(root, find_inputs([root])) == ["a.png"]


def test_links_to_folders_are_followed_and_loops_end(make):
    root = make("tree/a.png", "tree/sub/b.png", "elsewhere/c.png", "elsewhere/deep/d.png")
    (root / "tree/loop").symlink_to(".")
    (root / "tree/sub/up").symlink_to("..")
    (root / "tree/linked").symlink_to("../elsewhere")
    (root / "tree/self").symlink_to("self")
    names = ["a.png", "linked/c.png", "linked/deep/d.png", "sub/b.png"]
    assert sorted(below(root / "tree", find_inputs([root / "tree"], recursive=True))) == names
    assert sorted(below(root / "tree", find_inputs([root / "tree/**/*.png"]))) == names
    assert below(root / "tree", find_inputs([root / "tree/**/deep/*.png"])) == ["linked/deep/d.png"]
    assert sorted(below(root / "tree", find_inputs([root / "tree/**"]))) == names


def test_very_deep_trees(tmp_path):
    """Deeper than Python's own limit of calls within calls."""
    here = os.open(tmp_path, os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("d", dir_fd=here)
        inside = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inside
    os.close(os.open("x.png", os.O_CREAT, dir_fd=here))
    os.close(here)
    unreadable = []
    names = [name for _, names in walk(tmp_path, unreadable.append) for name in names]
    assert names == ["x.png"] or (unreadable and names == [])
    (found,) = find_inputs([tmp_path], recursive=True)
    assert len(found.below.parts) == 1500
    # Python's own functions could not delete it.
    while (tmp_path / "d/d").exists():
        (tmp_path / "d/d").rename(tmp_path / "next")
        (tmp_path / "d").rmdir()
        (tmp_path / "next").rename(tmp_path / "d")


def test_folders_that_cannot_be_read_are_named(make, monkeypatch, capsys):
    root = make("a.png", "shut/b.png")
    scandir = os.scandir

    def refuse(path):
        if Path(path).name == "shut":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert below(root, find_inputs([root], recursive=True)) == ["a.png"]
    assert f"{root / 'shut'}: Permission denied; its pictures are left out" in capsys.readouterr().err


def test_names_of_results_mirror_the_tree_and_never_meet():
    files = [Path(name) for name in ("in/a.png", "in/a.jpg", "in/a/b.png", "in/c/b.png", "in/C.png")]
    parents = [PurePath(name) for name in (".", ".", "a", "c", ".")]
    names = folder_names(files, parents)
    # Not "a", which is a folder of the tree, nor "C", which is one where case does not count.
    assert names == ["a_2", "a_3", "a/b", "c/b", "C_2"]


@pytest.mark.parametrize("name", ["overview.png.png", "report.html.jpg", "Overview.PNG.webp"])
def test_names_of_the_commands_own_files_are_not_given(name):
    assert folder_names([Path(name), Path("x.png")]) == [f"{Path(name).stem}_2", "x"]


def test_files_whose_name_begins_with_a_tilde(make, monkeypatch):
    root = make("~face.png", "home/x.png")
    monkeypatch.chdir(root)
    monkeypatch.setenv("HOME", str(root / "home"))
    assert find_inputs(["~face.png"])[0].path == Path("~face.png")
    assert find_inputs(["~/x.png"])[0].path == root / "home/x.png"
    assert at_home("~no_such_user/x") == Path("~no_such_user/x")
