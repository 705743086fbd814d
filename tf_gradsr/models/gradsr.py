"""GradSR: the generator, its two discriminators and the training step (paper 2)."""

import tensorflow as tf

from tf_gradsr import losses, metrics, ops
from tf_gradsr.config import Config, LossConfig, widths_for_scale
from tf_gradsr.models.discriminator import Discriminator
from tf_gradsr.models.generator import Generator
from tf_gradsr.models.perceptual import VGGFeatures
from tf_gradsr.models.super_resolver import SuperResolver


def build_generator(config: Config) -> Generator:
    """The generator that a config describes, with fresh weights."""
    generator = Generator(
        widths=widths_for_scale(config.model.widths, config.model.scale),
        blocks=config.model.blocks,
        z_size=config.model.z_size,
        gradient_channels=config.model.gradient_channels,
        consistency=config.model.consistency,
        z_injection=config.model.z_injection,
        name="generator",
    )
    generator.build()
    return generator


def build_discriminators(config: Config) -> tuple:
    """(D_I, D_g) that a config describes, with fresh weights."""
    settings = {
        "widths": widths_for_scale(
            config.model.discriminator_widths or config.model.widths, config.model.scale
        ),
        "blocks": config.model.discriminator_blocks,
    }
    image_discriminator = Discriminator(**settings, channels=3, conditional=True, name="d_image")
    gradient_discriminator = Discriminator(
        **settings, channels=config.model.gradient_channels, name="d_gradient"
    )
    image_discriminator.build()
    gradient_discriminator.build()
    return image_discriminator, gradient_discriminator


