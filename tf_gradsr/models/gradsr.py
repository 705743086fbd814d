"""GradSR: the generator, its two discriminators and the training step (paper 2)."""

import tensorflow as tf

from tf_gradsr import losses, metrics, ops
from tf_gradsr.config import Config, LossConfig, widths_for_scale
from tf_gradsr.extensions import load_extension
from tf_gradsr.models.discriminator import Discriminator
from tf_gradsr.models.efficientnet import EfficientNetLite
from tf_gradsr.models.face_recognition import FaceFeatures
from tf_gradsr.models.generator import Generator
from tf_gradsr.models.perceptual import VGGFeatures
from tf_gradsr.models.projected_critic import ProjectedCritic
from tf_gradsr.models.spread_steering import SpreadSteering
from tf_gradsr.models.super_resolver import SuperResolver

# Brings details to about the variance of pictures.
DETAIL_GAIN = 4.0


def build_generator(config: Config, precision: str = "float32") -> Generator:
    """The generator that a config describes, with fresh weights; `precision` as in `train.precision`.

    Raises:
        ConfigError: `model.generator` names nothing that builds one.
    """
    if config.model.generator:
        return load_extension("model.generator", config.model.generator)(config, precision)
    generator = Generator(
        widths=widths_for_scale(config.model.widths, config.model.scale),
        blocks=config.model.blocks,
        z_size=config.model.z_size,
        gradient_channels=config.model.gradient_channels,
        consistency=config.model.consistency,
        z_injection=config.model.z_injection,
        dtype=precision,
        name="generator",
    )
    generator.build()
    return generator


