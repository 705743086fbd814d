"""What people do with many files: trees, batches that were stopped, one plain file for each."""

import numpy as np
import pytest
from commands import refuses, run_command
from PIL import Image

from tf_gradsr import hallucinate


@pytest.fixture(scope="module")
def run(write_run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("habits")
    return write_run(folder / "run", folder)


@pytest.fixture
def tree(tmp_path, rng):
    for name in ("a.png", "b/c.png", "b/d/e.png"):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (8, 8, 3), np.uint8)).save(path)
    return tmp_path


@pytest.fixture
def command(run, tree, capsys):
    def ran(*arguments, source="in", output="out"):
        inputs = [tree / source] if isinstance(source, str) else [tree / name for name in source]
        options = ["-o", tree / output, "--run", run, "--num_samples", 0]
        return run_command(hallucinate, [*inputs, *options, *arguments], capsys)

    return ran


def files_in(folder, name="*.png"):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob(name) if path.is_file())


def test_recursive_mirrors_the_tree(command, tree):
    assert command().status == 0
    assert files_in(tree / "out", "reconstruction.png") == ["a/reconstruction.png"]
    done = command("--recursive", output="deep")
    assert done.status == 0, done.err
    names = ["a", "b/c", "b/d/e"]
    assert files_in(tree / "deep", "lr.png") == [f"{name}/lr.png" for name in names]
    for name in names:
        lr, given = (Image.open(tree / path) for path in (f"deep/{name}/lr.png", f"in/{name}.png"))
        np.testing.assert_array_equal(np.asarray(lr), np.asarray(given))
    assert (tree / "deep/overview.png").is_file()
    assert not [path for path in tree.rglob(".*")]


@pytest.mark.parametrize("output", ["in/results", "in"])
def test_results_within_the_tree_are_no_inputs(command, tree, output):
    before = files_in(tree / "in")
    assert command("--recursive", output=output).status == 0
    once = files_in(tree / "in")
    again = command("--recursive", "--overwrite", output=output)
    assert again.status == 0 and "results of an earlier run" in again.err
    assert files_in(tree / "in") == once and len(once) == len(before) + 3 * 4 + 1


def test_a_plain_file_for_each_input_is_the_reconstruction(command, tree):
    assert command("--recursive").status == 0
    done = command("--recursive", "--plain", output="plain")
    assert done.status == 0, done.err
    assert files_in(tree / "plain", "*") == ["a.png", "b/c.png", "b/d/e.png"]
    for name in ("a", "b/c", "b/d/e"):
        plain, whole = tree / f"plain/{name}.png", tree / f"out/{name}/reconstruction.png"
        assert plain.read_bytes() == whole.read_bytes()
    assert refuses(command("--plain", "--report"), "plain: writes one picture for each input")
    assert refuses(command("--plain", output="plain"), "a.png already exists")
    assert command("--plain", "--overwrite", output="plain").status == 0
    # Never an input, which lies where its result would.
    assert refuses(command("--plain", "--overwrite", output="in"), "a.png is something else")


@pytest.mark.parametrize("options", [(), ("--plain",)])
def test_a_batch_goes_on_where_it_stopped(command, tree, options):
    assert command(*options, source="in/a.png").status == 0
    before = {path: path.stat().st_mtime_ns for path in (tree / "out").rglob("*.png")}
    assert refuses(command("--recursive", *options), "already exists")
    done = command("--recursive", "--skip_existing", *options)
    assert done.status == 0 and "1 of 3 inputs have results already and are skipped" in done.err
    assert all(path.stat().st_mtime_ns == time for path, time in before.items())
    made = files_in(tree / "out")
    assert len(made) == (3 if options else 3 * 4 + 1)
    done = command("--recursive", "--skip_existing", *options)
    assert done.status == 0 and "3 of 3" in done.err and files_in(tree / "out") == made
    assert refuses(command("--skip_existing", "--overwrite"), "skip_existing: keeps results")


def test_what_is_not_ours_is_not_skipped_but_refused(command, tree):
    (tree / "out/a").mkdir(parents=True)
    (tree / "out/a/diary.txt").write_text("mine")
    assert refuses(command("--skip_existing"), "diary.txt already exists")


def test_an_input_called_as_the_overview_is(command, tree):
    for name in ("overview.png.png", "x.png"):
        Image.new("RGB", (8, 8)).save(tree / "in/b" / name)
    done = command(source="in/b")
    assert done.status == 0, done.err
    assert (tree / "out/overview.png").is_file() and (tree / "out/overview.png_2/lr.png").is_file()


def test_doubtful_pixels_are_named_on_standard_error(command, tree):
    Image.fromarray(np.full((8, 8), 200, np.int32)).save(tree / "deep.tif")
    done = command(source=["deep.tif"])
    assert done.status == 0
    words = "deep.tif: its signed 32-bit values, up to 200, are read as 8 bits, 0 to 255"
    assert words in done.err and "LR-PSNR" in done.out
    assert np.asarray(Image.open(tree / "out/deep/lr.png")).max() == 200
