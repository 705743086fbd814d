"""D_I on frozen features: what it sees of pictures, and both sides' losses."""

import tensorflow as tf

from tf_gradsr import losses
from tf_gradsr.augmentation import augment
from tf_gradsr.config import Config
from tf_gradsr.models.efficientnet import STRIDES, EfficientNetLite
from tf_gradsr.models.projected_discriminator import ProjectedDiscriminator


class ProjectedCritic:
    """Augments pictures, enlarges them, and judges their features (Sauer et al. 2021).

    With exact consistency it needs no condition, LR being a function of the picture; otherwise F (paper eq.
    12) enters its heads.

    Args:
        features: network from float32 `[B, H, W, 3]` in [-1, 1] to a list of features; frozen.
        discriminator: a built `ProjectedDiscriminator` of those features.
        side: int, shorter side to which pictures are enlarged.
    """

    def __init__(self, features, discriminator, side):
        self.features, self.discriminator, self.side = features, discriminator, side

    @classmethod
    def of(cls, config: Config, precision: str = "float32") -> "ProjectedCritic":
        """The critic that a config describes, its heads fresh, its projections from `train.seed`.

        Raises:
            ConfigError: the features are not installed.
        """
        features = EfficientNetLite(config.model.features, name="features")
        discriminator = ProjectedDiscriminator(
            features.channels,
            side=config.model.features_side,
            strides=STRIDES,
            condition_channels=3 if config.model.consistency == "learned" else 0,
            seed=config.train.seed,
            dtype=precision,
            name="d_projected",
        )
        discriminator.build()
        return cls(features, discriminator, config.model.features_side)

    def view(self, images, draws, residuals) -> tuple:
        """What the heads see of several pictures of each LR picture, augmented alike.

        Args:
            images: list of n float32 `[B, H, W, 3]` in [-1, 1].
            draws: float32 `[B, 7]`, see `augment`.
            residuals: list of n float32 `[B, h, w, 3]`, F of each.

        Returns:
            (projected features, each `[n B, ...]`; F `[n B, h, w, 3]`, or None where it is no condition).
        """
        count = len(images)
        seen = augment(tf.concat(images, axis=0), tf.tile(draws, [count, 1]))
        height, width = seen.shape[1:3]
        larger = self.side / min(height, width)
        seen = tf.image.resize(seen, (round(height * larger), round(width * larger)))
        condition = tf.concat(residuals, axis=0) if self.discriminator.condition_channels else None
        return self.discriminator.project(self.features(seen)), condition

    def discriminator_loss(self, real, fakes) -> tuple:
        """The heads' hinge loss on views of truth and fakes, with no gradient to the pictures.

        Returns:
            (scalar, dict of logs: mean logits of real and fake).
        """
        views = [real, *fakes]
        count = _count(real)
        projected = [tf.stop_gradient(tf.concat(same, axis=0)) for same in zip(*(view[0] for view in views))]
        condition = None if real[1] is None else tf.stop_gradient(tf.concat([v[1] for v in views], axis=0))
        # One call for all: each follows the spectral norms once.
        logits = self.discriminator.judge(projected, condition, training=True)
        on_real, on_fake = [x[:count] for x in logits], [x[count:] for x in logits]
        scores = {
            "score/projected_real": tf.add_n([tf.reduce_mean(x) for x in on_real]) / len(logits),
            "score/projected_fake": tf.add_n([tf.reduce_mean(x) for x in on_fake]) / len(logits),
        }
        return losses.hinge_discriminator_loss(on_real, on_fake), scores

    def generator_loss(self, view):
        """G's hinge loss on a view of its pictures, a scalar; the gradient reaches the pictures."""
        return losses.hinge_generator_loss(self.discriminator.judge(*view))


def _count(view):
    """Pictures in a view."""
    return view[0][0].shape[0] or tf.shape(view[0][0])[0]
