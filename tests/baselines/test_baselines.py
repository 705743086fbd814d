"""SRGAN and ESRGAN: networks, losses, training steps, runs. Sizes by hand from the papers."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from arrays import normal, values
from checkout import ROOT
from PIL import Image
from references import conv
from training_steps import read_metrics

from tf_gradsr import losses, metrics, ops
from tf_gradsr import train as train_command
from tf_gradsr.baselines import ESRGAN, SRGAN, PictureDiscriminator, RRDBNet, SRResNet
from tf_gradsr.baselines.baseline import WideConvolution
from tf_gradsr.baselines.esrgan import RRDB, DenseBlock, mean_over_replicas
from tf_gradsr.baselines.srgan import NormalizedResidualBlock, ShuffleUpBlock
from tf_gradsr.config import Config, widths_for_scale
from tf_gradsr.config_files import load_config
from tf_gradsr.data import load_pictures, training_batches
from tf_gradsr.evaluation.contestants import gflop
from tf_gradsr.inference import Hallucinator
from tf_gradsr.registry import build_generator, build_model
from tf_gradsr.run_folder import RunFolder
from tf_gradsr.training.checkpoints import Checkpoints
from tf_gradsr.training.trainer import train

CONFIGS = ROOT / "configs" / "baselines"
NAMES = ["srgan", "esrgan"]


def tiny_config(name, **train_settings) -> Config:
    config = Config()
    config.data.source, config.data.lr_size, config.data.limit = "faces", 8, 16
    config.model.name, config.model.scale, config.model.blocks = name, 2, 1
    config.model.widths, config.model.discriminator_widths = [8], [8]
    config.model.growth_channels = config.model.z_size = 4
    config.loss.perceptual, config.loss.pixel, config.loss.gamma, config.loss.beta = "none", 2.0, 3.0, 0.5
    config.optimizer.g_learning_rate = 1e-3
    settings = {
        "steps": 4,
        "reconstruction_steps": 2,
        "batch_size": 4,
        "log_interval": 1,
        "sample_interval": 4,
        "validation_interval": 100,
        "checkpoint_interval": 2,
        "summary_pictures": 4,
        **train_settings,
    }
    for setting, value in settings.items():
        setattr(config.train, setting, value)
    return config


def tiny_model(name, rate=0.01, **loss):
    """A compiled baseline with plain SGD and weights large enough for every path to show."""
    config = tiny_config(name)
    for setting, value in loss.items():
        setattr(config.loss, setting, value)
    model = {"srgan": SRGAN, "esrgan": ESRGAN}[name](config)
    model.compile(config.loss, keras.optimizers.SGD(rate), keras.optimizers.SGD(rate), ema_decay=0.75)
    for seed, network in enumerate((model.generator, model.image_discriminator)):
        randomize(network, np.random.default_rng(seed))
    model.ema_generator.set_weights(model.generator.get_weights())
    return model


def randomize(network, rng):
    for weight in network.weights:
        if "variance" in weight.path or "gamma" in weight.path:
            weight.assign(rng.uniform(0.5, 1.5, weight.shape))
        else:
            fan_in = np.prod(weight.shape[:-1]) if len(weight.shape) > 1 else 25
            weight.assign(rng.normal(0, 1 / np.sqrt(fan_in), weight.shape))
    return network


def built(layer, *shape):
    layer.build(shape)
    return randomize(layer, np.random.default_rng(1))


# ---------------------------------------------------------------- sizes, by hand


def conv_sizes(*convs):
    """(weights, multiply-adds) of convolutions (kernel size, channels in, out, side of the output)."""
    weights = [kernel**2 * c_in * c_out for kernel, c_in, c_out, _ in convs]
    return sum(weights), sum(w * conv[3] ** 2 for w, conv in zip(weights, convs))


def srresnet_size(widths, blocks, side):
    """(parameters, multiply-adds) of figure 4's generator."""
    w = widths[0]
    convs = [(9, 3, w, side)] + [(3, w, w, side)] * (2 * blocks + 1)
    for k in range(1, len(widths)):
        convs.append((3, widths[k - 1], 4 * widths[k], side * 2 ** (k - 1)))
    convs.append((9, widths[-1], 3, side * 2 ** (len(widths) - 1)))
    weights, multiply_adds = conv_sizes(*convs)
    biases = w + sum(4 * width for width in widths[1:]) + 3  # none before batch normalisation
    norms = 2 * w * (2 * blocks + 1)  # gamma and beta
    slopes = w + w * blocks + sum(widths[1:])  # PReLU, one per channel
    return weights + biases + norms + slopes, multiply_adds


