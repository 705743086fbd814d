"""Blocks, generator, discriminators, perceptual features and the training step of GradSR."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from arrays import normal, values
from references import conv
from skimage.transform import resize
from training_steps import fit

from tf_gradsr import losses, metrics, ops
from tf_gradsr.config import Config, LossConfig, widths_for_scale
from tf_gradsr.config_checks import check_config
from tf_gradsr.errors import ConfigError
from tf_gradsr.models import Discriminator, Generator, build_critics, build_gradsr_generator
from tf_gradsr.models.blocks import DownBlock, Modulation, ResidualBlock, UpBlock, convolution
from tf_gradsr.models.perceptual import LAYERS, VGGFeatures


def randomize(model, rng, gain=1.0):
    """Makes weights and biases so large that every path through the network shows in its output."""
    for weight in model.weights:
        fan_in = np.prod(weight.shape[:-1]) if len(weight.shape) > 1 else 25
        weight.assign(rng.normal(0, gain / np.sqrt(fan_in), weight.shape))
    return model


def largest_change(before, after):
    return max(np.abs(a - b).max() for a, b in zip(before, after))


def make_generator(rng, scale=2, **settings):
    generator = Generator(**{"widths": [8] * scale.bit_length(), "blocks": 1, "z_size": 4, **settings})
    generator.build()
    return randomize(generator, rng)


def make_discriminator(rng, scale=2, **settings):
    discriminator = Discriminator(**{"widths": [8] * scale.bit_length(), "blocks": 1, **settings})
    discriminator.build()
    return randomize(discriminator, rng)


# ---------------------------------------------------------------- blocks


def lrelu(x):
    return np.where(x > 0, x, 0.2 * x)


def test_residual_block_adds_a_scaled_branch(rng):
    block, x = ResidualBlock(5, residual_scale=0.25), normal(rng, 2, 4, 3, 5)
    block.build(x.shape)
    randomize(block, rng)
    expected = x + 0.25 * conv(lrelu(conv(lrelu(x), block.conv_1)), block.conv_2)
    np.testing.assert_allclose(block(x), expected, atol=1e-5)


@pytest.mark.parametrize("channels", [1, 3])
def test_up_block_is_the_papers(rng, channels):
    block = UpBlock(6, channels)
    inputs = normal(rng, 2, 3, 4, 5), normal(rng, 2, 3, 4, 3), 0.1 * np.abs(normal(rng, 2, 3, 4, channels))
    block.build(inputs[0].shape)
    randomize(block, rng)
    features, image, gradient = inputs
    shared = lrelu(conv(features.repeat(2, 1).repeat(2, 2), block.shared))
    for_image, for_gradient = np.split(lrelu(conv(shared, block.domains)), 2, axis=-1)
    step = conv(for_image, block.to_image)
    image = np.asarray(tf.image.resize(image, (6, 8), "bilinear")) + step
    step = conv(for_gradient, block.to_gradient)
    gradient = np.maximum(np.asarray(tf.image.resize(gradient, (6, 8), "bilinear")) + step, 0)
    assert (gradient == 0).any() and (gradient > 0).any()
    for result, expected in zip(block(*inputs), (shared, image, gradient)):
        np.testing.assert_allclose(result, expected, atol=1e-5)


def test_modulation_scales_and_shifts_by_z_and_is_the_identity_at_zero(rng):
    layer, x, z = Modulation(5, 3), normal(rng, 2, 4, 3, 5), normal(rng, 2, 3)
    layer.build()
    randomize(layer, rng)
    scale, shift = np.split((z @ layer.dense.kernel.numpy())[:, None, None], 2, axis=-1)
    np.testing.assert_allclose(layer(x, z), x * (1 + scale) + shift, atol=1e-5)
    np.testing.assert_array_equal(layer(x, 0 * z), x)


def test_modulated_blocks_change_with_z_inside_the_branch_and_the_shared_features(rng):
    z = normal(rng, 2, 3)
    residual, x = ResidualBlock(5, 0.25, modulated_by=3), normal(rng, 2, 4, 3, 5)
    residual.build(x.shape)
    randomize(residual, rng)
    branch = np.asarray(residual.modulation(conv(lrelu(x), residual.conv_1), z))
    np.testing.assert_allclose(residual(x, z), x + 0.25 * conv(lrelu(branch), residual.conv_2), atol=1e-5)
    up = UpBlock(6, 3, modulated_by=3)
    up.build(x.shape)
    randomize(up, rng)
    shared = np.asarray(up.modulation(conv(x.repeat(2, 1).repeat(2, 2), up.shared), z))
    features, *_ = up(x, normal(rng, 2, 4, 3, 3), normal(rng, 2, 4, 3, 3), z)
    np.testing.assert_allclose(features, lrelu(shared), atol=1e-5)


@pytest.mark.parametrize("has_features", [True, False])
def test_down_block_is_the_papers(rng, has_features):
    block, image = DownBlock(5, 7), normal(rng, 2, 4, 6, 3)
    features = normal(rng, 2, 4, 6, 5) if has_features else None
    block.build(image.shape)
    randomize(block, rng)
    x = conv(image, block.from_pixels) + (features if has_features else 0)
    x = lrelu(conv(lrelu(conv(lrelu(x), block.conv_1)), block.conv_2))
    expected = x.reshape(2, 2, 2, 3, 2, 7).mean((2, 4))
    np.testing.assert_allclose(block(image, features), expected, atol=1e-5)


def test_convolutions_start_at_he_variance_for_the_leak():
    layer = convolution(64)
    layer.build((None, None, None, 32))
    assert np.std(layer.kernel) == pytest.approx(np.sqrt(2 / (1 + 0.2**2) / (9 * 32)), rel=0.05)


@pytest.mark.parametrize(
    ("layer", "shapes"),
    [
        (ResidualBlock(6, residual_scale=0.3), [(1, 4, 4, 6)]),
        (UpBlock(6, gradient_channels=1), [(1, 4, 4, 5), (1, 4, 4, 3), (1, 4, 4, 1)]),
        (DownBlock(6, 7), [(1, 4, 4, 3), (1, 4, 4, 6)]),
        (ResidualBlock(6, 0.3, modulated_by=3), [(1, 4, 4, 6), (1, 3)]),
        (UpBlock(6, 3, modulated_by=2), [(1, 4, 4, 5), (1, 4, 4, 3), (1, 4, 4, 3), (1, 2)]),
        (Modulation(6, 2), [(1, 4, 4, 6), (1, 2)]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_layers_survive_their_config(rng, layer, shapes):
    inputs = [normal(rng, *shape) for shape in shapes]
    outputs = tf.nest.flatten(layer(*inputs))
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    copy(*inputs)
    copy.set_weights(layer.get_weights())
    for a, b in zip(outputs, tf.nest.flatten(copy(*inputs))):
        np.testing.assert_array_equal(a, b)


# ---------------------------------------------------------------- generator


@pytest.mark.parametrize("scale", [2, 4, 8, 16])
@pytest.mark.parametrize("gradient_channels", [1, 3])
def test_generator_outputs_a_pyramid(rng, pictures, scale, gradient_channels):
    generator = make_generator(rng, scale, gradient_channels=gradient_channels)
    images, gradients = generator((pictures(2, 4, 3, 3), normal(rng, 2, 4)))
    sides = [(4 * 2**k, 3 * 2**k) for k in range(1, scale.bit_length())]
    assert generator.scale == scale and sides[-1] == (4 * scale, 3 * scale)
    assert [tuple(image.shape) for image in images] == [(2, *side, 3) for side in sides]
    assert [tuple(g.shape) for g in gradients] == [(2, *side, gradient_channels) for side in sides]
    assert all(np.min(gradient) >= 0 for gradient in gradients)


def test_one_generator_takes_any_picture_size(rng, pictures):
    generator = make_generator(rng, 4)
    for height, width in [(4, 4), (5, 3), (1, 7)]:
        images, _ = generator((pictures(1, height, width, 3), normal(rng, 1, 4)))
        assert images[-1].shape == (1, 4 * height, 4 * width, 3)


def test_reconstruction_is_repeatable_and_noise_changes_it(rng, pictures):
    generator, lr = make_generator(rng, 4), pictures(1, 4, 4, 3)
    zero, z1, z2 = np.zeros((1, 4), np.float32), normal(rng, 1, 4), normal(rng, 1, 4)
    first, again, with_z1, with_z2 = (generator((lr, z)) for z in (zero, zero, z1, z2))
    for output in range(2):
        np.testing.assert_array_equal(first[output][-1], again[output][-1])
        for one, other in ((first, with_z1), (first, with_z2), (with_z1, with_z2)):
            assert np.abs(one[output][-1] - other[output][-1]).max() > 0.01


def test_each_example_has_its_own_input_and_noise(rng, pictures):
    generator, lr, z = make_generator(rng), pictures(3, 4, 4, 3), normal(rng, 3, 4)
    together = generator((lr, z))[0][-1]
    for b in range(3):
        np.testing.assert_allclose(together[b], generator((lr[b : b + 1], z[b : b + 1]))[0][-1][0], atol=1e-5)


@pytest.mark.parametrize("scale", [2, 8])
def test_only_exact_consistency_downscales_to_the_input_at_every_scale(rng, pictures, scale):
    lr, z = pictures(2, 4, 6, 3), normal(rng, 2, 4)
    distances = {}
    for consistency in ("exact", "learned"):
        images, _ = make_generator(rng, scale, consistency=consistency)((lr, z))
        distances[consistency] = [
            np.abs(ops.downscale(image, 2**k) - lr).max() for k, image in enumerate(images, 1)
        ]
    assert max(distances["exact"]) < 1e-5
    assert min(distances["learned"]) > 0.05


def test_diversity_reaches_the_generator_and_the_noise(rng, pictures):
    generator, lr = make_generator(rng, 4), pictures(2, 4, 4, 3)
    z1, z2 = tf.constant(normal(rng, 2, 4)), tf.constant(normal(rng, 2, 4))
    with tf.GradientTape() as tape:
        tape.watch([z1, z2])
        g1, g2 = (generator((lr, z))[1][-1] for z in (z1, z2))
        diversity = losses.diversity_loss(g1, g2, z1, z2)
    of_kernel, *of_noise = tape.gradient(diversity, [generator.conv_z.kernel.value, z1, z2])
    assert np.abs(of_kernel).max() > 1e-4
    assert all(np.abs(gradient).min(axis=1).max() > 1e-5 for gradient in of_noise)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"widths": [8]}, r"one for each doubling. Received: \[8\]"),
        ({"consistency": "soft"}, "Received: 'soft'"),
        ({"z_injection": "add"}, "Received: 'add'"),
    ],
)
def test_generator_refuses(settings, message):
    with pytest.raises(ValueError, match=message):
        Generator(**settings)


@pytest.mark.parametrize(
    ("widths", "scale", "expected"),
    [
        ([64, 48, 32, 16], 8, [64, 48, 32, 16]),
        ([64, 48, 32, 16], 2, [64, 48]),
        ([64, 48], 16, [64, 48, 48, 48, 48]),
        ([8], 4, [8, 8, 8]),
    ],
)
def test_widths_are_cut_or_repeated_to_fit_the_scale(widths, scale, expected):
    assert widths_for_scale(widths, scale) == expected


def test_networks_are_built_as_the_config_says(tiny_config):
    config = tiny_config(
        scale=4, widths=[8, 6], blocks=2, z_size=5, gradient_channels=1, consistency="exact",
        discriminator_widths=[7], discriminator_blocks=3,
    )  # fmt: skip
    generator, critics = build_gradsr_generator(config), build_critics(config)
    d_image, d_gradient = (critics[name].discriminator for name in ("image", "gradient"))
    assert (generator.widths, generator.blocks, generator.z_size) == ([8, 6, 6], 2, 5)
    assert (generator.gradient_channels, generator.consistency) == (1, "exact")
    for d, channels, condition in ((d_image, 3, 3), (d_gradient, 1, 0)):
        assert (d.widths, d.blocks, d.channels, d.condition_channels) == ([7, 7, 7], 3, channels, condition)


def test_the_default_networks_are_the_papers():
    generator = build_gradsr_generator(Config())
    assert (generator.scale, len(generator.residual_blocks), len(generator.up_blocks)) == (8, 8, 3)
    assert generator.consistency == "learned"


def test_generator_weights_survive_a_file(rng, pictures, tmp_path):
    generator, inputs = make_generator(rng, 4), (pictures(1, 4, 4, 3), normal(rng, 1, 4))
    generator.save_weights(tmp_path / "generator.weights.h5")
    other = make_generator(rng, 4)
    assert np.abs(generator(inputs)[0][-1] - other(inputs)[0][-1]).max() > 0.01
    other.load_weights(tmp_path / "generator.weights.h5")
    for a, b in zip(tf.nest.flatten(generator(inputs)), tf.nest.flatten(other(inputs))):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    "network",
    [
        Generator([8, 6, 4], blocks=2, z_size=3, gradient_channels=1, consistency="exact"),
        Generator([8, 6], blocks=1, z_size=3, z_injection="modulate"),
        Discriminator([8, 6], blocks=2, channels=3, condition_channels=3),
        Discriminator([8, 6, 4], blocks=1, channels=1),
    ],
    ids=["generator", "modulated", "d_image", "d_gradient"],
)
def test_networks_survive_a_keras_file(rng, network, tmp_path):
    network.build()
    randomize(network, rng)
    network.save(tmp_path / "network.keras")
    copy = keras.models.load_model(tmp_path / "network.keras")
    if isinstance(network, Generator):
        inputs = (normal(rng, 1, 4, 4, 3), normal(rng, 1, 3))
    else:
        inputs = [normal(rng, 1, 4 * 2**k, 4 * 2**k, network.channels) for k in range(1, len(network.widths))]
        inputs += [normal(rng, 1, 4, 4, 3)] * bool(network.condition_channels)
    for a, b in zip(tf.nest.flatten(network(inputs)), tf.nest.flatten(copy(inputs))):
        np.testing.assert_array_equal(a, b)


# ---------------------------------------------------------------- discriminators


@pytest.mark.parametrize("scale", [2, 4, 8, 16])
@pytest.mark.parametrize("condition_channels", [3, 0])
def test_discriminator_outputs_features_at_lr_size(rng, scale, condition_channels):
    discriminator = make_discriminator(rng, scale, condition_channels=condition_channels)
    sides = [(2 * 2**k, 3 * 2**k, 3) for k in range(1, scale.bit_length())] + [(2, 3, 3)] * bool(
        condition_channels
    )
    inputs = [tf.constant(normal(rng, 2, *side)) for side in sides]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        logits = discriminator(inputs)
    assert logits.shape == (2, 2, 3, 8)
    # Every scale's picture and F change the output.
    assert all(np.abs(gradient).max() > 1e-4 for gradient in tape.gradient(logits, inputs))


def test_d_image_sees_the_consistency_residual(rng, pictures):
    discriminator, image = make_discriminator(rng, condition_channels=3), pictures(1, 8, 8, 3)
    zero, residual = np.zeros((1, 4, 4, 3), np.float32), np.abs(normal(rng, 1, 4, 4, 3))
    logits = discriminator([image, zero])
    np.testing.assert_array_equal(logits, discriminator([image, zero]))
    assert np.abs(discriminator([image, residual]) - logits).max() > 0.05


def test_only_d_image_scores_change_with_the_consistency_residual(tiny_model, batches):
    """The slack epsilon changes F and nothing else, so of all scores only D_I's on fakes may move."""
    batch = batches(scale=4)
    logs = [tiny_model(scale=4, loss={"epsilon": e}).train_step(batch) for e in (0.0, 1000.0)]
    score = {name: [float(log[f"score/{name}"]) for log in logs] for name in
             ("image_fake", "image_real", "gradient_fake", "gradient_real")}  # fmt: skip
    assert abs(score["image_fake"][0] - score["image_fake"][1]) > 1e-4
    for name in ("image_real", "gradient_fake", "gradient_real"):
        assert score[name][0] == score[name][1]


