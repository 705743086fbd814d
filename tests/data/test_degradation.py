"""LR from photographs: against Pillow's kernels and JPEG, pure in seed and number, refused settings."""

import io
import math

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from scipy import ndimage
from test_batches import collect, levels_of, make_config, random_pictures

from tf_gradsr import ops
from tf_gradsr.config import Config, DataConfig
from tf_gradsr.config_checks import check_config
from tf_gradsr.config_files import load_config
from tf_gradsr.data import PictureSet, evaluation_batches, lr_pictures, stream_batches, training_batches
from tf_gradsr.data.draws import DEGRADATION, EVALUATION_SEED, uniform
from tf_gradsr.errors import ConfigError

PILLOW = {"box": "BOX", "bilinear": "BILINEAR", "bicubic": "BICUBIC", "lanczos": "LANCZOS"}
CLEAN = {"degrade_aliased": 0.0, "degrade_jpeg": None, "degrade_noise": 0.0}


def degrading(**settings):
    """A config of 16x12 LR at scale 4, degraded."""
    return make_config(lr_size=[16, 12], scale=4, degrade=True, flip=False, **settings)


def smooth_pictures(count, height=64, width=48):
    """Smooth random pictures with contrast at several scales."""
    rng, made = np.random.default_rng(1), []
    for _ in range(count):
        coarse = Image.fromarray(rng.integers(0, 256, (9, 7, 3), np.uint8))
        made.append(np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC)))
    return PictureSet(np.stack(made), [])


def lr_of(pictures, config):
    return ops.to_uint8(collect(evaluation_batches(pictures, config, 4), "lr")).numpy()


def in_pillow(hr, number, config, antialias=True):
    """The description of `tf_gradsr.data.degradation` in Pillow and SciPy, for one kernel and no noise."""
    _, _, frame, down, right, quality, _ = uniform(
        DEGRADATION, EVALUATION_SEED, tf.constant(number, tf.int64), 7
    ).numpy()
    data, (height, width) = config.data, config.lr_shape
    ratio = data.degrade_frame[0] + float(frame) * (data.degrade_frame[1] - data.degrade_frame[0])
    zoom = ratio / config.model.scale
    top, left = 8 + 16 * float(down), 8 + 16 * float(right)
    rows, columns = (math.ceil(side * data.degrade_frame[1]) + 32 for side in (height, width))
    pad = 300
    wide = np.pad(hr.astype(np.float32), [(pad, pad), (pad, pad), (0, 0)], "symmetric")
    photograph = []
    for channel in np.moveaxis(wide, -1, 0):
        if antialias:
            y, x = pad - top / zoom, pad - left / zoom
            box = (x, y, x + columns / zoom, y + rows / zoom)
            kernel = Image.Resampling[PILLOW[data.degrade_kernels[0]]]
            made = np.asarray(Image.fromarray(channel).resize((columns, rows), kernel, box))
        else:
            places = [
                (np.arange(n) + 0.5 - begin) / zoom + pad - 0.5 for n, begin in ((rows, top), (columns, left))
            ]
            order = {"box": 0, "bilinear": 1}[data.degrade_kernels[0]]
            made = ndimage.map_coordinates(channel, np.meshgrid(*places, indexing="ij"), order=order)
        photograph.append(made)
    photograph = np.rint(np.stack(photograph, -1)).clip(0, 255).astype(np.uint8)
    if data.degrade_jpeg:
        least, most = data.degrade_jpeg
        file = io.BytesIO()
        Image.fromarray(photograph).save(file, "JPEG", quality=least + int(quality * (most - least + 1)))
        photograph = np.asarray(Image.open(file))
    fine, box = math.ceil(data.degrade_frame[1]), (left, top, left + width * ratio, top + height * ratio)
    samples = [
        np.asarray(
            Image.fromarray(channel.astype(np.float32)).resize(
                (fine * width, fine * height), Image.Resampling.BICUBIC, box
            )
        )
        for channel in np.moveaxis(photograph, -1, 0)
    ]
    return np.stack(samples, -1).reshape(height, fine, width, fine, 3).mean((1, 3)).clip(0, 255)


