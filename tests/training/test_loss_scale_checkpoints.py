"""Loss scales are part of a checkpoint, and a run may change its precision on the way."""

import numpy as np
import pytest

from tf_gradsr.models.loss_scale import FIRST_SCALE
from tf_gradsr.registry import build_model
from tf_gradsr.training.checkpoints import Checkpoints


@pytest.fixture
def saved(tiny_config, tmp_path):
    """Saves a model at step 3, with the G side's scale at 64, and returns (model, opened by another)."""

    def make(precision, other_precision):
        model = build_model(tiny_config(), precision)
        model.g_optimizer.iterations.assign(3)
        if model.loss_scales:
            model.loss_scales["g"].scale.assign(64.0)
            model.loss_scales["g"].good_steps.assign(5.0)
        Checkpoints(tmp_path, model, seed=0).save()
        other = build_model(tiny_config(), other_precision)
        return model, other, Checkpoints(tmp_path, other, seed=0)

    return make


def same_networks(one, other):
    pairs = zip(one.generator.get_weights(), other.generator.get_weights(), strict=True)
    return all(np.array_equal(*pair) for pair in pairs)


def test_a_resumed_run_has_its_scales(saved):
    model, other, checkpoints = saved("mixed_float16", "mixed_float16")
    assert not same_networks(model, other)
    assert checkpoints.restore_latest() == 3 and same_networks(model, other)
    found = [v.numpy() for part in other.loss_scales.values() for v in (part.scale, part.good_steps)]
    assert found == [64.0, 5.0, FIRST_SCALE, 0.0]


@pytest.mark.parametrize("precisions", [("mixed_float16", "float32"), ("float32", "mixed_float16")])
def test_a_run_may_go_on_in_another_precision(saved, precisions):
    model, other, checkpoints = saved(*precisions)
    assert checkpoints.restore_latest() == 3 and same_networks(model, other)
    assert all(part.scale.numpy() == FIRST_SCALE for part in other.loss_scales.values())
    assert checkpoints.save().name == "step_00000003"


def test_another_run_starts_from_its_networks(saved):
    model, other, checkpoints = saved("float32", "mixed_float16")
    checkpoints.read_networks()
    assert same_networks(model, other) and other.step == 0
