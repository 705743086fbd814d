"""SRGAN (Ledig et al. 2017, "Photo-realistic single image super-resolution using a GAN")."""

from tf_gradsr import losses
from tf_gradsr.baselines.baseline import Baseline
from tf_gradsr.baselines.srresnet import build_srresnet
from tf_gradsr.config import Config, LossConfig
from tf_gradsr.models.perceptual import VGGFeatures


class SRGAN(Baseline):
    """SRResNet with a squared error of VGG-19 features and the logistic GAN loss.

    Eq. 3: `l_SR = l_X + 1e-3 l_Gen`, l_X the loss of eq. 5 on VGG5,4, the last convolution of VGG-19 after
    its ReLU, features divided by 12.75; first phase: the MSE of pictures, eq. 4.

    Args:
        config: a checked `Config` with `model.name: srgan`.
    """

    def __init__(self, config: Config, **kwargs):
        super().__init__(config, build_srresnet, **kwargs)

    def perceptual_features(self, loss: LossConfig):
        """VGG5,4, after the activation (section 2.2.1), rescaled by 1 / 12.75 (section 3.2)."""
        return VGGFeatures(loss.vgg_weights, ("block5_conv4",), "vgg19", unit=12.75)

    def pixel_loss(self, image, hr):
        """Mean squared error, eq. 4."""
        return losses.squared_loss(image, hr)

    def perceptual_loss(self, features_fake, features_real):
        """Mean squared error of features, eq. 5; the mean over channels too."""
        return losses.squared_loss(features_fake, features_real)

    def g_loss(self, image, hr):
        """`-log D(G(LR))`, eq. 6, averaged over the batch."""
        return losses.generator_adversarial_loss(self.image_discriminator(image, training=True))