@pytest.mark.parametrize("kernel", list(PILLOW))
def test_kernels_are_pillows(kernel):
    pictures, config = smooth_pictures(3), degrading(degrade_kernels=[kernel], **CLEAN)
    for number, (lr, hr) in enumerate(zip(lr_of(pictures, config), pictures.array)):
        # Half a level is the last rounding. A photograph's pixel halfway between two levels may go to either,
        # and so may a pixel of HR at the very edge of a box.
        assert np.quantile(np.abs(lr - in_pillow(hr, number, config)), 0.99) <= 0.8


@pytest.mark.parametrize("kernel", ["box", "bilinear"])
def test_without_antialiasing_kernels_interpolate(kernel):
    settings = {**CLEAN, "degrade_aliased": 1.0, "degrade_frame": [1.0, 1.0]}
    pictures, config = smooth_pictures(3), degrading(degrade_kernels=[kernel], **settings)
    for number, (lr, hr) in enumerate(zip(lr_of(pictures, config), pictures.array)):
        assert np.abs(lr - in_pillow(hr, number, config, antialias=False)).max() <= 1.0


def test_jpeg_is_pillows():
    settings = {**CLEAN, "degrade_jpeg": [60, 100]}
    pictures, config = smooth_pictures(6), degrading(degrade_kernels=["bicubic"], **settings)
    largest = [
        np.abs(lr - in_pillow(hr, number, config)).max()
        for number, (lr, hr) in enumerate(zip(lr_of(pictures, config), pictures.array))
    ]
    # The same but for the last rounding; a pixel that went into the file a level apart changes its block.
    assert np.median(largest) <= 0.8 and max(largest) < 10


def test_flat_pictures_stay_as_they_are():
    levels = np.arange(0, 250, 25, dtype=np.uint8)[:, None, None, None]
    pictures = PictureSet(np.broadcast_to(levels, (10, 64, 48, 3)).copy(), [])
    lr = lr_of(pictures, degrading(degrade_aliased=0.5, degrade_noise=0.0))
    assert np.abs(lr.astype(int) - levels).max() <= 1


def test_hr_stays_clean_and_so_does_the_lr_made_of_it():
    pictures = smooth_pictures(5)
    clean, config = make_config(lr_size=[16, 12], scale=4), degrading()
    config.data.flip = True
    for before, after in zip(
        training_batches(pictures, clean, num_steps=3), training_batches(pictures, config, num_steps=3)
    ):
        np.testing.assert_array_equal(before["hr"], after["hr"])
        np.testing.assert_array_equal(before["z"], after["z"])
        np.testing.assert_array_equal(ops.to_float(lr_pictures(after["hr"], config)), before["lr"])
        levels = levels_of(after["lr"])
        np.testing.assert_allclose(levels, np.rint(levels), atol=1e-4)
        psnr = tf.image.psnr(before["lr"], after["lr"], 2.0).numpy()
        assert (psnr > 15).all() and (psnr < 50).all()


def test_what_is_drawn_depends_on_seed_and_number_alone():
    pictures, config = smooth_pictures(1), degrading()
    config.train.batch_size = 4
    whole = training_batches(pictures, config, num_steps=6)
    expected = collect(whole, "lr")
    assert len(np.unique(expected, axis=0)) == 24, "one picture, degraded in as many ways"
    config.train.batch_size = 6
    np.testing.assert_array_equal(collect(training_batches(pictures, config, num_steps=4), "lr"), expected)
    resumed = training_batches(pictures, config, start_step=2, num_steps=2)
    np.testing.assert_array_equal(collect(resumed, "lr"), expected[12:])
    for threads in (1, 3):
        options = tf.data.Options()
        options.threading.private_threadpool_size = threads
        options.threading.max_intra_op_parallelism = threads
        np.testing.assert_array_equal(collect(whole.with_options(options), "lr"), expected)
    config.train.seed += 1
    other = collect(training_batches(pictures, config, num_steps=4), "lr")
    assert (other != expected).any((1, 2, 3)).all()


