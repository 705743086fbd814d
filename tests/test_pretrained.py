"""The package's face model and the baselines of its table do what their summaries say."""

import hashlib
import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio

from tf_gradsr import Hallucinator, metrics, ops, preset_models, run_folder
from tf_gradsr.config import Config, DataConfig
from tf_gradsr.config_files import load_config
from tf_gradsr.data import load_pictures
from tf_gradsr.errors import ConfigError
from tf_gradsr.run_folder import DEFAULT_PRESET, PRESETS, RunFolder

PRETRAINED = PRESETS / DEFAULT_PRESET
PROJECT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def shipped():
    return json.loads((PRETRAINED / "summary.json").read_text())


@pytest.fixture(scope="module")
def hallucinator():
    return Hallucinator.load()


@pytest.fixture(scope="module")
def pairs():
    """All embedded test faces, uint8: LR by block means, and the truth."""
    faces = load_pictures(Config(data=DataConfig(source="faces")), "test", progress=False).array
    blocks = faces.reshape(len(faces), 16, 8, 16, 8, 3).mean((2, 4))
    return np.uint8(np.round(blocks)), faces


def test_the_files_are_small_plain_and_as_their_checksum_says(hallucinator):
    weights = PRETRAINED / "generator.weights.h5"
    digest, name = (PRETRAINED / "generator.weights.sha256").read_text().split()
    assert name == weights.name and hashlib.sha256(weights.read_bytes()).hexdigest() == digest
    assert weights.stat().st_size <= 6_000_000
    assert hallucinator.generator.count_params() <= 2_600_000
    assert hallucinator.scale == 8 and hallucinator.stochastic
    kinds = set()
    with h5py.File(weights) as file:
        file.visititems(lambda _, item: kinds.add(str(getattr(item, "dtype", "group"))))
    assert kinds == {"group", "float16"}


def test_damaged_weights_are_refused(tmp_path):
    run = tmp_path / "run"
    shutil.copytree(PRETRAINED, run)
    assert RunFolder.trained(run).path == run
    damaged = bytearray((run / "generator.weights.h5").read_bytes())
    damaged[len(damaged) // 2] ^= 1
    (run / "generator.weights.h5").write_bytes(damaged)
    with pytest.raises(ConfigError, match=r"run: weights that match generator.weights.sha256"):
        Hallucinator.load(run)


def test_the_packages_weights_are_refused_without_their_checksum(tmp_path, monkeypatch):
    package = tmp_path / DEFAULT_PRESET
    shutil.copytree(PRETRAINED, package)
    monkeypatch.setattr(run_folder, "PRESETS", tmp_path)
    assert RunFolder.trained(None).path == package
    checksum = package / "generator.weights.sha256"
    for content in (b"", b"\xff\xfe"):
        checksum.write_bytes(content)
        with pytest.raises(ConfigError, match=r"run: weights that match generator.weights.sha256"):
            RunFolder.trained(None)
    checksum.unlink()
    with pytest.raises(ConfigError, match=r"run: generator.weights.sha256 beside the package's weights"):
        RunFolder.trained(None)
    other = tmp_path / "runs" / "other"
    shutil.copytree(package, other)
    assert RunFolder.trained(other).path == other, "a run of one's own has no checksum"


def reconstructions(hallucinator, lr, **how):
    return np.concatenate([hallucinator.reconstruct(part, **how).image for part in np.split(lr, 8)])


def margin(images, lr, truth):
    """PSNR above bicubic's, dB: scikit-image's means over the pictures."""
    bicubic = metrics.bicubic(ops.to_float(lr), 8).numpy()
    ours, theirs = (np.mean(list(map(peak_signal_noise_ratio, truth, made))) for made in (images, bicubic))
    return ours - theirs


def test_reconstructions_are_as_good_as_shipped(hallucinator, pairs, shipped):
    lr, truth = pairs
    images = reconstructions(hallucinator, lr)
    assert margin(images, lr, truth) >= shipped["model"]["psnr"] - shipped["bicubic"]["psnr"] - 0.2
    blocks = images.reshape(len(images), 16, 8, 16, 8, 3).mean((2, 4))
    assert np.abs(blocks - lr).max() <= 0.5 + 1e-6


def test_samples_are_as_shipped(hallucinator, pairs, shipped):
    """Their spread, calibration and CRPS, from NumPy, are within a fifth of those on the whole test set."""
    lr, truth = (x[:48] for x in pairs)
    z = np.random.default_rng(1).standard_normal((48, 4, hallucinator.z_size)).astype(np.float32)
    made = hallucinator.generate(np.repeat(lr, 4, axis=0), z.reshape(192, -1))[0]
    samples, truth = made.reshape(48, 4, *truth.shape[1:]).astype(np.float64), truth.astype(np.float64)
    spread = samples.std(axis=1, ddof=1)
    assert spread.mean() == pytest.approx(shipped["model"]["sample_std"], rel=0.2)
    error = hallucinator.reconstruct(lr).image - truth
    recorded = shipped["calibration"]
    ratio = np.sqrt(np.mean(spread**2) / np.mean(error**2))
    assert ratio == pytest.approx(recorded["spread_error"], rel=0.2)
    apart = np.mean([np.abs(samples[:, i] - samples[:, j]).mean() for i in range(4) for j in range(i)])
    crps = np.abs(samples - truth[:, np.newaxis]).mean() - apart / 2
    assert crps == pytest.approx(recorded["crps"], rel=0.2)


@pytest.mark.parametrize("name", ["srgan_faces", "esrgan_faces"])
def test_baselines_have_their_recipes_settings_and_are_as_good_as_they_say(name, pairs):
    run = RunFolder.trained(name)
    trained = load_config(run.config)
    expected = load_config(PROJECT / "configs" / "baselines" / f"{name}.yaml")
    expected.train.initial_weights = trained.train.initial_weights
    assert trained == expected
    images = reconstructions(Hallucinator.load(run.path), pairs[0], consistency="none")
    model, bicubic = (run.read_summary()[of]["psnr"] for of in ("model", "bicubic"))
    assert margin(images, *pairs) == pytest.approx(model - bicubic, abs=0.2)


def test_models_are_listed_and_found_by_name(capsys):
    assert preset_models.main(["--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert set(rows) == {path.name for path in PRESETS.iterdir()}
    ours = rows["faces_8x"]
    assert (ours["lr"], ours["hr"]) == ([16, 16], [128, 128])
    assert ours["parameters"] == sum(
        int(np.prod(w.shape)) for w in Hallucinator.load("faces_8x").generator.weights
    )
    assert preset_models.main([]) == 0
    assert "faces_8x" in capsys.readouterr().out
    with pytest.raises(ConfigError, match=r"did you mean faces_8x\? Received: face_8x"):
        RunFolder.trained("face_8x")


def test_a_folder_takes_precedence_over_a_models_name(tmp_path, monkeypatch):
    shutil.copytree(PRESETS / "cpu_8x", tmp_path / "faces_8x")
    monkeypatch.chdir(tmp_path)
    assert RunFolder.trained("faces_8x").path.resolve() == tmp_path / "faces_8x"