def build_discriminators(config: Config, precision: str = "float32") -> tuple:
    """(D_I, D_g), the paper's, that a config describes, with fresh weights."""
    settings = {
        "widths": widths_for_scale(
            config.model.discriminator_widths or config.model.widths, config.model.scale
        ),
        "blocks": config.model.discriminator_blocks,
        "dtype": precision,
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


def _build_critics(config: Config, precision: str) -> dict:
    """The critics on frozen features that a config asks for, by name."""
    critics = {}
    if config.model.discriminator != "mirror":
        features = EfficientNetLite(config.model.features, config.model.features_side, name="features")
        critics["projected"] = ProjectedCritic.on(features, config, precision)
    if config.loss.faces:
        # A face half out of the frame, or half blanked, tells nobody who it is.
        critics["faces"] = ProjectedCritic.on(
            FaceFeatures(config.model.face_features), config, precision, shift=1 / 32, cutout=1 / 8
        )
    return critics


class GradSR(SuperResolver):
    """The whole model of the paper.

    Args:
        config: a checked `Config`.
        precision: "float32" or "mixed_bfloat16", for the convolutions of all networks but
            the average, which is what is measured and exported.

    Attributes:
        mirrors: dict, the paper's discriminators by the domain that they judge: "image" D_I, "gradient" D_g,
            those of them that the config asks for.
        image_discriminator, gradient_discriminator: D_I and D_g, or None.
        critics: dict of `ProjectedCritic`, D_I on frozen features: "projected", on ImageNet's, and "faces",
            on those of a face recognition network, those of them that the config asks for.
        steering: the `SpreadSteering` of the posterior terms, or None.
        teacher: a trained generator that G learns from beside the truth, frozen, or None; set by the trainer.
        frozen_discriminator: another D_I for the perceptual loss, its weights as made until somebody sets
            them; None without `loss.discriminator_run`.
        levels: int, doublings that hallucinations and discriminators have grown to. Call
            `make_train_function(force=True)` after changing it.

    Raises:
        ConfigError: the features of the projected D_I are not installed.
    """

    def __init__(self, config: Config, precision: str = "float32", **kwargs):
        generator, (d_image, d_gradient) = (
            build_generator(config, precision),
            build_discriminators(config, precision),
        )
        super().__init__(config, generator, build_generator(config), **kwargs)
        self.gradient_channels = config.model.gradient_channels
        self.features_variant = config.model.features
        self.sees_details = config.model.discriminator_input == "details"
        kind, has_mirrors = config.model.discriminator, config.loss.mirror > 0
        self.image_discriminator = d_image if has_mirrors and kind != "projected" else None
        self.gradient_discriminator = d_gradient if has_mirrors else None
        self.mirrors = {
            domain: network
            for domain, network in (
                ("image", self.image_discriminator),
                ("gradient", self.gradient_discriminator),
            )
            if network is not None
        }
        self.critics = _build_critics(config, precision)
        faces = self.critics.get("faces")
        self.face_features = faces.features if faces else None
        if config.loss.identity and not faces:
            self.face_features = FaceFeatures(config.model.face_features)
        self.steering = SpreadSteering(config.loss.spread) if config.loss.mean else None
        self.levels = len(self.generator.up_blocks)
        self.teacher = None
        self.frozen_discriminator = None
        if config.loss.discriminator_run:
            self.frozen_discriminator, _ = build_discriminators(config, precision)
            self.frozen_discriminator.trainable = False

    @property
    def discriminators(self) -> dict:
        """The discriminators by name."""
        networks = {f"{domain}_discriminator": network for domain, network in self.mirrors.items()}
        return networks | {f"{name}_discriminator": c.discriminator for name, c in self.critics.items()}

    def trained_parts(self) -> dict:
        steering = {} if self.steering is None else {"spread_steering": self.steering}
        return {**super().trained_parts(), **steering}

    def perceptual_features(self, loss: LossConfig):
        """VGG-16's or EfficientNet-Lite's features at four depths (eq. 6)."""
        if loss.perceptual == "efficientnet":
            own = self.critics.get("projected")
            return own.features if own else EfficientNetLite(self.features_variant)
        return VGGFeatures(loss.vgg_weights)

    def train_step(self, batch):
        """One step of both sides: the discriminators, then the generator (paper 2.3).

        The fakes are made once and serve both: G's weights do not change in between.

        Args:
            batch: see `SuperResolver`; with a projected D_I also `augmentation`, see `training_batches`.

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
            views = self._views(batch, fakes, other)
            with g_tape.stop_recording():
                d_logs = self._train_discriminators(self._grown(real), list(fakes.values()), lr, views)
            adversarial = {
                name: self._adversarial_terms(self._grown(real), fake, lr, views[name])
                for name, fake in fakes.items()
            }
            # G: reconstruction, eq. (10)
            terms = self._reconstruction_terms(reconstruction, real, lr)
            if weights.perceptual == "discriminator" and self.frozen_discriminator is None:
                terms["perceptual"] = self._discriminator_distance(
                    self.image_discriminator, self._grown(reconstruction), self._grown(real), lr
                )
            loss = self._weighted_reconstruction(terms)
            if weights.beta:
                loss += weights.beta * self._weighted_adversarial(adversarial["reconstruction"])
            # G: hallucination, eq. (11)
            loss += self._weighted_adversarial(adversarial["hallucination"])
            # G: diversity, eq. (8)
            diversity = losses.diversity_loss(hallucination[1][-1], other[1][-1], z1, z2, weights.tau)
            loss -= weights.alpha * diversity
            # G: a hallucination's gradient is that of its picture (ours, 0 in the paper)
            coupling = losses.coupling_loss(
                hallucination[1][-1], ops.image_gradient(hallucination[0][-1], self.gradient_channels)
            )
            loss += weights.coupling * coupling
            # G: what a larger generator makes of the same LR and z (ours, 0 in the paper)
            if self.teacher is not None:
                terms["distillation"] = self._distillation(lr, z1, z2, reconstruction, hallucination, other)
                loss += weights.distillation * terms["distillation"]
            # G: the samples' mean and spread (ours, 0 in the paper)
            posterior_loss, posterior_logs = self._posterior_terms(hallucination[0], other[0], real[0])
            loss += posterior_loss
        g_norm = self._apply(g_tape, loss, self.g_optimizer, self.generator.trainable_variables)
        self._update_average()

        return {
            "loss/g/total": loss,
            **{f"loss/g/{name}": value for name, value in terms.items()},
            **{
                f"loss/g/{name}_adv_{critic}": value
                for name, values in adversarial.items()
                for critic, value in values.items()
            },
            "loss/g/diversity": diversity,
            "loss/g/coupling": coupling,
            **posterior_logs,
            **d_logs,
            **self._picture_logs("reconstruction", reconstruction[0][-1], lr, self.scale),
            **self._picture_logs("hallucination", hallucination[0][-1], lr, 2**self.levels),
            "hallucination/sample_std": _spread(hallucination[0][-1], other[0][-1]),
            "norm/g": g_norm,
        }

    def _distillation(self, lr, z1, z2, *made):
        """Distance of G's three passes from the teacher's, pictures and gradients, over all scales."""
        noises = tf.concat([tf.zeros_like(z1), z1, z2], axis=0)
        images, gradients = self.teacher((tf.tile(lr, [3, 1, 1, 1]), noises))
        own_images, own_gradients = (
            [tf.concat(level, axis=0) for level in zip(*(each[i] for each in made))] for i in range(2)
        )
        count = len(own_images)
        distance = losses.pixel_loss(own_images, [tf.stop_gradient(x) for x in images[:count]])
        return distance + losses.gradient_loss(
            own_gradients, [tf.stop_gradient(x) for x in gradients[:count]]
        )

    def _posterior_terms(self, images, other_images, real_images):
        """(weighted loss, logs): error of the mean of two samples, less s times their distance."""
        if self.steering is None:
            return 0.0, {}
        real_images = real_images[: self.levels]
        mean = losses.sample_mean_loss(images, other_images, real_images)
        distance = losses.sample_distance(images, other_images)
        spread = tf.identity(self.steering.weight.value)
        ratio = self.steering.update(
            *(tf.stop_gradient(pyramid[-1]) for pyramid in (images, other_images)), real_images[-1]
        )
        logs = {
            "loss/g/sample_mean": mean,
            "loss/g/sample_distance": distance,
            "posterior/spread_weight": spread,
            "posterior/ratio": ratio,
        }
        return self.loss_config.mean * (mean - spread * distance), logs

    def _views(self, batch, fakes, other):
        """What each critic sees, by its name: of the truth, "real", and of each kind of fake.

        Hallucinations are seen in both samples. All pictures of one LR picture are augmented alike.
        """
        lr, epsilon = batch["lr"], self.loss_config.epsilon
        pictures = {name: [images[-1]] for name, (images, _) in fakes.items()}
        if not self.critics:
            return {"real": {}, **{name: {} for name in pictures}}
        pictures["hallucination"].append(other[0][-1])
        residuals = {
            name: [
                ops.consistency_residual(image, lr, self.scale, epsilon, self.downscale_method)
                for image in images
            ]
            for name, images in pictures.items()
        }
        pictures["real"], residuals["real"] = [batch["hr"]], [tf.zeros_like(lr)]
        return {
            kind: {
                name: critic.view(images, batch["augmentation"], residuals[kind])
                for name, critic in self.critics.items()
            }
            for kind, images in pictures.items()
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

    def _train_discriminators(self, real, fakes, lr, views):
        """Updates all discriminators on one real and several fake pyramids and on views; returns the logs."""
        inputs = [self._d_inputs(*fake, lr) for fake in fakes]
        fake_inputs = {
            domain: [tf.concat(same, axis=0) for same in zip(*(seen[domain] for seen in inputs))]
            for domain in self.mirrors
        }
        real_inputs = self._d_inputs(*real, lr, is_real=True)
        logs, loss, weights = {}, 0.0, self.loss_config
        with tf.GradientTape() as tape:
            for name, d in self.mirrors.items():
                d_real, d_fake = real_inputs[name], fake_inputs[name]
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
            for name, critic in self.critics.items():
                # D: real and fake, on frozen features
                fake_views = [seen[name] for kind, seen in views.items() if kind != "real"]
                adversarial, on_real, on_fake = critic.discriminator_loss(views["real"][name], fake_views)
                loss += adversarial
                logs[f"loss/d_{name}/adv"] = adversarial
                logs[f"score/{name}_real"], logs[f"score/{name}_fake"] = on_real, on_fake
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
        """Raw terms, by name: eq. (6) if its features are frozen, eq. (7), pixel and identity loss."""
        (images, gradients), (real_images, real_gradients) = reconstruction, real
        terms = {
            "gradient": losses.gradient_loss(gradients, real_gradients),
            "pixel": losses.pixel_loss(images, real_images),
        }
        if self.perceptual is not None:
            terms["perceptual"] = losses.perceptual_loss(
                self.perceptual(images[-1]), self.perceptual(real_images[-1])
            )
        if self.loss_config.identity:
            terms["identity"] = losses.perceptual_loss(
                self.face_features(images[-1]), self.face_features(real_images[-1])
            )
        if self.frozen_discriminator is not None:
            terms["perceptual"] = self._discriminator_distance(
                self.frozen_discriminator, reconstruction, real, lr
            )
        return terms

    def _discriminator_distance(self, discriminator, reconstruction, real, lr):
        """Eq. (6) with the features of a D_I (Larsen et al. 2016); it gets no gradient of it."""
        fake_features = discriminator.features(self._d_inputs(*reconstruction, lr)["image"])
        real_features = discriminator.features(self._d_inputs(*real, lr, is_real=True)["image"])
        return losses.perceptual_loss(fake_features, real_features)

    def _weighted_reconstruction(self, terms):
        weights = self.loss_config
        loss = weights.gamma * (terms["gradient"] + terms.get("perceptual", 0.0))
        return loss + weights.pixel * terms["pixel"] + weights.identity * terms.get("identity", 0.0)

    def _adversarial_terms(self, real, fake, lr, views):
        """G's adversarial losses on one fake, by the critic's name."""
        terms = {}
        real_inputs, fake_inputs = self._d_inputs(*real, lr, is_real=True), self._d_inputs(*fake, lr)
        for name, d in self.mirrors.items():
            logits_fake = d(fake_inputs[name])
            if self.loss_config.adversarial == "relativistic":
                logits_fake -= d(real_inputs[name])
            terms[name] = losses.generator_adversarial_loss(logits_fake)
        for name, critic in self.critics.items():
            terms[name] = critic.generator_loss(views[name])
        return terms

    def _weighted_adversarial(self, terms):
        weights = self.loss_config
        of_critics = {"projected": weights.projected, "faces": weights.faces}
        return tf.add_n([of_critics.get(name, weights.mirror) * value for name, value in terms.items()])

    def _d_inputs(self, images, gradients, lr, is_real=False):
        """What the paper's discriminators see, by domain: pictures and F (eq. 12), 0 for real; gradients.

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
        return {"image": [*images, residual], "gradient": list(gradients)}

    def scores(self, batch) -> dict:
        """How real the paper's discriminators find the truth and a hallucination of each LR picture.

        The hallucination is that of G as trained, not of its average, with the first noise vector.

        Args:
            batch: dict as for training.

        Returns:
            `{"image": (real, fake), "gradient": (real, fake)}`, mean outputs of D_I and D_g, those there are,
            float32 `[B]`, positive for real.
        """
        lr = batch["lr"]
        real = self._grown(self.real_pyramids(batch["hr"]))
        fake = self._grown(self.generator((lr, batch["z"][:, 0])))
        pair = self._d_inputs(*real, lr, is_real=True), self._d_inputs(*fake, lr)
        return {
            name: tuple(tf.reduce_mean(d(inputs[name]), axis=[1, 2, 3]) for inputs in pair)
            for name, d in self.mirrors.items()
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