def rrdbnet_size(widths, blocks, growth, side):
    """(parameters, multiply-adds) of figures 3 and 4's generator; every convolution has a bias."""
    w = widths[0]
    dense = [(3, w + n * growth, growth, side) for n in range(4)] + [(3, w + 4 * growth, w, side)]
    convs = [(3, 3, w, side)] + 3 * blocks * dense + [(3, w, w, side)]
    for k in range(1, len(widths)):
        convs.append((3, widths[k - 1], widths[k], side * 2**k))
    full = side * 2 ** (len(widths) - 1)
    convs += [(3, widths[-1], widths[-1], full), (3, widths[-1], 3, full)]
    weights, multiply_adds = conv_sizes(*convs)
    return weights + sum(conv[2] for conv in convs), multiply_adds


def parameters(network):
    return sum(int(np.prod(variable.shape)) for variable in network.trainable_variables)


def test_the_papers_generators_have_the_known_sizes():
    srresnet, rrdbnet = (build_generator(load_config(CONFIGS / f"{name}.yaml")) for name in NAMES)
    assert parameters(srresnet) == srresnet_size([64] * 3, 16, 24)[0] == 1_548_547
    assert parameters(rrdbnet) == rrdbnet_size([64] * 3, 23, 32, 32)[0] == 16_697_987
    assert (srresnet.scale, rrdbnet.scale) == (4, 4)


@pytest.mark.parametrize(("name", "work", "millions"), [("srgan", 1.17, 1.56), ("esrgan", 1.19, 0.95)])
def test_the_small_generators_cost_what_their_configs_say(name, work, millions):
    config = load_config(CONFIGS / f"{name}_faces.yaml")
    model = config.model
    widths = widths_for_scale(model.widths, model.scale)
    if name == "srgan":
        count, multiply_adds = srresnet_size(widths, model.blocks, config.data.lr_size)
    else:
        count, multiply_adds = rrdbnet_size(widths, model.blocks, model.growth_channels, config.data.lr_size)
    assert 2 * multiply_adds / 1e9 == pytest.approx(work, abs=0.005)
    generator = build_generator(config)
    assert parameters(generator) == count == pytest.approx(millions * 1e6, abs=5e3)
    # The profiler counts biases, skips and PReLU too.
    profiled = gflop(Hallucinator(generator, config), (16, 16, 3), "none")
    assert 1 < profiled / (2 * multiply_adds / 1e9) < 1.02
    assert f"{work} GFLOP and {millions} M" in (CONFIGS / f"{name}_faces.yaml").read_text()


def test_the_discriminator_has_the_papers_size_at_96_pixels():
    network = PictureDiscriminator((96, 96))
    network.build()
    pairs = [(3, 64), (64, 64), (64, 128), (128, 128), (128, 256), (256, 256), (256, 512), (512, 512)]
    convs = sum(9 * c_in * c_out for c_in, c_out in pairs) + 64  # the first alone has a bias
    norms = sum(2 * c_out for _, c_out in pairs[1:])
    dense = (6 * 6 * 512) * 1024 + 1024 + 1024 + 1
    assert parameters(network) == convs + norms + dense == 23_563_649


# ---------------------------------------------------------------- networks


def tiny_generator(name, scale):
    config = tiny_config(name)
    config.model.scale = scale
    return randomize(build_generator(config), np.random.default_rng(0))


