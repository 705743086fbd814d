"""The figures at the end of a run, on test pictures."""

import numpy as np

from tf_gradsr import metrics, ops
from tf_gradsr.config import Config
from tf_gradsr.data import evaluation_batches

# Samples behind each `sample_std`.
MEASURED_SAMPLES = 4


def summarize(model, pictures, config: Config) -> dict:
    """Returns mean figures of bicubic upscaling and of the model on the first `train.summary_pictures`.

    Returns:
        `{"bicubic": {"psnr", "ssim", "lr_psnr"}, "model": {"psnr", "ssim", "lr_psnr", "sample_std"}}`: dB at
        z = 0, SSIM at z = 0, dB at LR size, grey levels over four samples. A baseline has no `sample_std`.
        With `data.degrade` both have `clean_lr_psnr`, too: `lr_psnr` is against the degraded input.
    """
    batches = evaluation_batches(
        pictures, config, config.train.batch_size, config.train.summary_pictures, MEASURED_SAMPLES
    )
    measured = []
    for batch in batches:
        # Bicubic upscaling as a model with one answer.
        measured.append(
            metrics.measure(
                lambda inputs: (ops.to_float(metrics.bicubic(inputs[0], model.scale)), None),
                batch,
                model.scale,
                config.data.downscale,
                stochastic=False,
                degraded=config.data.degrade,
            )
        )
    means = {name: float(np.mean(np.concatenate([m[name] for m in measured]))) for name in measured[0]}
    return {"bicubic": means, "model": model.measure(batches)}