class GradSR(SuperResolver):
    """The whole model of the paper.

    Args:
        config: a checked `Config`.

    Attributes:
        image_discriminator, gradient_discriminator: D_I and D_g.
    """

    def __init__(self, config: Config, **kwargs):
        generator, discriminators = build_generator(config), build_discriminators(config)
        super().__init__(config, generator, build_generator(config), **kwargs)
        self.gradient_channels = config.model.gradient_channels
        self.image_discriminator, self.gradient_discriminator = discriminators

    @property
    def discriminators(self) -> dict:
        """D_I and D_g by name."""
        return {
            "image_discriminator": self.image_discriminator,
            "gradient_discriminator": self.gradient_discriminator,
        }

    def perceptual_features(self, loss: LossConfig):
        """VGG-16's features at four depths (eq. 6)."""
        return VGGFeatures(loss.vgg_weights)

    def train_step(self, batch):
        """One step of both sides: the discriminators, then the generator (paper 2.3).

        The fakes are made once and serve both: G's weights do not change in between.

        Returns:
            Dict of float32 scalars: every raw loss term, D's mean output, LR-PSNR, sample spread, norms.
        """
        if self.reconstruction_only:
            return self._reconstruction_step(batch)
        lr, z1, z2 = batch["lr"], batch["z"][:, 0], batch["z"][:, 1]
        real_images, real_gradients = self.real_pyramids(batch["hr"])

        with tf.GradientTape() as g_tape:
            images, gradients = self.generator(
                (tf.tile(lr, [3, 1, 1, 1]), tf.concat([tf.zeros_like(z1), z1, z2], axis=0))
            )
            reconstruction = _part(images, 0), _part(gradients, 0)
            hallucination = _part(images, 1), _part(gradients, 1)
            with g_tape.stop_recording():
                d_logs = self._train_discriminators(
                    (real_images, real_gradients), [reconstruction, hallucination], lr
                )
            # G: reconstruction, eq. (10)
            terms = self._reconstruction_terms(*reconstruction, real_images, real_gradients)
            adversarial = self._adversarial_terms(*reconstruction, lr)
            loss = self._weighted_reconstruction(terms) + self.loss_config.beta * tf.add_n(adversarial)
            # G: hallucination, eq. (11)
            hallucination_adversarial = self._adversarial_terms(*hallucination, lr)
            loss += tf.add_n(hallucination_adversarial)
            # G: diversity, eq. (8)
            diversity = losses.diversity_loss(
                hallucination[1][-1], _part(gradients, 2)[-1], z1, z2, self.loss_config.tau
            )
            loss -= self.loss_config.alpha * diversity
            # G: a hallucination's gradient is that of its picture (ours, 0 in the paper)
            coupling = losses.coupling_loss(
                hallucination[1][-1], ops.image_gradient(hallucination[0][-1], self.gradient_channels)
            )
            loss += self.loss_config.coupling * coupling
        g_norm = self._apply(g_tape, loss, self.g_optimizer, self.generator.trainable_variables)
        self._update_average()

        names = ("adv_image", "adv_gradient")
        return {
            "loss/g/total": loss,
            **{f"loss/g/{name}": value for name, value in terms.items()},
            **{f"loss/g/reconstruction_{n}": v for n, v in zip(names, adversarial)},
            **{f"loss/g/hallucination_{n}": v for n, v in zip(names, hallucination_adversarial)},
            "loss/g/diversity": diversity,
            "loss/g/coupling": coupling,
            **d_logs,
            **self._picture_logs(
                {"reconstruction": reconstruction[0][-1], "hallucination": hallucination[0][-1]}, lr
            ),
            "hallucination/sample_std": _spread(hallucination[0][-1], _part(images, 2)[-1]),
            "norm/g": g_norm,
        }

    def _reconstruction_step(self, batch):
        """G alone at z = 0. The weights of z keep their small start: hallucinations stay near."""
        lr = batch["lr"]
        real_images, real_gradients = self.real_pyramids(batch["hr"])
        with tf.GradientTape() as tape:
            images, gradients = self.generator((lr, tf.zeros_like(batch["z"][:, 0])))
            terms = self._reconstruction_terms(images, gradients, real_images, real_gradients)
            loss = self._weighted_reconstruction(terms)
        g_norm = self._apply(tape, loss, self.g_optimizer, self.generator.trainable_variables)
        self._update_average()
        return {
            "loss/g/total": loss,
            **{f"loss/g/{name}": value for name, value in terms.items()},
            **self._picture_logs({"reconstruction": images[-1]}, lr),
            "norm/g": g_norm,
        }

    def _train_discriminators(self, real, fakes, lr):
        """Updates D_I and D_g on one real and several fake (images, gradients) pyramids; returns the logs."""
        real_inputs = self._d_inputs(*real, lr, is_real=True)
        fake_inputs = [self._d_inputs(*fake, lr) for fake in fakes]
        fake_inputs = [[tf.concat(same, axis=0) for same in zip(*inputs)] for inputs in zip(*fake_inputs)]
        discriminators = (self.image_discriminator, self.gradient_discriminator)
        logs, loss = {}, 0.0
        with tf.GradientTape() as tape:
            for name, d, d_real, d_fake in zip(
                ("image", "gradient"), discriminators, real_inputs, fake_inputs
            ):
                # D: real and fake
                logits_real, logits_fake = d(d_real), d(d_fake)
                adversarial = losses.discriminator_loss(logits_real, logits_fake)
                # D: R1
                r1 = self._lazy_r1(d, d_real)
                loss += adversarial + 0.5 * self.loss_config.r1 * r1
                logs[f"loss/d_{name}/adv"] = adversarial
                logs[f"loss/d_{name}/r1"] = r1
                logs[f"score/{name}_real"] = tf.reduce_mean(logits_real)
                logs[f"score/{name}_fake"] = tf.reduce_mean(logits_fake)
        logs["norm/d"] = self._apply(tape, loss, self.d_optimizer, self._d_variables)
        return logs

    def _lazy_r1(self, discriminator, inputs):
        """R1 on every `r1_interval`-th step, times the interval, 0 between: its mean is the raw penalty."""
        interval = self.loss_config.r1_interval
        if self.loss_config.r1 == 0:
            return tf.constant(0.0)
        if interval == 1:
            return losses.r1_penalty(discriminator, inputs)
        due = tf.equal(self.d_optimizer.iterations.value % interval, 0)
        return tf.cond(due, lambda: interval * losses.r1_penalty(discriminator, inputs), lambda: 0.0)

    def _reconstruction_terms(self, images, gradients, real_images, real_gradients):
        """Raw terms of the reconstruction, eq. (6), eq. (7) and the pixel loss, by name."""
        terms = {
            "gradient": losses.gradient_loss(gradients, real_gradients),
            "pixel": losses.pixel_loss(images, real_images),
        }
        if self.perceptual is not None:
            terms["perceptual"] = losses.perceptual_loss(
                self.perceptual(images[-1]), self.perceptual(real_images[-1])
            )
        return terms

    def _weighted_reconstruction(self, terms):
        weights = self.loss_config
        loss = weights.gamma * (terms["gradient"] + terms.get("perceptual", 0.0))
        return loss + weights.pixel * terms["pixel"]

    def _adversarial_terms(self, images, gradients, lr):
        """G's adversarial losses on one fake: [picture, image gradient]."""
        for_image, for_gradient = self._d_inputs(images, gradients, lr)
        return [
            losses.generator_adversarial_loss(self.image_discriminator(for_image)),
            losses.generator_adversarial_loss(self.gradient_discriminator(for_gradient)),
        ]

    def _d_inputs(self, images, gradients, lr, is_real=False):
        """What D_I and D_g see: the picture's pyramid and F (eq. 12), 0 for real; the gradients' pyramid."""
        if is_real:
            residual = tf.zeros_like(lr)
        else:
            residual = ops.consistency_residual(
                images[-1], lr, self.scale, self.loss_config.epsilon, self.downscale_method
            )
        return [*images, residual], list(gradients)

    def real_pyramids(self, hr):
        """The true picture and its image gradient at every scale, coarse to fine.

        Args:
            hr: float32 `[B, H, W, 3]`.

        Returns:
            Two lists like the generator's: pictures, and the gradients of those pictures.
        """
        factors = [2**k for k in reversed(range(len(self.generator.up_blocks)))]
        images = [ops.downscale(hr, factor, self.downscale_method) for factor in factors]
        return images, [ops.image_gradient(image, self.gradient_channels) for image in images]


def _part(pyramid, index):
    """The index-th of the three passes that share one batch, at every scale."""
    return [tf.split(level, 3)[index] for level in pyramid]


def _spread(images, other_images):
    """Mean spread of two samples of the same LR pictures, in grey levels."""
    pair = tf.stack([ops.to_uint8(images), ops.to_uint8(other_images)], axis=1)
    return tf.reduce_mean(metrics.sample_std(pair))
