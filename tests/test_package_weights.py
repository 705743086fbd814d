"""Making runs small enough for the package."""

import hashlib
import json

import h5py
import numpy as np
import pytest

from tf_gradsr import Hallucinator, package_weights
from tf_gradsr.run_folder import RunFolder


@pytest.fixture
def run(tmp_path, write_pictures, write_run):
    path = write_run(tmp_path / "run", write_pictures(tmp_path / "pictures", 1))
    (path / "summary.json").write_text('{"model": {}}\n')
    return path


def command(run, output, *options):
    return package_weights.main(["--run", str(run), "--output", str(output), *options])


def test_weights_take_half_the_space_and_give_nearly_the_same_pictures(run, rng, tmp_path, capsys):
    packaged = tmp_path / "packaged"
    assert command(run, packaged) == 0
    assert "MB" in capsys.readouterr().out
    names = {"config.yaml", "generator.weights.h5", "generator.weights.sha256", "summary.json"}
    assert {path.name for path in packaged.iterdir()} == names
    kinds = set()
    with h5py.File(packaged / "generator.weights.h5") as file:
        file.visititems(lambda _, item: kinds.add(str(getattr(item, "dtype", "group"))))
    assert kinds == {"group", "float16"}
    before, after = Hallucinator.load(run), Hallucinator.load(packaged)
    for a, b in zip(before.generator.get_weights(), after.generator.get_weights()):
        assert b.dtype == np.float32
        np.testing.assert_array_equal(b, a.astype(np.float16))
    lr = rng.integers(0, 256, (2, 8, 8, 3), np.uint8)
    pictures = [h.sample(lr, 2, seed=0).images.astype(int) for h in (before, after)]
    assert np.mean(np.abs(pictures[0] - pictures[1])) < 0.2
    digest, name = (packaged / "generator.weights.sha256").read_text().split()
    assert digest == hashlib.sha256((packaged / name).read_bytes()).hexdigest()
    assert (packaged / "config.yaml").read_text() == (run / "config.yaml").read_text()


def test_the_summary_says_what_training_cost(run, tmp_path):
    (run / "metrics.jsonl").write_text('{"step": 1, "cpu_seconds": 90}\n{"step": 2, "gpu_seconds": 30}\n')
    assert command(run, tmp_path / "own") == 0
    assert RunFolder(tmp_path / "own").training_minutes() == {"cpu": 1.5, "gpu": 0.5}
    assert command(run, tmp_path / "all", "--cpu_minutes", "12", "--gpu_minutes", "9") == 0
    assert RunFolder(tmp_path / "all").training_minutes() == {"cpu": 12, "gpu": 9}
    assert command(tmp_path / "all", tmp_path / "again") == 0
    summary = json.loads((tmp_path / "again" / "summary.json").read_text())
    assert summary == {"model": {}, "training_minutes": {"cpu": 12, "gpu": 9}}
    (run / "summary.json").write_text('{"training_minutes": {"cpu": -1, "gpu": 0}}')
    assert command(run, tmp_path / "bad") == 2


def test_existing_weights_are_kept_unless_told_otherwise(run, tmp_path, capsys):
    assert command(run, tmp_path / "packaged") == 0
    assert command(run, tmp_path / "packaged") == 2
    assert "--overwrite" in capsys.readouterr().err
    assert command(run, tmp_path / "packaged", "--overwrite") == 0


def test_weights_beyond_float16_are_refused(run, tmp_path, capsys):
    with h5py.File(run / "generator.weights.h5", "r+") as file:
        file["conv_in/vars/0"][...] = 1e6
    assert command(run, tmp_path / "packaged") == 2
    assert "65504" in capsys.readouterr().err
    assert not (tmp_path / "packaged" / "generator.weights.h5").exists()


@pytest.mark.parametrize("missing", ["run", "output"])
def test_both_folders_are_required(run, tmp_path, capsys, missing):
    arguments = {"run": str(run), "output": str(tmp_path / "packaged")}
    del arguments[missing]
    assert package_weights.main([text for k, v in arguments.items() for text in (f"--{k}", v)]) == 2
    assert f"{missing}: a folder" in capsys.readouterr().err


def test_an_output_that_cannot_be_made_is_named(run, tmp_path, capsys):
    (tmp_path / "file").touch()
    assert command(run, tmp_path / "file" / "below") == 2
    assert "output: a folder that can be written" in capsys.readouterr().err
