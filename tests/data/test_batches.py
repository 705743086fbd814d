"""Batches: what they hold, their order, and that they are a function of seed and example number alone."""

import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tf_gradsr.config import Config, DataConfig, ModelConfig, TrainConfig
from tf_gradsr.data import PictureSet, evaluation_batches, training_batches


def make_config(batch_size=4, seed=3, lr_size=4, scale=2, z_size=8, **data):
    return Config(
        data=DataConfig(source="faces", lr_size=lr_size, **data),
        model=ModelConfig(scale=scale, z_size=z_size),
        train=TrainConfig(batch_size=batch_size, seed=seed),
    )


def random_pictures(count, height=8, width=8):
    shape = (count, height, width, 3)
    return PictureSet(np.random.default_rng(0).integers(0, 256, shape, np.uint8), [])


def numbered_pictures(count):
    """Picture i is flat, of grey level i."""
    levels = np.arange(count, dtype=np.uint8)[:, None, None, None]
    return PictureSet(np.broadcast_to(levels, (count, 8, 8, 3)).copy(), [])


def collect(dataset, key):
    return np.concatenate([batch[key] for batch in dataset.as_numpy_iterator()])


def levels_of(images):
    """float in [-1, 1] -> grey levels 0 to 255."""
    return (np.asarray(images, np.float64) + 1) * 127.5


def shown(dataset):
    """Numbers of the `numbered_pictures` in a dataset."""
    return np.rint(levels_of(collect(dataset, "hr")[:, 0, 0, 0])).astype(int)


def test_shapes_types_ranges_of_a_non_square_batch():
    config = make_config(batch_size=3, lr_size=[6, 4], scale=4, z_size=5)
    batch = next(iter(training_batches(random_pictures(7, 24, 16), config)))
    assert {key: (tuple(value.shape), value.dtype) for key, value in batch.items()} == {
        "lr": ((3, 6, 4, 3), tf.float32),
        "hr": ((3, 24, 16, 3), tf.float32),
        "z": ((3, 2, 5), tf.float32),
    }
    for key in ("lr", "hr"):
        levels = levels_of(batch[key])
        assert levels.min() >= 0 and levels.max() <= 255
        np.testing.assert_allclose(levels, np.rint(levels), atol=1e-4)


@pytest.mark.parametrize("scale", [2, 4, 8, 16])
def test_lr_is_the_block_mean_of_hr_rounded(scale):
    config = make_config(lr_size=2, scale=scale)
    batch = next(iter(training_batches(random_pictures(9, 2 * scale, 2 * scale), config)))
    blocks = levels_of(batch["hr"]).round().reshape(4, 2, scale, 2, scale, 3)
    # A mean halfway between two levels may go to either.
    assert np.abs(levels_of(batch["lr"]) - blocks.mean((2, 4))).max() <= 0.5 + 1e-4


def test_bicubic_lr_agrees_with_pillow():
    pictures = random_pictures(1, 32, 32)
    config = make_config(lr_size=8, scale=4, downscale="bicubic")
    batch = next(iter(evaluation_batches(pictures, config, 1)))
    expected = Image.fromarray(pictures.array[0]).resize((8, 8), Image.Resampling.BICUBIC)
    inner = slice(2, -2)  # The two libraries treat the border differently.
    difference = levels_of(batch["lr"][0]) - np.asarray(expected, float)
    assert np.abs(difference[inner, inner]).max() <= 1.5


def test_flips_mirror_half_of_the_training_pictures():
    pictures = random_pictures(1)
    hr = levels_of(collect(training_batches(pictures, make_config(), num_steps=100), "hr")).round()
    straight = (hr == pictures.array[0]).all((1, 2, 3))
    mirrored = (hr == pictures.array[0][:, ::-1]).all((1, 2, 3))
    assert (straight ^ mirrored).all()
    assert 150 < mirrored.sum() < 250


def test_flips_can_be_switched_off():
    pictures = random_pictures(1)
    dataset = training_batches(pictures, make_config(flip=False), num_steps=10)
    assert (levels_of(collect(dataset, "hr")).round() == pictures.array[0]).all()


@pytest.mark.parametrize("count", [1, 2, 10, 17])
def test_each_epoch_shows_every_picture_once(count):
    dataset = training_batches(numbered_pictures(count), make_config(batch_size=3), num_steps=2 * count)
    epochs = shown(dataset).reshape(6, count)
    assert (np.sort(epochs, axis=1) == np.arange(count)).all()
    if count == 17:
        assert len({tuple(epoch) for epoch in epochs}) == 6
        assert not (epochs == np.arange(count)).all(1).any()


