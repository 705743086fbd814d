"""Nothing is overwritten unasked, and what is written is there completely or not at all."""

import hashlib
import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from checkout import ROOT

from tf_gradsr.errors import ConfigError
from tf_gradsr.files import (
    FILE,
    check_output,
    claim_output,
    files_of,
    folder_of,
    json_text,
    prepare_folder,
    replaced_when_complete,
    sha256_of,
)
from tf_gradsr.run_folder import RunFolder

MODEL = folder_of("a model", r"weights|card\.json", mark="weights")
TABLES = files_of("tables", ("a.csv", "b.csv"))
KINDS = {"file": FILE, "folder": MODEL, "files": TABLES}


def write(kind, partial, text):
    """What a command of this kind would write."""
    target = {"file": partial, "folder": partial / "weights", "files": partial / "a.csv"}[kind]
    target.write_text(text)


def written(kind, path):
    return {"file": path, "folder": path / "weights", "files": path / "a.csv"}[kind].read_text()


def tree(folder):
    """Everything below a folder, temporary things too."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


def claim(kind, path, text, overwrite=False):
    with claim_output(path, overwrite, KINDS[kind]) as partial:
        write(kind, partial, text)


def test_what_is_new_is_written_and_folders_above_are_made(kind, tmp_path):
    path = tmp_path / "new" / "below" / "out"
    claim(kind, path, "first")
    assert written(kind, path) == "first"
    assert not [name for name in tree(tmp_path) if "partial" in name or "replaced" in name]


def test_what_exists_is_kept_unless_told_otherwise(kind, tmp_path):
    path = tmp_path / "out"
    claim(kind, path, "first")
    with pytest.raises(ConfigError, match=r"^output: .*out.* already exists; give --overwrite .* Received"):
        claim(kind, path, "second")
    assert written(kind, path) == "first"
    before = tree(tmp_path)
    claim(kind, path, "second", overwrite=True)
    assert written(kind, path) == "second" and tree(tmp_path) == before


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), OSError(28, "No space left")])
@pytest.mark.parametrize("there", [True, False])
def test_a_stop_while_writing_leaves_the_old_one_whole(kind, tmp_path, stop, there):
    path = tmp_path / "out"
    if there:
        claim(kind, path, "first")
    else:
        prepare_folder(KINDS[kind].home(path))
    before = tree(tmp_path)
    with pytest.raises(type(stop)), claim_output(path, True, KINDS[kind]) as partial:
        write(kind, partial, "half")
        assert not there or written(kind, path) == "first"
        raise stop
    assert tree(tmp_path) == before and (not there or written(kind, path) == "first")


def test_a_stop_between_the_two_renames_of_a_folder_brings_the_old_one_back(tmp_path, monkeypatch):
    path = tmp_path / "out"
    claim("folder", path, "first")
    rename = Path.replace

    def stop_at_the_new_one(source, target):
        if ".partial-" in source.name:
            raise KeyboardInterrupt
        return rename(source, target)

    monkeypatch.setattr(Path, "replace", stop_at_the_new_one)
    with pytest.raises(KeyboardInterrupt):
        claim("folder", path, "second", overwrite=True)
    assert tree(tmp_path) == ["out", "out/weights"] and written("folder", path) == "first"


def test_a_kill_between_the_two_renames_is_made_good_by_the_next_run(tmp_path):
    """The old folder then has its temporary name; the process number in it is that of an ended process."""
    code = f"""
import os, signal
from pathlib import Path
from tf_gradsr.files import folder_when_complete
rename = Path.replace
def kill_at_the_new_one(source, target):
    if ".partial-" in source.name:
        os.kill(os.getpid(), signal.SIGKILL)
    return rename(source, target)
Path.replace = kill_at_the_new_one
with folder_when_complete({str(tmp_path / "out")!r}) as partial:
    (partial / "weights").write_text("second")
