"""The face model in the package, and the baselines of its table: that they do what their summaries say."""

import hashlib
import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio

from tf_gradsr import Hallucinator, metrics, ops, run_folder
from tf_gradsr.config import Config, ConfigError, DataConfig
from tf_gradsr.config_parser import load_config
from tf_gradsr.data import load_pictures
from tf_gradsr.run_folder import PRETRAINED, RunFolder

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
    with pytest.raises(ConfigError, match=r"run: weights as generator.weights.sha256 says"):
        Hallucinator.load(run)


def test_the_packages_weights_are_refused_without_their_checksum(tmp_path, monkeypatch):
    package = tmp_path / "package"
    shutil.copytree(PRETRAINED, package)
    monkeypatch.setattr(run_folder, "PRETRAINED", package)
    assert RunFolder.trained(None).path == package
    checksum = package / "generator.weights.sha256"
    for content in (b"", b"\xff\xfe"):
        checksum.write_bytes(content)
        with pytest.raises(ConfigError, match=r"run: weights as generator.weights.sha256 says"):
            RunFolder.trained(None)
    checksum.unlink()
    with pytest.raises(ConfigError, match=r"run: generator.weights.sha256 beside the package's weights"):
        RunFolder.trained(None)
    other = tmp_path / "runs"
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
    """Their spread, calibration and CRPS, by NumPy, within a fifth of what the whole test set gave."""
    lr, truth = (x[:96] for x in pairs)
    z = np.random.default_rng(1).standard_normal((96, 4, hallucinator.z_size)).astype(np.float32)
    made = hallucinator.generate(np.repeat(lr, 4, axis=0), z.reshape(384, -1))[0]
    samples, truth = made.reshape(96, 4, *truth.shape[1:]).astype(np.float64), truth.astype(np.float64)
    spread = samples.std(axis=1, ddof=1)
    assert spread.mean() == pytest.approx(shipped["model"]["sample_std"], rel=0.2)
    error = hallucinator.reconstruct(lr).image - truth
    recorded = shipped["calibration"]
    ratio = np.sqrt(np.mean(spread**2) / np.mean(error**2))
    assert ratio == pytest.approx(recorded["spread_error"], rel=0.2)
    apart = np.mean([np.abs(samples[:, i] - samples[:, j]).mean() for i in range(4) for j in range(i)])
    crps = np.abs(samples - truth[:, np.newaxis]).mean() - apart / 2
    assert crps == pytest.approx(recorded["crps"], rel=0.2)


@pytest.mark.parametrize("stage", ["faces", "faces_reconstruction"])
@pytest.mark.parametrize("name", ["srgan", "esrgan"])
def test_baselines_went_to_their_recipes_last_step_and_are_as_good_as_they_say(name, stage, pairs):
    run, recipe = RunFolder(PROJECT / "checkpoints" / f"{name}_{stage}"), f"{name}_{stage}.yaml"
    trained = load_config(run.config)
    expected = load_config(PROJECT / "configs" / "baselines" / recipe)
    expected.train.initial_weights = trained.train.initial_weights
    assert trained == expected
    lines = map(json.loads, run.metrics.read_text().splitlines())
    steps = [line["step"] for line in lines if "cpu_seconds" in line]
    interval = trained.train.log_interval
    assert set(range(interval, trained.train.steps + 1, interval)) <= set(steps)
    assert steps == sorted(set(steps)) and steps[-1] == trained.train.steps
    images = reconstructions(Hallucinator.load(run.path), pairs[0], consistency="none")
    model, bicubic = (json.loads(run.summary.read_text())[of]["psnr"] for of in ("model", "bicubic"))
    assert margin(images, *pairs) == pytest.approx(model - bicubic, abs=0.2)
