"""GradSR: the generator, its critics and the training step (paper 2)."""

import math

import tensorflow as tf

from tf_gradsr import losses, metrics, ops
from tf_gradsr.config import Config, LossConfig
from tf_gradsr.models.critics import Seen, build_critics
from tf_gradsr.models.efficientnet import EfficientNetLite
from tf_gradsr.models.face_recognition import FaceFeatures
from tf_gradsr.models.generator import build_gradsr_generator
from tf_gradsr.models.loss_scale import LossScale
from tf_gradsr.models.perceptual import VGGFeatures
from tf_gradsr.models.sample_scores import sample_scores
from tf_gradsr.models.spread_steering import SpreadSteering
from tf_gradsr.models.super_resolver import SuperResolver


class GradSR(SuperResolver):
    """The whole model of the paper.

    Args:
        config: a checked `Config`.
        precision: "float32", "mixed_bfloat16" or "mixed_float16", for the convolutions of all networks except
            the average, which is what is measured and exported. "mixed_float16" comes with loss scaling.

    Attributes:
        critics: dict of `Critic` by name, those that the config asks for: the paper's "image" (D_I) and
            "gradient" (D_g), and on frozen features "projected" (ImageNet's) and "faces".
        steering: the `SpreadSteering` of the posterior terms, or None.
        teacher: a trained generator that G learns from beside the truth, frozen, or None; set by the trainer.

    Raises:
        ConfigError: the features of a critic are not installed.
    """

    def __init__(self, config: Config, precision: str = "float32", **kwargs):
        generator, critics = build_gradsr_generator(config, precision), build_critics(config, precision)
        super().__init__(config, generator, build_gradsr_generator(config), **kwargs)
        self.critics = critics
        if precision == "mixed_float16":
            self.loss_scales = {side: LossScale(name=f"{side}_loss_scale") for side in ("g", "d")}
            for critic in critics.values():
                critic.loss_scale = self.loss_scales["d"]
        self.levels = int(math.log2(config.model.scale))
        self.gradient_channels = config.model.gradient_channels
        self.features_variant = config.model.features
        faces = self.critics.get("faces")
        self.face_features = faces.features if faces else None
        if config.loss.identity and not faces:
            self.face_features = FaceFeatures(config.model.face_features)
        self.steering = SpreadSteering(config.loss.spread) if config.loss.mean else None
        self.teacher = None

    def compile(self, *args, **kwargs):
        """Sets the objective and the optimizers; see `SuperResolver.compile`."""
        super().compile(*args, **kwargs)
        for critic in self.critics.values():
            critic.loss = self.loss_config

    @property
    def discriminators(self) -> dict:
        return {f"{name}_discriminator": critic.discriminator for name, critic in self.critics.items()}

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
            batch: see `SuperResolver`; with critics on frozen features also `augmentation`, see
                `training_batches`. Or a pair (lr, hr).

        Returns:
            Dict of float32 scalars: every raw loss term, D's mean output, LR-PSNR, sample spread, norms.
        """
        batch = self.as_batch(batch)
        if self.reconstruction_only:
            return self._reconstruction_step(batch)
        lr, z1, z2 = batch["lr"], batch["z"][:, 0], batch["z"][:, 1]
        weights = self.loss_config
        real = self.real_pyramids(batch["hr"])

        with tf.GradientTape() as g_tape:
            # (images, gradients), at every scale, of the reconstruction and of two hallucinations.
            inputs = tf.tile(lr, [3, 1, 1, 1]), tf.concat([tf.zeros_like(z1), z1, z2], axis=0)
            passes = self.generator(inputs)
            reconstruction, hallucination, other = (
                tuple(_part(pyramid, i, 3) for pyramid in passes) for i in range(3)
            )
            views = self._views(batch, real, reconstruction, hallucination, other)
            # D: real and fake, R1
            with g_tape.stop_recording():
                d_logs = self._train_discriminators(views)
            adversarial = self._adversarial_terms(views)
            # G: reconstruction, eq. (10)
            terms = self._reconstruction_terms(reconstruction, real)
            if weights.perceptual == "discriminator":
                seen = (
                    Seen([reconstruction[0]], [reconstruction[1]], lr),
                    Seen([real[0]], [real[1]], lr, is_real=True),
                )
                terms["perceptual"] = self.critics["image"].perceptual_distance(*seen)
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
                terms["distillation"] = self._distillation(inputs, passes)
                loss += weights.distillation * terms["distillation"]
            # G: the samples' mean and spread (ours, 0 in the paper)
            pyramids = hallucination[0], other[0], real[0]
            posterior_loss, posterior_logs = self._posterior_terms(*pyramids)
            score_loss, score_logs = sample_scores(weights, self.critics, pyramids, views)
            loss += posterior_loss + score_loss
        g_norm = self._apply(g_tape, loss, self.g_optimizer, self.generator.trainable_variables)
        self._update_average()

        logs = {
            "loss/g/total": loss,
            **{f"loss/g/{name}": value for name, value in terms.items()},
            **{
                f"loss/g/{kind}_adv_{name}": value
                for kind, values in adversarial.items()
                for name, value in values.items()
            },
            "loss/g/diversity": diversity,
            "loss/g/coupling": coupling,
            **posterior_logs,
            **score_logs,
            **d_logs,
            **self._picture_logs("reconstruction", reconstruction[0][-1], lr, self.scale),
            **self._picture_logs("hallucination", hallucination[0][-1], lr, self.scale),
            "hallucination/sample_std": _spread(hallucination[0][-1], other[0][-1]),
            "norm/g": g_norm,
        }
        return self._scale_logs(logs)

    def _views(self, batch, real, reconstruction, hallucination, other):
        """What each critic sees, by its name and the kind of picture: "real", "hallucination" and the like.

        Critics on frozen features see both hallucinations.
        """
        lr, draws = batch["lr"], batch.get("augmentation")
        seen = {"real": Seen([real[0]], [real[1]], lr, draws, is_real=True)}
        if self.loss_config.beta:
            seen["reconstruction"] = Seen([reconstruction[0]], [reconstruction[1]], lr, draws)
        pair = zip(hallucination, other)
        seen["hallucination"] = Seen(*(list(each) for each in pair), lr, draws)
        return {
            name: {kind: critic.view(pictures) for kind, pictures in seen.items()}
            for name, critic in self.critics.items()
        }

    def _train_discriminators(self, views):
        """Updates all discriminators on what they see; returns the logs."""
        logs, loss, step = {}, 0.0, self.d_optimizer.iterations.value
        with tf.GradientTape() as tape:
            for name, critic in self.critics.items():
                fakes = [view for kind, view in views[name].items() if kind != "real"]
                own_loss, own_logs = critic.discriminator_loss(views[name]["real"], fakes, step)
                loss += own_loss
                logs |= own_logs
        logs["norm/d"] = self._apply(tape, loss, self.d_optimizer, self._d_variables)
        return logs

    def _adversarial_terms(self, views):
        """G's adversarial losses, by the kind of fake and the critic's name."""
        kinds = [kind for kind in next(iter(views.values())) if kind != "real"]
        return {
            kind: {
                name: critic.generator_loss(views[name][kind], views[name]["real"])
                for name, critic in self.critics.items()
            }
            for kind in kinds
        }

    def _weighted_adversarial(self, terms):
        return tf.add_n([self.critics[name].weight * value for name, value in terms.items()])

    def _reconstruction_terms(self, reconstruction, real):
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
        return terms

    def _weighted_reconstruction(self, terms):
        weights = self.loss_config
        loss = weights.gamma * (terms["gradient"] + terms.get("perceptual", 0.0))
        return loss + weights.pixel * terms["pixel"] + weights.identity * terms.get("identity", 0.0)

    def _distillation(self, inputs, passes):
        """Distance of G's three passes from the teacher's, pictures and gradients, over all scales."""
        images, gradients = self.teacher(inputs)
        distance = losses.pixel_loss(passes[0], [tf.stop_gradient(x) for x in images])
        return distance + losses.gradient_loss(passes[1], [tf.stop_gradient(x) for x in gradients])

    def _posterior_terms(self, *pyramids):
        """(weighted loss, logs): the samples' mean and the steering of their spread."""
        if self.steering is None:
            return 0.0, {}
        loss, logs = self.steering.objective(*pyramids)
        return self.loss_config.mean * loss, logs

    def _reconstruction_step(self, batch):
        """Trains G alone at z = 0. The weights of z stay small, so hallucinations stay near it."""
        lr = batch["lr"]
        real = self.real_pyramids(batch["hr"])
        with tf.GradientTape() as tape:
            reconstruction = self.generator((lr, tf.zeros_like(batch["z"][:, 0])))
            terms = self._reconstruction_terms(reconstruction, real)
            loss = self._weighted_reconstruction(terms)
        g_norm = self._apply(tape, loss, self.g_optimizer, self.generator.trainable_variables)
        self._update_average()
        logs = {
            "loss/g/total": loss,
            **{f"loss/g/{name}": value for name, value in terms.items()},
            **self._picture_logs("reconstruction", reconstruction[0][-1], lr, self.scale),
            "norm/g": g_norm,
        }
        return self._scale_logs(logs)

    def scores(self, batch) -> dict:
        """How real the paper's discriminators find the truth and a hallucination of each LR picture.

        The hallucination is that of G as trained, not of its average, with the first noise vector.

        Args:
            batch: dict as for training.

        Returns:
            `{"image": (real, fake), "gradient": (real, fake)}`, mean outputs of D_I and D_g, if there are
            any, float32 `[B]`, positive for real.
        """
        lr = batch["lr"]
        real = self.real_pyramids(batch["hr"])
        images, gradients = self.generator((lr, batch["z"][:, 0]))
        pair = Seen([real[0]], [real[1]], lr, is_real=True), Seen([images], [gradients], lr)
        return {
            name: tuple(critic.scores(critic.view(seen)) for seen in pair)
            for name, critic in self.critics.items()
            if not critic.needs_draws
        }

    def real_pyramids(self, hr):
        """The true picture and its image gradient at every scale, coarse to fine.

        Args:
            hr: float32 `[B, H, W, 3]`.

        Returns:
            Two lists like the generator's: pictures, and the gradients of those pictures.
        """
        factors = [2**k for k in reversed(range(self.levels))]
        images = [ops.downscale(hr, factor, self.downscale_method) for factor in factors]
        return images, [ops.image_gradient(image, self.gradient_channels) for image in images]


def _part(pyramid, index, count):
    """The index-th of `count` passes that share one batch, at every scale."""
    return [tf.split(level, count)[index] for level in pyramid]


def _spread(images, other_images):
    """Mean spread of two samples of the same LR pictures, in grey levels."""
    pair = tf.stack([ops.to_uint8(images), ops.to_uint8(other_images)], axis=1)
    return tf.reduce_mean(metrics.sample_std(pair))
