"""Moved, turned and scaled pictures: against scikit-image and Pillow, pure in seed and number."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from skimage import transform
from test_batches import collect, levels_of, make_config, random_pictures
from test_degradation import smooth_pictures

from tf_gradsr.data import evaluation_batches, stream_batches, training_batches
from tf_gradsr.data.draws import EVALUATION_SEED, MISALIGNMENT, normal


def augmenting(shift=0.0, turn=0.0, scale=0.0, **data):
    return make_config(
        lr_size=[16, 12],
        scale=4,
        augment=True,
        augment_shift=shift,
        augment_turn=turn,
        augment_scale=scale,
        flip=False,
        **data,
    )


def drawn(number, seed=EVALUATION_SEED):
    """The four normal numbers of an example: down, right, turn, scale."""
    found = normal(MISALIGNMENT, seed, tf.constant(number, tf.int64), [4])
    return found.numpy().clip(-3, 3).astype(float)


def streamed(pictures, config):
    """Pictures moved as by `evaluate --data.augment true`."""
    return np.concatenate([hr for _, hr, _ in stream_batches(iter(pictures.array), config, 4, augment=True)])


def test_turned_and_moved_pictures_agree_with_scikit_image():
    pictures, config = smooth_pictures(4), augmenting(shift=0.5, turn=8.0)
    centre = transform.AffineTransform(translation=(-24, -32))
    for number, (before, after) in enumerate(zip(pictures.array, streamed(pictures, config))):
        down, right, turn, _ = drawn(number) * [2.0, 2.0, np.radians(8.0), 0.0]
        # From the result to the picture, (x, y), between the centres of pixels.
        back = (
            transform.AffineTransform(translation=(0.5, 0.5))
            + transform.AffineTransform(translation=(-right, -down))
            + centre
            + transform.AffineTransform(rotation=turn)
            + transform.AffineTransform(translation=(24, 32))
            + transform.AffineTransform(translation=(-0.5, -0.5))
        )
        expected = transform.warp(before / 255, back, order=3, mode="symmetric") * 255
        assert np.abs(after - expected.clip(0, 255)).max() <= 0.51


@pytest.mark.parametrize("deviation, tolerance", [(10.0, 0.51), (2.5, 3.0)])
def test_scaled_pictures_agree_with_pillow_and_do_not_alias(deviation, tolerance):
    # Of a kernel that is hardly wider, the end is left out: on noise of full contrast that is a level or two.
    pictures, config = random_pictures(6, 64, 48), augmenting(scale=deviation)
    zooms = []
    for number, (before, after) in enumerate(zip(pictures.array, streamed(pictures, config))):
        zooms.append(1 + deviation / 100 * drawn(number)[3])
        half = np.array([24, 32]) / zooms[-1]
        wide = np.pad(before, [(40, 40), (40, 40), (0, 0)], "symmetric")
        box = (*(np.array([64, 72]) - half), *(np.array([64, 72]) + half))
        channels = [Image.fromarray(channel) for channel in np.moveaxis(wide.astype(np.float32), -1, 0)]
        resized = [np.asarray(each.resize((48, 64), Image.Resampling.BICUBIC, box)) for each in channels]
        assert np.abs(after - np.stack(resized, -1).clip(0, 255)).max() <= tolerance
    assert min(zooms) < 1 - deviation / 200 and max(zooms) > 1 + deviation / 200


def test_without_turn_and_scale_pictures_move_by_whole_pixels_and_stay_sharp():
    pictures, config = random_pictures(1, 64, 48), augmenting(shift=0.5)
    moved = training_batches(pictures, config, num_steps=60)
    hr, lr = levels_of(collect(moved, "hr")).round(), levels_of(collect(moved, "lr"))
    padded = np.pad(pictures.array[0].astype(float), [(6, 6), (6, 6), (0, 0)], "symmetric")
    shifts = [
        (y - 6, x - 6)
        for each in hr
        for y in range(13)
        for x in range(13)
        if np.array_equal(padded[y : y + 64, x : x + 48], each)
    ]
    assert len(shifts) == len(hr)
    # A standard deviation of 2 HR pixels.
    assert abs(np.mean(shifts)) < 0.3 and abs(np.std(shifts) - 2) < 0.3
    mean = hr.reshape(-1, 16, 4, 12, 4, 3).mean((2, 4))
    assert np.abs(lr - mean).max() < 0.51, "LR is made of what was moved"


def test_draws_are_normal_and_end_at_three_standard_deviations():
    """A slope tells where its picture was moved to, turned and scaled."""
    slope = np.broadcast_to(np.arange(64, dtype=np.uint8)[:, None, None] * 4, (64, 48, 3))
    pictures = random_pictures(1, 64, 48)
    pictures.array[0] = slope
    hr = levels_of(collect(training_batches(pictures, augmenting(turn=3.0, scale=5.0), num_steps=150), "hr"))
    inside = hr[:, 16:48, 12:36, 0]
    down, right = (np.gradient(inside, axis=axis).mean((1, 2)) / 4 for axis in (1, 2))
    turn, scale = np.degrees(np.arctan2(right, down)), 100 * (1 / np.hypot(down, right) - 1)
    for found, deviation in ((turn, 3.0), (scale, 5.0)):
        assert abs(found.mean()) < 0.15 * deviation and abs(found.std() / deviation - 1) < 0.1
        assert np.abs(found).max() < 3.1 * deviation


def test_what_is_drawn_depends_on_seed_and_number_alone():
    pictures, config = random_pictures(3, 64, 48), augmenting(0.25, 1.5, 2.5, degrade=True)
    config.train.batch_size = 4
    whole = list(training_batches(pictures, config, num_steps=3).as_numpy_iterator())
    config.train.batch_size = 6
    by_six = list(training_batches(pictures, config, num_steps=2).as_numpy_iterator())
    resumed = next(iter(training_batches(pictures, config, start_step=1, num_steps=1)))
    config.train.seed += 1
    other = next(iter(training_batches(pictures, config, num_steps=1)))
    for key in ("hr", "lr"):
        expected = np.concatenate([batch[key] for batch in whole])
        np.testing.assert_array_equal(np.concatenate([batch[key] for batch in by_six]), expected)
        np.testing.assert_array_equal(resumed[key], expected[6:])
        assert (other[key] != expected[:6]).numpy().mean() > 0.5


def test_pictures_to_measure_on_are_moved_only_if_asked_and_always_alike():
    pictures, config = random_pictures(5, 64, 48), augmenting(0.25, 1.5, 2.5)
    hr = levels_of(collect(evaluation_batches(pictures, config, 2), "hr")).round()
    np.testing.assert_array_equal(hr, pictures.array)
    unmoved = [hr for _, hr, _ in stream_batches(iter(pictures.array), config, 2)]
    np.testing.assert_array_equal(np.concatenate(unmoved), pictures.array)
    moved = streamed(pictures, config)
    assert (moved != pictures.array).any((1, 2, 3)).all()
    config.train.seed += 1
    np.testing.assert_array_equal(streamed(pictures, config), moved)


@pytest.mark.parametrize("side", [4, 16])
def test_large_errors_leave_no_holes_in_small_pictures(side):
    config = make_config(lr_size=side, scale=2, augment=True)
    config.data.augment_shift, config.data.augment_turn, config.data.augment_scale = 20.0, 60.0, 20.0
    pictures = random_pictures(4, 2 * side, 2 * side)
    pictures.array[:] = 90
    hr = levels_of(collect(training_batches(pictures, config, num_steps=10), "hr")).round()
    assert (hr == 90).all()