"""
    claim("folder", tmp_path / "out", "first")
    status = subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode
    assert status == -signal.SIGKILL and not (tmp_path / "out").exists()
    prepare_folder(tmp_path)
    assert tree(tmp_path) == ["out", "out/weights"] and written("folder", tmp_path / "out") == "first"


def test_only_its_own_kind_is_replaced_even_when_told(tmp_path):
    (tmp_path / "out").mkdir()
    with pytest.raises(ConfigError, match=r"^overwrite: replaces only a model; .*out is something else\. "):
        check_output(tmp_path / "out", True, MODEL)
    claim("folder", tmp_path / "model", "weights")
    check_output(tmp_path / "model", True, MODEL)
    (tmp_path / "model" / "thesis.txt").touch()
    # Without --overwrite, it does not point to an option that would not help.
    with pytest.raises(
        ConfigError, match=r"^output: .*thesis.txt already .* --overwrite replaces only a model; ch"
    ):
        check_output(tmp_path / "model", False, MODEL)
    (tmp_path / "link").symlink_to("model")
    (tmp_path / "file").touch()
    for name, stranger in (("model", "thesis.txt"), ("link", "link"), ("file", "file")):
        with pytest.raises(ConfigError, match=f"^overwrite: replaces only a model; .*{stranger} is some"):
            check_output(tmp_path / name, True, MODEL)
    with pytest.raises(
        ConfigError, match=r"^overwrite: replaces only a file, not a folder; .*model is something else"
    ):
        check_output(tmp_path / "model", True)
    assert "model/thesis.txt" in tree(tmp_path)


def test_an_input_in_a_folder_that_would_be_replaced_is_refused(tmp_path):
    claim("folder", tmp_path / "model", "weights")
    inputs = [tmp_path / "elsewhere", tmp_path / "model" / "weights"]
    with pytest.raises(ConfigError, match=r"would replace .*model, which the input .*weights lies in"):
        check_output(tmp_path / "model", True, MODEL, inputs)
    check_output(tmp_path / "new", True, MODEL, inputs)


def test_a_place_that_cannot_be_written_is_named_before_anything_is_computed(kind, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    for path in (tmp_path / "file" / "out", tmp_path / "file" / "below" / "out"):
        with pytest.raises(ConfigError, match=r"^output: a folder that can be written\. Received: .*file"):
            check_output(path, True, KINDS[kind])
    # Permissions do not apply to root, who may run the tests.
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(ConfigError, match=r"^output: a folder that can be written\. Received: "):
        check_output(tmp_path / "out", False, KINDS[kind])
    assert tree(tmp_path) == ["file"]


def test_files_of_other_names_stay_and_older_ones_of_the_same_go(tmp_path):
    for name in ("a.csv", "b.csv", "mine.txt"):
        (tmp_path / name).write_text("old")
    with claim_output(tmp_path, True, TABLES) as partial:
        (partial / "a.csv").write_text("new")
        assert tree(partial) == ["a.csv"] and (tmp_path / "b.csv").exists()
    assert tree(tmp_path) == ["a.csv", "mine.txt"] and (tmp_path / "a.csv").read_text() == "new"


def test_leftovers_of_a_dead_run_go_those_of_a_living_one_stay(tmp_path):
    parent = os.getppid()
    for name in (".partial-999999999", f".partial-{os.getpid()}", f".partial-{parent}", ".partial-mine"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "sample_00.png").touch()
    prepare_folder(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [f".partial-{parent}", ".partial-mine"]


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "summary.json"
    path.write_text("old")
    with pytest.raises(OSError), replaced_when_complete(path) as partial:
        assert partial.suffix == ".json"
        partial.write_text("half")
        raise OSError("disk full")
    assert path.read_text() == "old" and tree(tmp_path) == ["summary.json"]


def test_digests_are_sha256(tmp_path):
    (tmp_path / "file").write_bytes(b"abc")
    assert sha256_of(tmp_path / "file") == sha256_of(b"abc") == hashlib.sha256(b"abc").hexdigest()
    assert sha256_of(b"abc").startswith("ba7816bf")


def test_json_has_no_numbers_that_json_has_no_words_for(tmp_path):
    def refuse(word):
        raise AssertionError(word)

    document = {"a": [1.5, math.nan, {"b": -math.inf}], "c": (np.float64("inf"), None, True, 3, "é")}
    expected = {"a": [1.5, None, {"b": None}], "c": [None, None, True, 3, "é"]}
    assert json.loads(json_text(document), parse_constant=refuse) == expected
    run = RunFolder(tmp_path)
    run.append_metrics({"step": 1, "loss": math.inf})
    run.append_metrics({"step": 2, "loss": 0.5, "cpu_seconds": math.nan})
    lines = [json.loads(line, parse_constant=refuse) for line in run.metrics.read_text().splitlines()]
    assert lines == [{"step": 1, "loss": None}, {"step": 2, "loss": 0.5, "cpu_seconds": None}]
    assert run.cpu_minutes() == 0
    run.write_summary({"model": {"lr_psnr": math.inf, "psnr": 22.5}})
    summary = json.loads(run.summary.read_text(), parse_constant=refuse)
    assert summary == {"model": {"lr_psnr": None, "psnr": 22.5}}
