"""Critics, the discriminators in training: what each sees, both sides' losses, R1, features, scores.

GradSR has up to four: the paper's D_I ("image") and D_g ("gradient"), which mirror the generator, and two on
frozen features ("projected", "faces"). The training step treats all of them alike.
"""

from dataclasses import dataclass
from typing import Optional

import tensorflow as tf

from tf_gradsr import losses, ops
from tf_gradsr.augmentation import CUTOUT, SHIFT, augment
from tf_gradsr.config import Config, LossConfig, widths_for_scale
from tf_gradsr.models.discriminator import Discriminator
from tf_gradsr.models.efficientnet import EfficientNetLite
from tf_gradsr.models.face_recognition import FaceFeatures
from tf_gradsr.models.loss_scale import LossScale
from tf_gradsr.models.projected_discriminator import ProjectedDiscriminator

# Brings details to about the variance of pictures.
DETAIL_GAIN = 4.0


@dataclass(frozen=True)
class Seen:
    """Pictures of one kind, one or more for each LR picture: the truth, or what G made from some z."""

    images: list
    """Pyramids, one for each z: lists, coarse to fine, of float32 `[B, 2^k h, 2^k w, 3]`."""
    gradients: list
    """Their image gradients, in the same form."""
    lr: tf.Tensor
    """float32 `[B, h, w, 3]`."""
    draws: Optional[tf.Tensor] = None
    """The random numbers of `augment`; needed only by critics on frozen features."""
    is_real: bool = False


class Critic:
    """Base of the critics. A view is what a critic's network sees of a `Seen`.

    Attributes:
        name: str, in the names of its figures: `loss/d_NAME/adv`, `score/NAME_real`.
        discriminator: the Keras network that learns.
        needs_draws: bool, whether it augments what it sees.
        loss: `LossConfig`; set by `GradSR.compile`.
        loss_scale: the discriminators' `LossScale` with float16 convolutions, else None; set by `GradSR`.
    """

    name: str
    weight_setting: str
    needs_draws = False
    loss: LossConfig
    loss_scale: Optional[LossScale] = None

    @property
    def weight(self) -> float:
        """Weight of its loss in G's objective."""
        return getattr(self.loss, self.weight_setting)

    def view(self, seen: Seen):
        """What the network sees of pictures; differentiable in them."""
        raise NotImplementedError

    def discriminator_loss(self, real, fakes: list, step) -> tuple:
        """(scalar to minimise, logs) on a view of the truth and views of fakes.

        Args:
            step: int tensor, steps that the discriminators' optimizer has done; lazy penalties count them.
        """
        raise NotImplementedError

    def generator_loss(self, fake, real):
        """G's adversarial loss on a view of its pictures, a scalar, before its weight."""
        raise NotImplementedError


