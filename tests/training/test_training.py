"""Training runs: the run folder, resuming, stopping, replicas. Tiny networks on the embedded faces."""

import gc
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
import yaml
from checkout import ROOT
from PIL import Image
from training_steps import load_weights, read_metrics, tiny_config

from tf_gradsr import train as train_command
from tf_gradsr.config import Config
from tf_gradsr.config_files import load_config
from tf_gradsr.data import load_pictures, training_batches
from tf_gradsr.errors import ConfigError
from tf_gradsr.models import GradSR
from tf_gradsr.run_folder import RunFolder
from tf_gradsr.training.callbacks import StepCallback, StopRequest
from tf_gradsr.training.checkpoints import CheckpointError, Checkpoints
from tf_gradsr.training.distribution import Distribution
from tf_gradsr.training.divergence import TrainingDiverged
from tf_gradsr.training.run import Interrupted
from tf_gradsr.training.steps import Figures, run_steps
from tf_gradsr.training.trainer import build_model, train

# That of clean LR is for `gradsr train-clean-lr`.
CONFIGS = [path for path in sorted((ROOT / "configs").rglob("*.yaml")) if path.stem != "clean_lr"]


@pytest.fixture(scope="module")
def finished_run(tmp_path_factory):
    """A run of six steps, as the trainer leaves it."""
    path = tmp_path_factory.mktemp("runs") / "tiny"
    summary = train(tiny_config(), path, progress=False)
    return RunFolder(path), summary


def test_the_run_folder_holds_everything(finished_run):
    folder, summary = finished_run
    assert yaml.safe_load(folder.config.read_text()) == tiny_config().as_dict()
    assert sorted(p.name for p in folder.samples.iterdir()) == [f"step_{step:08d}.png" for step in (0, 3, 6)]
    assert sorted(p.name for p in folder.checkpoints.iterdir()) == ["step_00000004", "step_00000006"]
    assert json.loads(folder.summary.read_text()) == summary
    assert set(summary["bicubic"]) >= {"psnr", "ssim"}
    assert set(summary["model"]) == {"psnr", "ssim", "lr_psnr", "sample_std"}
    assert not list(folder.path.rglob(".partial-*"))


def test_a_run_on_degraded_pictures_measures_against_clean_lr_too(tmp_path):
    config = tiny_config(steps=2, validation_interval=2)
    config.data.degrade = config.data.augment = True
    folder = RunFolder(tmp_path / "run")
    summary = train(config, folder.path, progress=False)
    assert summary["bicubic"].keys() == {"psnr", "ssim", "lr_psnr", "clean_lr_psnr"}
    assert summary["model"].keys() == {"psnr", "ssim", "lr_psnr", "clean_lr_psnr", "sample_std"}
    assert summary["bicubic"]["lr_psnr"] > summary["bicubic"]["clean_lr_psnr"] > 15
    table = train_command.summary_table(summary).splitlines()
    assert f"{summary['model']['clean_lr_psnr']:.1f}" in table[2] and "clean LR-PSNR dB" in table[0]
    assert len({len(line) for line in table}) == 1
    assert any("validation/clean_lr_psnr" in line for line in read_metrics(folder))


def test_the_metrics_hold_every_term_at_its_step(finished_run):
    lines = read_metrics(finished_run[0])
    assert [line["step"] for line in lines if "loss/g/total" in line] == [2, 4, 6]
    assert [line["step"] for line in lines if "validation/psnr" in line] == [3, 6]
    assert "loss/d_image/adv" not in lines[0], "the first two steps train G alone"
    expected = {
        "loss/g/gradient",
        "loss/g/pixel",
        "loss/g/diversity",
        "loss/g/reconstruction_adv_image",
        "loss/g/reconstruction_adv_gradient",
        "loss/g/hallucination_adv_image",
        "loss/g/hallucination_adv_gradient",
        "loss/d_image/adv",
        "loss/d_image/r1",
        "loss/d_gradient/adv",
        "loss/d_gradient/r1",
        "score/image_real",
        "score/image_fake",
        "score/gradient_real",
        "score/gradient_fake",
        "reconstruction/lr_psnr",
        "hallucination/lr_psnr",
        "hallucination/sample_std",
        "pictures_per_second",
        "cpu_seconds",
    }
    assert expected <= set(lines[-1] if "loss/g/total" in lines[-1] else lines[-2])


