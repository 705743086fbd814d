"""GradSR: the generator, its two discriminators and the training step (paper 2)."""

import tensorflow as tf

from tf_gradsr import losses, metrics, ops
from tf_gradsr.config import Config, LossConfig, widths_for_scale
from tf_gradsr.models.discriminator import Discriminator
from tf_gradsr.models.generator import Generator
from tf_gradsr.models.perceptual import VGGFeatures
from tf_gradsr.models.super_resolver import SuperResolver

# Brings details to about the variance of pictures.
DETAIL_GAIN = 4.0


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
    image_discriminator = Discriminator(
        **settings,
        channels=3,
        condition_channels=6 if config.model.discriminator_input == "details" else 3,
        name="d_image",
    )
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
        frozen_discriminator: another D_I for the perceptual loss, its weights as made until somebody sets
            them; None without `loss.discriminator_run`.
        levels: int, doublings that hallucinations and discriminators have grown to. Call
            `make_train_function(force=True)` after changing it.
    """

    def __init__(self, config: Config, **kwargs):
        generator, discriminators = build_generator(config), build_discriminators(config)
        super().__init__(config, generator, build_generator(config), **kwargs)
        self.gradient_channels = config.model.gradient_channels
        self.sees_details = config.model.discriminator_input == "details"
        self.image_discriminator, self.gradient_discriminator = discriminators
        self.levels = len(self.generator.up_blocks)
        self.frozen_discriminator = None
        if config.loss.discriminator_run:
            self.frozen_discriminator, _ = build_discriminators(config)
            self.frozen_discriminator.trainable = False

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
        weights = self.loss_config
        real = self.real_pyramids(batch["hr"])

        with tf.GradientTape() as g_tape:
            reconstruction, hallucination, other = self._passes(lr, z1, z2)
            fakes = {"reconstruction": self._grown(reconstruction)} if weights.beta else {}
            fakes["hallucination"] = hallucination
            with g_tape.stop_recording():
                d_logs = self._train_discriminators(self._grown(real), list(fakes.values()), lr)
            adversarial = {
                name: self._adversarial_terms(self._grown(real), fake, lr) for name, fake in fakes.items()
            }
            # G: reconstruction, eq. (10)
            terms = self._reconstruction_terms(reconstruction, real, lr)
            if weights.perceptual == "discriminator" and self.frozen_discriminator is None:
                terms["perceptual"] = self._discriminator_distance(
                    self.image_discriminator, self._grown(reconstruction), self._grown(real), lr
                )
            loss = self._weighted_reconstruction(terms)
            if weights.beta:
                loss += weights.beta * tf.add_n(adversarial["reconstruction"])
            # G: hallucination, eq. (11)
            loss += tf.add_n(adversarial["hallucination"])
            # G: diversity, eq. (8)
            diversity = losses.diversity_loss(hallucination[1][-1], other[1][-1], z1, z2, weights.tau)
            loss -= weights.alpha * diversity
            # G: a hallucination's gradient is that of its picture (ours, 0 in the paper)
            coupling = losses.coupling_loss(
                hallucination[1][-1], ops.image_gradient(hallucination[0][-1], self.gradient_channels)
            )
            loss += weights.coupling * coupling
        g_norm = self._apply(g_tape, loss, self.g_optimizer, self.generator.trainable_variables)
        self._update_average()

        return {
            "loss/g/total": loss,
            **{f"loss/g/{name}": value for name, value in terms.items()},
            **{
                f"loss/g/{name}_adv_{domain}": value
                for name, values in adversarial.items()
                for domain, value in zip(("image", "gradient"), values)
            },
            "loss/g/diversity": diversity,
            "loss/g/coupling": coupling,
            **d_logs,
            **self._picture_logs("reconstruction", reconstruction[0][-1], lr, self.scale),
            **self._picture_logs("hallucination", hallucination[0][-1], lr, 2**self.levels),
            "hallucination/sample_std": _spread(hallucination[0][-1], other[0][-1]),
            "norm/g": g_norm,
        }

    def _passes(self, lr, z1, z2):
        """(images, gradients) of the reconstruction, at every scale, and of two hallucinations, as grown."""
        zeros = tf.zeros_like(z1)
        if self.levels == len(self.generator.up_blocks):
            passes = self.generator((tf.tile(lr, [3, 1, 1, 1]), tf.concat([zeros, z1, z2], axis=0)))
            return [tuple(_part(pyramid, i, 3) for pyramid in passes) for i in range(3)]
        # The finer scales' reconstruction is kept up while hallucinations grow.
        reconstruction = self.generator((lr, zeros))
        passes = self.generator((tf.tile(lr, [2, 1, 1, 1]), tf.concat([z1, z2], axis=0)), levels=self.levels)
        return [reconstruction, *(tuple(_part(pyramid, i, 2) for pyramid in passes) for i in range(2))]

    def _grown(self, pyramids):
        """The scales that the discriminators have grown to, of (images, gradients)."""
        return tuple(pyramid[: self.levels] for pyramid in pyramids)

    def _reconstruction_step(self, batch):
        """G alone at z = 0. The weights of z keep their small start: hallucinations stay near."""
        lr = batch["lr"]
        real = self.real_pyramids(batch["hr"])
        with tf.GradientTape() as tape:
            reconstruction = self.generator((lr, tf.zeros_like(batch["z"][:, 0])))
            terms = self._reconstruction_terms(reconstruction, real, lr)
            loss = self._weighted_reconstruction(terms)
        g_norm = self._apply(tape, loss, self.g_optimizer, self.generator.trainable_variables)
        self._update_average()
        return {
            "loss/g/total": loss,
            **{f"loss/g/{name}": value for name, value in terms.items()},
            **self._picture_logs("reconstruction", reconstruction[0][-1], lr, self.scale),
            "norm/g": g_norm,
        }

    def _train_discriminators(self, real, fakes, lr):
        """Updates D_I and D_g on one real and several fake (images, gradients) pyramids; returns the logs."""
        real_inputs = self._d_inputs(*real, lr, is_real=True)
        fake_inputs = [self._d_inputs(*fake, lr) for fake in fakes]
        fake_inputs = [[tf.concat(same, axis=0) for same in zip(*inputs)] for inputs in zip(*fake_inputs)]
        discriminators = (self.image_discriminator, self.gradient_discriminator)
        logs, loss, weights = {}, 0.0, self.loss_config
        with tf.GradientTape() as tape:
            for name, d, d_real, d_fake in zip(
                ("image", "gradient"), discriminators, real_inputs, fake_inputs
            ):
                # D: real and fake
                logits_real, logits_fake = d(d_real), d(d_fake)
                adversarial = self._discriminator_loss(logits_real, logits_fake)
                loss += adversarial
                logs[f"loss/d_{name}/adv"] = adversarial
                # D: R1
                r1 = self._lazy_penalty(weights.r1, d, d_real)
                loss += 0.5 * weights.r1 * r1
                logs[f"loss/d_{name}/r1"] = r1
                # D: R2 (ours, 0 in the paper)
                if weights.r2:
                    r2 = self._lazy_penalty(weights.r2, d, d_fake)
                    loss += 0.5 * weights.r2 * r2
                    logs[f"loss/d_{name}/r2"] = r2
                logs[f"score/{name}_real"] = tf.reduce_mean(logits_real)
                logs[f"score/{name}_fake"] = tf.reduce_mean(logits_fake)
        logs["norm/d"] = self._apply(tape, loss, self.d_optimizer, self._d_variables)
        return logs

    def _discriminator_loss(self, logits_real, logits_fake):
        """D's adversarial loss on reals `[B, ...]` and fakes `[n B, ...]`, n of each LR picture."""
        if self.loss_config.adversarial == "logistic":
            return losses.discriminator_loss(logits_real, logits_fake)
        repeats = logits_fake.shape[0] // logits_real.shape[0]
        return losses.generator_adversarial_loss(tf.tile(logits_real, [repeats, 1, 1, 1]) - logits_fake)

    def _lazy_penalty(self, weight, discriminator, inputs):
        """R1 or R2 every `r1_interval`-th step, times the interval, else 0: its mean is the raw penalty."""
        interval = self.loss_config.r1_interval
        if weight == 0:
            return tf.constant(0.0)
        if interval == 1:
            return losses.r1_penalty(discriminator, inputs)
        due = tf.equal(self.d_optimizer.iterations.value % interval, 0)
        return tf.cond(due, lambda: interval * losses.r1_penalty(discriminator, inputs), lambda: 0.0)

    def _reconstruction_terms(self, reconstruction, real, lr):
        """Raw terms, by name: eq. (6) if its features are frozen, eq. (7) and the pixel loss."""
        (images, gradients), (real_images, real_gradients) = reconstruction, real
        terms = {
            "gradient": losses.gradient_loss(gradients, real_gradients),
            "pixel": losses.pixel_loss(images, real_images),
        }
        if self.perceptual is not None:
            terms["perceptual"] = losses.perceptual_loss(
                self.perceptual(images[-1]), self.perceptual(real_images[-1])
            )
        if self.frozen_discriminator is not None:
            terms["perceptual"] = self._discriminator_distance(
                self.frozen_discriminator, reconstruction, real, lr
            )
        return terms

    def _discriminator_distance(self, discriminator, reconstruction, real, lr):
        """Eq. (6) with the features of a D_I (Larsen et al. 2016); it gets no gradient of it."""
        fake_features = discriminator.features(self._d_inputs(*reconstruction, lr)[0])
        real_features = discriminator.features(self._d_inputs(*real, lr, is_real=True)[0])
        return losses.perceptual_loss(fake_features, real_features)

    def _weighted_reconstruction(self, terms):
        weights = self.loss_config
        loss = weights.gamma * (terms["gradient"] + terms.get("perceptual", 0.0))
        return loss + weights.pixel * terms["pixel"]

    def _adversarial_terms(self, real, fake, lr):
        """G's adversarial losses on one fake: [picture, image gradient]."""
        terms = []
        inputs = zip(self._d_inputs(*real, lr, is_real=True), self._d_inputs(*fake, lr))
        for d, (d_real, d_fake) in zip((self.image_discriminator, self.gradient_discriminator), inputs):
            logits_fake = d(d_fake)
            if self.loss_config.adversarial == "relativistic":
                logits_fake -= d(d_real)
            terms.append(losses.generator_adversarial_loss(logits_fake))
        return terms

    def _d_inputs(self, images, gradients, lr, is_real=False):
        """What D_I and D_g see: the picture's pyramid and F (eq. 12), 0 for real; the gradients' pyramid.

        With `discriminator_input: details` D_I sees the picture less upscaled LR, and LR beside F.
        """
        if is_real:
            residual = tf.zeros_like(lr)
        else:
            residual = ops.consistency_residual(
                images[-1], lr, 2 ** len(images), self.loss_config.epsilon, self.downscale_method
            )
        if self.sees_details:
            # What truth and fake have in common is taken out, and given once, as a condition.
            images = [
                DETAIL_GAIN * (image - ops.upscale_bilinear(lr, 2**k)) for k, image in enumerate(images, 1)
            ]
            residual = tf.concat([residual, lr], axis=-1)
        return [*images, residual], list(gradients)

    def scores(self, batch) -> dict:
        """How real the discriminators find the truth and a hallucination of each LR picture.

        The hallucination is that of G as trained, not of its average, with the first noise vector.

        Args:
            batch: dict as for training.

        Returns:
            `{"image": (real, fake), "gradient": (real, fake)}`, mean outputs of D_I and D_g, float32 `[B]`,
            positive for real.
        """
        lr = batch["lr"]
        real = self._grown(self.real_pyramids(batch["hr"]))
        fake = self._grown(self.generator((lr, batch["z"][:, 0])))
        pairs = zip(self._d_inputs(*real, lr, is_real=True), self._d_inputs(*fake, lr))
        networks = {"image": self.image_discriminator, "gradient": self.gradient_discriminator}
        return {
            name: tuple(tf.reduce_mean(d(inputs), axis=[1, 2, 3]) for inputs in pair)
            for (name, d), pair in zip(networks.items(), pairs)
        }

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


def _part(pyramid, index, count):
    """The index-th of `count` passes that share one batch, at every scale."""
    return [tf.split(level, count)[index] for level in pyramid]


def _spread(images, other_images):
    """Mean spread of two samples of the same LR pictures, in grey levels."""
    pair = tf.stack([ops.to_uint8(images), ops.to_uint8(other_images)], axis=1)
    return tf.reduce_mean(metrics.sample_std(pair))