def test_exact_consistency_leaves_d_image_no_residual_to_see(tiny_model, batches):
    batch = batches(scale=4)
    logs = [
        tiny_model(scale=4, consistency="exact", loss={"epsilon": e}).train_step(batch) for e in (0.1, 1000.0)
    ]
    assert float(logs[0]["score/image_fake"]) == float(logs[1]["score/image_fake"])


# ---------------------------------------------------------------- perceptual features, eq. (6)


@pytest.fixture(scope="module")
def vgg_file(tmp_path_factory):
    """A weights file of VGG-16 without its top, weights random, and the network itself."""
    keras.utils.set_random_seed(0)
    vgg = keras.applications.VGG16(include_top=False, weights=None)
    path = tmp_path_factory.mktemp("vgg") / "vgg16_notop.weights.h5"
    vgg.save_weights(path)
    yield str(path), vgg
    path.unlink()


def test_vgg_features_are_those_of_keras(rng, vgg_file):
    path, vgg = vgg_file
    levels = rng.integers(0, 256, (2, 32, 48, 3))
    features = VGGFeatures(path)((levels / 127.5 - 1).astype(np.float32))
    shapes = [(2, 32, 48, 64), (2, 16, 24, 128), (2, 8, 12, 256), (2, 4, 6, 512)]
    assert [tuple(feature.shape) for feature in features] == shapes
    # VGG-16 was trained on blue, green, red minus ImageNet's mean colour.
    x = tf.constant(levels[..., ::-1] - [103.939, 116.779, 123.68], tf.float32)
    direct = keras.Model(vgg.input, [vgg.get_layer(name).output for name in LAYERS])(x)
    for feature, expected in zip(features, direct):
        np.testing.assert_allclose(feature, expected / 127.5, rtol=1e-3, atol=1e-4 * np.max(expected) / 127.5)


