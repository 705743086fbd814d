"""Batches as `tf.data` datasets. Everything in them is a function of the seed and the example's number.

Example n of a training run (n = step * batch size + place in the batch) shows picture
permutation(seed, epoch)[n mod N] of epoch n // N; its shift, flip, degradation and noise follow from
(seed, n). So a run can be resumed at any step, and neither threads nor devices change what it sees.
"""

import functools
import itertools

import numpy as np
import tensorflow as tf

from tf_gradsr import ops
from tf_gradsr.augmentation import DRAWS
from tf_gradsr.config import Config
from tf_gradsr.data.degradation import degraded
from tf_gradsr.data.draws import (
    AUGMENTATION,
    EVALUATION_NOISE,
    EVALUATION_SEED,
    FLIP,
    ORDER,
    TRAINING_NOISE,
    normal,
    random_seed,
    uniform,
)
from tf_gradsr.data.misalignment import misaligned
from tf_gradsr.data.pictures import PictureSet


def training_batches(
    pictures: PictureSet,
    config: Config,
    start_step: int = 0,
    num_steps: int | None = None,
    first_example: int | None = None,
    worker: int = 0,
    workers: int = 1,
    replicas: int = 1,
) -> tf.data.Dataset:
    """Returns the batches of a training run from a given step on, shuffled anew in each epoch.

    Each batch can be cut into equal parts, one for each device, and these divided among several processes in
    order; together they get what one process would, whatever their number.

    Args:
        pictures: from `load_pictures`.
        config: reads `data`, `model`, `train.batch_size` and `train.seed`.
        start_step: the step of the first batch; no earlier batch is computed.
        num_steps: number of batches; None: endless.
        first_example: number of the first example, in place of `start_step`, for a run whose batch size was
            changed on the way; None: `start_step` times the batch size.
        worker, workers: this process's number, from 0, and how many there are.
        replicas: how many devices they have in all, a multiple of `workers` that divides the batch size.

    Returns:
        `tf.data.Dataset` of dicts, B = `train.batch_size / replicas`, `replicas / workers` of them a step:
            "lr": float32 `[B, h, w, 3]` in [-1, 1], on the uint8 grid; degraded with `data.degrade`,
                otherwise `lr_pictures(hr, config)`.
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
            "number": number,
            "flip": flip if config.data.flip else False,
            "z": normal(TRAINING_NOISE, seed, number, [2, config.model.z_size]),
            **({"augmentation": uniform(AUGMENTATION, seed, number, DRAWS)} if augmented else {}),
        }

    first = start_step * size if first_example is None else first_example
    own = size // workers
    places = tf.data.Dataset.counter(0, dtype=tf.int64)
    if num_steps is not None:
        places = places.take(num_steps * own)
    # The place-th example of this worker: its part of each batch is one run of numbers.
    examples = places.map(
        lambda place: example(first + place // own * size + worker * own + place % own), tf.data.AUTOTUNE
    )
    pictures_of = functools.partial(prepared, seed=seed, config=config, augment=config.data.augment)
    return batched(examples, pictures, pictures_of, size // replicas, drop_remainder=True)


def evaluation_batches(
    pictures: PictureSet, config: Config, batch_size: int, limit: int | None = None, num_samples: int = 1
) -> tf.data.Dataset:
    """Every picture once, in order, never mirrored or moved; the last batch may be smaller.

    Args:
        pictures: from `load_pictures`.
        config: reads `data`, `model` and `train.seed`.
        batch_size: B.
        limit: how many pictures, the first ones; None: all.
        num_samples: noise vectors for each picture.

    Returns:
        `tf.data.Dataset` of dicts "lr", "hr" (see `training_batches`) and "z", float32
        `[B, num_samples, m]`, which depends on the seed and the picture's number only. Its degradation
        depends on its number alone.
    """
    count = len(pictures) if limit is None else min(limit, len(pictures))

    def example(number):
        z = normal(EVALUATION_NOISE, config.train.seed, number, [num_samples, config.model.z_size])
        return {"index": number, "number": number, "flip": False, "z": z}

    examples = tf.data.Dataset.range(count).map(example, tf.data.AUTOTUNE)
    pictures_of = functools.partial(prepared, seed=EVALUATION_SEED, config=config)
    return batched(examples, pictures, pictures_of, batch_size, drop_remainder=False)


def stream_batches(pictures, config: Config, batch_size: int, augment: bool = False):
    """Yields batches of pictures as they are decoded, in order, never mirrored, as uint8.

    Args:
        pictures: iterable of uint8 `[H, W, 3]`, such as `stream_pictures`.
        config: reads `data` and `model.scale`.
        batch_size: B; the last batch may be smaller.
        augment: move, turn and scale the pictures as `data.augment` does, always in the same way.

    Yields:
        (numbers, hr, lr): the pictures' numbers, `range` of length B; uint8 `[B, H, W, 3]`; and uint8
        `[B, h, w, 3]`, the same LR pictures as those of `evaluation_batches`.
    """

    # One graph for batches of every size.
    @tf.function(
        input_signature=[
            tf.TensorSpec([None, *config.hr_shape, 3], tf.uint8),
            tf.TensorSpec([None], tf.int64),
            tf.TensorSpec([], tf.bool),
        ]
    )
    def pictures_of(hr, numbers, flip):
        return prepared(hr, numbers, flip, EVALUATION_SEED, config, augment)

    pictures, first = iter(pictures), 0
    while batch := list(itertools.islice(pictures, batch_size)):
        numbers = range(first, first + len(batch))
        # The degradation's kernels run on CPUs only.
        with tf.device("CPU"):
            hr, lr = pictures_of(np.stack(batch), np.array(numbers), False)
        yield numbers, hr.numpy(), lr.numpy()
        first += len(batch)


def lr_pictures(hr, config: Config):
    """Makes clean LR pictures, uint8 `[B, h, w, 3]`, from HR pictures, float32 `[B, H, W, 3]` in [-1, 1]."""
    return ops.to_uint8(ops.downscale(hr, config.model.scale, config.data.downscale))


def prepared(hr, numbers, flip, seed: int, config: Config, augment: bool = False):
    """HR pictures as they are shown, and their LR pictures.

    Args:
        hr: uint8 `[B, H, W, 3]`. numbers: int64 `[B]`, the examples'. flip: bool `[B]` or one for all.
        seed: int below 2**32, of what is drawn for each example.
        config: reads `data` and `model.scale`.
        augment: move, turn and scale the pictures.

    Returns:
        (HR, uint8 `[B, H, W, 3]`; LR, uint8 `[B, h, w, 3]`).
    """

    def each(change, pictures):
        # One at a time, so that a picture does not depend on the others of its batch, to the last bit.
        return tf.map_fn(
            lambda pair: change(pair[0], pair[1], seed, config),
            (pictures, numbers),
            fn_output_signature=tf.uint8,
        )

    if augment:
        hr = each(misaligned, hr)
    hr = tf.where(tf.reshape(flip, [-1, 1, 1, 1]), tf.reverse(hr, [2]), hr)
    images = ops.to_float(hr)
    return hr, each(degraded, images) if config.data.degrade else lr_pictures(images, config)


def evaluation_noise(seed: int, numbers, count: int, size: int) -> np.ndarray:
    """The noise vectors that `evaluation_batches` gives to pictures.

    Args:
        seed: int in [0, 2^31). numbers: the pictures' numbers, B ints. count: N. size: m.

    Returns:
        float32 `[B, N, m]`; each picture's depend on the seed and its number only.
    """
    draws = [normal(EVALUATION_NOISE, seed, tf.constant(n, tf.int64), [count, size]) for n in numbers]
    return np.stack(draws)


def batched(examples, pictures, pictures_of, size, drop_remainder):
    """Turns a dataset of {"index", "number", "flip", "z", ...} into batches {"lr", "hr", "z", ...}.

    `pictures_of` is `prepared` without the settings: (HR, numbers, flips) to (HR, LR).
    """

    def finish(batch):
        hr, lr = pictures_of(pictures.read(batch["index"]), batch["number"], batch["flip"])
        kept = {name: batch[name] for name in ("z", "augmentation") if name in batch}
        return {"lr": ops.to_float(lr), "hr": ops.to_float(hr), **kept}

    options = tf.data.Options()
    options.deterministic = True
    # Replicas share each batch; no worker leaves examples out.
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    dataset = examples.batch(size, drop_remainder=drop_remainder)
    return dataset.map(finish, tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE).with_options(options)