def test_cpu_time_is_added_up_over_the_run(finished_run):
    folder = finished_run[0]
    lines = [json.loads(line) for line in folder.metrics.read_text().splitlines()]
    spent = [line["cpu_seconds"] for line in lines if "cpu_seconds" in line]
    assert len(spent) == 3 and min(spent) > 0
    assert folder.cpu_minutes() == pytest.approx(sum(spent) / 60)


def test_tensorboard_has_scalars_and_the_sample_sheet(finished_run):
    folder = finished_run[0]
    tags = {}
    for path in folder.events.glob("events.*"):
        for event in tf.compat.v1.train.summary_iterator(str(path)):
            for value in event.summary.value:
                tags.setdefault(value.tag, set()).add(event.step)
    assert tags["samples"] == {0, 3, 6}
    assert tags["loss/g/total"] == {2, 4, 6}
    assert tags["validation/psnr"] == {3, 6}


def test_the_sample_sheet_shows_lr_truth_and_different_samples(finished_run):
    folder = finished_run[0]
    sheet = np.asarray(Image.open(folder.samples / "step_00000006.png"))
    side = 128  # 32, enlarged
    columns = 10  # LR, bicubic, z = 0, z1, z2, z3, truth, three gradients
    assert sheet.shape == (18 + 4 + 4 * (side + 4), 4 + columns * (side + 4), 3)
    truth = load_pictures(tiny_config(), "validation", progress=False).array[0]
    left = 4 + 6 * (side + 4)
    np.testing.assert_array_equal(
        sheet[22 : 22 + side, left : left + side], truth.repeat(4, axis=0).repeat(4, axis=1)
    )
    blocks = sheet[22 : 22 + side, 4 : 4 + side]
    np.testing.assert_array_equal(blocks, np.kron(blocks[::16, ::16], np.ones((16, 16, 1), np.uint8)))


def test_the_final_weights_are_the_average_and_load(finished_run):
    folder = finished_run[0]
    model = build_model(tiny_config())
    Checkpoints(folder.checkpoints, model, 0).restore_latest()
    loaded = GradSR(tiny_config()).generator
    loaded.load_weights(folder.weights)
    for average, weight in zip(model.ema_generator.get_weights(), loaded.get_weights()):
        np.testing.assert_array_equal(average, weight)
    assert any(
        not np.array_equal(a, b)
        for a, b in zip(model.ema_generator.get_weights(), model.generator.get_weights())
    )


def test_a_finished_run_started_again_only_measures(finished_run):
    folder, summary = finished_run
    before = folder.metrics.read_text()
    again = train(tiny_config(), folder.path, progress=False)
    for row in summary:
        assert again[row] == pytest.approx(summary[row], rel=1e-5)
    assert folder.metrics.read_text() == before


def test_a_run_is_not_resumed_with_other_settings(finished_run):
    folder = finished_run[0]
    config = tiny_config()
    config.loss.alpha = 2.0
    with pytest.raises(ConfigError, match=r"loss\.alpha: .*1\.0 here.*Received: 2\.0"):
        train(config, folder.path, progress=False)


def test_thirty_steps_lower_the_reconstruction_loss(tmp_path):
    config = tiny_config(steps=30, reconstruction_steps=30, log_interval=5)
    config.optimizer.g_learning_rate = 3e-3
    train(config, tmp_path / "run", progress=False)
    losses = [
        line["loss/g/total"] for line in read_metrics(RunFolder(tmp_path / "run")) if "loss/g/total" in line
    ]
    assert losses[-1] < 0.9 * losses[0]


# ------------------------------------------------------------------ interruptions

RESUMED_STEPS = 40