def test_vgg_is_frozen_and_its_loss_reaches_the_generator(vgg_file, tiny_model, batches):
    loss = {"perceptual": "vgg16", "vgg_weights": vgg_file[0], "pixel": 0.0}
    # No image gradient in the objective, so that only the perceptual loss can move the picture's branch.
    model, batch = tiny_model(lr_size=16, loss=loss), batches((16, 16))
    assert model.perceptual.trainable_variables == []
    assert not any("vgg" in v.path or "block" in v.path for v in model.trainable_variables)
    before = values(model.generator.up_blocks[-1].to_image), values(model.perceptual)
    image = model.generator((batch["lr"], np.zeros((2, 4), np.float32)))[0][-1]
    features = zip(model.perceptual(image), model.perceptual(batch["hr"]))
    expected = np.mean([np.mean(np.abs(fake - real)) for fake, real in features])
    model.reconstruction_only = True
    logs = model.train_step(batch)
    assert float(logs["loss/g/perceptual"]) == pytest.approx(expected, rel=1e-4)
    assert largest_change(before[0], values(model.generator.up_blocks[-1].to_image)) > 0
    assert largest_change(before[1], values(model.perceptual)) == 0


def test_random_vgg_features_are_the_same_each_time_and_keep_their_size(rng):
    images = tf.constant(rng.uniform(-1, 1, (2, 32, 32, 3)), tf.float32)
    one, other = VGGFeatures("random")(images), VGGFeatures("random")(images)
    for feature, same in zip(one, other):
        np.testing.assert_array_equal(feature, same)
        # He et al. 2015: layers keep the mean square; Keras' own initialisation halves it at each of the ten.
        assert 0.5 < np.mean(feature**2) / np.mean(images**2) < 5.0
    kernels = [v.numpy().ravel()[:64] for v in VGGFeatures("random").weights if v.name == "kernel"]
    assert len(kernels) == 10
    assert len({kernel.tobytes() for kernel in kernels}) == 10