@pytest.mark.parametrize("scale", [2, 4, 8, 16])
@pytest.mark.parametrize("name", NAMES)
def test_one_picture_of_full_size_and_its_own_gradient_whatever_z(rng, pictures, name, scale):
    generator = tiny_generator(name, scale)
    lr, z = pictures(2, 4, 3, 3), normal(rng, 2, 4)
    images, gradients = generator((lr, z))
    assert (generator.scale, generator.stochastic) == (scale, False)
    assert [image.shape for image in images] == [gradient.shape for gradient in gradients]
    assert [tuple(image.shape) for image in images] == [(2, 4 * scale, 3 * scale, 3)]
    np.testing.assert_array_equal(gradients[0], ops.image_gradient(images[0]))
    np.testing.assert_array_equal(images[0], generator((lr, 0 * z))[0][0])
    # Neither the other pictures of the batch (batch normalisation) nor the size of LR matter.
    np.testing.assert_allclose(images[0][:1], generator((lr[:1], z[:1]))[0][0], atol=1e-5)
    assert np.abs(images[0][0] - images[0][1]).max() > 0.01
    assert generator((pictures(1, 5, 6, 3), z[:1]))[0][0].shape == (1, 5 * scale, 6 * scale, 3)


@pytest.mark.parametrize("name", NAMES)
def test_the_first_answer_is_near_grey(pictures, name):
    generator = build_generator(tiny_config(name))
    answer = np.array(generator((pictures(2, 8, 8, 3), np.zeros((2, 4), np.float32)))[0][0])
    assert 0.001 < answer.std() < 0.3, "pictures() have 0.58"


def prelu(x, layer):
    return np.where(x > 0, x, layer.get_weights()[0] * x)


def normalized(x, layer, batch_statistics):
    gamma, beta, mean, variance = layer.get_weights()
    if batch_statistics:
        mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
    return gamma * (x - mean) / np.sqrt(variance + layer.epsilon) + beta


@pytest.mark.parametrize("training", [False, True])
def test_normalized_residual_block_is_the_papers(rng, training):
    block, x = built(NormalizedResidualBlock(5), None, None, None, 5), normal(rng, 2, 4, 3, 5)
    moving = block.norm_1.moving_mean.numpy()
    branch = prelu(normalized(conv(x, block.conv_1), block.norm_1, training), block.activation)
    expected = x + normalized(conv(branch, block.conv_2), block.norm_2, training)
    np.testing.assert_allclose(block(x, training=training), expected, atol=1e-4)
    seen = conv(x, block.conv_1).mean((0, 1, 2)) if training else moving
    np.testing.assert_allclose(block.norm_1.moving_mean, 0.9 * moving + 0.1 * seen, atol=1e-5)


def test_shuffle_up_block_puts_four_channels_into_four_pixels(rng):
    block, x = built(ShuffleUpBlock(2), None, None, None, 5), normal(rng, 2, 3, 4, 5)
    features = conv(x, block.conv).reshape(2, 3, 4, 2, 2, 2)  # row, column, channel
    shuffled = features.transpose(0, 1, 3, 2, 4, 5).reshape(2, 6, 8, 2)
    np.testing.assert_allclose(block(x), prelu(shuffled, block.activation), atol=1e-5)


def test_rrdb_is_the_papers(rng):
    def dense(x, block):
        features = x
        for layer in block.convs:
            new = conv(features, layer)
            features = np.concatenate([features, np.where(new > 0, new, 0.2 * new)], axis=-1)
        return x + 0.2 * conv(features, block.conv_out)

    block, x = built(RRDB(5, 3), None, None, None, 5), normal(rng, 2, 4, 3, 5)
    expected = x
    for inner in block.dense_blocks:
        assert isinstance(inner, DenseBlock)
        expected = dense(expected, inner)
    np.testing.assert_allclose(block(x), x + 0.2 * expected, atol=1e-4)


def test_wide_convolution_is_a_convolution_with_its_gradients(rng):
    wide, plain = built(WideConvolution(3, 9), None, None, None, 4), keras.layers.Conv2D(3, 9, padding="same")
    plain.build((None, None, None, 4))
    plain.set_weights(wide.get_weights())
    x, slope = tf.constant(normal(rng, 2, 6, 11, 4)), normal(rng, 2, 6, 11, 3)
    results = []
    for layer in (wide, plain):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x)
        sources = [x, *(variable.value for variable in layer.trainable_variables)]
        results.append([y, *tape.gradient(y, sources, output_gradients=slope)])
    assert [part.shape for part in results[0]] == [(2, 6, 11, 3), x.shape, (9, 9, 4, 3), (3,)]
    for ours, theirs in zip(*results):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)


