"""After NaN, or with too little memory: what the messages advise works. And no NaN reaches a checkpoint."""

import json
import re

import h5py
import numpy as np
import pytest
import tensorflow as tf
from damaged_files import damaged

from tf_gradsr import train as train_command
from tf_gradsr.config import Config
from tf_gradsr.config_files import config_from, load_config
from tf_gradsr.data import load_pictures, training_batches
from tf_gradsr.errors import ConfigError
from tf_gradsr.models import GradSR
from tf_gradsr.registry import build_model
from tf_gradsr.run_folder import RunFolder
from tf_gradsr.training.checkpoints import CheckpointError, Checkpoints
from tf_gradsr.training.divergence import TrainingDiverged, roll_back
from tf_gradsr.training.trainer import train


@pytest.fixture
def config(tiny_config) -> Config:
    """Reconstruction alone, the quicker step; a checkpoint at every other one."""
    config = tiny_config(lr_size=6)
    config.data.source, config.data.limit = "faces", 8
    settings = {"steps": 6, "reconstruction_steps": 6, "batch_size": 4, "log_interval": 1}
    settings |= {"sample_interval": 99, "validation_interval": 99, "validation_pictures": 4}
    settings |= {"checkpoint_interval": 2, "summary_pictures": 4}
    for name, value in settings.items():
        setattr(config.train, name, value)
    return config


@pytest.fixture
def nan_at(monkeypatch):
    """Makes the loss of a step NaN, as often as asked; returns the list of the noise that it had then."""
    seen, step_of_gradsr = [], GradSR._reconstruction_step

    def install(step, times):
        def spoil(now, z):
            if now == step and len(seen) < times:
                seen.append(z)
                return np.float32("nan")
            return np.float32(0)

        def spoilt_step(self, batch):
            now = self.g_optimizer.iterations.value
            nothing = tf.numpy_function(spoil, [now + 1, batch["z"]], tf.float32)
            logs = step_of_gradsr(self, batch)
            return {**logs, "loss/g/total": logs["loss/g/total"] + tf.ensure_shape(nothing, [])}

        monkeypatch.setattr(GradSR, "_reconstruction_step", spoilt_step)
        return seen

    return install


def state_of(run, step):
    return json.loads((run.checkpoints / f"step_{step:08d}" / "state.json").read_text())


def all_finite(run):
    """Whether every number of every file of weights, in checkpoints or not, is finite."""
    with h5py.File(run.weights) as file:
        arrays = []
        file.visititems(lambda _, item: arrays.append(item[()]) if hasattr(item, "dtype") else None)
    for folder in run.checkpoints.glob("step_*"):
        reader = tf.train.load_checkpoint(str(folder / "state"))
        names = [n for n in reader.get_variable_to_shape_map() if n.endswith("VARIABLE_VALUE")]
        arrays += [reader.get_tensor(name) for name in names]
    return len(arrays) > 20 and all(np.isfinite(array).all() for array in arrays)


def test_a_run_goes_back_and_on_with_other_data_then_with_a_lower_rate_and_a_smaller_batch(
    config, nan_at, tmp_path, caplog, capsys
):
    run = RunFolder(tmp_path / "run")
    seen = nan_at(step=5, times=1)
    config.train.on_nonfinite = "rollback"
    train(config, run.path, progress=False)
    (line,) = run.changes.rollbacks()
    assert (line["step"], line["failed_step"], line["not_finite"]) == (4, 5, ["loss/g/total"])
    assert "Step 5: loss/g/total is not finite: back to the checkpoint of step 4" in caplog.text
    steps = [json.loads(text)["step"] for text in run.metrics.read_text().splitlines()]
    assert steps == [1, 2, 3, 4, 5, 6] and len(seen) == 1 and all_finite(run)
    # The same command, with the options that a message would advise.
    config.optimizer.g_learning_rate, config.train.batch_size, config.train.steps = 1e-5, 2, 8
    train(config, run.path, progress=False)
    assert "From here on with train.batch_size 2, which was 4" in capsys.readouterr().err
    last = json.loads(run.changes.path.read_text().splitlines()[-1])
    assert last["step"] == 6
    assert last["settings"] == {"optimizer.g_learning_rate": [1e-4, 1e-5], "train.batch_size": [4, 2]}
    assert load_config(run.config).train.batch_size == 2
    assert (state_of(run, 6)["example"], state_of(run, 8)["example"]) == (24, 28)


def test_a_run_that_cannot_be_saved_gives_up_with_advice_that_its_command_takes(config, nan_at, tmp_path):
    run = RunFolder(tmp_path / "run")
    seen = nan_at(step=5, times=99)
    config.train.on_nonfinite = "rollback"
    with pytest.raises(TrainingDiverged, match=r"Step 5: .*3 rollbacks did not help.*is step 4\.") as raised:
        train(config, run.path, progress=False)
    assert [line["step"] for line in run.changes.rollbacks()] == [4, 2, 2]
    assert len(seen) == 4 and len({z.tobytes() for z in seen}) == 4, "each time with other data"
    assert all_finite(run)
    advised = re.findall(r"(--[\w.]+) (\S+?),? ", str(raised.value))
    assert [name for name, _ in advised] == [
        "--optimizer.g_learning_rate",
        "--optimizer.d_learning_rate",
        "--loss.r1",
    ]
    # The run's own settings, with those on top.
    typed = ["--config", str(run.config), *(text for pair in advised for text in pair)]
    again = config_from(train_command.build_parser().parse_args(typed))
    changed = run.check(again)
    assert changed["optimizer.g_learning_rate"] == (1e-4, 5e-5) and changed["loss.r1"] == (10.0, 20.0)
    # With other settings, three more times.
    run.changes.record(4, settings=changed)
    again = Checkpoints(run.checkpoints, build_model(config), seed=0)
    assert roll_back(raised.value, again, run.changes) == 4
    assert [line["rollback"] for line in run.changes.rollbacks()] == [1, 2, 3, 1]