def test_discriminator_features_need_a_pixel_loss():
    with pytest.raises(ConfigError, match=r"loss\.pixel: above 0 when loss\.perceptual is discriminator"):
        check_config(Config(loss=LossConfig(perceptual="discriminator")))


def test_missing_vgg_weights_are_refused_by_name(tiny_model, tmp_path):
    loss = {"perceptual": "vgg16", "vgg_weights": str(tmp_path / "none.h5")}
    with pytest.raises(ConfigError, match=r"loss\.vgg_weights: .*loss\.perceptual to none.*none\.h5"):
        tiny_model(loss=loss)


# ---------------------------------------------------------------- training step

EVERY_TERM = {
    "loss/g/total", "loss/g/gradient", "loss/g/pixel", "loss/g/diversity", "loss/g/coupling",
    "loss/g/reconstruction_adv_image", "loss/g/reconstruction_adv_gradient",
    "loss/g/hallucination_adv_image", "loss/g/hallucination_adv_gradient",
    "loss/d_image/adv", "loss/d_image/r1", "loss/d_gradient/adv", "loss/d_gradient/r1",
    "score/image_real", "score/image_fake", "score/gradient_real", "score/gradient_fake",
    "reconstruction/lr_psnr", "hallucination/lr_psnr", "hallucination/sample_std", "norm/g", "norm/d",
}  # fmt: skip


