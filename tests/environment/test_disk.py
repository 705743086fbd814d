"""Full disks: named with the path, the last good result kept; the same command works once there is space."""

import errno
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from commands import run_command
from PIL import Image

from tf_gradsr import hallucinate, package_weights, train
from tf_gradsr.disk import DiskFull, disk_full, writing

TINY = [
    *("--data.source", "faces", "--data.limit", 8, "--data.lr_size", 8, "--model.scale", 2),
    *("--model.blocks", 1, "--model.widths", "[8]", "--model.discriminator_blocks", 1, "--model.z_size", 4),
    *("--loss.perceptual", "none", "--loss.pixel", 1, "--train.reconstruction_steps", 4),
    *("--train.batch_size", 2, "--train.checkpoint_interval", 2, "--train.log_interval", 1),
    *("--train.validation_pictures", 2, "--train.summary_pictures", 2),
]


@pytest.mark.parametrize(
    ("error", "place"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "a/b"), "a/b"),
        (OSError(errno.EDQUOT, "Disk quota exceeded", "a/b"), "a/b"),
        (RuntimeError("Can't write data (file write failed: errno = 28, error message = ...)"), None),
        (tf.errors.ResourceExhaustedError(None, None, "x.data; No space left on device"), None),
    ],
)
def test_a_full_disk_is_known_however_it_is_said(error, place):
    found = disk_full(error)
    assert isinstance(found, DiskFull) and found.path == place
    said = r"disk full: here .*; free some space, then run the same command"
    with pytest.raises(DiskFull, match=said), writing("here"):
        raise ValueError("of another library") from error


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.EACCES, "Permission denied", "a"),
        tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor with shape[8,128,128,64]"),
        ValueError("widths must have an entry"),
    ],
)
def test_other_errors_are_not_taken_for_one(error, tmp_path):
    assert disk_full(error, tmp_path) is None


def test_a_full_standard_output():
    result = subprocess.run(
        f"{sys.executable} -m tf_gradsr models > /dev/full", shell=True, capture_output=True, text=True
    )
    assert result.returncode == 1
    assert result.stderr.startswith("gradsr models: error: disk full (")
    assert len(result.stderr.splitlines()) == 1


@pytest.fixture
def disk(tmp_path):
    """A file system of a megabyte, with `fill` and `free`."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("needs the right to mount a file system")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def fill(disk):
    with pytest.raises(OSError, match="No space"), (disk / "ballast").open("wb", buffering=0) as file:
        while True:
            # The last write takes what is left.
            if file.write(bytes(4096)) < 4096:
                raise OSError(errno.ENOSPC, "No space")


def contents(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_results_are_kept_and_made_again_after_space_is_freed(disk, write_run, tmp_path, rng, capsys):
    Image.fromarray(rng.integers(0, 256, (8, 8, 3), np.uint8)).save(tmp_path / "face.png")
    run = write_run(tmp_path / "run", tmp_path)
    command = [tmp_path / "face.png", "-o", disk / "out", "--run", run, "--num_samples", 1, "--overwrite"]
    assert run_command(hallucinate, command, capsys).status == 0
    before = contents(disk / "out")
    fill(disk)
    failed = run_command(hallucinate, [*command, "--temperature", 2], capsys)
    assert failed.status == 1 and f"disk full: {disk / 'out'}" in failed.err, failed.err
    assert "memory" not in failed.err and contents(disk / "out") == before
    (disk / "ballast").unlink()
    assert run_command(hallucinate, [*command, "--temperature", 2], capsys).status == 0
    assert contents(disk / "out") != before


def test_a_packaged_run_is_kept(disk, write_run, tmp_path, capsys):
    command = ["--run", write_run(tmp_path / "run", tmp_path), "-o", disk / "packaged", "--overwrite"]
    assert run_command(package_weights, command, capsys).status == 0
    before = contents(disk / "packaged")
    fill(disk)
    failed = run_command(package_weights, command, capsys)
    assert failed.status in (1, 2) and f"disk full: {disk / 'packaged'}" in failed.err, failed.err
    assert contents(disk / "packaged") == before


@pytest.mark.slow
def test_training_goes_on_from_the_checkpoint_before_the_disk_was_full(disk, tmp_path, capsys):
    command = ["--run_dir", disk / "run", *TINY]
    assert run_command(train, [*command, "--train.steps", 4], capsys).status == 0
    before = contents(disk / "run/checkpoints")
    fill(disk)
    failed = run_command(train, [*command, "--train.steps", 8], capsys)
    assert failed.status == 1 and f"disk full: {disk / 'run'}" in failed.err, failed.err
    assert "batch_size" not in failed.err
    kept = contents(disk / "run/checkpoints")
    assert {path: content for path, content in kept.items() if "step_00000004" in str(path)} == {
        path: content for path, content in before.items() if "step_00000004" in str(path)
    }
    (disk / "ballast").unlink()
    done = run_command(train, [*command, "--train.steps", 8], capsys)
    assert done.status == 0 and "Continuing from step 4" in done.err, done.err
