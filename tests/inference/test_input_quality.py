"""Inputs from photographs: train-clean-lr, then --input_quality photo of every command."""

import json

import numpy as np
import pytest
from commands import refuses, run_command
from PIL import Image
from skimage import data

from tf_gradsr import Hallucinator, evaluate, hallucinate, package_weights, photo, train_clean_lr

TRAINING = [
    *("--data.source", "faces", "--data.lr_size", "16", "--data.limit", "8", "--data.degrade", "true"),
    *("--model.scale", "8", "--model.z_size", "3", "--train.steps", "2", "--train.batch_size", "4"),
]


@pytest.fixture(scope="module")
def run(tmp_path_factory, write_run):
    return write_run(tmp_path_factory.mktemp("runs") / "run", "nowhere", lr_size=16, scale=8)


@pytest.fixture(scope="module")
def able(run):
    """The run, with its network for damaged inputs; the loud weights make it change every picture."""
    assert train_clean_lr.main(["--run", str(run), *TRAINING]) == 0
    return run


@pytest.fixture
def face(tmp_path, rng):
    path = tmp_path / "face.png"
    Image.fromarray(rng.integers(0, 256, (16, 16, 3), np.uint8)).save(path)
    return path


def test_without_the_network_it_says_how_to_train_it(tmp_path, write_run, face, capsys):
    bare = write_run(tmp_path / "bare", "nowhere", lr_size=16, scale=8)
    for module, rest in ((hallucinate, [face]), (evaluate, ["--data.source", "faces"])):
        output = ["--output", tmp_path / "out", "--input_quality", "photo"]
        result = run_command(module, ["--run", bare, *rest, *output], capsys)
        assert refuses(result, "gradsr train-clean-lr") and str(bare) in result.err
    with pytest.raises(ValueError, match="input_quality must be one of"):
        Hallucinator.load(bare, input_quality="phone")


def test_pictures_downscale_to_the_estimate(able, face, tmp_path, capsys):
    estimating, clean = (Hallucinator.load(able, input_quality=kind) for kind in ("photo", "clean"))
    lr, z = np.asarray(Image.open(face))[np.newaxis], np.zeros((1, 3), np.float32)
    estimate = estimating.clean_lr((np.float32(lr / 127.5 - 1), z)).numpy()
    made = estimating.reconstruct(lr).image
    blocks = made.reshape(1, 16, 8, 16, 8, 3).mean((2, 4))
    assert np.abs(blocks - (estimate + 1) * 127.5).max() <= 0.51
    assert (made != clean.reconstruct(lr).image).any()
    assert estimating.identity == {**clean.identity, "input_quality": "photo"}
    result = run_command(
        hallucinate,
        [face, "--run", able, "--num_samples", 2, "--input_quality", "photo", "-o", tmp_path / "out"],
        capsys,
    )
    assert result.status == 0
    written = Image.open(tmp_path / "out" / "face" / "reconstruction.png")
    np.testing.assert_array_equal(np.asarray(written.convert("RGB")), made[0])
    assert written.text["input_quality"] == "photo"


def test_tiles_make_no_difference(able, rng):
    lr = rng.integers(0, 256, (1, 60, 60, 3), np.uint8)
    whole, tiled = (
        Hallucinator.load(able, pixels, input_quality="photo").reconstruct(lr).image.astype(int)
        for pixels in (2**21, 400_000)
    )
    assert np.abs(whole - tiled).max() <= 1


def test_evaluation_estimates_clean_lr_first(able, tmp_path, capsys, quick_evaluation):
    asked = ["--run", able, "--data.source", "faces", "--data.limit", 4, "--num_samples", 2]
    output = ["--data.degrade", "true", "--input_quality", "photo", "-o", tmp_path / "photo"]
    assert run_command(evaluate, [*asked, *output], capsys).status == 0
    document = json.loads((tmp_path / "photo" / "results.json").read_text())
    assert document["settings"]["input_quality"] == "photo"
    # Exact to the estimate, so not to the damaged input.
    assert document["rows"][1]["figures"]["lr_psnr"]["mean"] < 60
    result = run_command(evaluate, [*asked, *output, "--overwrite", "--record_calibration"], capsys)
    assert refuses(result, "record_calibration: with --input_quality clean")


def test_a_packaged_run_has_it_too(able, tmp_path, rng):
    packaged = tmp_path / "packaged"
    assert package_weights.main(["--run", str(able), "--output", str(packaged)]) == 0
    assert (packaged / "clean_lr.weights.h5").stat().st_size < (able / "clean_lr.weights.h5").stat().st_size
    lr = rng.integers(0, 256, (1, 16, 16, 3), np.uint8)
    before, after = (
        Hallucinator.load(r, input_quality="photo").reconstruct(lr).image for r in (able, packaged)
    )
    assert np.abs(before.astype(int) - after).mean() < 1
    damaged = bytearray((packaged / "clean_lr.weights.h5").read_bytes())
    damaged[len(damaged) // 2] ^= 1
    (packaged / "clean_lr.weights.h5").write_bytes(damaged)
    with pytest.raises(ValueError, match=r"weights that match clean_lr\.weights\.sha256"):
        Hallucinator.load(packaged)


def test_photographs_saved_with_losses_are_taken_as_such(able, tmp_path, capsys):
    small = (
        Image.fromarray(data.astronaut()).crop((130, 0, 322, 192)).resize((32, 32), Image.Resampling.LANCZOS)
    )
    photographs = [tmp_path / name for name in ("lossless.png", "named.png")]
    small.save(photographs[0])
    # What counts is what the file is, not what it is called.
    small.save(photographs[1], "JPEG", quality=95)
    asked = [*photographs, "--run", able, "--num_samples", 0, "-o", tmp_path / "photos"]
    assert run_command(photo, asked, capsys).status == 0
    records = [json.loads((tmp_path / "photos" / p.stem / "photo.json").read_text()) for p in photographs]
    assert [record.get("input_quality") for record in records] == [None, "photo"]
    assert all(record["faces"][0]["folder"] for record in records)
    assert run_command(photo, [*asked, "--overwrite", "--input_quality", "clean"], capsys).status == 0
    assert "input_quality" not in json.loads((tmp_path / "photos" / "named" / "photo.json").read_text())


def test_what_train_clean_lr_refuses(able, run, tmp_path, capsys):
    assert refuses(run_command(train_clean_lr, ["--run", run, *TRAINING], capsys), "--overwrite")
    for more, said in (
        (["--data.degrade", "false"], "data.degrade: true"),
        (["--model.z_size", "5"], "model.z_size: 3, as in"),
    ):
        result = run_command(train_clean_lr, ["--run", run, *TRAINING, *more, "--overwrite"], capsys)
        assert refuses(result, said)
    assert refuses(run_command(train_clean_lr, TRAINING, capsys), "run: the folder of the run")