class MirrorCritic(Critic):
    """The paper's discriminators (2.3): logistic or relativistic loss, R1, and optionally R2."""

    weight_setting = "mirror"

    def __init__(self, discriminator: Discriminator):
        self.discriminator = discriminator

    def discriminator_loss(self, real, fakes, step):
        d, weights = self.discriminator, self.loss
        fake = [tf.concat(same, axis=0) for same in zip(*fakes)]
        # D: real and fake
        logits_real, logits_fake = d(real), d(fake)
        adversarial = self._adversarial(logits_real, logits_fake)
        # D: R1, and R2 (ours, 0 in the paper)
        r1 = self._lazy_penalty(weights.r1, real, step)
        loss = adversarial + 0.5 * weights.r1 * r1
        logs = {f"loss/d_{self.name}/adv": adversarial, f"loss/d_{self.name}/r1": r1}
        if weights.r2:
            r2 = self._lazy_penalty(weights.r2, fake, step)
            loss += 0.5 * weights.r2 * r2
            logs[f"loss/d_{self.name}/r2"] = r2
        logs[f"score/{self.name}_real"] = tf.reduce_mean(logits_real)
        logs[f"score/{self.name}_fake"] = tf.reduce_mean(logits_fake)
        return loss, logs

    def generator_loss(self, fake, real):
        logits = self.discriminator(fake)
        if self.loss.adversarial == "relativistic":
            logits -= self.discriminator(real)
        return losses.generator_adversarial_loss(logits)

    def perceptual_distance(self, fake: Seen, real: Seen):
        """Eq. (6) with the features of D as it learns (Larsen et al. 2016); D gets no gradient from it."""
        features = (self.discriminator.features(self.view(seen)) for seen in (fake, real))
        return losses.perceptual_loss(*features)

    def scores(self, view):
        """How real each picture looks: mean output, float32 `[B]`, positive for real."""
        return tf.reduce_mean(self.discriminator(view), axis=[1, 2, 3])

    def _adversarial(self, logits_real, logits_fake):
        """D's adversarial loss on reals `[B, ...]` and fakes `[n B, ...]`, n for each LR picture."""
        if self.loss.adversarial == "logistic":
            return losses.discriminator_loss(logits_real, logits_fake)
        repeats = logits_fake.shape[0] // logits_real.shape[0]
        return losses.generator_adversarial_loss(tf.tile(logits_real, [repeats, 1, 1, 1]) - logits_fake)

    def _lazy_penalty(self, weight, inputs, step):
        """R1 or R2 every `r1_interval`-th step, times the interval, else 0: its mean is the raw penalty."""
        interval = self.loss.r1_interval
        if weight == 0:
            return tf.constant(0.0)
        inner = None if self.loss_scale is None else self.loss_scale.inner
        if interval == 1:
            return losses.r1_penalty(self.discriminator, inputs, inner)
        due = tf.equal(step % interval, 0)
        return tf.cond(
            due, lambda: interval * losses.r1_penalty(self.discriminator, inputs, inner), lambda: 0.0
        )


class ImageCritic(MirrorCritic):
    """D_I: the pictures at every scale, and F (eq. 12), which is 0 for the truth.

    With `model.discriminator_input: details` it sees each picture minus upscaled LR, and LR beside F.
    """

    name = "image"

    def __init__(self, config: Config, precision: str = "float32"):
        self.sees_details = config.model.discriminator_input == "details"
        self.downscale = config.data.downscale
        super().__init__(_mirror(config, precision, 3, 6 if self.sees_details else 3, "d_image"))

    def view(self, seen):
        images = seen.images[0]
        if seen.is_real:
            residual = tf.zeros_like(seen.lr)
        else:
            residual = _residual(images, seen.lr, self.loss.epsilon, self.downscale)
        if self.sees_details:
            # What the truth and fakes have in common is removed, and given once as a condition.
            images = [
                DETAIL_GAIN * (image - ops.upscale_bilinear(seen.lr, 2**k))
                for k, image in enumerate(images, 1)
            ]
            residual = tf.concat([residual, seen.lr], axis=-1)
        return [*images, residual]


class GradientCritic(MirrorCritic):
    """D_g: the image gradients at every scale."""

    name = "gradient"

    def __init__(self, config: Config, precision: str = "float32"):
        super().__init__(_mirror(config, precision, config.model.gradient_channels, 0, "d_gradient"))

    def view(self, seen):
        return list(seen.gradients[0])