@pytest.mark.parametrize("shape", [(16, 16), (13, 18)])
def test_discriminator_is_made_for_one_size_of_any_kind(rng, shape):
    network = PictureDiscriminator(shape, [4, 6])
    network.build()
    randomize(network, rng)
    images = normal(rng, 3, *shape, 3)
    logits = network(images)
    assert logits.shape == (3, 1)
    assert np.abs(logits[0] - logits[1]) > 1e-3
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError)):
        network(normal(rng, 3, 32, 32, 3))


@pytest.mark.parametrize(
    "network",
    [
        SRResNet([6, 4], blocks=1),
        RRDBNet([6, 4], blocks=1, growth_channels=3),
        PictureDiscriminator((8, 8), [4]),
    ],
    ids=lambda network: type(network).__name__,
)
def test_networks_survive_a_keras_file(rng, network, tmp_path):
    network.build()
    randomize(network, rng)
    network.save(tmp_path / "network.keras")
    copy = keras.models.load_model(tmp_path / "network.keras")
    is_generator = not isinstance(network, PictureDiscriminator)
    inputs = (normal(rng, 1, 4, 4, 3), normal(rng, 1, 4)) if is_generator else normal(rng, 1, 8, 8, 3)
    for a, b in zip(tf.nest.flatten(network(inputs)), tf.nest.flatten(copy(inputs))):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("network", [SRResNet, RRDBNet])
def test_generators_refuse_a_single_width(network):
    with pytest.raises(ValueError, match=r"one for each doubling. Received: \[8\]"):
        network(widths=[8])


# ---------------------------------------------------------------- losses


def minus_log_sigmoid(x):
    return -np.log(1 / (1 + np.exp(-np.asarray(x, np.float64))))


def relativistic(real, fake):
    """(D's, G's) losses of section 3.2, from the equations."""
    real, fake = (np.asarray(x, np.float64) for x in (real, fake))
    d_real, d_fake = real - fake.mean(), fake - real.mean()
    # 1 - sigmoid(x) = sigmoid(-x)
    return (
        np.mean(minus_log_sigmoid(d_real)) + np.mean(minus_log_sigmoid(-d_fake)),
        np.mean(minus_log_sigmoid(-d_real)) + np.mean(minus_log_sigmoid(d_fake)),
    )


def test_relativistic_losses_are_the_papers(rng):
    real, fake = normal(rng, 6, 1) + 1, 2 * normal(rng, 6, 1)
    d_loss, g_loss = relativistic(real, fake)
    assert float(losses.relativistic_discriminator_loss(real, fake)) == pytest.approx(d_loss, rel=1e-5)
    assert float(losses.relativistic_generator_loss(real, fake)) == pytest.approx(g_loss, rel=1e-5)
    assert g_loss > d_loss, "real pictures score higher here"


def test_relativistic_losses_by_hand():
    # Every real picture is ln 3 above the average fake: sigmoid 3/4 for real, 1/4 for fakes.
    real, fake = tf.fill([2, 1], tf.math.log(3.0)), tf.zeros([2, 1])
    assert float(losses.relativistic_discriminator_loss(real, fake)) == pytest.approx(2 * np.log(4 / 3))
    assert float(losses.relativistic_generator_loss(real, fake)) == pytest.approx(2 * np.log(4))
    undecided = losses.relativistic_generator_loss(fake + 5.0, fake + 5.0)
    assert float(undecided) == pytest.approx(2 * np.log(2))


def test_squared_loss_by_hand():
    fake, real = tf.constant([[1.0, 2.0], [0.0, 4.0]]), tf.constant([[0.0, 4.0], [0.0, 1.0]])
    assert float(losses.squared_loss(fake, real)) == pytest.approx((1 + 4 + 0 + 9) / 4)
    assert float(losses.squared_loss([fake, real], [real, real])) == pytest.approx(14 / 8)
    with pytest.raises(ValueError, match="same length"):
        losses.squared_loss([fake], [real, real])


# ---------------------------------------------------------------- steps


def features(x):
    """Stands in for VGG-19."""
    return [3.0 * x, x[:, ::2, ::2] ** 2]


def distance(name, fake, real):
    difference = np.asarray(fake, np.float64) - np.asarray(real)
    return np.mean(difference**2 if name == "srgan" else np.abs(difference))