def test_pictures_to_measure_on_are_degraded_alike_in_every_run():
    pictures, config = smooth_pictures(5), degrading()
    expected = lr_of(pictures, config)
    config.train.seed += 1
    np.testing.assert_array_equal(lr_of(pictures, config), expected)
    streamed = list(stream_batches(iter(pictures.array), config, 3))
    assert [list(numbers) for numbers, _, _ in streamed] == [[0, 1, 2], [3, 4]]
    np.testing.assert_array_equal(np.concatenate([hr for _, hr, _ in streamed]), pictures.array)
    np.testing.assert_array_equal(np.concatenate([lr for _, _, lr in streamed]), expected)
    once_more = training_batches(pictures, config, num_steps=1)
    assert not np.isin(collect(once_more, "z"), collect(evaluation_batches(pictures, config, 2), "z")).any()


def mean_psnr(pictures, **settings):
    """Mean PSNR of degraded against clean LR."""
    config = degrading(**settings)
    clean = lr_pictures(ops.to_float(pictures.array), config)
    return tf.image.psnr(lr_of(pictures, config), clean, 255).numpy().mean()


def test_each_part_takes_its_share():
    pictures = smooth_pictures(8)
    base = {"degrade_kernels": ["lanczos"], **CLEAN}
    best = mean_psnr(pictures, **{**base, "degrade_frame": [4.0, 4.0]})
    small = mean_psnr(pictures, **base)
    good, bad = (mean_psnr(pictures, **{**base, "degrade_jpeg": [q, q]}) for q in (90, 60))
    noisy = mean_psnr(pictures, **{**base, "degrade_noise": 20.0})
    aliased = mean_psnr(random_pictures(8, 64, 48), **{**base, "degrade_aliased": 1.0})
    smoothed = mean_psnr(random_pictures(8, 64, 48), **base)
    assert best > small + 3 and small > good > bad
    assert noisy < small - 3
    assert aliased < smoothed - 3


BAD = [
    ({"degrade_frame": [2.0, 1.0]}, r"data\.degrade_frame: \[least, most\]\. Received: \[2\.0, 1\.0\]"),
    ({"degrade_frame": [1.0]}, r"data\.degrade_frame: \[least, most\]"),
    ({"degrade_frame": [1.0, float("inf")]}, r"data\.degrade_frame: a finite number"),
    ({"degrade": True, "degrade_frame": [1.0, 9.0]}, r"data\.degrade_frame: at most model\.scale, 8"),
    ({"degrade_jpeg": [90, 60]}, r"data\.degrade_jpeg: \[least, most\]\. Received: \[90, 60\]"),
    ({"degrade_jpeg": []}, r"data\.degrade_jpeg: \[least, most\]"),
    ({"degrade_kernels": []}, r"data\.degrade_kernels: at least one\. Received: \[\]"),
]


@pytest.mark.parametrize("settings, message", BAD)
def test_settings_that_cannot_work_are_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        check_config(Config(data=DataConfig(**settings)))


OUTSIDE = [
    ("degrade_jpeg: [0, 50]", r"data\.degrade_jpeg: .*≥1 and ≤100.* or null"),
    ("degrade_aliased: 1.5", r"data\.degrade_aliased: a number ≥0 and ≤1\. Received: 1\.5"),
    ("degrade_kernels: [sinc]", r"data\.degrade_kernels: .*one of box, bilinear, bicubic, lanczos"),
    ("degrade_noise: -1", r"data\.degrade_noise: a number ≥0\. Received: -1"),
    ("degrade_frame: [0, 1]", r"data\.degrade_frame: .*>0"),
    ("augment_turn: 90", r"data\.augment_turn: a number ≥0 and ≤60\. Received: 90"),
    ("augment_scale: 50", r"data\.augment_scale: a number ≥0 and ≤20\. Received: 50"),
]


@pytest.mark.parametrize("line, message", OUTSIDE)
def test_values_out_of_range_are_refused(line, message, tmp_path):
    (tmp_path / "config.yaml").write_text(f"data:\n  {line}\n")
    with pytest.raises(ConfigError, match=message):
        load_config(tmp_path / "config.yaml")
