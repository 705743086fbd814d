"""The Hallucinator: uint8 in, uint8 out, exact after rounding, the same in tiles and in batches."""

import hashlib

import numpy as np
import pytest

import tf_gradsr
from tf_gradsr import ops
from tf_gradsr.config_files import save_config
from tf_gradsr.errors import ConfigError
from tf_gradsr.inference import Hallucinator, mean_and_stddev
from tf_gradsr.registry import build_generator


@pytest.fixture
def hallucinator(tiny_config, rng):
    """Maker of a Hallucinator with random weights; the gain says how wild its pictures are."""

    def make(gain=1.0, pixels_at_once=2**21, **settings):
        config = tiny_config(lr_size=8, **settings)
        generator = build_generator(config)
        for weight in generator.trainable_weights:
            fan_in = np.prod(weight.shape[:-1]) if len(weight.shape) > 1 else 25
            weight.assign(rng.normal(0, gain / np.sqrt(fan_in), weight.shape))
        return Hallucinator(generator, config, "random", pixels_at_once)

    return make


@pytest.fixture
def lr(rng):
    """Two pictures, 5 high and 7 wide."""
    return rng.integers(0, 256, (2, 5, 7, 3), np.uint8)


def block_mean(images, factor):
    *front, height, width, c = images.shape
    blocks = images.reshape(*front, height // factor, factor, width // factor, factor, c)
    return blocks.mean((-4, -2), dtype=np.float64)


# ---------------------------------------------------------------- shapes and numbers


@pytest.mark.parametrize("gradient_channels", [1, 3])
def test_shapes_and_types(hallucinator, lr, gradient_channels):
    model = hallucinator(scale=4, gradient_channels=gradient_channels)
    image, gradient = model.reconstruct(lr)
    assert (image.shape, image.dtype) == ((2, 20, 28, 3), np.uint8)
    assert (gradient.shape, gradient.dtype) == ((2, 20, 28, gradient_channels), np.float32)
    samples = model.sample(lr, num_samples=3)
    assert (samples.images.shape, samples.images.dtype) == ((2, 3, 20, 28, 3), np.uint8)
    assert samples.gradients.shape == (2, 3, 20, 28, gradient_channels)
    for figure in (samples.mean, samples.stddev):
        assert (figure.shape, figure.dtype) == ((2, 20, 28, 3), np.float32)


def test_without_projection_it_is_the_generator_rounded(hallucinator, lr):
    model = hallucinator(gain=0.5)
    z = model.noise(2, seed=3)
    images, gradients = model.generator((ops.to_float(lr), z))
    expected = np.round(np.clip((images[-1].numpy() + 1) * 127.5, 0, 255))
    result = model.generate(lr, z, consistency="none")
    # Halfway values may fall to either side.
    assert np.abs(result[0] - expected).max() <= 1
    assert np.mean(result[0] != expected) < 0.01
    np.testing.assert_allclose(result[1], gradients[-1], atol=1e-5)


def test_mean_and_stddev_are_numpys(hallucinator, lr, rng):
    samples = hallucinator().sample(lr, num_samples=5, seed=1)
    images = samples.images.astype(np.float64)
    assert samples.stddev.max() > 1
    np.testing.assert_allclose(samples.mean, images.mean(1), atol=1e-3)
    np.testing.assert_allclose(samples.stddev, images.std(1, ddof=1), atol=1e-3)
    one = rng.integers(0, 256, (1, 1, 4, 4, 3), np.uint8)
    np.testing.assert_array_equal(mean_and_stddev(one)[1], np.zeros((1, 4, 4, 3)))


# ---------------------------------------------------------------- consistency


@pytest.mark.parametrize("scale", [2, 8])
@pytest.mark.parametrize("trained", ["learned", "exact"])
def test_results_downscale_to_the_input_even_at_extreme_colours(hallucinator, rng, scale, trained):
    lr = rng.integers(0, 256, (4, 6, 6, 3), np.uint8)
    lr[1] = rng.choice([0, 255], lr[1].shape)
    lr[2] = rng.choice([0, 1, 2, 253, 254, 255], lr[2].shape)
    lr[3] = 255 * (np.indices((6, 6)).sum(0) % 2)[..., None]
    model = hallucinator(gain=2.0, scale=scale, consistency=trained)
    images = model.sample(lr, num_samples=2).images
    assert np.ptp(images[0, 0].astype(int)) > 200, "these weights are too tame to try anything"
    for picture, samples in zip(lr, images):
        down = block_mean(samples, scale)
        assert np.abs(down - picture).max() <= 0.5 + 1e-6
        assert np.abs(np.round(down) - picture).max() <= 1
    free = model.sample(lr, num_samples=2, consistency="none").images
    if trained == "learned":
        assert np.abs(block_mean(free[0], scale) - lr[0]).max() > 5


def test_one_pixel_is_enough(hallucinator):
    lr = np.array([[[[200, 3, 90]]]], np.uint8)
    samples = hallucinator(scale=4).sample(lr, num_samples=2).images
    assert samples.shape == (1, 2, 4, 4, 3)
    assert np.abs(block_mean(samples, 4) - lr).max() <= 0.5 + 1e-6


# ---------------------------------------------------------------- tiles and batches


@pytest.mark.parametrize("settings", [{"scale": 2}, {"scale": 4, "consistency": "exact"}])
def test_tiles_give_what_the_whole_picture_gives(hallucinator, rng, settings):
    model = hallucinator(gain=1.5, **settings)
    lr = rng.integers(0, 256, (1, 61, 37, 3), np.uint8)
    z = model.noise(1)
    for consistency in ("exact", "none"):
        model.pixels_at_once = 2**21
        whole, whole_gradient = model.generate(lr, z, consistency)
        model.pixels_at_once = 1  # the smallest tiles that there are
        tiled, tiled_gradient = model.generate(lr, z, consistency)
        assert np.abs(whole.astype(int) - tiled).max() <= 1
        np.testing.assert_allclose(tiled_gradient, whole_gradient, atol=1e-3)


def test_too_small_an_overlap_would_show_seams(hallucinator, rng):
    model = hallucinator(gain=1.5, scale=2)
    lr, z = rng.integers(0, 256, (1, 61, 37, 3), np.uint8), model.noise(1)
    whole = model.generate(lr, z)[0]
    model.pixels_at_once, model.overlap = 1, 1
    assert np.abs(whole.astype(int) - model.generate(lr, z)[0]).max() > 5


def test_a_picture_does_not_depend_on_its_batch(hallucinator, rng):
    lr = rng.integers(0, 256, (3, 8, 8, 3), np.uint8)
    model = hallucinator()
    together = model.sample(lr, num_samples=4, seed=2)
    model.batch_pixels = 16 * 16
    apart = model.sample(lr[1:2], num_samples=2, seed=2)
    np.testing.assert_array_equal(apart.images[0], together.images[1, :2])
    np.testing.assert_array_equal(apart.gradients[0], together.gradients[1, :2])


def test_the_same_call_gives_the_same_bytes(hallucinator, lr):
    model = hallucinator()
    first = model.sample(lr, seed=5)
    model.reconstruct(lr[:, :3])  # another size in between
    again = model.sample(lr, seed=5)
    for a, b in zip(first, again):
        np.testing.assert_array_equal(a, b)


# ---------------------------------------------------------------- noise


def test_noise_depends_on_seed_and_index_alone(hallucinator):
    model = hallucinator()
    many = model.noise(400, seed=7)
    np.testing.assert_array_equal(model.noise(3, seed=7), many[:3])
    assert many.shape == (400, 4) and many.dtype == np.float32
    assert len(np.unique(many)) == many.size
    assert not np.isclose(model.noise(3, seed=8), many[:3]).any()
    # Standard normal: 1,600 draws.
    assert abs(many.mean()) < 0.1 and abs(many.std() - 1) < 0.1


def test_temperature_scales_z(hallucinator, lr):
    model = hallucinator()
    reconstruction = model.reconstruct(lr).image
    cold, warm, hot = (model.sample(lr, 4, temperature=t) for t in (0.0, 0.3, 1.0))
    for n in range(4):
        np.testing.assert_array_equal(cold.images[:, n], reconstruction)
    assert 0 < warm.stddev.mean() < hot.stddev.mean()


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("bad", "received"),
    [
        (np.zeros((1, 4, 4, 4), np.uint8), r"\(1, 4, 4, 4\)"),
        (np.zeros((1, 0, 4, 3), np.uint8), r"\(1, 0, 4, 3\)"),
    ],
)
def test_lr_must_be_rgb(hallucinator, bad, received):
    model = hallucinator()
    for call in (model.reconstruct, model.sample, lambda lr: model.generate(lr, np.zeros((1, 4)))):
        with pytest.raises(ValueError, match=f"a picture: .* Received: .*{received}"):
            call(bad)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_samples": 0}, "num_samples must be >= 1. Received: num_samples=0"),
        ({"seed": -1}, "seed must be .* Received: seed=-1"),
        ({"seed": 2**31}, "seed must be"),
        ({"seed": 1.5}, "seed must be a whole number. Received: seed=1.5"),
        ({"num_samples": "2"}, "num_samples must be a whole number. Received: num_samples='2'"),
        ({"temperature": "1"}, "temperature must be >= 0. Received: temperature='1'"),
        ({"temperature": -0.1}, "temperature must be >= 0. Received: temperature=-0.1"),
        ({"temperature": float("nan")}, "temperature must be"),
        ({"temperature": float("inf")}, "z must be finite"),
        ({"temperature": 1e39}, "z must be finite"),
        ({"consistency": "learned"}, "consistency must be .* Received: 'learned'"),
    ],
)
def test_settings_out_of_range(hallucinator, lr, settings, message):
    with pytest.raises(ValueError, match=message):
        hallucinator().sample(lr, **settings)


