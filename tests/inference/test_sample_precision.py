"""Samples with convolutions in bfloat16: how close they are to float32's, and what says so."""

import numpy as np
import pytest
from commands import refuses, run_command
from PIL import Image

from tf_gradsr import Hallucinator, hallucinate, metrics, ops, precision
from tf_gradsr.config import Config, DataConfig
from tf_gradsr.data import load_pictures


@pytest.fixture
def with_bfloat16(monkeypatch):
    """A device that claims to have bfloat16; where it has none, TensorFlow rounds to it, slowly."""
    monkeypatch.setattr(precision, "cpu_multiplies_bfloat16", lambda: True)


@pytest.fixture
def without_bfloat16(monkeypatch):
    monkeypatch.setattr(precision.tf.config, "list_physical_devices", lambda kind=None: [])
    monkeypatch.setattr(precision, "cpu_multiplies_bfloat16", lambda: False)


def test_the_packages_faces_are_those_of_float32(with_bfloat16):
    """At most one grey level apart for 99.9 % of the pixels, and as consistent."""
    config = Config(data=DataConfig(source="faces", limit=3))
    faces = load_pictures(config, "test", progress=False).array
    lr = ops.to_uint8(ops.downscale(ops.to_float(faces), 8)).numpy()
    full, half = (Hallucinator.load(precision=kind) for kind in ("float32", "mixed_bfloat16"))
    for make in (lambda model: model.reconstruct(lr).image, lambda model: model.sample(lr, 1).images[:, 0]):
        expected, found = make(full), make(half)
        apart = np.abs(found.astype(int) - expected).max(-1)
        assert (apart <= 1).mean() >= 0.999 and apart.max() <= 4
        assert apart.any()
        assert metrics.lr_psnr(found, lr, 8).numpy().min() > 50


def test_the_metadata_names_the_precision(with_bfloat16, run_dir, tmp_path, capsys):
    picture = tmp_path / "face.png"
    Image.radial_gradient("L").convert("RGB").resize((6, 5)).save(picture)
    texts = {}
    for kind in ("float32", "mixed_bfloat16"):
        output = tmp_path / kind
        options = ["--run", run_dir, "--num_samples", 1, "--precision", kind, "-o", output]
        assert run_command(hallucinate, [picture, *options], capsys).status == 0
        texts[kind] = Image.open(output / "face/sample_00.png").text
    assert texts["mixed_bfloat16"] == {**texts["float32"], "precision": "mixed_bfloat16"}


def test_a_device_without_bfloat16_uses_float32(without_bfloat16, run_dir, pictures, capsys):
    lr = ops.to_uint8(pictures(2, 6, 6, 3)).numpy()
    asked, usual = (Hallucinator.load(run_dir, precision=kind) for kind in ("mixed_bfloat16", "float32"))
    assert capsys.readouterr().err == "precision: this CPU has no bfloat16; float32 is used.\n"
    assert asked.identity == usual.identity
    np.testing.assert_array_equal(asked.sample(lr, 2).images, usual.sample(lr, 2).images)


def test_other_precisions_are_refused(run_dir, tmp_path, capsys):
    with pytest.raises(ValueError, match=r"precision must be one of .*'float16'"):
        Hallucinator.load(run_dir, precision="float16")
    result = run_command(hallucinate, ["face.png", "--precision", "float16", "-o", tmp_path], capsys)
    assert result.status == 2 and "precision" in result.err


def test_baselines_have_one_precision(with_bfloat16, tmp_path, capsys):
    Image.new("RGB", (16, 16)).save(tmp_path / "face.png")
    options = ["--run", "srgan_faces", "--num_samples", 0, "-o", tmp_path / "out"]
    result = run_command(
        hallucinate, [tmp_path / "face.png", *options, "--precision", "mixed_bfloat16"], capsys
    )
    assert refuses(result, "precision: float32 with model.name srgan")
