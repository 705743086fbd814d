"""The parts of a training step, as `make bench` times them: what each changes, and its operations."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from benchmarks.bench import training_step
from benchmarks.bench.inference import seconds_said
from tf_gradsr import registry
from tf_gradsr.cli import CommandFailed
from tf_gradsr.evaluation.float_operations import float_operations


def test_operations_of_a_convolution_and_its_gradient():
    """By hand: 2 per multiply-add, the gradient in the input and in the kernel each as many."""
    images, kernel = tf.ones([2, 8, 6, 5]), tf.Variable(tf.ones([3, 3, 5, 7]))
    by_hand = 2 * (2 * 8 * 6) * (3 * 3 * 5) * 7

    def counted(function):
        return float_operations(tf.function(function).get_concrete_function(images).graph)

    def forward(images):
        return tf.nn.conv2d(images, kernel, 1, "SAME")

    def backward(images, sources):
        with tf.GradientTape() as tape:
            tape.watch(images)
            answer = forward(images)
        return tape.gradient(answer, [{"images": images, "kernel": kernel}[name] for name in sources])

    def update(images):
        kernel.assign_add(backward(images, ["kernel"])[0])

    assert counted(forward) == by_hand
    both = counted(lambda images: backward(images, ["images", "kernel"]))
    # The answer itself is not needed for the gradient of its sum.
    assert both == pytest.approx(2 * by_hand, rel=0.05)
    # What nobody asks for is in the graph, but not in a run.
    one = counted(lambda images: backward(images, ["images"]))
    assert one == pytest.approx(by_hand, rel=0.05)
    # An update that no result depends on is run all the same.
    assert counted(update) == pytest.approx(by_hand + kernel.shape.num_elements(), rel=0.05)


@pytest.fixture(scope="module")
def step():
    """The parts of a tiny model's step, its model, and its weights before."""
    from tf_gradsr.config import Config, DataConfig, LossConfig, ModelConfig, TrainConfig

    config = Config(
        data=DataConfig(lr_size=4),
        model=ModelConfig(scale=2, blocks=1, widths=[8], z_size=4, discriminator_blocks=1),
        loss=LossConfig(perceptual="none", pixel=1.0),
        train=TrainConfig(batch_size=2),
    )
    keras.utils.set_random_seed(0)
    built = []

    def build(*arguments):
        built.append(original(*arguments))
        return built[0]

    original = registry.build_model
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "build_model", build)
        functions, flop = training_step.step_parts(config)
    return functions, flop, built[0]


def changed(model, function):
    """Names of the networks whose weights a call changes."""
    networks = {
        "G": model.generator,
        "average": model.ema_generator,
        "D": model.critics["image"].discriminator,
    }
    networks["D_g"] = model.critics["gradient"].discriminator
    before = {name: network.get_weights() for name, network in networks.items()}
    function()
    return {
        name
        for name, network in networks.items()
        if not all(map(np.array_equal, before[name], network.get_weights()))
    }


@pytest.mark.slow
def test_each_part_changes_its_own_weights(step):
    functions, _, model = step
    assert set(functions) == set(training_step.NAMES)
    assert changed(model, functions["R1"]) == set()
    assert changed(model, functions["D"]) == {"D", "D_g"}
    assert changed(model, functions["G"]) == {"G"}
    assert changed(model, functions["EMA"]) == {"average"}
    assert changed(model, functions["step"]) == {"G", "average", "D", "D_g"}
    # The step's own parts are whole again.
    assert model.loss_config.r1 > 0 and all(c.loss.r1 > 0 for c in model.critics.values())


@pytest.mark.slow
def test_the_parts_add_up_to_the_step(step):
    """The profiler's count of the whole step, in whose graph R1 is in every step."""
    _, flop, model = step
    batch = training_step.random_batch(model.config)
    whole = float_operations(tf.function(model.train_step).get_concrete_function(batch).graph)
    assert flop["step"] == pytest.approx(whole, rel=0.05)
    assert flop["EMA"] < 0.01 * flop["G"]


def test_what_the_page_says():
    """`make bench` reads what `gradsr web screenshot` prints; tests/web prints it for real."""
    said = "Chromium 130\nplain server: 12 samples, 45 ms each on one thread. Each\n"
    both = f"{said}COOP and COEP: 12 samples, 30 ms each on 2 threads. Each\n"
    assert seconds_said(both) == {"page, one thread": 0.045, "page, threads": 0.030}
    with pytest.raises(CommandFailed, match="names no times"):
        seconds_said(said)
