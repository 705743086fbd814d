"""What programs use: pictures of every kind in, results out, the layer, names that stay."""

import importlib
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tf_gradsr import Hallucinator, ops
from tf_gradsr.baselines import SRGAN
from tf_gradsr.errors import ConfigError
from tf_gradsr.layers import ExactConsistency
from tf_gradsr.models import GradSR
from tf_gradsr.picture_input import as_pictures
from tf_gradsr.registry import build_generator

MODULES = [
    f"tf_gradsr{name}" for name in ("", ".inference", ".layers", ".metrics", ".ops", ".losses", ".results")
]
NAMES = Path(__file__).parent / "public_names.txt"


@pytest.fixture(scope="module")
def hallucinator():
    return Hallucinator.from_preset("faces_8x_mobile")


@pytest.fixture
def face(rng):
    """uint8 `[16, 16, 3]`."""
    return rng.integers(0, 256, (16, 16, 3), np.uint8)


def test_every_kind_of_picture_is_the_same(hallucinator, face, tmp_path):
    path = tmp_path / "face.png"
    Image.fromarray(face).save(path)
    expected = hallucinator.reconstruct(face[None]).image
    for kind in (face, path, str(path), Image.fromarray(face), face / 255.0, np.float32(face / 255.0)[None]):
        np.testing.assert_array_equal(hallucinator(kind).image, expected)
    two = hallucinator.reconstruct(np.stack([face, face[::-1]]))
    np.testing.assert_array_equal(two.image[:1], expected)


def test_grey_pictures_are_all_three_colours(hallucinator, face):
    grey = face[..., 0]
    expected = hallucinator(np.repeat(grey[..., None], 3, axis=-1)).image
    for kind in (grey, grey[..., None], Image.fromarray(grey)):
        np.testing.assert_array_equal(hallucinator(kind).image, expected)


@pytest.mark.parametrize("kind", ["grey of 16 bits", "transparent", "turned"])
def test_an_opened_picture_is_read_as_its_file_is(kind, rng, tmp_path):
    path = tmp_path / "picture.png"
    if kind == "grey of 16 bits":
        Image.fromarray(np.uint16(np.linspace(0, 65535, 24).reshape(4, 6))).save(path)
    elif kind == "transparent":
        Image.fromarray(rng.integers(0, 256, (4, 6, 4), np.uint8)).save(path)
    else:
        exif = Image.Exif()
        exif[0x0112] = 6
        Image.fromarray(rng.integers(0, 256, (4, 6, 3), np.uint8)).save(path, exif=exif)
    from_file = as_pictures(path)
    with Image.open(path) as picture:
        np.testing.assert_array_equal(as_pictures(picture), from_file)
    assert from_file.shape == ((1, 6, 4, 3) if kind == "turned" else (1, 4, 6, 3))
    assert len(np.unique(from_file)) > 10


def test_results_are_pictures(hallucinator, face, tmp_path):
    reconstruction, samples = hallucinator(face), hallucinator.sample(face, num_samples=3, seed=4)
    np.testing.assert_array_equal(np.asarray(reconstruction.pil()), reconstruction.image[0])
    assert [picture.size for picture in samples.pil()] == [(128, 128)] * 3
    assert reconstruction.save(tmp_path / "face.png") == [tmp_path / "face.png"]
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "face.png")), reconstruction.image[0])
    paths = samples.save(tmp_path / "sample.png")
    assert [path.name for path in paths] == ["sample_00.png", "sample_01.png", "sample_02.png"]
    np.testing.assert_array_equal(np.asarray(Image.open(paths[2])), samples.images[0, 2])
    assert repr(reconstruction) == "Reconstruction(1 picture of 128x128)"
    assert repr(samples).startswith("Samples(3 of each, 1 picture of 128x128, spread ")
    assert repr(hallucinator).startswith("Hallucinator(gradsr 8x, sha256:")
    several = hallucinator.sample(np.stack([face] * 2), num_samples=2)
    assert [len(each) for each in several.pil()] == [2, 2]


@pytest.mark.parametrize(
    ("picture", "said"),
    [
        (np.zeros((16, 16, 4), np.uint8), r"Received: uint8 of shape \(16, 16, 4\)"),
        (np.zeros((0, 16, 3), np.uint8), "none of them 0"),
        (np.zeros(3, np.uint8), "Received: uint8 of shape"),
        (np.full((4, 4, 3), 200.0), r"floats from 200 to 200; divide by 255"),
        (np.full((4, 4, 3), -0.5), "add 1 and divide by 2"),
        (np.full((4, 4, 3), np.nan), "NaN or infinity"),
        (np.zeros((4, 4, 3), np.int64), "Received: int64; take uint8, or floats divided by 255"),
    ],
)
def test_what_is_not_a_picture_is_refused(hallucinator, picture, said):
    with pytest.raises(ValueError, match=f"a picture: a path, a PIL picture.*{said}"):
        hallucinator(picture)


