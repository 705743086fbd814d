"""The training that SRGAN and ESRGAN share: one picture, one discriminator, no noise."""

import tensorflow as tf

from tf_gradsr import losses
from tf_gradsr.baselines.picture_discriminator import PictureDiscriminator
from tf_gradsr.config import Config
from tf_gradsr.models import SuperResolver


class Baseline(SuperResolver):
    """A generator without noise against one discriminator of pictures.

    First phase (`reconstruction_only`): the pixel loss alone. Then
    `gamma * perceptual + beta * adversarial + pixel * pixel loss` with the weights of `LossConfig`. A
    subclass brings the losses: `pixel_loss`, `perceptual_loss`, `d_loss` and `g_loss`, and
    `perceptual_features`.

    Args:
        config: a checked `Config`.
        build_generator: makes the built generator of a config.

    Attributes:
        image_discriminator: D.
    """

    def __init__(self, config: Config, build_generator, **kwargs):
        discriminator = PictureDiscriminator(
            config.hr_shape, config.model.discriminator_widths or (64, 128, 256, 512), name="d_image"
        )
        discriminator.build()
        super().__init__(config, build_generator(config), build_generator(config), **kwargs)
        self.image_discriminator = discriminator

    @property
    def discriminators(self) -> dict:
        """D by name."""
        return {"image_discriminator": self.image_discriminator}

    def pixel_loss(self, image, hr):
        """Distance of pictures, `[B, H, W, 3]` both -> scalar."""
        raise NotImplementedError

    def perceptual_loss(self, features_fake, features_real):
        """Distance of lists of features -> scalar."""
        raise NotImplementedError

    def d_loss(self, logits_real, logits_fake):
        """D's objective."""
        return losses.discriminator_loss(logits_real, logits_fake)

    def g_loss(self, image, hr):
        """The generator's adversarial loss on its pictures, beside the true ones."""
        raise NotImplementedError

    def train_step(self, batch):
        """One step: the discriminator, then the generator, on the same fakes.

        Returns:
            Dict of float32 scalars: every raw loss term, D's mean output, LR-PSNR, norms.
        """
        lr, hr, weights = batch["lr"], batch["hr"], self.loss_config
        with tf.GradientTape() as tape:
            (image,), _ = self.generator((lr, batch["z"][:, 0]), training=True)
            terms, d_logs = {"pixel": self.pixel_loss(image, hr)}, {}
            if self.reconstruction_only:
                loss = terms["pixel"]
            else:
                with tape.stop_recording():
                    d_logs = self._train_discriminator(hr, image)
                terms["adv_image"] = self.g_loss(image, hr)
                loss = weights.beta * terms["adv_image"] + weights.pixel * terms["pixel"]
                if self.perceptual is not None:
                    terms["perceptual"] = self.perceptual_loss(self.perceptual(image), self.perceptual(hr))
                    loss += weights.gamma * terms["perceptual"]
        g_norm = self._apply(tape, loss, self.g_optimizer, self.generator.trainable_variables)
        self._update_average()
        return {
            "loss/g/total": loss,
            **{f"loss/g/{name}": value for name, value in terms.items()},
            **d_logs,
            **self._picture_logs("reconstruction", image, lr, self.scale),
            "norm/g": g_norm,
        }

    def _train_discriminator(self, hr, image):
        """Updates D on true pictures and fakes; returns the logs."""
        with tf.GradientTape() as tape:
            logits_real = self.image_discriminator(hr, training=True)
            logits_fake = self.image_discriminator(image, training=True)
            loss = self.d_loss(logits_real, logits_fake)
        return {
            "loss/d_image/adv": loss,
            "score/image_real": tf.reduce_mean(logits_real),
            "score/image_fake": tf.reduce_mean(logits_fake),
            "norm/d": self._apply(tape, loss, self.d_optimizer, self._d_variables),
        }