def start_child(run_dir):
    """Runs the command line in its own process, logging every step."""
    arguments = {
        "data.source": "faces",
        "data.lr_size": 8,
        "data.limit": 16,
        "model.scale": 2,
        "model.blocks": 1,
        "model.discriminator_blocks": 1,
        "model.widths": "[8]",
        "model.z_size": 4,
        "loss.perceptual": "none",
        "loss.pixel": 1,
        "loss.r1_interval": 2,
        "train.steps": RESUMED_STEPS,
        "train.reconstruction_steps": 5,
        "train.batch_size": 4,
        "train.log_interval": 1,
        "train.checkpoint_interval": 7,
        "train.validation_pictures": 4,
        "train.summary_pictures": 4,
    }
    options = [text for name, value in arguments.items() for text in (f"--{name}", str(value))]
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    return subprocess.Popen(
        [sys.executable, "-m", "tf_gradsr.train", "--run_dir", str(run_dir), *options],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        env=environment,
    )


def kill_within_a_checkpoint(child, folder, step, timeout=240):
    """Kills the process as soon as a checkpoint after a step is being written."""
    end = time.monotonic() + timeout
    while time.monotonic() < end and child.poll() is None:
        if any(int(path.name[-8:]) > step for path in folder.checkpoints.glob(".partial-step_*")):
            child.kill()
            break
    _, errors = child.communicate(timeout=timeout)
    return child.returncode, errors


def final_variables(folder):
    reader = tf.train.load_checkpoint(str(folder.checkpoints / f"step_{RESUMED_STEPS:08d}" / "state"))
    names = [name for name in reader.get_variable_to_shape_map() if name.endswith("VARIABLE_VALUE")]
    return {name: reader.get_tensor(name) for name in names}


@pytest.mark.slow
def test_a_killed_and_resumed_run_equals_the_uninterrupted_one_bit_for_bit(tmp_path):
    whole, broken = RunFolder(tmp_path / "whole"), RunFolder(tmp_path / "broken")
    _, errors = start_child(whole.path).communicate(timeout=300)
    assert whole.summary.exists(), errors

    status, errors = kill_within_a_checkpoint(start_child(broken.path), broken, 24)
    assert status == -signal.SIGKILL, errors
    assert not broken.summary.exists()
    assert broken.weights.exists(), "an unfinished run can be looked at"

    _, errors = start_child(broken.path).communicate(timeout=300)
    assert "Continuing from step" in errors
    expected, resumed = final_variables(whole), final_variables(broken)
    assert expected.keys() == resumed.keys()
    assert len(expected) > 50
    for name, value in expected.items():
        np.testing.assert_array_equal(resumed[name], value, err_msg=name)
    assert broken.summary.read_text() == whole.summary.read_text()
    steps = [line["step"] for line in read_metrics(broken) if "loss/g/total" in line]
    assert steps == list(range(1, RESUMED_STEPS + 1)), "no step is logged twice or left out"


def projected_config(**train_settings) -> Config:
    """Everything beyond the paper at once: critics on features, posterior terms, bfloat16, degraded LR."""
    config = tiny_config(reconstruction_steps=0, checkpoint_interval=2, **train_settings)
    config.data.augment = config.data.degrade = True
    config.model.scale = 2
    config.model.consistency, config.model.discriminator = "exact", "both"
    config.model.features, config.model.features_side = "lite0", 32
    config.loss.beta, config.loss.mean, config.loss.spread = 0.0, 5.0, 0.3
    return config


@pytest.mark.slow
def test_a_resumed_run_with_features_and_posterior_terms_is_the_same_bit_for_bit(
    tmp_path, monkeypatch, small_features
):
    monkeypatch.setattr("tf_gradsr.training.trainer.usable_precision", lambda asked: asked)
    states = []
    for name, stops in (("whole", [4]), ("broken", [2, 4])):
        for steps in stops:
            config = projected_config(steps=steps, precision="mixed_bfloat16")
            train(config, tmp_path / name, progress=False)
        reader = tf.train.load_checkpoint(str(tmp_path / name / "checkpoints" / "step_00000004" / "state"))
        names = [n for n in reader.get_variable_to_shape_map() if n.endswith("VARIABLE_VALUE")]
        states.append({n: reader.get_tensor(n) for n in names})
    whole, broken = states
    assert whole.keys() == broken.keys()
    for part in ("projected_discriminator", "image_discriminator", "spread_steering"):
        assert any(part in name for name in whole)
    for name, value in whole.items():
        np.testing.assert_array_equal(broken[name], value, err_msg=name)
    lines = read_metrics(RunFolder(tmp_path / "broken"))
    ratios = [line["posterior/ratio"] for line in lines if "posterior/ratio" in line]
    assert len(ratios) == 2 and all(0.5 < ratio < 2 for ratio in ratios)