def real_pyramids(hr, scale, gradient_channels):
    """The true pictures and their image gradients at every scale, coarse to fine, in NumPy."""
    hr, images, gradients = np.asarray(hr), [], []
    for factor in [2**k for k in reversed(range(scale.bit_length() - 1))]:
        b, height, width, c = hr.shape
        image = hr.reshape(b, height // factor, factor, width // factor, factor, c).mean((2, 4))
        x = image.mean(-1, keepdims=True) if gradient_channels == 1 else image
        p = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
        g_x, g_y = p[:, 1:-1, 2:] - p[:, 1:-1, :-2], p[:, 2:, 1:-1] - p[:, :-2, 1:-1]
        images.append(image)
        gradients.append(np.hypot(g_x, g_y))
    return images, gradients


def minus_log(logits, real):
    """`-log D` of real data or `-log(1 - D)` of fakes, averaged, by Keras' cross-entropy."""
    labels = tf.fill(tf.shape(logits), 1.0 if real else 0.0)
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels, logits))


def descend(tape, loss, network_weights, rate):
    for variable, slope in zip(network_weights, tape.gradient(loss, [v.value for v in network_weights])):
        if slope is not None:  # None: of a scale that is not in use
            variable.assign(variable.numpy() - rate * slope.numpy())


def squared_slopes(d, inputs):
    """Mean over examples of the squared norm of d's mean output's slope."""
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        score = tf.reduce_sum(tf.reduce_mean(d(inputs), axis=[1, 2, 3]))
    return sum(tf.reduce_sum(slope**2) for slope in tape.gradient(score, inputs)) / len(inputs[0])


def inner_features(d_i, inputs):
    """D_I's features after each of its scales, and before the condition enters."""
    features, found = None, []
    for k in reversed(range(len(inputs) - 1)):
        features = d_i.down_blocks[k](inputs[k], features)
        found.append(features)
    return [*found, keras.Sequential(d_i.residual_blocks)(features)]