@pytest.mark.parametrize("name", NAMES)
def test_step_terms_are_the_papers(batches, name):
    model, batch = tiny_model(name), batches((8, 8), size=4)
    model.perceptual = features
    lr, hr, d = batch["lr"], batch["hr"], model.image_discriminator
    start, d_start = values(model.generator), values(d)
    image = model.generator((lr, batch["z"][:, 0]), training=True)[0][-1]
    model.generator.set_weights(start)
    real, fake = d(hr, training=True), d(image, training=True)
    d.set_weights(d_start)
    logs = {key: float(value) for key, value in model.train_step(batch).items()}

    # D has been updated; G's loss sees the updated D.
    after = d(hr, training=True), d(image, training=True)
    if name == "srgan":
        d_loss = np.mean(minus_log_sigmoid(real)) + np.mean(minus_log_sigmoid(-np.asarray(fake)))
        g_loss = np.mean(minus_log_sigmoid(after[1]))
    else:
        d_loss, g_loss = relativistic(real, fake)[0], relativistic(*after)[1]
    perceptual = np.mean([distance(name, *pair) for pair in zip(features(image), features(hr))])
    pixel = distance(name, image, hr)
    expected = {
        "loss/g/pixel": pixel,
        "loss/g/perceptual": perceptual,
        "loss/g/adv_image": g_loss,
        "loss/g/total": 3.0 * perceptual + 0.5 * g_loss + 2.0 * pixel,
        "loss/d_image/adv": d_loss,
        "score/image_real": np.mean(real),
        "score/image_fake": np.mean(fake),
        "reconstruction/lr_psnr": np.mean(metrics.lr_psnr(ops.to_uint8(image), ops.to_uint8(lr), 2)),
    }
    assert set(logs) == {*expected, "norm/g", "norm/d"}
    for key, value in expected.items():
        assert logs[key] == pytest.approx(value, rel=1e-4, abs=1e-6), key
    assert logs["norm/g"] > 0 and logs["norm/d"] > 0
    assert any(np.abs(a - b).max() > 1e-4 for a, b in zip(d_start, values(d)))
    # The average includes everything, batch normalisation's moving statistics too.
    for before, now, average in zip(start, values(model.generator), values(model.ema_generator)):
        np.testing.assert_allclose(average, 0.75 * before + 0.25 * now, atol=1e-5)
    moved = [v.path for v, before in zip(model.generator.weights, start) if np.abs(v - before).max() > 1e-6]
    assert len(moved) == len(start)


@pytest.mark.parametrize("name", NAMES)
def test_the_first_phase_is_the_pixel_loss_alone(batches, name):
    model, batch = tiny_model(name), batches((8, 8), size=4)
    before = values(model.image_discriminator)
    image = model.generator((batch["lr"], batch["z"][:, 0]), training=True)[0][-1]
    model.reconstruction_only = True
    logs = model.train_step(batch)
    assert set(logs) == {"loss/g/total", "loss/g/pixel", "reconstruction/lr_psnr", "norm/g"}
    for key in ("loss/g/total", "loss/g/pixel"):
        assert float(logs[key]) == pytest.approx(distance(name, image, batch["hr"]), rel=1e-4)
    assert all(np.array_equal(a, b) for a, b in zip(before, values(model.image_discriminator)))
    assert model.step == 1


@pytest.mark.slow
def test_two_replicas_train_the_same_weights_as_one(two_devices):
    """SRGAN, which normalises batches in both networks."""
    config = tiny_config("srgan")
    pictures = load_pictures(config, "train", progress=False)
    weights = []
    for strategy in (tf.distribute.get_strategy(), two_devices):
        with strategy.scope():
            model = tiny_model("srgan")
        batches = training_batches(pictures, config, 0, 2)
        model.fit(batches, epochs=1, steps_per_epoch=2, shuffle=False, verbose=0)
        networks = model.generator, model.image_discriminator, model.ema_generator
        weights.append([weight for network in networks for weight in values(network)])
    for one, two in zip(*weights):
        np.testing.assert_allclose(two, one, atol=2e-5)