def test_a_kill_while_a_checkpoint_is_written_keeps_the_former_one(tmp_path, monkeypatch):
    model = build_model(tiny_config())
    checkpoints = Checkpoints(tmp_path, model, seed=0)
    checkpoints.save()
    before = [v.copy() for v in model.generator.get_weights()]

    def killed(folder):
        raise KeyboardInterrupt

    monkeypatch.setattr("tf_gradsr.training.checkpoints._flush_to_disk", killed)
    model.g_optimizer.iterations.assign(5)
    with pytest.raises(KeyboardInterrupt):
        checkpoints.save()
    assert list(tmp_path.glob(".partial-*")), "the half-written checkpoint is there under another name"
    model.generator.set_weights([v + 1 for v in before])
    model.g_optimizer.iterations.assign(3)
    assert checkpoints.restore_latest() == 0
    assert model.step == 0
    for weight, kept in zip(model.generator.get_weights(), before):
        np.testing.assert_array_equal(weight, kept)
    assert not list(tmp_path.glob(".partial-*"))


def test_a_damaged_checkpoint_is_named_and_an_older_one_used(tmp_path, caplog):
    model = build_model(tiny_config())
    checkpoints = Checkpoints(tmp_path, model, seed=0)
    checkpoints.save()
    before = model.generator.get_weights()
    model.generator.set_weights([v + 1 for v in before])
    model.g_optimizer.iterations.assign(5)
    newest = checkpoints.save()
    for file in newest.glob("state.data*"):
        file.write_bytes(file.read_bytes()[:100])
    assert Checkpoints(tmp_path, model, seed=0).restore_latest() == 0
    assert "step_00000005 is damaged" in caplog.text and "the one of step 0" in caplog.text
    for weight, kept in zip(model.generator.get_weights(), before):
        np.testing.assert_array_equal(weight, kept)
    assert {path.name for path in tmp_path.iterdir()} == {"step_00000000", "damaged_step_00000005"}
    (tmp_path / "step_00000000" / "state.index").unlink()
    with pytest.raises(
        CheckpointError, match=r"state\.index, which SHA256SUMS lists, is missing.*--train\.initial_weights"
    ):
        Checkpoints(tmp_path, model, seed=0).restore_latest()


def test_a_figure_that_is_not_finite_stops_the_run_and_names_it():
    figures = Figures(step=4)
    figures.names = ["loss/g/total", "norm/g"]
    for finite, values in ((1, [1, 2]), (1, [3, 4])):
        figures.add(tf.constant([finite, 0, *values], tf.float32))
    assert figures.means() == {"loss/g/total": 2.0, "norm/g": 3.0} and figures.step == 6
    # Found at the next look, which may be steps later.
    for finite, values in ((0, [1, np.nan]), (1, [3, 4])):
        figures.add(tf.constant([finite, 0, *values], tf.float32))
    with pytest.raises(TrainingDiverged, match=r"Step 7: norm/g is not finite"):
        figures.check()


def test_a_diverging_run_stops_and_keeps_its_last_good_checkpoint(tmp_path):
    config = tiny_config(checkpoint_interval=1, steps=6)
    config.optimizer.g_learning_rate = 1e30
    with pytest.raises(TrainingDiverged, match="is not finite"):
        train(config, tmp_path / "run", progress=False)
    folder = RunFolder(tmp_path / "run")
    model = build_model(config)
    step = Checkpoints(folder.checkpoints, model, 0).restore_latest()
    assert 0 < step < 6
    assert all(np.isfinite(weight).all() for weight in model.generator.get_weights())