def reference_step(model, batch, loss, rate, features):
    """One step of plain SGD from the paper's text: both D, then G, every pass on its own."""
    g, d_i, d_g = (
        model.generator,
        model.discriminators["image_discriminator"],
        model.discriminators["gradient_discriminator"],
    )
    lr, z1, z2 = batch["lr"], batch["z"][:, 0], batch["z"][:, 1]
    images, gradients = real_pyramids(batch["hr"], g.scale, g.gradient_channels)

    def seen(pyramid, residual):
        """What D_I sees of pictures and F."""
        if not model.critics["image"].sees_details:
            return [*pyramid, residual]
        details = []
        for picture in pyramid:
            # Half-pixel bilinear upscaling, by scikit-image.
            common = [resize(x, picture.shape[1:3], order=1, mode="edge") for x in lr.numpy()]
            details.append((picture - tf.constant(np.stack(common), tf.float32)) * 4)
        return [*details, tf.concat([residual, lr], axis=-1)]

    real_i = seen([tf.constant(x) for x in images], tf.zeros_like(lr))
    real_g = [tf.constant(x) for x in gradients]
    weights = [loss.beta, 1.0] if loss.beta else [1.0]
    noises = [np.zeros_like(z1), z1][-len(weights) :]

    def condition(fake_images):
        residual = ops.consistency_residual(fake_images[-1], lr, g.scale, loss.epsilon)
        return seen(fake_images, residual)

    def against(d, real, fake):
        """How D's two answers on a pair enter its loss, real and fake."""
        if loss.adversarial == "relativistic":
            return minus_log(d(real) - d(fake), real=True)
        return minus_log(d(real), real=True) + minus_log(d(fake), real=False)

    # Both discriminators, on fakes of the generator as it is.
    fakes = [g((lr, z)) for z in noises]
    for d, real, fake in (
        (d_i, real_i, [condition(f[0]) for f in fakes]),
        (d_g, real_g, [f[1] for f in fakes]),
    ):
        with tf.GradientTape() as tape:
            objective = sum(against(d, real, f) for f in fake) / len(fake)
            r2 = sum(squared_slopes(d, f) for f in fake) / len(fake)
            objective += loss.r1_interval / 2 * (loss.r1 * squared_slopes(d, real) + loss.r2 * r2)
        descend(tape, objective, d.trainable_variables, rate)

    # The generator, against the discriminators as they are now.
    with tf.GradientTape() as tape:
        (i0, g0), (i1, g1), (_, g2) = (g((lr, z)) for z in (np.zeros_like(z1), z1, z2))

        def adversarial(fake_images, fake_gradients):
            pairs = (d_i, real_i, condition(fake_images)), (d_g, real_g, fake_gradients)
            above = [d(real) if loss.adversarial == "relativistic" else 0.0 for d, real, _ in pairs]
            return sum(minus_log(d(fake) - other, real=True) for (d, _, fake), other in zip(pairs, above))

        def mean_error(fake, real):
            return sum(tf.reduce_mean(tf.abs(f - r)) for f, r in zip(fake, real)) / len(fake)

        if loss.perceptual == "discriminator":
            perceptual = mean_error(inner_features(d_i, condition(i0)), inner_features(d_i, real_i))
        else:
            perceptual = mean_error(features(i0[-1]), features(tf.constant(images[-1])))
        objective = loss.gamma * (perceptual + mean_error(g0, gradients)) + loss.pixel * mean_error(
            i0, images
        )
        if loss.beta:
            objective += loss.beta * adversarial(i0, g0)
        g1_last, g2_last = g1[-1], g2[-1]
        ratio = tf.reduce_mean(tf.abs(g1_last - g2_last), axis=[1, 2, 3]) / np.abs(z1 - z2).mean(1)
        objective += adversarial(i1, g1) - loss.alpha * tf.reduce_mean(tf.minimum(ratio, loss.tau))
        own = i1[-1]
        own = own if g.gradient_channels == 3 else tf.reduce_mean(own, -1, keepdims=True)
        objective += loss.coupling * mean_error([g1_last], [ops.image_gradient(own)])
    descend(tape, objective, g.trainable_variables, rate)


def test_scores_are_the_discriminators_mean_outputs(tiny_model, batches):
    model, batch = tiny_model(scale=4), batches((4, 3), scale=4)
    for seed, network in enumerate((model.generator, *model.discriminators.values())):
        randomize(network, np.random.default_rng(seed))
    scores = model.scores(batch)
    images, gradients = real_pyramids(batch["hr"], 4, 3)
    fakes, fake_gradients = model.generator((batch["lr"], batch["z"][:, 0]))
    residual = ops.consistency_residual(fakes[-1], batch["lr"], 4, model.loss_config.epsilon)
    expected = {
        "image": (
            model.discriminators["image_discriminator"]([*images, tf.zeros_like(residual)]),
            model.discriminators["image_discriminator"]([*fakes, residual]),
        ),
        "gradient": (
            model.discriminators["gradient_discriminator"](gradients),
            model.discriminators["gradient_discriminator"](fake_gradients),
        ),
    }
    for name, pair in expected.items():
        for score, output in zip(scores[name], pair):
            np.testing.assert_allclose(score, np.mean(output, axis=(1, 2, 3)), rtol=1e-4, atol=1e-6)


PAPER = {"beta": 0.5}
OURS = {"beta": 0.0, "adversarial": "relativistic", "r2": 500.0}


