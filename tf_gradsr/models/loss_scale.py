"""Loss scaling, which keeps the gradients of float16 convolutions within float16's range."""

import keras
import tensorflow as tf

FIRST_SCALE, LARGEST_SCALE = 2.0**15, 2.0**24
# Good steps after which the scale doubles.
PATIENCE = 2000


@keras.saving.register_keras_serializable("tf_gradsr")
class LossScale(keras.layers.Layer):
    """The factor of one side's loss (Micikevicius et al. 2018, Mixed Precision Training, section 3.2).

    float16 has nothing below 6e-8 and nothing above 65,504. The gradient of the scaled loss stays between the
    two and is divided by the scale in float32. Where it did overflow, the step is skipped: every gradient is
    0, and the scale is halved. After 2,000 steps without overflow it is doubled. A scale below 1 means that
    something else is wrong: gradients then pass as they are, NaN or infinity with them.

    Attributes:
        scale: float32 scalar variable, a power of two. good_steps: float32 scalar variable, steps since the
            last change.
    """

    def __init__(self, **kwargs):
        super().__init__(dtype="float32", trainable=False, **kwargs)
        self.scale, self.good_steps = (
            self.add_weight(
                shape=(),
                initializer=keras.initializers.Constant(value),
                trainable=False,
                aggregation="only_first_replica",
                name=name,
            )
            for name, value in (("scale", FIRST_SCALE), ("good_steps", 0.0))
        )
        self.built = True

    @property
    def inner(self):
        """Scale of a gradient that is itself part of the loss, as in R1: float32 scalar tensor.

        The gradient of the penalty passes back through that gradient divided by this scale, so the root
        leaves the same margin on both ways.
        """
        return tf.sqrt(self.scale.value)

    def unscaled(self, gradients: list) -> list:
        """Divides gradients of the scaled loss by the scale, or skips the step; updates the scale.

        To be called in a replica's context; replicas skip together.

        Args:
            gradients: list of float32 tensors of any shapes, or None.

        Returns:
            The same list, unscaled; all zeros if any was not finite on any replica and the scale is still 1
            or more after it was halved.
        """
        scale = tf.identity(self.scale.value)
        gradients = [None if g is None else g / scale for g in gradients]
        bad = [tf.reduce_any(~tf.math.is_finite(g)) for g in gradients if g is not None]
        bad_replicas = tf.distribute.get_replica_context().all_reduce(
            tf.distribute.ReduceOp.SUM, tf.cast(tf.reduce_any(bad), tf.float32)
        )
        overflow = bad_replicas > 0
        good_steps = tf.where(overflow, 0.0, self.good_steps.value + 1.0)
        grows = good_steps >= PATIENCE
        grown = tf.where(grows, tf.minimum(2.0 * scale, LARGEST_SCALE), scale)
        scale = tf.where(overflow, 0.5 * scale, grown)
        self.scale.assign(scale)
        self.good_steps.assign(tf.where(grows, 0.0, good_steps))
        # Not tf.cond, which neither strategies nor XLA like around an optimizer.
        skipped = overflow & (scale >= 1.0)
        return [None if g is None else tf.where(skipped, tf.zeros_like(g), g) for g in gradients]