def test_a_run_starts_from_the_weights_that_it_is_given_but_resumes_from_its_own(finished_run, tmp_path):
    folder, _ = finished_run
    config = tiny_config(steps=2, checkpoint_interval=1, keep_checkpoints=9)
    config.train.initial_weights = str(folder.weights)
    config.optimizer.g_learning_rate = config.optimizer.d_learning_rate = 1e-9
    train(config, tmp_path / "run", progress=False)
    given, own = GradSR(config).generator, GradSR(config).generator
    given.load_weights(folder.weights)
    own.load_weights(tmp_path / "run" / "generator.weights.h5")
    for a, b in zip(given.get_weights(), own.get_weights()):
        np.testing.assert_allclose(a, b, atol=1e-6)

    config.train.initial_weights, config.train.steps = "gone.h5", 3
    train(config, tmp_path / "run", progress=False)
    assert (tmp_path / "run" / "checkpoints" / "step_00000003").is_dir()

    config.train.initial_weights, config.model.blocks = str(folder.weights), 2
    with pytest.raises(
        ConfigError, match=r"train\.initial_weights: .*same model settings.*generator\.weights"
    ):
        train(config, tmp_path / "other", progress=False)


def test_a_run_starts_from_the_networks_of_another(finished_run, tmp_path):
    folder, _ = finished_run
    config = tiny_config(steps=1)
    config.train.initial_run, config.loss.r1, config.train.seed = str(folder.path), 77.0, 5
    config.optimizer.ema_half_life = 1e9
    config.optimizer.g_learning_rate = config.optimizer.d_learning_rate = 1e-9
    train(config, tmp_path / "run", progress=False)
    theirs, ours, untrained = GradSR(config), GradSR(config), GradSR(config)
    for model, path in ((theirs, folder.path), (ours, tmp_path / "run")):
        model.compile(config.loss, keras.optimizers.Adam(), keras.optimizers.Adam())
        Checkpoints(path / "checkpoints", model, 0).read_networks()
    for name in ("generator", "ema_generator", "image_discriminator", "gradient_discriminator"):
        given, own, random = (
            np.concatenate([w.ravel() for w in network.get_weights()])
            for network in (
                {"generator": m.generator, "ema_generator": m.ema_generator, **m.discriminators}[name]
                for m in (theirs, ours, untrained)
            )
        )
        np.testing.assert_allclose(given, own, atol=1e-6)
        assert np.abs(given - random).max() > 1e-3


@pytest.mark.parametrize("spoilt", ["checkpoint", "settings", "nothing there", "state"])
def test_a_run_to_start_from_is_refused_by_name(finished_run, tmp_path, spoilt):
    other = tmp_path / "other"
    shutil.copytree(finished_run[0].path, other)
    config = tiny_config(steps=1)
    config.train.initial_run = str(other)
    if spoilt == "checkpoint":
        shutil.rmtree(other / "checkpoints")
    elif spoilt == "settings":
        config.model.discriminator_blocks = 3
    elif spoilt == "state":
        for path in (other / "checkpoints").glob("step_*/state.data*"):
            path.write_bytes(path.read_bytes()[:100])
    else:
        shutil.rmtree(other)
    said = {"settings": r"model\.discriminator_blocks differs", "checkpoint": "holds no checkpoint"}
    with pytest.raises(ConfigError, match=rf"train\.initial_run: .*other \(.*{said.get(spoilt, '')}"):
        train(config, tmp_path / "run", progress=False)


class Terminate(StepCallback):
    """Sends this process a SIGTERM after the first step, or when everything else of a phase is done."""

    def __init__(self, when):
        self.when = when

    def on_step(self, step, figures):
        if self.when == "step":
            os.kill(os.getpid(), signal.SIGTERM)

    def on_end(self, step, figures):
        if self.when == "end":
            os.kill(os.getpid(), signal.SIGTERM)


def test_a_stop_after_the_last_callback_still_saves_a_checkpoint(tmp_path, monkeypatch):
    monkeypatch.setattr("tf_gradsr.training.run.FiniteCheck", lambda intervals: Terminate("end"))
    config = tiny_config(checkpoint_interval=5)
    with StopRequest().listening() as stop_request, pytest.raises(Interrupted):
        train(config, tmp_path / "run", progress=False, stop_request=stop_request)
    assert [p.name for p in (tmp_path / "run" / "checkpoints").iterdir()] == ["step_00000002"]


