"""D_I on frozen features: what it sees of pictures, and both sides' losses."""

import tensorflow as tf

from tf_gradsr import losses
from tf_gradsr.augmentation import CUTOUT, SHIFT, augment
from tf_gradsr.config import Config
from tf_gradsr.models.projected_discriminator import ProjectedDiscriminator


class ProjectedCritic:
    """Augments pictures and judges frozen features of them (Sauer et al. 2021).

    With exact consistency it needs no condition, LR being a function of the picture; otherwise F (paper eq.
    12) enters its heads.

    Args:
        features: frozen network with `view(images)`, float32 `[B, H, W, 3]` in [-1, 1] -> list of features.
        discriminator: a built `ProjectedDiscriminator` of those features.
        shift, cutout: floats, how strongly `augment` moves and blanks.
    """

    def __init__(self, features, discriminator, shift=SHIFT, cutout=CUTOUT):
        self.features, self.discriminator = features, discriminator
        self.shift, self.cutout = shift, cutout

    @classmethod
    def on(cls, features, config: Config, precision: str = "float32", **augmentation) -> "ProjectedCritic":
        """A critic on features, its heads fresh, its projections from `train.seed`."""
        discriminator = ProjectedDiscriminator(
            features.channels,
            side=features.side,
            strides=features.strides,
            condition_channels=3 if config.model.consistency == "learned" else 0,
            seed=config.train.seed,
            dtype=precision,
        )
        discriminator.build()
        return cls(features, discriminator, **augmentation)

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
        seen = augment(tf.concat(images, axis=0), tf.tile(draws, [count, 1]), self.shift, self.cutout)
        condition = tf.concat(residuals, axis=0) if self.discriminator.condition_channels else None
        return self.discriminator.project(self.features.view(seen)), condition

    def discriminator_loss(self, real, fakes) -> tuple:
        """The heads' hinge loss on views of truth and fakes, with no gradient to the pictures.

        Returns:
            (scalar, mean logits of real, mean logits of fake).
        """
        views = [real, *fakes]
        count = _count(real)
        projected = [tf.stop_gradient(tf.concat(same, axis=0)) for same in zip(*(view[0] for view in views))]
        condition = None if real[1] is None else tf.stop_gradient(tf.concat([v[1] for v in views], axis=0))
        # One call for all: each follows the spectral norms once.
        logits = self.discriminator.judge(projected, condition, training=True)
        on_real, on_fake = [x[:count] for x in logits], [x[count:] for x in logits]
        scores = (tf.add_n([tf.reduce_mean(x) for x in side]) / len(logits) for side in (on_real, on_fake))
        return losses.hinge_discriminator_loss(on_real, on_fake), *scores

    def generator_loss(self, view):
        """G's hinge loss on a view of its pictures, a scalar; the gradient reaches the pictures."""
        return losses.hinge_generator_loss(self.discriminator.judge(*view))


def _count(view):
    """Pictures in a view."""
    return view[0][0].shape[0] or tf.shape(view[0][0])[0]
