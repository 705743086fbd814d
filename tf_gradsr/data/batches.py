"""Batches as `tf.data` datasets. Everything in them is a function of the seed and the example's number.

Example n of a training run (n = step * batch size + place in the batch) shows picture
permutation(seed, epoch)[n mod N] of epoch n // N; its shift, flip and noise follow from (seed, n). So a
run can be resumed at any step, and neither threads nor devices change what it sees.
"""

import itertools

import numpy as np
import tensorflow as tf

from tf_gradsr import ops
from tf_gradsr.augmentation import DRAWS
from tf_gradsr.config import Config
from tf_gradsr.data.pictures import PictureSet

# Independent streams of random numbers under one seed; 4 is unused.
ORDER, FLIP, TRAINING_NOISE, EVALUATION_NOISE, _, SHIFT, AUGMENTATION = range(7)


def training_batches(
    pictures: PictureSet, config: Config, start_step: int = 0, num_steps: int | None = None
) -> tf.data.Dataset:
    """Returns the batches of a training run from a given step on, shuffled anew in each epoch.

    Args:
        pictures: from `load_pictures`.
        config: reads `data`, `model`, `train.batch_size` and `train.seed`.
        start_step: the step of the first batch; no earlier batch is computed.
        num_steps: number of batches; None: endless.

    Returns:
        `tf.data.Dataset` of dicts, B = `train.batch_size`:
            "lr": float32 `[B, h, w, 3]` in [-1, 1], on the uint8 grid.
            "hr": float32 `[B, H, W, 3]` in [-1, 1].
            "z": float32 `[B, 2, m]`, two normal vectors for each example.
            "augmentation": float32 `[B, 7]`, uniform in [0, 1), the random numbers of
                `tf_gradsr.augmentation`; only for critics on frozen features.
    """
    size, seed, count = config.train.batch_size, config.train.seed, len(pictures)
    augmented = config.model.discriminator != "mirror" or config.loss.faces > 0

    def example(number):
        order_seed = random_seed(ORDER, seed, number // count)
        flip = tf.random.stateless_uniform([], random_seed(FLIP, seed, number), alg="philox") < 0.5
        return {
            "index": tf.random.experimental.index_shuffle(
                number % count, order_seed, tf.constant(count - 1, tf.int64)
            ),
            "flip": flip if config.data.flip else False,
            "z": noise(TRAINING_NOISE, seed, number, 2, config.model.z_size),
            **({"shift": shift(seed, number, config.data.shift)} if config.data.shift else {}),
            **({"augmentation": uniform(AUGMENTATION, seed, number, DRAWS)} if augmented else {}),
        }

    numbers = tf.data.Dataset.counter(start_step * size, dtype=tf.int64)
    if num_steps is not None:
        numbers = numbers.take(num_steps * size)
    return batched(numbers.map(example, tf.data.AUTOTUNE), pictures, config, size, drop_remainder=True)


def evaluation_batches(
    pictures: PictureSet, config: Config, batch_size: int, limit: int | None = None, num_samples: int = 1
) -> tf.data.Dataset:
    """Every picture once, in order, never mirrored; the last batch may be smaller.

    Args:
        pictures: from `load_pictures`.
        config: reads `data`, `model` and `train.seed`.
        batch_size: B.
        limit: how many pictures, the first ones; None: all.
        num_samples: noise vectors for each picture.

    Returns:
        `tf.data.Dataset` of dicts "lr", "hr" (see `training_batches`) and "z", float32
        `[B, num_samples, m]`, which depends on the seed and the picture's number only.
    """
    count = len(pictures) if limit is None else min(limit, len(pictures))

    def example(number):
        z = noise(EVALUATION_NOISE, config.train.seed, number, num_samples, config.model.z_size)
        return {"index": number, "flip": False, "z": z}

    numbers = tf.data.Dataset.range(count)
    return batched(numbers.map(example, tf.data.AUTOTUNE), pictures, config, batch_size, drop_remainder=False)


def stream_batches(pictures, config: Config, batch_size: int):
    """Yields batches of pictures as they are decoded, in order, never mirrored, as uint8.

    Args:
        pictures: iterable of uint8 `[H, W, 3]`, such as `stream_pictures`.
        config: reads `model.scale` and `data.downscale`.
        batch_size: B; the last batch may be smaller.

    Yields:
        (numbers, hr, lr): the pictures' numbers, `range` of length B; uint8 `[B, H, W, 3]`; and uint8
        `[B, h, w, 3]`, the same LR pictures as those of `training_batches`.
    """
    pictures, first = iter(pictures), 0
    while batch := list(itertools.islice(pictures, batch_size)):
        hr = np.stack(batch)
        yield range(first, first + len(hr)), hr, lr_pictures(ops.to_float(hr), config).numpy()
        first += len(hr)


def lr_pictures(hr, config: Config):
    """Makes LR pictures, uint8 `[B, h, w, 3]`, from HR pictures, float32 `[B, H, W, 3]` in [-1, 1]."""
    return ops.to_uint8(ops.downscale(hr, config.model.scale, config.data.downscale))


def evaluation_noise(seed: int, numbers, count: int, size: int) -> np.ndarray:
    """The noise vectors that `evaluation_batches` gives to pictures.

    Args:
        seed: int in [0, 2^31). numbers: the pictures' numbers, B ints. count: N. size: m.

    Returns:
        float32 `[B, N, m]`; each picture's depend on the seed and its number only.
    """
    draws = [noise(EVALUATION_NOISE, seed, tf.constant(n, tf.int64), count, size) for n in numbers]
    return np.stack(draws)


def random_seed(stream, seed, number):
    """Seed of a stateless draw, int64 `[2]`; seeds are below 2**31, so streams never meet."""
    return tf.stack([tf.constant(seed + (stream << 32), tf.int64), number])


def noise(stream, seed, number, count, size):
    """Normal vectors that belong to one example, float32 `[count, size]`."""
    # The algorithm is named, because the automatic choice depends on the device.
    return tf.random.stateless_normal([count, size], random_seed(stream, seed, number), alg="philox")


def uniform(stream, seed, number, count):
    """Numbers in [0, 1) that belong to one example, float32 `[count]`."""
    return tf.random.stateless_uniform([count], random_seed(stream, seed, number), alg="philox")


def shift(seed, number, farthest):
    """How far one example is moved down and right, int32 `[2]`, in HR pixels."""
    steps = tf.floor(uniform(SHIFT, seed, number, 2) * (2 * farthest + 1))
    return tf.cast(steps, tf.int32) - farthest


def batched(examples, pictures, config, size, drop_remainder):
    """Turns a dataset of {"index", "flip", "z", ...} into batches {"lr", "hr", "z", ...}."""

    def finish(batch):
        hr = rows(pictures, batch["index"])
        if "shift" in batch:
            hr = moved(hr, batch["shift"])
        hr = tf.where(batch["flip"][:, None, None, None], tf.reverse(hr, [2]), hr)
        hr = ops.to_float(hr)
        kept = {name: batch[name] for name in ("z", "augmentation") if name in batch}
        return {"lr": ops.to_float(lr_pictures(hr, config)), "hr": hr, **kept}

    options = tf.data.Options()
    options.deterministic = True
    # Replicas share each batch; no worker leaves examples out.
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    dataset = examples.batch(size, drop_remainder=drop_remainder)
    return dataset.map(finish, tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE).with_options(options)


def moved(images, shifts):
    """Moves each picture by its own shift, int32 `[B, 2]`, repeating its borders; the shape stays."""
    for axis in (1, 2):
        side = images.shape[axis]
        source = tf.range(side)[tf.newaxis, :] - shifts[:, axis - 1 : axis]
        images = tf.gather(images, tf.clip_by_value(source, 0, side - 1), axis=axis, batch_dims=1)
    return images


def rows(pictures, index):
    """Reads pictures by number: uint8 `[B, H, W, 3]`."""
    # Declared stateless: TensorFlow then keeps it parallel under deterministic kernels too.
    read = tf.numpy_function(lambda numbers: pictures.array[numbers], [index], tf.uint8, stateful=False)
    return tf.ensure_shape(read, [index.shape[0], *pictures.array.shape[1:]])