def test_a_batch_may_be_larger_than_the_set():
    numbers = shown(training_batches(numbered_pictures(3), make_config(batch_size=9), num_steps=1))
    assert sorted(numbers) == [0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_resumed_run_sees_the_same_batches_bit_for_bit():
    pictures, config = random_pictures(5), make_config()
    whole = list(training_batches(pictures, config, num_steps=12).as_numpy_iterator())
    resumed = list(training_batches(pictures, config, start_step=7, num_steps=5).as_numpy_iterator())
    assert len(whole) == 12 and len(resumed) == 5
    for before, after in zip(whole[7:], resumed):
        for key in ("lr", "hr", "z"):
            np.testing.assert_array_equal(before[key], after[key])


def test_examples_depend_on_their_number_not_on_the_batch_size():
    pictures = random_pictures(5)
    by_four = training_batches(pictures, make_config(batch_size=4), num_steps=6)
    by_six = training_batches(pictures, make_config(batch_size=6), num_steps=4)
    for key in ("lr", "hr", "z"):
        np.testing.assert_array_equal(collect(by_four, key), collect(by_six, key))


def test_any_step_is_reached_at_once():
    start = time.monotonic()
    batch = next(iter(training_batches(random_pictures(5), make_config(), start_step=10**9)))
    assert time.monotonic() - start < 20
    assert np.isfinite(batch["z"]).all()


def test_training_has_no_end_unless_told():
    pictures, config = random_pictures(5), make_config()
    assert training_batches(pictures, config).cardinality() == tf.data.INFINITE_CARDINALITY
    assert len(list(training_batches(pictures, config, num_steps=3))) == 3


def test_seeds_change_order_flips_and_noise():
    pictures = numbered_pictures(50)
    one, other = (training_batches(pictures, make_config(seed=seed), num_steps=12) for seed in (1, 2))
    assert (shown(one) != shown(other)).mean() > 0.8
    assert not np.isin(collect(one, "z"), collect(other, "z")).any()
    single = random_pictures(1)
    hr = [collect(training_batches(single, make_config(seed=seed), num_steps=12), "hr") for seed in (1, 2)]
    assert (hr[0] != hr[1]).any()


def test_noise_is_standard_normal_and_independent():
    z = collect(training_batches(random_pictures(2), make_config(z_size=32), num_steps=250), "z")
    assert abs(z.mean()) < 0.01 and abs(z.std() - 1) < 0.01
    first, second = z[:, 0].ravel(), z[:, 1].ravel()
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.02
    assert abs(np.corrcoef(z[1:].ravel(), z[:-1].ravel())[0, 1]) < 0.02
    assert len(np.unique(z)) > 0.99 * z.size


def test_evaluation_goes_once_through_in_order_unmirrored():
    pictures = random_pictures(7)
    batches = list(evaluation_batches(pictures, make_config(), 3, num_samples=4).as_numpy_iterator())
    assert [len(batch["hr"]) for batch in batches] == [3, 3, 1]
    assert batches[-1]["lr"].shape == (1, 4, 4, 3) and batches[-1]["z"].shape == (1, 4, 8)
    hr = np.concatenate([batch["hr"] for batch in batches])
    np.testing.assert_array_equal(levels_of(hr).round(), pictures.array)


def test_evaluation_limit():
    pictures = random_pictures(7)
    assert len(collect(evaluation_batches(pictures, make_config(), 2, limit=5), "hr")) == 5
    assert len(collect(evaluation_batches(pictures, make_config(), 2, limit=50), "hr")) == 7


def test_evaluation_noise_belongs_to_the_picture():
    pictures, config = random_pictures(7), make_config()
    by_two = collect(evaluation_batches(pictures, config, 2, num_samples=2), "z")
    by_five = collect(evaluation_batches(pictures, config, 5, num_samples=2), "z")
    np.testing.assert_array_equal(by_two, by_five)
    training = collect(training_batches(pictures, config, num_steps=7), "z")
    assert not np.isin(by_two, training).any()


# Under deterministic kernels, on two devices: the replicas' shares, put together, are the batch.
TWO_DEVICES = """
import numpy as np, tensorflow as tf
from test_batches import make_config, random_pictures
from tf_gradsr.data import training_batches
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
tf.config.experimental.enable_op_determinism()
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
dataset = training_batches(random_pictures(5), make_config(), num_steps=4)
for batch, shared in zip(dataset, strategy.experimental_distribute_dataset(dataset)):
    for key in batch:
        parts = strategy.experimental_local_results(shared[key])
        assert [len(part) for part in parts] == [2, 2]
        np.testing.assert_array_equal(batch[key], np.concatenate(parts))
print("four steps agree")
"""


def test_two_replicas_share_the_same_batches(request):
    tests, root = request.path.parent, request.config.rootpath
    result = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = [{str(tests)!r}, {str(root)!r}]\n{TWO_DEVICES}"],
        capture_output=True,
        text=True,
    )
    assert "four steps agree" in result.stdout, result.stderr


def test_draws_for_the_augmentation_belong_to_the_example():
    config = make_config(batch_size=4)
    assert "augmentation" not in next(iter(training_batches(random_pictures(8), config)))
    config.model.discriminator = "projected"
    whole = collect(training_batches(random_pictures(8), config, 0, 4), "augmentation")
    assert whole.shape == (16, 7) and whole.dtype == np.float32
    assert whole.min() >= 0 and whole.max() < 1 and len(np.unique(whole)) > 100
    resumed = collect(training_batches(random_pictures(8), config, 2, 2), "augmentation")
    np.testing.assert_array_equal(resumed, whole[8:])
