"""The discriminator on frozen features, its augmentation, and the posterior terms' steering."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_features import Halves
from training_steps import fit

from tf_gradsr import losses
from tf_gradsr.augmentation import DRAWS, augment
from tf_gradsr.config_checks import check_config
from tf_gradsr.errors import ConfigError
from tf_gradsr.models import GradSR
from tf_gradsr.models.critics import ProjectedCritic, Seen
from tf_gradsr.models.projected_discriminator import ProjectedDiscriminator, SpectralConvolution
from tf_gradsr.models.spread_steering import SpreadSteering

# ---------------------------------------------------------------- augmentation


def augmented_in_numpy(image, draws, shift=1 / 8, cutout=3 / 8):
    """One picture, from the description: colours, then the shift, then the square."""
    brightness, saturation, contrast, down, right, y, x = draws
    image = image + (brightness - 0.5) * 0.5
    grey = image.mean(-1, keepdims=True)
    image = grey + (saturation + 0.5) * (image - grey)
    image = image.mean() + (0.75 + contrast / 2) * (image - image.mean())
    height, width = image.shape[:2]
    moved = np.zeros_like(image)
    dy, dx = (
        int(np.floor(draw * (2 * round(shift * side) + 1))) - round(shift * side)
        for draw, side in ((down, height), (right, width))
    )
    for row in range(height):
        for column in range(width):
            if 0 <= row - dy < height and 0 <= column - dx < width:
                moved[row, column] = image[row - dy, column - dx]
            inside = abs(row + 0.5 - y * height) < cutout / 2 * height
            if inside and abs(column + 0.5 - x * width) < cutout / 2 * width:
                moved[row, column] = 0
    return moved


@pytest.mark.parametrize("strength", [{}, {"shift": 1 / 4, "cutout": 1 / 8}])
def test_augmentation_is_as_described(rng, pictures, strength):
    images = pictures(5, 16, 24, 3)
    draws = rng.uniform(size=(5, DRAWS)).astype(np.float32)
    draws[0], draws[1] = 0.0, 0.999  # the ends: farthest up and left, farthest down and right
    expected = [augmented_in_numpy(image, draw, **strength) for image, draw in zip(images, draws)]
    np.testing.assert_allclose(augment(images, draws, **strength), expected, atol=1e-5)


def test_the_gradient_passes_the_augmentation(rng, pictures):
    images, draws = tf.constant(pictures(2, 16, 16, 3)), tf.fill([2, DRAWS], 0.5)
    with tf.GradientTape() as tape:
        tape.watch(images)
        total = tf.reduce_sum(augment(images, draws))
    gradient = tape.gradient(total, images).numpy()
    blanked = np.zeros((16, 16), bool)
    blanked[5:11, 5:11] = True
    # Contrast at its middle changes nothing; what the square hides counts through the mean alone.
    assert np.all(np.abs(gradient[:, ~blanked]) > 0.5)
    assert np.all(np.abs(gradient[:, blanked]) < 0.5)


# ---------------------------------------------------------------- spectral norm, projections, heads


def test_spectral_convolution_divides_by_the_largest_singular_value(rng):
    layer = SpectralConvolution(5, 3, 2)
    x = rng.normal(size=(2, 9, 8, 4)).astype(np.float32)
    layer.build(x.shape)
    kernel = rng.normal(size=(3, 3, 4, 5)).astype(np.float32)
    bias = rng.normal(size=5).astype(np.float32)
    layer.kernel.assign(kernel)
    layer.bias.assign(bias)
    for _ in range(100):
        layer(x, training=True)
    largest = np.linalg.svd(kernel.reshape(-1, 5), compute_uv=False)[0]
    expected = tf.nn.conv2d(x, kernel / largest, 2, "SAME") + bias
    np.testing.assert_allclose(layer(x), expected, rtol=1e-4, atol=1e-5)
    before = layer.singular.numpy()
    layer(x)
    np.testing.assert_array_equal(layer.singular, before)


def make_discriminator(condition_channels=0, seed=0, side=32, **settings):
    keras.utils.set_random_seed(1)
    discriminator = ProjectedDiscriminator(
        [6, 8],
        side=side,
        strides=[2, 4],
        widths=[4, 6],
        condition_channels=condition_channels,
        seed=seed,
        **settings,
    )
    discriminator.build()
    return discriminator


def features_of(rng, count=2):
    return [tf.constant(rng.normal(size=s), tf.float32) for s in ((count, 16, 12, 6), (count, 8, 6, 8))]


def test_projections_mix_from_coarse_to_fine(rng):
    discriminator, (fine, coarse) = make_discriminator(), features_of(rng)
    across_fine, across_coarse, upward, mixing = (
        v.numpy() for v in discriminator.weights if v.name == "projection"
    )
    expected_coarse = np.einsum("bhwc,cd->bhwd", coarse, across_coarse[0, 0])
    upper = tf.image.resize(np.einsum("bhwc,cd->bhwd", expected_coarse, upward[0, 0]), (16, 12))
    total = (np.einsum("bhwc,cd->bhwd", fine, across_fine[0, 0]) + upper) / np.sqrt(2)
    projected = discriminator.project([fine, coarse])
    np.testing.assert_allclose(projected[1], expected_coarse, atol=1e-5)
    np.testing.assert_allclose(projected[0], tf.nn.conv2d(total, mixing, 1, "SAME"), atol=1e-4)


def test_projections_come_from_the_seed_keep_variance_and_never_learn(rng):
    first, same, other = make_discriminator(), make_discriminator(), make_discriminator(seed=1)
    projections = [[v.numpy() for v in d.weights if v.name == "projection"] for d in (first, same, other)]
    for a, b, c in zip(*projections):
        np.testing.assert_array_equal(a, b)
        assert np.abs(a - c).max() > 0.1
    assert not [v for v in first.trainable_variables if v.name == "projection"]
    assert [np.std(x) for x in first.project(features_of(rng, 64))] == pytest.approx([1, 1], rel=0.25)


@pytest.mark.parametrize("condition_channels", [0, 3])
def test_heads_give_logits_for_each_scale_and_see_the_condition(rng, condition_channels):
    discriminator, features = make_discriminator(condition_channels), features_of(rng)
    condition = tf.constant(rng.normal(size=(2, 4, 3, 3)), tf.float32) if condition_channels else None
    logits = discriminator((features, condition))
    # Sides of 16 and 8 halve until at most 4 are left.
    assert [tuple(x.shape) for x in logits] == [(2, 4, 3, 1), (2, 4, 3, 1)]
    if condition_channels:
        others = discriminator((features, condition + 1.0))
        assert all(np.abs(a - b).max() > 1e-4 for a, b in zip(logits, others))


def test_it_survives_its_config(rng):
    discriminator, features = make_discriminator(seed=5), features_of(rng)
    copy = ProjectedDiscriminator.from_config(discriminator.get_config())
    copy.build()
    copy.set_weights(discriminator.get_weights())
    for a, b in zip(discriminator((features, None)), copy((features, None))):
        np.testing.assert_allclose(a, b, atol=1e-6)


@pytest.fixture
def critic(tiny_config):
    keras.utils.set_random_seed(0)
    return ProjectedCritic("projected", Halves(), tiny_config(consistency="exact"))


def seen(images, draws):
    """Pictures of full size, one or several for each LR picture; LR itself is not used."""
    return Seen([[image] for image in images], [], None, draws)


def test_both_sides_losses_are_the_hinge_of_the_heads(critic, rng, pictures):
    real, fakes = pictures(2, 16, 16, 3), [pictures(2, 16, 16, 3) for _ in range(2)]
    draws = tf.constant(rng.uniform(size=(2, DRAWS)), tf.float32)

    def logits(images):
        features = critic.features.view(augment(images, draws))
        return critic.discriminator((features, None), training=False)

    expected = sum(np.maximum(1 - x, 0).mean() for x in logits(real))
    both = [np.concatenate([a, b]) for a, b in zip(*(logits(fake) for fake in fakes))]
    expected += sum(np.maximum(1 + x, 0).mean() for x in both)
    views = [critic.view(seen([real], draws)), critic.view(seen(fakes, draws))]
    assert float(critic.generator_loss(views[1], views[0])) == pytest.approx(
        -sum(x.mean() for x in both), rel=1e-4
    )
    loss, logs = critic.discriminator_loss(views[0], views[1:], step=0)
    on_real, on_fake = logs["score/projected_real"], logs["score/projected_fake"]
    # The call updates the spectral norms, but judges with those from before.
    assert float(loss) == pytest.approx(float(expected), rel=2e-3)
    assert float(on_fake) == pytest.approx(np.mean([x.mean() for x in both]), abs=2e-3)
    assert float(on_real) == pytest.approx(np.mean([np.mean(x) for x in logits(real)]), abs=5e-2)


def test_gradients_reach_pictures_and_heads_but_not_features(critic, rng, pictures):
    fake, draws = tf.Variable(pictures(2, 16, 16, 3)), tf.constant(rng.uniform(size=(2, DRAWS)), tf.float32)
    heads = [v.value for v in critic.discriminator.trainable_variables if v.name == "kernel"]
    with tf.GradientTape(persistent=True) as tape:
        view, truth = critic.view(seen([fake], draws)), critic.view(seen([pictures(2, 16, 16, 3)], draws))
        g_loss = critic.generator_loss(view, truth)
        d_loss, _ = critic.discriminator_loss(truth, [view], step=0)
    assert np.abs(tape.gradient(g_loss, fake)).max() > 0
    assert tape.gradient(d_loss, fake) is None
    assert all(np.abs(g).max() > 0 for g in tape.gradient(d_loss, heads))
    fixed = [v.value for v in critic.discriminator.non_trainable_variables]
    assert all(g is None for g in tape.gradient(d_loss, fixed))
    assert tape.gradient(d_loss, critic.features.factor) is None


def test_learned_consistency_gives_the_heads_the_residual(tiny_config):
    for consistency, channels in (("learned", 3), ("exact", 0)):
        critic = ProjectedCritic("projected", Halves(), tiny_config(consistency=consistency))
        assert critic.discriminator.condition_channels == channels


# ---------------------------------------------------------------- the training step


def projected_batch(batches, scale=4):
    batch = batches((8, 8), scale=scale)
    count = len(batch["lr"])
    return {**batch, "augmentation": tf.fill([count, DRAWS], 0.4)}


SETTINGS = {"scale": 4, "lr_size": 8, "features": "lite0", "features_side": 32}
SMALL = {"scale": 2, "lr_size": 8}


POSTERIOR = {"mean": 5.0, "spread": 0.3}


@pytest.mark.parametrize(
    ("kind", "consistency", "loss", "expected"),
    [
        ("projected", "exact", {"mirror": 0.0, **POSTERIOR}, {"projected"}),
        ("projected", "learned", {"mirror": 0.5, "beta": 0.2}, {"projected", "gradient"}),
        (
            "both",
            "exact",
            {"projected": 0.3, **POSTERIOR, "crps": 2.0, "feature_crps": 4.0, "perceptual": "efficientnet"},
            {"projected", "image", "gradient"},
        ),
    ],
)
def test_the_step_adds_up_its_terms_and_moves_every_network(
    tiny_model, batches, kind, consistency, loss, expected
):
    loss = {"gamma": 3.0, "beta": 0.0, "pixel": 1.5, "coupling": 0.7, "alpha": 0.5, **loss}
    model = tiny_model(discriminator=kind, consistency=consistency, loss=loss, **SETTINGS)
    assert set(model.discriminators) == {f"{name}_discriminator" for name in expected}
    parts = {"generator": model.generator, **model.discriminators}
    before = {name: [v.numpy() for v in part.trainable_variables] for name, part in parts.items()}
    logs = {name: float(value) for name, value in model.train_step(projected_batch(batches)).items()}
    weights = {
        "projected": loss.get("projected", 1.0),
        **dict.fromkeys(("image", "gradient"), loss.get("mirror", 1.0)),
    }
    total = 3.0 * (logs["loss/g/gradient"] + logs.get("loss/g/perceptual", 0.0)) + 1.5 * logs["loss/g/pixel"]
    for name in expected:
        total += weights[name] * logs[f"loss/g/hallucination_adv_{name}"]
        if loss["beta"]:
            total += loss["beta"] * weights[name] * logs[f"loss/g/reconstruction_adv_{name}"]
    total += 0.7 * logs["loss/g/coupling"] - 0.5 * logs["loss/g/diversity"]
    if "mean" in loss:
        assert logs["posterior/spread_weight"] == pytest.approx(0.3)
        total += 5.0 * (logs["loss/g/sample_mean"] - 0.3 * logs["loss/g/sample_distance"])
    if "crps" in loss:
        total += 2.0 * logs["loss/g/crps"] + 4.0 * 0.3 * logs["loss/g/crps_projected"]
    assert logs["loss/g/total"] == pytest.approx(total, rel=1e-4)
    for name, part in parts.items():
        moved = [np.abs(v.numpy() - b).max() for v, b in zip(part.trainable_variables, before[name])]
        assert max(moved) > 0, name
    assert ("perceptual" in loss) == ("loss/g/perceptual" in logs)


def test_both_samples_reach_the_projected_discriminator(tiny_model, batches):
    model = tiny_model(
        discriminator="projected", consistency="exact", loss={"mirror": 0.0, "beta": 0.0}, **SETTINGS
    )
    batch = projected_batch(batches)
    lr, z = batch["lr"], batch["z"]
    critic = model.critics["projected"]
    fakes = [model.generator((lr, z[:, i]))[0][-1] for i in range(2)]
    views = [critic.view(seen([x], batch["augmentation"])) for x in (batch["hr"], *fakes)]
    _, expected = critic.discriminator_loss(views[0], views[1:], step=0)
    on_real, on_fake = expected["score/projected_real"], expected["score/projected_fake"]
    model = tiny_model(
        discriminator="projected", consistency="exact", loss={"mirror": 0.0, "beta": 0.0}, **SETTINGS
    )
    logs = model.train_step(batch)
    assert float(logs["score/projected_real"]) == pytest.approx(float(on_real), rel=1e-3, abs=1e-5)
    assert float(logs["score/projected_fake"]) == pytest.approx(float(on_fake), rel=1e-3, abs=1e-5)


@pytest.mark.slow
def test_bfloat16_stays_finite_and_near_float32(tiny_config, batches, small_features):
    """200 steps; if the processor has no bfloat16, it is emulated."""
    history, batch = {}, projected_batch(batches, scale=2)
    for precision, steps in (("float32", 20), ("mixed_bfloat16", 200)):
        keras.utils.set_random_seed(0)
        loss = {**POSTERIOR, "alpha": 0.0, "beta": 0.0}
        config = tiny_config(discriminator="both", consistency="exact", loss=loss, **SMALL)
        model = GradSR(config, precision)
        rates = (keras.optimizers.Adam(5e-4, beta_1=0.0, beta_2=0.9) for _ in range(2))
        model.compile(config.loss, *rates, 0.9)
        history[precision] = fit(model, batch, steps)
        assert all(np.isfinite([float(v) for v in logs.values()]).all() for logs in history[precision])
        assert {v.dtype for v in model.generator.variables} == {"float32"}
        assert model.ema_generator.compute_dtype == "float32"
    for name in ("loss/g/pixel", "loss/g/gradient", "loss/d_image/adv", "loss/d_projected/adv"):
        early, other = (float(history[p][19][name]) for p in ("float32", "mixed_bfloat16"))
        assert other == pytest.approx(early, rel=0.1), name


def test_xla_takes_the_same_step(tiny_model, batches, small_features):
    batch, stepped = projected_batch(batches, scale=2), []
    for jit_compile in (False, True):
        model = tiny_model(
            discriminator="projected", consistency="exact", loss={**POSTERIOR, "r1_interval": 2}, **SMALL
        )
        step = tf.function(model.train_step, jit_compile=jit_compile)
        stepped.append(({k: float(v) for k, v in step(batch).items()}, model.generator.get_weights()))
    (plain, expected), (compiled, weights) = stepped
    for name, value in plain.items():
        # LR-PSNR counts rounded grey levels, of which a few flip.
        assert compiled[name] == pytest.approx(value, rel=2e-2 if "psnr" in name else 2e-3, abs=1e-4), name
    for a, b in zip(expected, weights):
        np.testing.assert_allclose(a, b, atol=1e-4)


# ---------------------------------------------------------------- posterior terms


def test_posterior_losses_are_the_definitions(rng):
    first, second, real = (
        [rng.normal(size=(2, side, side, 3)).astype(np.float32) for side in (4, 8)] for _ in range(3)
    )
    mean = np.mean([np.abs((a + b) / 2 - c).mean() for a, b, c in zip(first, second, real)])
    distance = np.mean([np.abs(a - b).mean() for a, b in zip(first, second)])
    assert float(losses.sample_mean_loss(first, second, real)) == pytest.approx(mean, rel=1e-5)
    assert float(losses.sample_distance(first, second)) == pytest.approx(distance, rel=1e-5)
    single = losses.sample_mean_loss(first[0], second[0], real[0])
    assert float(single) == pytest.approx(np.abs((first[0] + second[0]) / 2 - real[0]).mean(), rel=1e-5)


def test_the_score_of_two_samples_is_the_definition_and_best_for_the_truths_distribution(rng):
    first, second, real = (
        [rng.normal(size=(2, side, side, 3)).astype(np.float32) for side in (4, 8)] for _ in range(3)
    )
    expected = np.mean(
        [(np.abs(a - c) + np.abs(b - c) - np.abs(a - b)).mean() / 2 for a, b, c in zip(first, second, real)]
    )
    assert float(losses.two_sample_crps(first, second, real)) == pytest.approx(expected, rel=1e-5)
    with pytest.raises(ValueError, match="same length"):
        losses.two_sample_crps(first, second, real[:1])
    # For a normal truth of standard deviation 1: 0.56419 = 1 / sqrt(pi); other widths score worse.
    draws = rng.normal(size=(3, 200_000)).astype(np.float32)
    scores = [float(losses.two_sample_crps(s * draws[0], s * draws[1], draws[2])) for s in (0.5, 1.0, 1.5)]
    assert scores[1] == pytest.approx(0.56419, abs=0.01)
    assert scores[1] < min(scores[0], scores[2]) - 0.02


def test_hinge_losses_by_hand():
    real, fake = (
        [tf.constant([2.0, 0.5]), tf.constant([[-1.0]])],
        [tf.constant([-3.0, 1.0]), tf.constant([[0.0]])],
    )
    # Real: (0 + 0.5) / 2 and 2; fake: (0 + 2) / 2 and 1.
    assert float(losses.hinge_discriminator_loss(real, fake)) == pytest.approx(0.25 + 2 + 1 + 1)
    assert float(losses.hinge_generator_loss(fake)) == pytest.approx(1.0)


@pytest.mark.parametrize("start", [0.05, 0.49])
def test_steering_finds_the_spread_of_a_linear_gaussian_posterior(start):
    """y = a x + e, e ~ N(0, 0.5^2), learned as b x + c z: b must become a, and c the noise's 0.5."""
    rng = np.random.default_rng(0)
    slope, noise = tf.Variable(0.0), tf.Variable(0.05)
    steering, optimizer = SpreadSteering(start), keras.optimizers.Adam(3e-3)
    optimizer.build([slope, noise])

    @tf.function
    def step(x, y, z):
        with tf.GradientTape() as tape:
            first, second = (slope * x + noise * z[:, i] for i in range(2))
            loss = losses.sample_mean_loss(first, second, y)
            loss -= steering.weight.value * losses.sample_distance(first, second)
        optimizer.apply(tape.gradient(loss, [slope, noise]), [slope, noise])
        return steering.update(first, second, y)

    ratios, spreads, weights = [], [], []
    for _ in range(2500):
        x, z = (tf.constant(rng.standard_normal(s), tf.float32) for s in ((256, 1, 1, 1), (256, 2, 1, 1, 1)))
        y = 0.8 * x + 0.5 * tf.constant(rng.standard_normal((256, 1, 1, 1)), tf.float32)
        ratios.append(float(step(x, y, z)))
        spreads.append(abs(float(noise)))
        weights.append(float(steering.weight.value))
    assert np.mean(ratios[-1000:]) == pytest.approx(4 / 3, rel=0.02)
    assert np.mean(spreads[-1000:]) == pytest.approx(0.5, rel=0.05)
    assert float(slope) == pytest.approx(0.8, rel=0.05)
    # The optimum for normal distributions, 1 / sqrt(12).
    assert np.mean(weights[-1000:]) == pytest.approx(12**-0.5, rel=0.15)
    assert max(weights) <= 0.49 + 1e-6


# ---------------------------------------------------------------- settings


@pytest.mark.parametrize(
    ("model", "loss", "said"),
    [
        ({}, {"mirror": 0.0}, "loss.mirror: above 0"),
        (
            {"discriminator": "projected"},
            {"perceptual": "discriminator"},
            "loss.perceptual: .*mirror or both",
        ),
        ({}, {"faces": 1.0}, "model.face_features: the folder"),
        ({}, {"identity": 1.0}, "model.face_features: the folder"),
    ],
)
def test_settings_that_cannot_work_are_named(tiny_config, model, loss, said):
    with pytest.raises(ConfigError, match=said):
        check_config(tiny_config(lr_size=8, loss=loss, **model))
