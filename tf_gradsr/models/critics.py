"""The discriminators in training: what each of them sees, both sides' losses, R1, features, scores.

GradSR has up to four: the paper's D_I ("image") and D_g ("gradient"), the generator's mirrors, and two on
frozen features ("projected", "faces"). The training step treats them alike.
"""

from dataclasses import dataclass
from typing import Optional

import tensorflow as tf

from tf_gradsr import losses, ops
from tf_gradsr.config import Config, LossConfig, widths_for_scale
from tf_gradsr.models.discriminator import Discriminator
from tf_gradsr.models.efficientnet import EfficientNetLite
from tf_gradsr.models.face_recognition import FaceFeatures
from tf_gradsr.models.projected_critic import ProjectedCritic

# Brings details to about the variance of pictures.
DETAIL_GAIN = 4.0


@dataclass(frozen=True)
class Seen:
    """Pictures of one kind, one or more of each LR picture: the truth, or what G made of some z."""

    images: list
    """Pyramids, one for each z: lists, coarse to fine, of float32 `[B, 2^k h, 2^k w, 3]`."""
    gradients: list
    """Their image gradients, alike."""
    lr: tf.Tensor
    """float32 `[B, h, w, 3]`."""
    draws: Optional[tf.Tensor] = None
    """What augmentation draws on, see `augment`; needed by critics on frozen features alone."""
    is_real: bool = False


class Critic:
    """What every critic offers. A view is what its network sees of a `Seen`.

    Attributes:
        name: of its figures: `loss/d_NAME/adv`, `score/NAME_real`.
        discriminator: the Keras network that learns.
        needs_draws: bool, whether it augments what it sees.
        loss: `LossConfig`; set by `GradSR.compile`.
    """

    name: str
    weight_setting: str
    needs_draws = False
    loss: LossConfig

    @property
    def weight(self) -> float:
        """Of its loss in G's objective."""
        return getattr(self.loss, self.weight_setting)

    def view(self, seen: Seen):
        """What the network sees of pictures; differentiable in them."""
        raise NotImplementedError

    def discriminator_loss(self, real, fakes: list, step) -> tuple:
        """(scalar to minimise, logs) on a view of the truth and views of fakes.

        Args:
            step: int tensor, steps that the discriminator's optimizer has done; lazy penalties count them.
        """
        raise NotImplementedError

    def generator_loss(self, fake, real):
        """G's adversarial loss on a view of its pictures, a scalar, before its weight."""
        raise NotImplementedError


class MirrorCritic(Critic):
    """The paper's discriminators (2.3): logistic or relativistic loss, R1, and R2 if asked for."""

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

    def features(self, view) -> list:
        """Features for a perceptual loss (Larsen et al. 2016); see `Discriminator.features`."""
        return self.discriminator.features(view)

    def scores(self, view):
        """How real each picture looks: mean output, float32 `[B]`, positive for real."""
        return tf.reduce_mean(self.discriminator(view), axis=[1, 2, 3])

    def _adversarial(self, logits_real, logits_fake):
        """On reals `[B, ...]` and fakes `[n B, ...]`, n of each LR picture."""
        if self.loss.adversarial == "logistic":
            return losses.discriminator_loss(logits_real, logits_fake)
        repeats = logits_fake.shape[0] // logits_real.shape[0]
        return losses.generator_adversarial_loss(tf.tile(logits_real, [repeats, 1, 1, 1]) - logits_fake)

    def _lazy_penalty(self, weight, inputs, step):
        """R1 or R2 every `r1_interval`-th step, times the interval, else 0: its mean is the raw penalty."""
        interval = self.loss.r1_interval
        if weight == 0:
            return tf.constant(0.0)
        if interval == 1:
            return losses.r1_penalty(self.discriminator, inputs)
        due = tf.equal(step % interval, 0)
        return tf.cond(due, lambda: interval * losses.r1_penalty(self.discriminator, inputs), lambda: 0.0)


class ImageCritic(MirrorCritic):
    """D_I: the pictures at every scale, and F (eq. 12), which is 0 for the truth.

    With `model.discriminator_input: details` it sees each picture less upscaled LR, and LR beside F.
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
            # What truth and fake have in common is taken out, and given once, as a condition.
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


class FeatureCritic(Critic):
    """A `ProjectedCritic`: it sees every picture at full size, those of one LR picture augmented alike."""

    needs_draws = True

    def __init__(self, name: str, weight_setting: str, critic: ProjectedCritic, downscale: str):
        self.name, self.weight_setting = name, weight_setting
        self.critic, self.downscale = critic, downscale
        self.discriminator, self.features = critic.discriminator, critic.features

    def view(self, seen):
        if seen.is_real:
            residuals = [tf.zeros_like(seen.lr)]
        else:
            residuals = [
                _residual(images, seen.lr, self.loss.epsilon, self.downscale) for images in seen.images
            ]
        return self.critic.view([images[-1] for images in seen.images], seen.draws, residuals)

    def discriminator_loss(self, real, fakes, step):
        loss, on_real, on_fake = self.critic.discriminator_loss(real, fakes)
        return loss, {
            f"loss/d_{self.name}/adv": loss,
            f"score/{self.name}_real": on_real,
            f"score/{self.name}_fake": on_fake,
        }

    def generator_loss(self, fake, real):
        return self.critic.generator_loss(fake)


def build_critics(config: Config, precision: str = "float32") -> dict:
    """The critics that a config asks for, by name, with fresh weights.

    Args:
        config: a checked `Config`. precision: as `train.precision`.

    Raises:
        ConfigError: the features of one are not installed.
    """
    kind, has_mirrors, downscale = config.model.discriminator, config.loss.mirror > 0, config.data.downscale
    critics = []
    if has_mirrors and kind != "projected":
        critics.append(ImageCritic(config, precision))
    if has_mirrors:
        critics.append(GradientCritic(config, precision))
    if kind != "mirror":
        features = EfficientNetLite(config.model.features, config.model.features_side, name="features")
        critic = ProjectedCritic.on(features, config, precision)
        critics.append(FeatureCritic("projected", "projected", critic, downscale))
    if config.loss.faces:
        # A face half out of the frame, or half blanked, tells nobody who it is.
        features = FaceFeatures(config.model.face_features)
        critic = ProjectedCritic.on(features, config, precision, shift=1 / 32, cutout=1 / 8)
        critics.append(FeatureCritic("faces", "faces", critic, downscale))
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
