"""ESRGAN (Wang et al. 2018, "ESRGAN: Enhanced super-resolution generative adversarial networks")."""

import tensorflow as tf

from tf_gradsr import losses
from tf_gradsr.baselines.baseline import Baseline
from tf_gradsr.baselines.rrdbnet import build_rrdbnet
from tf_gradsr.config import Config, LossConfig
from tf_gradsr.models.perceptual import VGGFeatures


class ESRGAN(Baseline):
    """RRDBNet with an L1 of VGG-19 features before activation and the relativistic average GAN loss.

    Eq. 3: `L_G = L_percep + lambda L_G^Ra + eta L_1`, lambda 5e-3, eta 1e-2; first phase: L_1 of pictures.

    Args:
        config: a checked `Config` with `model.name: esrgan`.
    """

    def __init__(self, config: Config, **kwargs):
        super().__init__(config, build_rrdbnet, **kwargs)

    def perceptual_features(self, loss: LossConfig):
        """VGG5,4 before the activation (section 3.3)."""
        return VGGFeatures(loss.vgg_weights, ("block5_conv4",), "vgg19", activated=False)

    def pixel_loss(self, image, hr):
        """Mean absolute error."""
        return losses.pixel_loss(image, hr)

    def perceptual_loss(self, features_fake, features_real):
        """Mean absolute error of features."""
        return losses.perceptual_loss(features_fake, features_real)

    def d_loss(self, logits_real, logits_fake):
        """Relativistic average discriminator, L_D^Ra."""
        return losses.relativistic_discriminator_loss(logits_real, logits_fake, mean_over_replicas)

    def g_loss(self, image, hr):
        """Relativistic average generator, L_G^Ra; sees the true pictures too."""
        logits_real = self.image_discriminator(hr, training=True)
        logits_fake = self.image_discriminator(image, training=True)
        return losses.relativistic_generator_loss(logits_real, logits_fake, mean_over_replicas)


def mean_over_replicas(tensor):
    """Mean of a tensor of all replicas, so that the batch's share on each does not matter; differentiable.

    Args:
        tensor: float32, any shape, the same one on each replica.

    Returns:
        float32 scalar.
    """
    context = tf.distribute.get_replica_context()
    return context.all_reduce(tf.distribute.ReduceOp.MEAN, tf.reduce_mean(tensor))