@pytest.mark.parametrize(
    ("gradient_channels", "consistency", "loss", "in_graph", "seen"),
    [
        (3, "learned", PAPER, False, "pictures"),
        (1, "exact", {**PAPER, "r1_interval": 3}, True, "pictures"),
        (3, "learned", OURS, False, "details"),
        (1, "learned", {**PAPER, "r1_interval": 3}, False, "details"),
        (3, "exact", {**OURS, "r1_interval": 3}, True, "pictures"),
        (3, "learned", {**OURS, "perceptual": "discriminator"}, False, "details"),
        (3, "exact", {**PAPER, "perceptual": "discriminator"}, True, "pictures"),
    ],
)
def test_train_step_is_the_papers(tiny_model, batches, gradient_channels, consistency, loss, in_graph, seen):
    loss = {"gamma": 3.0, "alpha": 2.0, "pixel": 1.5, "coupling": 0.7, "r1": 1000.0, **loss}
    batch = batches((4, 3), scale=4)

    def features(x):
        """Replaces VGG-16: two layers of different size."""
        return [3.0 * x, x[:, ::2, ::2] ** 2]

    def make():
        model = tiny_model(
            scale=4, gradient_channels=gradient_channels, consistency=consistency, loss=loss,
            discriminator_input=seen,
            g_optimizer=keras.optimizers.SGD(0.02), d_optimizer=keras.optimizers.SGD(0.02),
        )  # fmt: skip
        model.perceptual = None if "perceptual" in loss else features
        for seed, network in enumerate(networks(model)):
            randomize(network, np.random.default_rng(seed), gain=1.5)
        return model

    def networks(model):
        return (
            model.generator,
            model.discriminators["image_discriminator"],
            model.discriminators["gradient_discriminator"],
        )

    model, reference = make(), make()
    before = [values(network) for network in networks(model)]
    fit(model, batch, 1) if in_graph else model.train_step(batch)
    reference_step(reference, batch, LossConfig(**loss), 0.02, features)
    for start, network, expected in zip(before, networks(model), networks(reference)):
        assert largest_change(start, values(network)) > 0.005
        assert largest_change(values(network), values(expected)) < 1e-5


def test_train_step_reports_every_term(tiny_model, batches):
    loss = {"gamma": 3.0, "beta": 0.5, "alpha": 1e6, "tau": 1e-6, "pixel": 1.5, "coupling": 0.7}
    logs = {name: float(v) for name, v in tiny_model(loss=loss).train_step(batches()).items()}
    assert set(logs) == EVERY_TERM
    assert np.isfinite(list(logs.values())).all()
    assert logs["loss/g/diversity"] == pytest.approx(1e-6)  # bounded by tau
    # Eq. (10) and (11), with the terms as reported.
    total = 3.0 * logs["loss/g/gradient"] + 1.5 * logs["loss/g/pixel"]
    for domain in ("image", "gradient"):
        total += (
            0.5 * logs[f"loss/g/reconstruction_adv_{domain}"] + logs[f"loss/g/hallucination_adv_{domain}"]
        )
    total += 0.7 * logs["loss/g/coupling"] - 1e6 * logs["loss/g/diversity"]
    assert logs["loss/g/total"] == pytest.approx(total, rel=1e-5)


def test_logged_scores_and_consistency_are_those_of_the_pictures(tiny_model, batches):
    model, batch = tiny_model(), batches()
    lr, z = batch["lr"], batch["z"]
    (i0, g0), (i1, g1), (i2, _) = (model.generator((lr, z_n)) for z_n in (0 * z[:, 0], z[:, 0], z[:, 1]))
    residuals = [ops.consistency_residual(image[-1], lr, 2, 0.1) for image in (i0, i1)]
    fake_i = [model.discriminators["image_discriminator"]([*i, f]) for i, f in zip((i0, i1), residuals)]
    expected = {
        "score/image_real": model.discriminators["image_discriminator"]([batch["hr"], 0 * lr]),
        "score/image_fake": fake_i,
        "score/gradient_real": model.discriminators["gradient_discriminator"](
            [ops.image_gradient(batch["hr"])]
        ),
        "score/gradient_fake": [model.discriminators["gradient_discriminator"](g) for g in (g0, g1)],
        "reconstruction/lr_psnr": metrics.lr_psnr(ops.to_uint8(i0[-1]), ops.to_uint8(lr), 2),
        "hallucination/lr_psnr": metrics.lr_psnr(ops.to_uint8(i1[-1]), ops.to_uint8(lr), 2),
        "hallucination/sample_std": metrics.sample_std(np.stack([ops.to_uint8(x[-1]) for x in (i1, i2)], 1)),
    }
    logs = model.train_step(batch)
    for name, value in expected.items():
        assert float(logs[name]) == pytest.approx(np.mean(value), rel=1e-4, abs=1e-6), name


@pytest.mark.parametrize("method", ["area", "bicubic"])
def test_real_pictures_are_downscaled_by_the_method_given(tiny_model, batches, method):
    model, hr = tiny_model(scale=8, downscale=method), batches(scale=8)["hr"]
    images, gradients = model.real_pyramids(hr)
    for image, gradient, factor in zip(images, gradients, (4, 2, 1)):
        np.testing.assert_allclose(image, ops.downscale(hr, factor, method), atol=1e-6)
        np.testing.assert_allclose(gradient, ops.image_gradient(image), atol=1e-6)


def test_discriminators_rest_while_reconstructing_and_learn_after(tiny_model, batches):
    model, batch = tiny_model(), batches()
    discriminators = (
        model.discriminators["image_discriminator"],
        model.discriminators["gradient_discriminator"],
    )
    before = [values(d) for d in discriminators]
    start = values(model.generator)
    model.reconstruction_only = True
    model.train_step(batch)
    assert all(largest_change(b, values(d)) == 0 for b, d in zip(before, discriminators))
    assert largest_change(start, values(model.generator)) > 0
    model.reconstruction_only = False
    model.train_step(batch)
    assert all(largest_change(b, values(d)) > 0 for b, d in zip(before, discriminators))
    assert model.step == 2


