"""The sheet that shows how a run is doing: a row for each face, a column for each kind of picture."""

import numpy as np
import tensorflow as tf

from tf_gradsr import metrics, ops
from tf_gradsr.gallery.grid import gradient_picture, picture_grid


def sample_sheet(model, batch) -> np.ndarray:
    """Draws LR, bicubic, z = 0, each z, the truth and image gradients, with titles.

    A model that is not stochastic has a single column, "answer", instead of those for z.

    Args:
        model: a `SuperResolver`.
        batch: dict of `lr` float32 `[B, h, w, 3]`, `hr` float32 `[B, H, W, 3]` in [-1, 1], and `z` float32
            `[B, N, m]`.

    Returns:
        uint8 `[height, width, 3]`, one row for each of the B pictures.
    """
    lr, hr, z = batch["lr"], batch["hr"], batch["z"]
    image, gradient = model((lr, tf.zeros_like(z[:, 0])))
    stochastic = model.generator.stochastic
    answer = "z = 0" if stochastic else "answer"
    columns = {
        "LR": tf.cast(ops.upscale_nearest(ops.to_uint8(lr), model.scale), tf.uint8),
        "bicubic": metrics.bicubic(lr, model.scale),
        answer: ops.to_uint8(image),
    }
    gradients = {f"grad {answer}": gradient}
    for n, z_n in enumerate(tf.unstack(z, axis=1) if stochastic else [], 1):
        sample, sample_gradient = model((lr, z_n))
        columns[f"z{n}"] = ops.to_uint8(sample)
        if n == z.shape[1]:
            gradients[f"grad z{n}"] = sample_gradient
    columns["truth"] = ops.to_uint8(hr)
    columns |= {title: gradient_picture(values) for title, values in gradients.items()}
    columns["grad truth"] = gradient_picture(ops.image_gradient(hr))
    return picture_grid({title: np.asarray(pictures) for title, pictures in columns.items()})