def test_z_must_fit(hallucinator, lr):
    with pytest.raises(ValueError, match=r"z must be \[2, 4\]. Received: z of shape \(2, 5\)"):
        hallucinator().generate(lr, np.zeros((2, 5)))


def test_exact_needs_a_model_of_area(hallucinator, lr):
    model = hallucinator(downscale="bicubic")
    with pytest.raises(ConfigError, match=r"consistency: none .* Received: exact"):
        model.reconstruct(lr)
    assert model.reconstruct(lr, consistency="none").image.shape == (2, 10, 14, 3)


@pytest.mark.parametrize("name", ["srgan", "esrgan"])
def test_a_model_with_one_answer_does_not_sample(hallucinator, lr, name):
    assert hallucinator().stochastic
    model = hallucinator(name=name)
    assert not model.stochastic
    with pytest.raises(ValueError, match="one answer"):
        model.sample(lr)
    assert model.reconstruct(lr).image.shape == (2, 10, 14, 3)


# ---------------------------------------------------------------- loading


def save_run(model, folder):
    folder.mkdir()
    save_config(model.config, folder / "config.yaml")
    model.generator.save_weights(folder / "generator.weights.h5")
    return folder


def test_a_loaded_run_gives_the_same_pictures(hallucinator, lr, tmp_path):
    model = hallucinator()
    loaded = tf_gradsr.Hallucinator.load(save_run(model, tmp_path / "run"))
    assert (loaded.scale, loaded.z_size, loaded.stochastic) == (2, 4, True)
    np.testing.assert_array_equal(loaded.sample(lr).images, model.sample(lr).images)
    assert loaded.identity["version"] == tf_gradsr.__version__
    assert loaded.identity["model"] == "gradsr 2x"
    assert loaded.identity["weights"].startswith("sha256:")