@pytest.mark.parametrize("part", ["generator", "ema_generator", "g_optimizer"])
def test_what_is_not_finite_is_not_saved(config, tmp_path, part):
    model = build_model(config)
    checkpoints = Checkpoints(tmp_path, model, seed=0, weights=tmp_path / "generator.weights.h5")
    variable = model.trained_parts()[part].variables[-1]
    variable.assign(np.full(variable.shape, np.inf))
    with pytest.raises(TrainingDiverged, match=f"Step 0: a weight of {part} is not finite"):
        checkpoints.save()
    assert not list(tmp_path.iterdir())


def test_the_data_go_on_where_they_were_whatever_the_size_of_the_batches(config):
    pictures = load_pictures(config, "train", progress=False)
    # 20 examples in batches of 4; then in batches of 2, as if all had been so.
    config.train.batch_size = 2
    (after,) = training_batches(pictures, config, num_steps=1, first_example=20)
    (expected,) = training_batches(pictures, config, start_step=10, num_steps=1)
    for name in expected:
        np.testing.assert_array_equal(after[name], expected[name])


def test_settings_that_would_make_another_run_are_refused_with_a_way_out(config, tmp_path):
    run = RunFolder(tmp_path)
    run.prepare(config)
    Checkpoints(run.checkpoints, build_model(config), seed=0).save()
    config.loss.gamma = 3.0
    with pytest.raises(ConfigError, match=r"loss\.gamma: .*another run_dir .*--train\.initial_run .*3\.0"):
        run.check(config)
    config.loss.gamma, config.model.blocks = 10.0, 2
    with pytest.raises(ConfigError, match=r"model\.blocks: .*for a new run\. Received: 2"):
        run.check(config)


def test_a_run_whose_config_is_damaged_goes_on_without_it(config, tmp_path, rng):
    run = RunFolder(tmp_path)
    run.prepare(config)
    Checkpoints(run.checkpoints, build_model(config), seed=0).save()
    with damaged(run.config, rng, cut=False), pytest.raises(ConfigError, match=r"run_dir: .*or without one"):
        run.check(config)
    run.config.unlink()
    assert run.check(config) == {}


def test_a_config_changed_by_hand_is_taken_once_its_digest_is_gone(config, tmp_path):
    run = RunFolder(tmp_path)
    run.prepare(config)
    text = run.config.read_text().replace("steps: 6", "steps: 7")
    run.config.write_text(text)
    for read in (load_config, lambda path: config_from(_parsed(path))):
        with pytest.raises(ConfigError, match="delete that line"):
            read(run.config)
    run.config.write_text(text.partition("\n")[2])
    assert load_config(run.config).train.steps == config_from(_parsed(run.config)).train.steps == 7


def _parsed(path):
    return train_command.build_parser().parse_args(["--config", str(path)])


def test_a_checkpoint_of_another_model_is_not_taken_for_a_damaged_one(config, tiny_config, tmp_path):
    for step in (0, 1):
        model = build_model(config)
        model.g_optimizer.iterations.assign(step)
        Checkpoints(tmp_path, model, seed=0).save()
    other = build_model(tiny_config(lr_size=6, blocks=2))
    with pytest.raises(CheckpointError, match="step_00000001 does not fit"):
        Checkpoints(tmp_path, other, seed=0).restore_latest()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step_00000000", "step_00000001"]


def test_weights_and_their_digest_are_never_apart(config, tmp_path, monkeypatch):
    """Killed between the weights and the digest, or between the digest and the weights: still a run."""
    run = RunFolder(tmp_path)
    run.prepare(config)
    model = build_model(config)
    checkpoints = Checkpoints(run.checkpoints, model, seed=0, weights=run.weights)
    checkpoints.save_weights()
    moved = type(run.weights).replace
    # The replacements of one saving: the digest (both), the weights, the digest (new).
    for survived in range(3):
        done = []

        def killed(self, target, survived=survived, done=done):
            if len(done) == survived:
                raise KeyboardInterrupt
            done.append(target)
            return moved(self, target)

        model.ema_generator.set_weights([w + 1 for w in model.ema_generator.get_weights()])
        with monkeypatch.context() as patch:
            patch.setattr(type(run.weights), "replace", killed)
            with pytest.raises(KeyboardInterrupt):
                checkpoints.save_weights()
        assert len(done) == survived
        RunFolder.trained(run.path)
    checkpoints.save_weights()
    assert len(run.checksum.read_text().splitlines()) == 1
