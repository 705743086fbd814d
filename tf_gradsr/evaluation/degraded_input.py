"""Degraded input (`data.degrade`): how far it and what models make of it are from clean LR."""

import numpy as np

from tf_gradsr import metrics, ops
from tf_gradsr.config import Config
from tf_gradsr.data import lr_pictures
from tf_gradsr.evaluation.columns import Column
from tf_gradsr.evaluation.measures import LARGEST_PSNR


def clean_lr_psnr(config: Config) -> Column:
    """The column of LR-PSNR against clean LR, beside the one against the input."""

    def value(images, truth, lr):
        clean = lr_pictures(ops.to_float(truth), config)
        return metrics.lr_psnr(images, clean, config.model.scale, config.data.downscale)

    return Column(
        "clean_lr_psnr",
        "clean LR-PSNR",
        "dB",
        1,
        "higher",
        "of the downscaled picture against the LR that the input was before it was degraded; 100 at most",
        value,
    )


class InputQuality:
    """Follows how far degraded LR is from clean LR.

    Args:
        config: reads `data` and `model.scale`.
    """

    def __init__(self, config: Config):
        self.config = config
        self._values = []

    def add(self, batch) -> None:
        """Takes in a `Batch`."""
        clean = lr_pictures(ops.to_float(batch.truth), self.config)
        self._values.append(np.minimum(metrics.psnr(batch.lr, clean), LARGEST_PSNR))

    def note(self) -> str:
        """One sentence to stand below the table."""
        found = np.concatenate(self._values)
        return (
            f"LR degraded (data.degrade), always in the same way: PSNR {found.mean():.1f} dB against clean "
            f"LR, from {found.min():.1f} to {found.max():.1f}."
        )