def test_a_result_is_saved_under_a_pictures_name_alone(hallucinator, tmp_path):
    made = hallucinator(np.zeros((4, 4, 3), np.uint8))
    for name in ("face", "face.txt"):
        with pytest.raises(ValueError, match=rf"path: .* such as faces.png. Received: .*{name}"):
            made.save(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_presets_are_named(tmp_path, monkeypatch):
    with pytest.raises(ConfigError, match=r"did you mean faces_8x\? Received: faces8x"):
        Hallucinator.from_preset("faces8x")
    # A folder with a preset's name is for `load`.
    (tmp_path / "faces_8x").mkdir()
    monkeypatch.chdir(tmp_path)
    assert Hallucinator.from_preset().scale == 8


# ---------------------------------------------------------------- the layer


def test_the_layer_makes_any_networks_pictures_consistent(rng, tmp_path):
    lr = keras.Input((None, None, 3))
    features = keras.layers.UpSampling2D(4)(keras.layers.Conv2D(3, 3, padding="same")(lr))
    model = keras.Model(lr, ExactConsistency(4)((features, lr)))
    pictures = rng.uniform(-1, 1, (2, 5, 7, 3)).astype(np.float32)
    made = model.predict(pictures, verbose=0)
    np.testing.assert_allclose(made.reshape(2, 5, 4, 7, 4, 3).mean((2, 4)), pictures, atol=1e-5)
    np.testing.assert_array_equal(
        made, ops.enforce_consistency(keras.Model(lr, features).predict(pictures, verbose=0), pictures, 4)
    )
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again.predict(pictures, verbose=0), made)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(pictures) ** 2)
    assert np.abs(tape.gradient(loss, model.trainable_variables[0])).max() > 0


def test_the_layer_refuses_what_does_not_fit():
    for scale in (1, 2.0, True, "4"):
        with pytest.raises(ValueError, match="a whole number of 2 or more"):
            ExactConsistency(scale)
    with pytest.raises(ValueError, match="sides must be 4 times LR's"):
        ExactConsistency(4)((np.zeros((1, 8, 8, 3)), np.zeros((1, 4, 4, 3))))


def test_generators_survive_a_keras_file(tiny_config, rng, tmp_path):
    generator = build_generator(tiny_config(scale=4, z_injection="modulate", consistency="exact"))
    for variable in generator.trainable_variables:
        variable.assign(rng.normal(0, 0.1, variable.shape))
    inputs = rng.uniform(-1, 1, (1, 4, 5, 3)).astype(np.float32), rng.normal(size=(1, 4)).astype(np.float32)
    generator.save(tmp_path / "generator.keras")
    again = keras.saving.load_model(tmp_path / "generator.keras")
    for ours, theirs in zip(tf.nest.flatten(generator(inputs)), tf.nest.flatten(again(inputs))):
        np.testing.assert_array_equal(ours, theirs)


def test_plain_keras_programs_train_it(tiny_config, rng):
    """compile(optimizer=...) and fit on pairs of either kind: the same result, and better on what it saw."""
    hr = rng.integers(0, 256, (4, 3, 3, 3), np.uint8).repeat(4, 1).repeat(4, 2)
    lr = hr.reshape(4, 6, 2, 6, 2, 3).mean((2, 4)).astype(np.uint8)

    def trained(*pair):
        pairs = tf.data.Dataset.from_tensor_slices(pair).batch(2, drop_remainder=True)
        keras.utils.set_random_seed(0)
        model = GradSR(tiny_config(scale=2, loss={"pixel": 10.0}))
        model.compile(optimizer=keras.optimizers.Adam(1e-3))
        assert model.g_optimizer is not model.d_optimizer
        history = model.fit(pairs, epochs=3, verbose=0, validation_data=pairs).history
        return history, model.as_batch(next(iter(pairs)))

    (first, batch), (second, _) = trained(lr, hr), trained(*(np.float32(x / 127.5 - 1) for x in (lr, hr)))
    np.testing.assert_allclose(first["loss/g/total"], second["loss/g/total"], rtol=1e-4)
    assert first["loss/g/pixel"][-1] < first["loss/g/pixel"][0]
    assert set(first) >= {"val_psnr", "val_ssim", "val_lr_psnr", "val_sample_std"}
    # Noise and augmentation have separate streams: with one, the pairs of normals would have these radii.
    radii = np.sort(np.linalg.norm(np.asarray(batch["z"]).reshape(-1, 2), axis=1))
    of_draws = np.sqrt(-2 * np.log(np.maximum(batch["augmentation"], 1e-9)))
    assert np.abs(of_draws.reshape(-1, 1) - radii).min() > 1e-6


def test_plain_keras_programs_train_the_baselines(tiny_config, rng):
    config = tiny_config(name="srgan", scale=2, discriminator_widths=[4], lr_size=8, loss={"beta": 0.1})
    model = SRGAN(config)
    model.compile(optimizer="adam")
    pair = (rng.integers(0, 256, (2, size, size, 3), np.uint8) for size in (8, 16))
    history = model.fit(tf.data.Dataset.from_tensors(tuple(pair)), epochs=10, verbose=0).history
    assert history["loss/g/pixel"][-1] < history["loss/g/pixel"][0]


# ---------------------------------------------------------------- names


def test_public_names_do_not_change_by_accident():
    found = []
    for name in MODULES:
        module = importlib.import_module(name)
        names = getattr(module, "__all__", None) or [
            public
            for public, value in vars(module).items()
            if not public.startswith("_") and getattr(value, "__module__", name) == name and callable(value)
        ]
        found += [f"{name}.{public}" for public in sorted(names)]
    remedy = "On purpose? Then change tests/inference/public_names.txt, and say so in CHANGELOG.md."
    assert NAMES.read_text().split() == found, remedy