def test_a_command_stopped_within_a_phase_leaves_no_iterator_behind(tmp_path, monkeypatch, request):
    gc.collect()
    before = living_iterators()
    # Otherwise it is a matter of chance whether they are gone.
    gc.disable()
    request.addfinalizer(gc.enable)
    monkeypatch.setattr("tf_gradsr.training.run.FiniteCheck", lambda intervals: Terminate("step"))
    assert train_command.main(["--smoke", "--run_dir", str(tmp_path / "run")]) == 128 + signal.SIGTERM
    assert not [one for one in living_iterators() if not any(one is other for other in before)]


def test_a_run_in_a_thread_changes_nothing_of_the_process(finished_run, tmp_path):
    """The same weights as in the main thread; signal handlers and random numbers as they were."""
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    state = random.getstate()
    thread = threading.Thread(target=train, args=(tiny_config(), tmp_path / "run", False))
    thread.start()
    thread.join()
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers
    assert random.getstate() == state
    theirs, ours = (load_weights(RunFolder(path)) for path in (finished_run[0].path, tmp_path / "run"))
    assert theirs.keys() == ours.keys() and all((theirs[name] == ours[name]).all() for name in ours)


def living_iterators():
    kind = type(iter(tf.data.Dataset.range(1)))
    return [found for found in gc.get_objects() if isinstance(found, kind)]


def test_a_run_without_a_checkpoint_starts_anew(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.prepare(tiny_config())
    folder.metrics.write_text('{"step": 1, "loss/g/total": 0.5}\n{"step": 2, "lo')
    config = tiny_config(steps=2)
    config.loss.alpha = 2.0
    train(config, folder.path, progress=False)
    assert [line["step"] for line in read_metrics(folder)] == [2]
    assert yaml.safe_load(folder.config.read_text())["loss"]["alpha"] == 2.0


def test_unreadable_pictures_are_named_in_the_run_folder(tmp_path):
    source = tmp_path / "pictures"
    for split in ("train", "test"):
        (source / split).mkdir(parents=True)
        for n in range(3):
            Image.new("RGB", (32, 32), (60 * n, 10, 90)).save(source / split / f"{n}.png")
    # A name that is not valid UTF-8.
    (source / "train" / os.fsdecode(b"broken\xe9.png")).write_bytes(b"not a picture")
    config = tiny_config(steps=2)
    config.data.source, config.data.path = "folder", str(source)
    train(config, tmp_path / "run", progress=False)
    lines = RunFolder(tmp_path / "run").unreadable.read_text().splitlines()
    assert len(lines) == 1
    split, name, reason = lines[0].split("\t")
    assert (split, Path(name).name) == ("train", r"broken\xe9.png")
    assert reason


def test_a_config_of_an_earlier_version_is_read_without_the_settings_that_are_gone(finished_run, tmp_path):
    settings = yaml.safe_load(finished_run[0].config.read_text())
    settings["train"] |= {"grow": None, "crop": None}
    settings["loss"]["discriminator_run"] = None
    old = tmp_path / "config.yaml"
    old.write_text(yaml.safe_dump(settings))
    assert load_config(old) == tiny_config()
    settings["data"]["shift"] = 0
    old.write_text(yaml.safe_dump(settings))
    assert load_config(old) == tiny_config()
    # 3 HR pixels each way are 2 on the whole, a quarter of an LR pixel at 8x.
    settings["data"]["shift"], settings["model"]["scale"] = 3, 8
    old.write_text(yaml.safe_dump(settings))
    data = load_config(old).data
    assert (data.augment, data.augment_shift, data.augment_turn, data.augment_scale) == (True, 0.25, 0, 0)
    # If they were in use, it was a different run.
    settings["train"]["grow"] = [[2, 10]]
    old.write_text(yaml.safe_dump(settings))
    with pytest.raises(ConfigError, match=r"train\.grow: no such setting"):
        load_config(old)


@pytest.mark.slow
@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_smoke_runs_every_config_through_every_part(path, tmp_path, capsys, small_features):
    # As a run's config.yaml may have it, on a machine without that run.
    settings = yaml.safe_load(path.read_text())
    settings["train"] = {"initial_weights": None, **settings.get("train", {})}
    if not settings["train"]["initial_weights"]:
        settings["train"]["initial_run"] = "no/such/run"
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(settings))
    arguments = ["--config", str(tmp_path / "config.yaml"), "--run_dir", str(tmp_path / "run"), "--smoke"]
    full = load_config(path).train
    if full.reconstruction_steps in (0, full.steps):
        # A stage of one phase: the other's graph would take most of the time.
        arguments += ["--train.reconstruction_steps", "3" if full.reconstruction_steps else "0"]
    if path.stem != "celeba_8x":
        # A deep graph takes long; the paper's is built at full scale.
        arguments += ["--model.scale", "2"]
    assert train_command.main([*arguments, "--train.steps", "3", "--train.batch_size", "4"]) == 0
    assert "bicubic" in capsys.readouterr().out
    steps = [line["step"] for line in read_metrics(RunFolder(tmp_path / "run")) if "norm/g" in line]
    assert steps == [1, 2, 3], "an option given beside --smoke holds"