def test_the_relativistic_average_is_that_of_all_replicas(rng, two_devices):
    """Loss and gradients of two halves of a batch on two replicas are those of the whole on one."""
    real, fake = tf.constant(normal(rng, 4, 1) + 1), tf.constant(normal(rng, 4, 1))

    def loss_and_slopes(logits, replicas):
        with tf.GradientTape() as tape:
            tape.watch(logits)
            loss = losses.relativistic_discriminator_loss(*logits, mean_over_replicas) / replicas
        return loss, *tape.gradient(loss, logits)

    halves = two_devices.experimental_distribute_values_from_function(
        lambda context: [part[2 * context.replica_id_in_sync_group :][:2] for part in (real, fake)]
    )
    run = tf.function(lambda logits: two_devices.run(loss_and_slopes, (logits, 2)))
    loss, *slopes = (two_devices.experimental_local_results(result) for result in run(halves))
    expected_loss, *expected_slopes = loss_and_slopes([real, fake], 1)
    np.testing.assert_allclose(sum(loss), expected_loss, rtol=1e-5)
    for parts, expected in zip(slopes, expected_slopes):
        np.testing.assert_allclose(tf.concat(parts, 0), expected, rtol=1e-4)


# ---------------------------------------------------------------- perceptual features


def test_vgg19_is_seen_after_its_activation_by_srgan_and_before_it_by_esrgan(rng, tmp_path):
    keras.utils.set_random_seed(0)
    vgg = keras.applications.VGG19(include_top=False, weights=None)
    path = tmp_path / "vgg19_notop.weights.h5"
    vgg.save_weights(path)
    levels = rng.integers(0, 256, (1, 32, 48, 3))
    # VGG-19 was trained on blue, green, red minus ImageNet's mean colour.
    x = tf.constant(levels[..., ::-1] - [103.939, 116.779, 123.68], tf.float32)
    below = keras.Model(vgg.input, vgg.get_layer("block5_conv3").output)(x)
    plain = conv(np.asarray(below), vgg.get_layer("block5_conv4"))
    assert plain.min() < 0 < plain.max()
    for name, expected in (("srgan", np.maximum(plain, 0) / 12.75), ("esrgan", plain / 127.5)):
        config = tiny_config(name)
        config.loss.perceptual, config.loss.vgg_weights = "vgg19", str(path)
        model = build_model(config)
        (feature,) = model.perceptual((levels / 127.5 - 1).astype(np.float32))
        np.testing.assert_allclose(feature, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())
        assert not any("block5" in variable.path for variable in model.trainable_variables)
    path.unlink()


# ---------------------------------------------------------------- runs


@pytest.fixture(scope="module", params=NAMES)
def resumed_run(request, tmp_path_factory):
    """A run that was stopped half-way (ESRGAN's between its phases) and resumed: folder, summary."""
    path = tmp_path_factory.mktemp("runs") / request.param
    train(run_config(request.param, steps=2), path, progress=False)
    return RunFolder(path), train(run_config(request.param), path, progress=False)


def run_config(name, steps=4):
    # SRGAN without a first phase, so that its second one is resumed.
    return tiny_config(name, steps=steps, reconstruction_steps=0 if name == "srgan" else 2)


def test_a_run_leaves_what_gradsrs_leaves_without_a_spread(resumed_run):
    folder, summary = resumed_run
    assert set(summary["model"]) == {"psnr", "ssim", "lr_psnr"}
    assert json.loads(folder.summary.read_text()) == summary
    lines = read_metrics(folder)
    steps = [line for line in lines if "loss/g/total" in line]
    assert [line["step"] for line in steps] == [1, 2, 3, 4]
    first_phase = load_config(folder.config).train.reconstruction_steps
    assert ["loss/d_image/adv" in line for line in steps] == [step > first_phase for step in (1, 2, 3, 4)]
    assert not any(name.endswith("sample_std") for line in lines for name in line)
    table = train_command.summary_table(summary).splitlines()
    assert table[2].startswith("model ") and table[2].rstrip().endswith("-")
    sheet = np.asarray(Image.open(folder.samples / "step_00000004.png"))
    columns = 6  # LR, bicubic, answer, truth, two gradients
    side = 128  # 16, enlarged
    assert sheet.shape == (18 + 4 + 4 * (side + 4), 4 + columns * (side + 4), 3)


def test_the_final_weights_are_the_average_and_fit_the_registrys_generator(resumed_run):
    folder, _ = resumed_run
    config = load_config(folder.config)
    model, generator = build_model(config), build_generator(config)
    assert Checkpoints(folder.checkpoints, model, 0).restore_latest() == model.step == 4
    generator.load_weights(folder.weights)
    for a, b, weight in zip(values(generator), values(model.ema_generator), values(model.generator)):
        np.testing.assert_array_equal(a, b)
        assert np.abs(a - weight).max() > 0