class ProjectedCritic(Critic):
    """Augments pictures and judges frozen features of them, at full size (Sauer et al. 2021).

    It sees every picture of a `Seen`, those of one LR picture augmented alike. With exact consistency it
    needs no condition, since LR is a function of the picture; otherwise F (eq. 12) enters its heads.

    Args:
        name: see `Critic`; also the name of its weight in `LossConfig`.
        features: frozen network with `channels`, `side`, `strides` and `view(images)`, float32 `[B, H, W, 3]`
            in [-1, 1] -> list of features.
        config: a checked `Config`; the heads are new, the fixed projections follow from `train.seed`.
        precision: as `train.precision`.
        shift, cutout: floats, how strongly `augment` moves and blanks.
    """

    needs_draws = True

    def __init__(self, name, features, config: Config, precision="float32", shift=SHIFT, cutout=CUTOUT):
        self.name = self.weight_setting = name
        self.features, self.shift, self.cutout = features, shift, cutout
        self.downscale = config.data.downscale
        self.discriminator = ProjectedDiscriminator(
            features.channels,
            side=features.side,
            strides=features.strides,
            condition_channels=3 if config.model.consistency == "learned" else 0,
            seed=config.train.seed,
            dtype=precision,
        )
        self.discriminator.build()

    def view(self, seen):
        """(projected features, each `[n B, ...]`; F `[n B, h, w, 3]`, or None if it is not a condition)."""
        count = len(seen.images)
        images = tf.concat([pyramid[-1] for pyramid in seen.images], axis=0)
        augmented = augment(images, tf.tile(seen.draws, [count, 1]), self.shift, self.cutout)
        condition = None
        if self.discriminator.condition_channels:
            condition = tf.concat([self._condition(pyramid, seen) for pyramid in seen.images], axis=0)
        return self.discriminator.project(self.features.view(augmented)), condition

    def discriminator_loss(self, real, fakes, step):
        views = [real, *fakes]
        count = real[0][0].shape[0] or tf.shape(real[0][0])[0]
        projected = [tf.stop_gradient(tf.concat(same, axis=0)) for same in zip(*(view[0] for view in views))]
        condition = None if real[1] is None else tf.stop_gradient(tf.concat([v[1] for v in views], axis=0))
        # One call for all, since each call updates the spectral norms once.
        logits = self.discriminator.judge(projected, condition, training=True)
        on_real, on_fake = [x[:count] for x in logits], [x[count:] for x in logits]
        loss = losses.hinge_discriminator_loss(on_real, on_fake)
        scores = [tf.add_n([tf.reduce_mean(x) for x in side]) / len(logits) for side in (on_real, on_fake)]
        return loss, {
            f"loss/d_{self.name}/adv": loss,
            f"score/{self.name}_real": scores[0],
            f"score/{self.name}_fake": scores[1],
        }

    def generator_loss(self, fake, real):
        return losses.hinge_generator_loss(self.discriminator.judge(*fake))

    def crps(self, fake, real):
        """`losses.two_sample_crps` of the projected features of two pictures of each LR picture.

        Args:
            fake: the view of a `Seen` of two pyramids. real: the view of the truth, augmented alike.
        """
        pairs = [tf.split(tf.cast(x, tf.float32), 2) for x in fake[0]]
        truth = [tf.cast(x, tf.float32) for x in real[0]]
        return losses.two_sample_crps(*(list(samples) for samples in zip(*pairs)), truth)

    def _condition(self, pyramid, seen):
        """F of one pyramid, 0 for the truth."""
        if seen.is_real:
            return tf.zeros_like(seen.lr)
        return _residual(pyramid, seen.lr, self.loss.epsilon, self.downscale)


def build_critics(config: Config, precision: str = "float32") -> dict:
    """Builds the critics that a config asks for, by name, with fresh weights.

    Args:
        config: a checked `Config`. precision: as `train.precision`.

    Raises:
        ConfigError: the frozen features of one are not installed.
    """
    kind, has_mirrors = config.model.discriminator, config.loss.mirror > 0
    critics = []
    if has_mirrors and kind != "projected":
        critics.append(ImageCritic(config, precision))
    if has_mirrors:
        critics.append(GradientCritic(config, precision))
    if kind != "mirror":
        features = EfficientNetLite(config.model.features, config.model.features_side, name="features")
        critics.append(ProjectedCritic("projected", features, config, precision))
    if config.loss.faces:
        # A face half out of the frame, or half blanked, cannot be recognised.
        features = FaceFeatures(config.model.face_features)
        critics.append(ProjectedCritic("faces", features, config, precision, shift=1 / 32, cutout=1 / 8))
    return {critic.name: critic for critic in critics}


def _mirror(config, precision, channels, condition_channels, name):
    """A discriminator that mirrors the generator (paper 3.2)."""
    network = Discriminator(
        widths=widths_for_scale(config.model.discriminator_widths or config.model.widths, config.model.scale),
        blocks=config.model.discriminator_blocks,
        channels=channels,
        condition_channels=condition_channels,
        dtype=precision,
        name=name,
    )
    network.build()
    return network


def _residual(images, lr, epsilon, downscale):
    """F of a pyramid's largest picture (eq. 12)."""
    return ops.consistency_residual(images[-1], lr, 2 ** len(images), epsilon, downscale)
