"""A smaller generator that learns from a trained one."""

import dataclasses

import numpy as np
import pytest

from tf_gradsr.config_checks import check_config
from tf_gradsr.errors import ConfigError
from tf_gradsr.models import GradSR
from tf_gradsr.training.first_state import load_teacher


@pytest.fixture
def teacher(tmp_path, write_pictures, write_run):
    """A run whose generator is wider and deeper than the tiny one."""
    settings = {"scale": 2, "z_size": 4, "blocks": 2, "widths": [6], "z_injection": "modulate"}
    return write_run(tmp_path / "teacher", write_pictures(tmp_path / "pictures", 1), lr_size=8, **settings)


def taught(tiny_config, teacher, **model):
    config = tiny_config(lr_size=8, loss={"distillation": 2.5, "beta": 0.0, "mean": 1.0}, **model)
    config.train.teacher = str(teacher)
    return check_config(config)


def test_the_teachers_pictures_and_gradients_of_the_same_noise_are_the_target(
    tiny_model, tiny_config, teacher, batches
):
    config, batch = taught(tiny_config, teacher), batches((8, 8))
    model = tiny_model(lr_size=8, loss=dataclasses.asdict(config.loss))
    load_teacher(model, config)
    lr, z = batch["lr"], batch["z"]
    expected = 0.0
    for noise in (0 * z[:, 0], z[:, 0], z[:, 1]):
        theirs, ours = model.teacher((lr, noise)), model.generator((lr, noise))
        # One scale; pictures and gradients; the mean over three passes.
        expected += sum(np.abs(a[0] - b[0]).mean() for a, b in zip(theirs, ours)) / 3
    before = model.teacher.get_weights()
    logs = {name: float(value) for name, value in model.train_step(batch).items()}
    assert logs["loss/g/distillation"] == pytest.approx(expected, rel=1e-4)
    total = 10 * logs["loss/g/gradient"] + logs["loss/g/pixel"] - logs["loss/g/diversity"]
    total += logs["loss/g/hallucination_adv_image"] + logs["loss/g/hallucination_adv_gradient"]
    total += logs["loss/g/sample_mean"] - 0.45 * logs["loss/g/sample_distance"]
    assert logs["loss/g/total"] == pytest.approx(total + 2.5 * expected, rel=1e-4)
    for a, b in zip(before, model.teacher.get_weights()):
        np.testing.assert_array_equal(a, b)
    assert "teacher" not in model.trained_parts()


@pytest.mark.parametrize(("setting", "value"), [("z_size", 5), ("scale", 4), ("gradient_channels", 1)])
def test_a_teacher_of_another_kind_is_refused(tiny_config, teacher, setting, value):
    config = taught(tiny_config, teacher, **{setting: value})
    with pytest.raises(ConfigError, match=rf"model.{setting}: as the teacher's.*Received: {value}"):
        load_teacher(GradSR(config), config)


def test_damaged_weights_of_a_teacher_are_named(tiny_config, teacher):
    config = taught(tiny_config, teacher)
    (teacher / "generator.weights.h5").write_bytes(b"damaged")
    with pytest.raises(ConfigError, match=r"train.teacher: weights that fit"):
        load_teacher(GradSR(config), config)


def test_distillation_and_a_teacher_go_together(tiny_config, teacher):
    with pytest.raises(ConfigError, match=r"train.teacher: the folder .*Received: nothing"):
        check_config(tiny_config(lr_size=8, loss={"distillation": 1.0}))
    config = tiny_config(lr_size=8)
    config.train.teacher = str(teacher)
    with pytest.raises(ConfigError, match=r"loss.distillation 0"):
        check_config(config)