# ------------------------------------------------------------------ devices


def weights_after_three_steps(strategy, optimizer, config=None):
    config = config or tiny_config(steps=3)
    config.model.scale = 2
    pictures = load_pictures(config, "train", progress=False)
    keras.utils.set_random_seed(0)
    with strategy.scope():
        model = GradSR(config)
        model.compile(config.loss, optimizer(), optimizer(), ema_decay=0.5)
    distribution = Distribution(strategy)
    batches = distribution.distributed(
        lambda **share: training_batches(pictures, config, num_steps=3, **share)
    )
    run_steps(model, batches, 3, distribution, [], StopRequest())
    networks = (model.generator, *model.discriminators.values(), model.ema_generator)
    return [weight for network in networks for weight in network.get_weights()]


@pytest.mark.slow
def test_two_replicas_train_the_same_weights_as_one(two_devices):
    def adam():
        return keras.optimizers.Adam(1e-4, beta_1=0.0, beta_2=0.9)

    one_device = weights_after_three_steps(tf.distribute.get_strategy(), adam)
    mirrored = weights_after_three_steps(two_devices, adam)
    difference = np.concatenate([np.abs(a - b).ravel() for a, b in zip(one_device, mirrored)])
    # Adam makes full steps of the rounding noise in tiny gradients, so only the mean can agree.
    assert np.mean(difference) <= 1e-5


@pytest.mark.slow
def test_two_replicas_agree_on_features_and_posterior_terms(two_devices, small_features):
    weights = []
    for strategy in (tf.distribute.get_strategy(), two_devices):
        config = projected_config(steps=3)
        # Relativistic: the logistic loss alone is covered above. SGD: every weight must agree.
        config.loss.adversarial = "relativistic"
        weights.append(weights_after_three_steps(strategy, lambda: keras.optimizers.SGD(0.003), config))
    difference = np.concatenate([np.abs(a - b).ravel() for a, b in zip(*weights)])
    assert np.max(difference) <= 1e-4


@pytest.mark.slow
def test_a_run_with_vgg_on_two_devices_can_be_resumed(two_devices, tmp_path):
    keras.utils.set_random_seed(0)
    weights = tmp_path / "vgg16_notop.weights.h5"
    keras.applications.VGG16(include_top=False, weights=None).save_weights(weights)
    config = tiny_config(steps=3, checkpoint_interval=3, reconstruction_steps=0)
    config.model.scale = 2
    config.loss.perceptual, config.loss.vgg_weights = "vgg16", str(weights)
    train(config, tmp_path / "run", progress=False, distribution=Distribution(two_devices))
    config.train.steps = 4
    summary = train(config, tmp_path / "run", progress=False, distribution=Distribution(two_devices))
    lines = read_metrics(RunFolder(tmp_path / "run"))
    assert [line["step"] for line in lines if "loss/g/perceptual" in line] == [2, 3, 4]
    assert np.isfinite(summary["model"]["psnr"])
