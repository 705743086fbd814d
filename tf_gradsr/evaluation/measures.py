"""Computes everything that is measured on a batch of pictures, compiled; one value for each picture."""

from typing import Callable, Dict, Optional

import numpy as np
import tensorflow as tf

from tf_gradsr import metrics, ops
from tf_gradsr.errors import ConfigError
from tf_gradsr.evaluation.columns import CONSISTENT_DB
from tf_gradsr.metrics.pictures import mean_of_each

# PSNR of equal pictures would be infinite, and so would its mean.
LARGEST_PSNR = 100.0
# From pictures in [-1, 1] to grey levels.
GREY_LEVELS = 1.0 / ops.LEVEL
# One graph for batches of every size.
PICTURES = tf.TensorSpec([None, None, None, 3], tf.uint8)
SAMPLES = tf.TensorSpec([None, None, None, None, 3], tf.uint8)


class Measures:
    """The measures of one scale.

    Args:
        scale: int. downscale: the DS used in training, see `ops.downscale`.
        lpips: dict of network to `metrics.LPIPS` with weights; may be empty.
        networks: dict of column, "kid" or "face_kid", to the features that its kernel distance compares,
            uint8 `[B, H, W, 3]` -> float32 `[B, d]`; only the available ones.
        added: tuple of `Column` with a `value` of their own.
    """

    def __init__(
        self,
        scale: int,
        downscale: str,
        lpips: dict,
        networks: Optional[Dict[str, Callable]] = None,
        added: tuple = (),
    ):
        self.scale, self.downscale, self.lpips, self.networks = scale, downscale, lpips, networks or {}
        self.added = added

    def features(self, images) -> Dict[str, np.ndarray]:
        """The features of uint8 `[B, H, W, 3]` that kernel distances compare: float32 `[B, d]` by column."""
        return {name: network(images).numpy() for name, network in self.networks.items()}

    def by_added_metrics(self, images, truth, lr) -> Dict[str, np.ndarray]:
        """Values of the user's own metrics on uint8 pictures, as for `compare`: `[B]` by column.

        Raises:
            ConfigError: one does not give a number for each picture.
        """
        found = {}
        for column in self.added:
            found[column.name] = np.asarray(column.value(images, truth, lr), np.float64)
            if found[column.name].shape != (len(truth),):
                raise ConfigError(
                    f"metric: a number for each of {len(truth)} pictures. Received: {column.name}, of shape "
                    f"{list(found[column.name].shape)}"
                )
        return found

    @tf.function(input_signature=[PICTURES] * 3)
    def compare(self, images, truth, lr):
        """Measures one picture for each truth.

        Args:
            images, truth: uint8 `[B, H, W, 3]`. lr: uint8 `[B, h, w, 3]`.

        Returns:
            Dict of float32 `[B]`, by names of `columns.QUALITY`, without `own_gradient_error`; instead of
            `sharpness` there are `gradient` and `true_gradient`, the mean image gradients in grey levels;
            `crps` is that of a single picture, its mean absolute error.
        """
        gradient, true_gradient = (gradient_in_grey_levels(x) for x in (images, truth))
        lr_psnr = metrics.lr_psnr(images, lr, self.scale, self.downscale)
        psnr = metrics.psnr(images, truth)
        bicubic = metrics.psnr(metrics.bicubic(ops.to_float(lr), self.scale), truth)
        return {
            "psnr": tf.minimum(psnr, LARGEST_PSNR),
            "ssim": metrics.ssim(images, truth),
            **{f"lpips_{network}": layer((images, truth)) for network, layer in self.lpips.items()},
            "lr_psnr": lr_psnr,
            "consistent_share": 100.0 * tf.cast(lr_psnr >= CONSISTENT_DB, tf.float32),
            "better_than_bicubic": 100.0 * tf.cast(psnr > bicubic, tf.float32),
            "gradient_error": mean_of_each(tf.abs(gradient - true_gradient)),
            "gradient": mean_of_each(gradient),
            "true_gradient": mean_of_each(true_gradient),
            "crps": metrics.fair_crps(images[:, tf.newaxis], truth),
        }

    @tf.function(reduce_retracing=True)
    def own_gradient_error(self, images, gradients):
        """How far the gradients that G outputs are from those of its rounded and projected pictures.

        Args:
            images: uint8 `[B, H, W, 3]`. gradients: float32 `[B, H, W, 3 or 1]`, of pictures in [-1, 1].

        Returns:
            float32 `[B]`, grey levels.
        """
        own = gradient_in_grey_levels(images, gradients.shape[-1])
        return mean_of_each(tf.abs(gradients * GREY_LEVELS - own))

    @tf.function(input_signature=[PICTURES] * 2)
    def distance_maps(self, images, truth):
        """Distances of samples to the truth at each pixel, for the diversity score.

        Args:
            images, truth: uint8 `[B, H, W, 3]`.

        Returns:
            Dict of float32 `[B, H, W]`: `squared_error`, and `lpips` if AlexNet's weights are available.
        """
        maps = {"squared_error": metrics.squared_error_maps(images[:, None], truth)[:, 0]}
        if "alex" in self.lpips:
            maps["lpips"] = self.lpips["alex"].maps(images, truth)
        return maps

    @tf.function(input_signature=[SAMPLES, PICTURES, PICTURES])
    def spread(self, samples, reconstruction, truth):
        """How much samples differ, from each other and from the reconstruction, and whether they should.

        Args:
            samples: uint8 `[B, N, H, W, 3]`, N >= 2. reconstruction, truth: uint8 `[B, H, W, 3]`.

        Returns:
            Dict of float32 `[B]`: `sample_std`, `reconstruction_distance`, `crps`, grey levels;
            `spread_error` and `gain_of_mean`, the two parts of each.
        """

        def of_picture(parts):
            # One picture at a time: its N samples are held as float32.
            images, picture, true = (x[tf.newaxis] for x in parts)
            levels, level = tf.cast(images, tf.float32), tf.cast(picture, tf.float32)
            return {
                "sample_std": metrics.sample_std(images)[0],
                "reconstruction_distance": tf.reduce_mean(tf.abs(levels - level[:, tf.newaxis])),
                "crps": metrics.fair_crps(images, true)[0],
                "spread_error": [part[0] for part in metrics.spread_error(images, picture, true)],
                "gain_of_mean": [part[0] for part in metrics.gain_of_mean(images, true)],
            }

        one, two = tf.float32, [tf.float32, tf.float32]
        kinds = {
            "sample_std": one,
            "reconstruction_distance": one,
            "crps": one,
            "spread_error": two,
            "gain_of_mean": two,
        }
        return tf.map_fn(of_picture, (samples, reconstruction, truth), fn_output_signature=kinds)

    @tf.function(input_signature=[SAMPLES, PICTURES])
    def reliability(self, samples, truth):
        """See `metrics.reliability_sums`, which this compiles."""
        return metrics.reliability_sums(samples, truth)

    def diversity(self, maps):
        """The diversity score of each kind of distance.

        Args:
            maps: dict of float32 `[B, N, H, W]`, N maps as from `distance_maps`.

        Returns:
            Dict of float32 `[B]`, percent: `diversity_squared_error`, `diversity_lpips`.
        """
        return {f"diversity_{name}": metrics.diversity_score(stack) for name, stack in maps.items()}


def gradient_in_grey_levels(images, channels=None):
    """Image gradient of uint8 pictures in grey levels: eq. 5, unhalved central differences of 0-255."""
    return GREY_LEVELS * ops.image_gradient(ops.to_float(images), channels)
