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
from tf_gradsr.registry import build_model
from tf_gradsr.run_folder import PRETRAINED, RunFolder
from tf_gradsr.training.first_state import start_from_other_run

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
    assert hallucinator.generator.count_params() <= 1_500_000
    assert hallucinator.scale == 8 and hallucinator.stochastic
    kinds = set()
    with h5py.File(weights) as file:
        file.visititems(lambda _, item: kinds.add(str(getattr(item, "dtype", "group"))))
    assert kinds == {"group", "float32"}


def test_the_checkpoint_to_go_on_from_holds_the_same_generator(hallucinator):
    folder = PROJECT / "checkpoints" / "faces_8x"
    config = load_config(folder / "config.yaml")
    config.train.initial_run = str(folder)
    model = build_model(config)
    made = {name: network.get_weights() for name, network in model.discriminators.items()}
    start_from_other_run(model, config)
    for own, given in zip(model.ema_generator.get_weights(), hallucinator.generator.get_weights()):
        np.testing.assert_array_equal(own, given)
    for name, network in model.discriminators.items():
        same = [np.array_equal(a, b) for a, b in zip(made[name], network.get_weights())]
        assert sum(same) <= 1, "a relativistic loss leaves but the last bias as it was made"


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


def test_samples_differ_as_much_as_shipped(hallucinator, pairs, shipped):
    images = hallucinator.sample(pairs[0][:96], num_samples=4, seed=1).images
    spread = images.std(axis=1, ddof=1).mean()
    assert spread == pytest.approx(shipped["model"]["sample_std"], rel=0.2)


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
