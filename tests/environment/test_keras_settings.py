"""The user's own Keras and TensorFlow: our networks give the same numbers, or one line says why not."""

import importlib
import json
import os
import random
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

import tf_gradsr
from tf_gradsr.config_files import load_config
from tf_gradsr.errors import ConfigError
from tf_gradsr.inference import Hallucinator
from tf_gradsr.keras_settings import our_keras_settings
from tf_gradsr.layers import ExactConsistency
from tf_gradsr.registry import build_generator, build_model
from tf_gradsr.run_folder import PRESETS

SETTINGS = {
    "channels_first": lambda: keras.config.set_image_data_format("channels_first"),
    "float16": lambda: keras.config.set_floatx("float16"),
    "float64": lambda: keras.config.set_floatx("float64"),
    "mixed_float16": lambda: keras.config.set_dtype_policy("mixed_float16"),
    "bfloat16": lambda: keras.config.set_dtype_policy("bfloat16"),
    "eager functions": lambda: tf.config.run_functions_eagerly(True),
}


@pytest.fixture
def users():
    """Sets what a user may have set; afterwards all is as before."""

    def set_all(*names):
        for name in names:
            SETTINGS[name]()

    with our_keras_settings():
        yield set_all
    tf.config.run_functions_eagerly(False)


def current():
    return keras.config.image_data_format(), keras.config.floatx(), keras.config.dtype_policy().name


@pytest.fixture(scope="module")
def answers():
    """{preset: what it makes of the same LR under Keras' own settings}."""
    return {}


@pytest.mark.parametrize(
    "settings",
    [("channels_first", "float64"), ("float16", "mixed_float16"), ("bfloat16",), ("eager functions",)],
)
@pytest.mark.parametrize("preset", ["faces_8x_mobile", "srgan_faces"])
def test_a_preset_gives_the_same_bytes(preset, settings, users, answers, rng):
    lr = rng.integers(0, 256, (2, 8, 8, 3), np.uint8)

    def answer():
        model = Hallucinator.from_preset(preset)
        return model.generate(lr, np.full((2, model.z_size), 0.5, np.float32))

    if preset not in answers:
        answers[preset] = answer()
    users(*settings)
    before = current()
    image, gradient = answer()
    assert current() == before, "the user's settings stay"
    if "eager functions" in settings:
        # Kernels are not fused then, so that sums round differently.
        assert np.abs(np.int16(image) - answers[preset][0]).max() <= 1
        return
    np.testing.assert_array_equal(image, answers[preset][0])
    np.testing.assert_array_equal(gradient, answers[preset][1])


def test_every_network_of_a_model_is_float32_with_channels_last(users, tiny_config):
    users("channels_first", "float16", "mixed_float16")
    for name in ("gradsr", "srgan", "esrgan"):
        config = tiny_config(name=name, growth_channels=4)
        model = build_model(config)
        parts = {**model.discriminators, "generator": model.generator, "model": model}
        for part in parts.values():
            for layer in part._flatten_layers():
                assert (layer.compute_dtype, layer.variable_dtype) == ("float32", "float32"), layer
                assert getattr(layer, "data_format", "channels_last") == "channels_last", layer
            assert {v.dtype for v in part.variables if "int" not in v.dtype} <= {"float32"}
        for optimizer in (model.g_optimizer, model.d_optimizer):
            assert {v.dtype for v in optimizer.variables if "int" not in v.dtype} == {"float32"}
        assert {v.dtype for m in model.test_metrics.values() for v in m.variables} == {"float32"}


def test_exact_consistency_stays_exact(users, pictures):
    users("mixed_float16")
    picture, lr = pictures(1, 8, 8, 3), pictures(1, 4, 4, 3)
    result = ExactConsistency(2)((picture, lr))
    assert result.dtype == tf.float32
    np.testing.assert_allclose(np.asarray(result).reshape(1, 4, 2, 4, 2, 3).mean((2, 4)), lr, atol=1e-6)


def test_a_step_has_the_same_figures(users, tiny_config, batches):
    config = tiny_config(loss={"perceptual": "vgg16", "vgg_weights": "random"}, lr_size=16)
    config.optimizer.schedule = "cosine"
    batch = batches((16, 16))

    def figures():
        random.seed(0)
        model = build_model(config)
        logs = [model.train_step(batch) for _ in range(2)][-1]
        return {name: float(value) for name, value in logs.items()}

    plain = figures()
    users("channels_first", "float16", "mixed_float16")
    assert figures() == plain
    assert len(plain) > 10


def test_graph_mode_is_refused_by_name():
    config = load_config(PRESETS / "cpu_8x" / "config.yaml")
    for make in (build_generator, build_model):
        with tf.Graph().as_default(), pytest.raises(ConfigError, match="tensorflow: eager execution"):
            make(config)


def run_python(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3", **environment},
    )


@pytest.mark.parametrize("backend", ["torch", "jax", "no_such_backend"])
def test_another_backend_is_no_obstacle(backend, tmp_path):
    (tmp_path / "keras.json").write_text(
        json.dumps({"backend": backend, "image_data_format": "channels_first"})
    )
    code = (
        "import tf_gradsr.inference, keras, sys;"
        "print(keras.backend.backend(), keras.config.image_data_format())"
    )
    result = run_python(code, KERAS_HOME=str(tmp_path), KERAS_BACKEND=backend)
    assert result.stdout.split() == ["tensorflow", "channels_first"], result.stderr


def test_keras_that_already_runs_on_another_backend_is_refused_by_name(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "torch")
    with pytest.raises(ImportError, match=r"set KERAS_BACKEND=tensorflow, .*Received: .* the backend torch"):
        importlib.reload(tf_gradsr)
