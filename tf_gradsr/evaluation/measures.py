"""Everything that is measured on a batch of pictures, compiled; one value for each picture."""

import tensorflow as tf

from tf_gradsr import metrics, ops
from tf_gradsr.evaluation.columns import CONSISTENT_DB

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
    """

    def __init__(self, scale: int, downscale: str, lpips: dict):
        self.scale, self.downscale, self.lpips = scale, downscale, lpips

    @tf.function(input_signature=[PICTURES] * 3)
    def compare(self, images, truth, lr):
        """Measures one picture for each truth.

        Args:
            images, truth: uint8 `[B, H, W, 3]`. lr: uint8 `[B, h, w, 3]`.

        Returns:
            Dict of float32 `[B]`, by names of `columns.QUALITY`, without `own_gradient_error`; in place of
            `sharpness`, `gradient` and `true_gradient`, the mean image gradients in grey levels.
        """
        gradient, true_gradient = (image_gradient(x) for x in (images, truth))
        lr_psnr = metrics.lr_psnr(images, lr, self.scale, self.downscale)
        return {
            "psnr": tf.minimum(metrics.psnr(images, truth), LARGEST_PSNR),
            "ssim": metrics.ssim(images, truth),
            **{f"lpips_{network}": layer((images, truth)) for network, layer in self.lpips.items()},
            "lr_psnr": lr_psnr,
            "consistent_share": 100.0 * tf.cast(lr_psnr >= CONSISTENT_DB, tf.float32),
            "gradient_error": mean_of_each(tf.abs(gradient - true_gradient)),
            "gradient": mean_of_each(gradient),
            "true_gradient": mean_of_each(true_gradient),
        }

    @tf.function(reduce_retracing=True)
    def own_gradient_error(self, images, gradients):
        """How far the gradients that G puts out are from those of its pictures, as rounded and projected.

        Args:
            images: uint8 `[B, H, W, 3]`. gradients: float32 `[B, H, W, 3 or 1]`, of pictures in [-1, 1].

        Returns:
            float32 `[B]`, grey levels.
        """
        own = image_gradient(images, gradients.shape[-1])
        return mean_of_each(tf.abs(gradients * GREY_LEVELS - own))

    @tf.function(input_signature=[PICTURES] * 2)
    def distance_maps(self, images, truth):
        """Distances of samples to the truth at each pixel, for the diversity score.

        Args:
            images, truth: uint8 `[B, H, W, 3]`.

        Returns:
            Dict of float32 `[B, H, W]`: `squared_error`, and `lpips` where AlexNet's weights are there.
        """
        maps = {"squared_error": metrics.squared_error_maps(images[:, None], truth)[:, 0]}
        if "alex" in self.lpips:
            maps["lpips"] = self.lpips["alex"].maps(images, truth)
        return maps

    @tf.function(input_signature=[SAMPLES, PICTURES])
    def spread(self, samples, reconstruction):
        """How much samples differ, from each other and from the reconstruction.

        Args:
            samples: uint8 `[B, N, H, W, 3]`, N >= 2. reconstruction: uint8 `[B, H, W, 3]`.

        Returns:
            Dict of float32 `[B]`: `sample_std` and `reconstruction_distance`, grey levels.
        """

        def of_picture(pair):
            # One picture at a time: its N samples are held as float32.
            images, picture = (tf.cast(x, tf.float32) for x in pair)
            return metrics.sample_std(images[None])[0], tf.reduce_mean(tf.abs(images - picture))

        std, distance = tf.map_fn(
            of_picture, (samples, reconstruction), fn_output_signature=(tf.float32, tf.float32)
        )
        return {"sample_std": std, "reconstruction_distance": distance}

    def diversity(self, maps):
        """The diversity score of each kind of distance.

        Args:
            maps: dict of float32 `[B, N, H, W]`, N maps as from `distance_maps`.

        Returns:
            Dict of float32 `[B]`, percent: `diversity_squared_error`, `diversity_lpips`.
        """
        return {f"diversity_{name}": metrics.diversity_score(stack) for name, stack in maps.items()}


def image_gradient(images, channels=None):
    """Image gradient of uint8 pictures in grey levels: eq. 5, unhalved central differences of 0-255."""
    return GREY_LEVELS * ops.image_gradient(ops.to_float(images), channels)


def mean_of_each(tensor):
    """`[B, H, W, C]` to its mean for each of B."""
    return tf.reduce_mean(tensor, axis=[1, 2, 3])