def test_what_is_missing_is_named(hallucinator, tmp_path):
    with pytest.raises(ConfigError, match=r"run: .*config.yaml, .* Received: .*nowhere"):
        Hallucinator.load(tmp_path / "nowhere")
    run = save_run(hallucinator(), tmp_path / "run")
    (run / "generator.weights.h5").unlink()
    with pytest.raises(ConfigError, match=r"run: a run with generator.weights.h5"):
        Hallucinator.load(run)


def test_weights_are_held_to_their_checksum(hallucinator, tmp_path):
    run = save_run(hallucinator(), tmp_path / "run")
    weights, checksum = run / "generator.weights.h5", run / "generator.weights.sha256"
    checksum.write_text(f"{hashlib.sha256(weights.read_bytes()).hexdigest()}  {weights.name}\n")
    assert Hallucinator.load(run).z_size == 4
    # Other weights, which fit.
    hallucinator().generator.save_weights(weights)
    with pytest.raises(
        ConfigError, match=r"weights that match generator.weights.sha256.* gradsr train .*again"
    ):
        Hallucinator.load(run)


@pytest.mark.parametrize("damage", ["text", "cut", "other model"])
def test_weights_that_do_not_fit(hallucinator, tmp_path, damage):
    run = save_run(hallucinator(), tmp_path / "run")
    weights = run / "generator.weights.h5"
    if damage == "other model":
        hallucinator(widths=[16]).generator.save_weights(weights)
    else:
        content = weights.read_bytes()
        weights.write_bytes(b"not weights" if damage == "text" else content[: len(content) // 2])
    with pytest.raises(
        ConfigError, match=r"run: weights that fit .* Received: .*generator.weights.h5"
    ) as error:
        Hallucinator.load(run)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("consistency", ["exact", "none"])
def test_a_diverged_model_is_reported(hallucinator, lr, consistency):
    model = hallucinator()
    model.generator.conv_in.kernel.assign(np.full(model.generator.conv_in.kernel.shape, np.nan))
    with pytest.raises(ConfigError, match=r"finite pictures.*Received: random"):
        model.reconstruct(lr, consistency)
