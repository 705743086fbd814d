"""Which precision a machine can train in, and which layers use it."""

import numpy as np
import pytest
import tensorflow as tf

from tf_gradsr import precision
from tf_gradsr.config import Config, ModelConfig, TrainConfig
from tf_gradsr.config_checks import check_config
from tf_gradsr.errors import ConfigError
from tf_gradsr.models import Discriminator, Generator


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("processor : 0\nflags\t\t: fpu avx512f avx512_bf16\nprocessor : 1\nflags : avx512_bf16\n", True),
        ("flags : fpu avx2 amx_bf16 amx_tile\n", True),
        ("Features : fp asimd bf16 i8mm\n", True),
        ("flags : fpu avx2 avx512f\n", False),
        ("flags : avx512_bf16\nflags : avx2\n", False),
        ("model name : avx512_bf16\n", False),
        ("", False),
    ],
)
def test_a_processor_with_bfloat16_is_known_by_its_flags(tmp_path, text, expected):
    (tmp_path / "cpuinfo").write_text(text)
    assert precision.cpu_multiplies_bfloat16(tmp_path / "cpuinfo") is expected


def test_without_a_list_of_flags_there_is_no_bfloat16(tmp_path):
    assert not precision.cpu_multiplies_bfloat16(tmp_path / "missing")


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: [])


def test_a_machine_without_bfloat16_is_told_and_uses_float32(no_gpu, monkeypatch, capsys):
    monkeypatch.setattr(precision, "cpu_multiplies_bfloat16", lambda: False)
    assert precision.usable_precision("mixed_bfloat16") == "float32"
    assert "this CPU has no bfloat16; float32 is used" in capsys.readouterr().err
    monkeypatch.setattr(precision, "cpu_multiplies_bfloat16", lambda: True)
    assert precision.usable_precision("mixed_bfloat16") == "mixed_bfloat16"
    assert precision.usable_precision("float32") == "float32"
    assert capsys.readouterr().err == ""


def test_float16_is_left_to_gpus(no_gpu, monkeypatch, capsys):
    monkeypatch.setattr(precision, "cpu_multiplies_bfloat16", lambda: True)
    assert precision.usable_precision("mixed_float16") == "float32"
    assert capsys.readouterr().err == "train.precision: this CPU has no float16; float32 is used.\n"


@pytest.mark.parametrize(
    ("capability", "usable"),
    [
        ((6, 1), {"float32"}),
        ((7, 0), {"float32", "mixed_float16"}),
        ((8, 0), {"float32", "mixed_float16", "mixed_bfloat16"}),
        (None, {"float32"}),
    ],
)
def test_each_format_needs_its_gpu(monkeypatch, capability, usable):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: ["a GPU"])
    details = {"compute_capability": capability} if capability else {}
    monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda gpu: details)
    asked = ("float32", "mixed_float16", "mixed_bfloat16")
    assert {name for name in asked if precision.usable_precision(name) == name} == usable


@pytest.mark.parametrize(("asked", "expected"), [(None, False), (False, False), (True, True)])
def test_xla_is_left_out_on_cpus_unless_asked_for(no_gpu, asked, expected):
    assert precision.uses_xla(TrainConfig(jit_compile=asked)) is expected


def test_baselines_are_float32():
    config = Config(model=ModelConfig(name="srgan"), train=TrainConfig(precision="mixed_bfloat16"))
    config.loss.perceptual, config.loss.pixel = "none", 1.0
    with pytest.raises(ConfigError, match=r"train.precision: float32 .*srgan"):
        check_config(config)


@pytest.mark.parametrize("consistency", ["learned", "exact"])
def test_16_bits_stay_inside_the_convolutions(rng, pictures, consistency):
    """Pictures, weights and logits are float32, and close to those of float32 throughout."""
    lr, z = pictures(2, 6, 6, 3), rng.normal(size=(2, 4)).astype(np.float32)
    networks = [
        Generator([16, 8, 8], 3, 4, consistency=consistency, z_injection="modulate", dtype=dtype)
        for dtype in ("float32", "mixed_bfloat16")
    ]
    for network in networks:
        network.build()
        assert {v.dtype for v in network.variables} == {"float32"}
    networks[0].set_weights([rng.normal(0, 0.1, w.shape) for w in networks[0].get_weights()])
    networks[1].set_weights(networks[0].get_weights())
    (images, gradients), (images_16, gradients_16) = (network((lr, z)) for network in networks)
    for a, b in zip([*images, *gradients], [*images_16, *gradients_16]):
        assert b.dtype == tf.float32
        assert 0 < np.abs(a - b).max() < 0.05
    if consistency == "exact":
        means = np.asarray(images_16[-1]).reshape(2, 6, 4, 6, 4, 3).mean((2, 4))
        np.testing.assert_allclose(means, lr, atol=1e-5)

    discriminator = Discriminator([8, 8, 4], 1, dtype="mixed_bfloat16")
    discriminator.build()
    assert discriminator(images).dtype == tf.float32
    assert {f.dtype for f in discriminator.features(images)} == {tf.float32}
    assert {v.dtype for v in discriminator.variables} == {"float32"}


def test_the_users_own_global_policy_does_not_reach_our_networks(pictures):
    import keras

    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        network = Generator([8, 8], 1, 4)
        network.build()
        assert network.compute_dtype == "float32"
        assert network.conv_in.compute_dtype == "float32"
        assert network.up_blocks[0].shared.compute_dtype == "float32"
    finally:
        keras.config.set_dtype_policy("float32")