@pytest.mark.parametrize("resumed_run", ["srgan"], indirect=True)
def test_a_resumed_run_equals_the_uninterrupted_one_bit_for_bit(resumed_run, tmp_path):
    folder, summary = resumed_run
    assert train(run_config("srgan"), tmp_path / "whole", progress=False) == summary
    whole = RunFolder(tmp_path / "whole")
    models = [build_model(run_config("srgan")) for _ in range(2)]
    for model, run in zip(models, (whole, folder)):
        assert Checkpoints(run.checkpoints, model, 0).restore_latest() == 4
    parts = [model.trained_parts() for model in models]
    networks = {"generator", "image_discriminator", "ema_generator"}
    assert set(parts[0]) == networks | {"g_optimizer", "d_optimizer"}
    assert "moving_variance" in " ".join(variable.path for variable in parts[0]["generator"].variables)
    for part in parts[0]:
        for a, b in zip(parts[0][part].variables, parts[1][part].variables):
            np.testing.assert_array_equal(a, b, err_msg=f"{part} {a.path}")


# ---------------------------------------------------------------- settings


@pytest.mark.parametrize(
    ("arguments", "setting", "said"),
    [
        (["--model.name", "edsr"], "model.name", "gradsr, srgan, esrgan"),
        (["--model.name", "srgan"], "loss.perceptual", "vgg19 or none with model.name srgan"),
        (["--loss.perceptual", "vgg19"], "loss.perceptual", "vgg16, efficientnet, discriminator or none"),
        (["--model.name", "esrgan", "--model.growth_channels", "0"], "model.growth_channels", ">0"),
        (["--model.name", "esrgan", "--loss.perceptual", "none"], "loss.pixel", "above 0"),
        *(
            (["--model.name", name, "--loss.perceptual", "vgg19", f"--model.{setting}", value],
             f"model.{setting}", f"{default} (the default) with model.name {name}")
            for name, setting, value, default in (
                ("srgan", "consistency", "exact", "learned"),
                ("esrgan", "z_injection", "modulate", "concat"),
                ("srgan", "gradient_channels", "1", "3"),
            )
        ),
        (["--model.name", "srgan", "--loss.perceptual", "vgg19", "--data.lr_size", "6", "--model.scale", "2"],
         "data.lr_size", "at least 16 pixels"),
        (["--model.name", "srgan", "--loss.perceptual", "vgg19", "--loss.vgg_weights", "no_such.h5"],
         "loss.vgg_weights", "an existing path"),
    ],
)  # fmt: skip
def test_bad_settings_end_with_one_line_and_status_2(arguments, setting, said, capsys):
    try:
        status = train_command.main(["--run_dir", "unused", *arguments])
    except SystemExit as stop:
        status = stop.code
    output = capsys.readouterr()
    assert status == 2
    assert len(output.err.strip().splitlines()) == 1
    assert f"error: {setting}:" in output.err and said in output.err


@pytest.mark.parametrize("name", NAMES)
def test_the_papers_numbers_are_in_their_configs(name):
    config = load_config(CONFIGS / f"{name}.yaml")
    loss = {"srgan": (1.0, 1e-3, 0.0, "vgg19"), "esrgan": (1.0, 5e-3, 1e-2, "vgg19")}[name]
    assert (config.loss.gamma, config.loss.beta, config.loss.pixel, config.loss.perceptual) == loss
    optimizer = {"srgan": (1e-4, 1e-4, 0.9), "esrgan": (2e-4, 1e-4, 0.9)}[name]
    settings = config.optimizer
    assert (settings.g_learning_rate, settings.d_learning_rate, settings.beta_1) == optimizer
    assert (config.train.batch_size, config.train.reconstruction_steps) == (16, 1_000_000)


def test_smoke_leaves_a_path_given_on_the_command_line(tmp_path, capsys):
    arguments = ["--config", str(CONFIGS / "srgan_faces.yaml"), "--run_dir", str(tmp_path / "run"), "--smoke"]
    assert train_command.main([*arguments, "--data.path", str(tmp_path / "none")]) == 2
    assert "error: data.path: an existing path" in capsys.readouterr().err