@pytest.mark.parametrize("z_injection", ["concat", "modulate"])
def test_reconstruction_phase_trains_at_zero_noise_and_leaves_its_weights(tiny_model, batches, z_injection):
    model, batch = tiny_model(scale=4, z_injection=z_injection), batches(scale=4)
    images, gradients = real_pyramids(batch["hr"], 4, 3)
    fake_images, fake_gradients = model.generator((batch["lr"], 0 * batch["z"][:, 0]))
    pixel = np.mean([np.mean(np.abs(f - r)) for f, r in zip(fake_images, images)])
    gradient = np.mean([np.mean(np.abs(f - r)) for f, r in zip(fake_gradients, gradients)])
    of_z = (
        model.generator.conv_z,
        *(layer for layer in model.generator._flatten_layers() if isinstance(layer, Modulation)),
    )
    before = [values(layer) for layer in of_z]
    model.reconstruction_only = True
    logs = model.train_step(batch)
    assert len(of_z) == (1 if z_injection == "concat" else 4)
    assert all(largest_change(b, values(layer)) == 0 for b, layer in zip(before, of_z))
    assert float(logs["loss/g/pixel"]) == pytest.approx(pixel, rel=1e-4)
    assert float(logs["loss/g/gradient"]) == pytest.approx(gradient, rel=1e-4)
    assert float(logs["loss/g/total"]) == pytest.approx(10 * gradient + pixel, rel=1e-4)


def test_thirty_steps_of_reconstruction_lower_the_loss(tiny_model, batches):
    model, batch = tiny_model(g_optimizer=keras.optimizers.Adam(2e-3), loss={"pixel": 10.0}), batches(size=4)
    model.reconstruction_only = True
    history = fit(model, batch, 30)
    for name in ("total", "pixel", "gradient"):
        first, last = (float(history[step][f"loss/g/{name}"]) for step in (0, -1))
        assert last < 0.8 * first, name


def test_lazy_r1_comes_every_kth_step_times_k(tiny_model, batches):
    """In graph mode, where the condition is part of the graph."""
    batch = batches()
    lazy = fit(tiny_model(loss={"r1_interval": 2}), batch, 5)
    eager = tiny_model().train_step(batch)
    for domain in ("image", "gradient"):
        r1 = [float(logs[f"loss/d_{domain}/r1"]) for logs in lazy]
        assert [value > 0 for value in r1] == [True, False, True, False, True]
        assert r1[0] == pytest.approx(2 * float(eager[f"loss/d_{domain}/r1"]), rel=1e-4)


def test_r1_weight_zero_switches_it_off(tiny_model, batches):
    logs = tiny_model(loss={"r1": 0.0}).train_step(batches())
    assert float(logs["loss/d_image/r1"]) == float(logs["loss/d_gradient/r1"]) == 0


@pytest.mark.parametrize("reconstruction_only", [True, False])
def test_average_follows_the_weights(tiny_model, batches, reconstruction_only):
    model, batch = tiny_model(ema_decay=0.75), batches()
    model.reconstruction_only = reconstruction_only
    average = values(model.generator)
    for _ in range(3):
        model.train_step(batch)
        average = [0.75 * a + 0.25 * w for a, w in zip(average, values(model.generator))]
    assert largest_change(average, values(model.generator)) > 1e-3
    for expected, weight in zip(average, values(model.ema_generator)):
        np.testing.assert_allclose(weight, expected, atol=1e-6)


def test_model_outputs_the_averaged_generators_full_size(rng, tiny_model, batches):
    model, batch = tiny_model(scale=4), batches(scale=4)
    randomize(model.generator, rng)
    inputs = batch["lr"], batch["z"][:, 0]
    image, gradient = model(inputs)
    images, gradients = model.ema_generator(inputs)
    np.testing.assert_array_equal(image, images[-1])
    np.testing.assert_array_equal(gradient, gradients[-1])
    assert np.abs(image - model.generator(inputs)[0][-1]).max() > 0.01


def test_evaluate_and_measure_average_over_pictures_not_batches(tiny_model, batches):
    model, batch = tiny_model(lr_size=8), batches((8, 8), size=3)
    dataset = tf.data.Dataset.from_tensor_slices(batch).batch(2)
    measured = model.measure(dataset)
    evaluated = model.evaluate(dataset, verbose=0, return_dict=True)
    direct = metrics.measure(model, batch, 2)
    assert set(measured) == set(direct)
    for name, value in direct.items():
        assert measured[name] == pytest.approx(np.mean(value), rel=1e-4)
        assert evaluated[name] == pytest.approx(np.mean(value), rel=1e-4)
