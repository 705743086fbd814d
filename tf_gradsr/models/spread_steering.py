"""Keeps the samples' spread at that of a true posterior during training."""

import keras
import tensorflow as tf

from tf_gradsr import losses

# MSE(one sample) / MSE(mean of two), for samples of the true posterior: (P + 1) / 2P is 3/4 for P = 2.
TRUE_RATIO = 4 / 3
# From 0.5 on the objective has no bound.
LARGEST_WEIGHT = 0.49
# Share of the old averages kept at each step; change of the weight per step for a ratio that is off by 1.
MEMORY, RATE = 0.98, 0.005


class SpreadSteering(keras.layers.Layer):
    """The weight s of the samples' distance, moved until samples err as those of the true posterior do.

    The squared error of one posterior sample is twice the posterior's variance: once for the sample, once for
    the truth. The mean of two samples halves the former: MSE(one) / MSE(mean of two) = 2 / 1.5 = 4/3. A
    smaller ratio means that samples differ too little, and s rises; a larger one that they differ too much
    (Bendel et al. 2023, rcGAN, appendix B, steers in the same way).

    Args:
        start: float in [0, 0.49], the initial s.

    Attributes:
        weight: s, float32 scalar variable in [0, 0.49]. Two running averages are also part of the state.
    """

    def __init__(self, start, **kwargs):
        super().__init__(dtype="float32", trainable=False, **kwargs)
        values = {"weight": start, "error_of_one": 0.0, "error_of_two": 0.0}
        self.weight, self.error_of_one, self.error_of_two = (
            self.add_weight(
                shape=(),
                initializer=keras.initializers.Constant(value),
                trainable=False,
                aggregation="only_first_replica",
                name=name,
            )
            for name, value in values.items()
        )
        self.built = True

    def objective(self, images, other_images, real_images) -> tuple:
        """The posterior terms: the error of two samples' mean, minus s times their distance; updates s.

        Args:
            images, other_images, real_images: lists of float32 `[B, H, W, 3]`, coarse to fine: a sample for
                each LR picture, another one, and the truth.

        Returns:
            (float32 scalar, the loss; dict of float32 scalars, what to log).
        """
        mean = losses.sample_mean_loss(images, other_images, real_images)
        distance = losses.sample_distance(images, other_images)
        weight = tf.identity(self.weight.value)
        finest = (tf.stop_gradient(pyramid[-1]) for pyramid in (images, other_images))
        ratio = self.update(*finest, real_images[-1])
        logs = {
            "loss/g/sample_mean": mean,
            "loss/g/sample_distance": distance,
            "posterior/spread_weight": weight,
            "posterior/ratio": ratio,
        }
        return mean - weight * distance, logs

    def update(self, first, second, truth):
        """Updates s from one batch; to be called in a replica's context.

        Args:
            first, second: float32 `[B, H, W, 3]`, two samples of each LR picture. truth: the same shape.

        Returns:
            float32 scalar, the current ratio, averaged over about fifty steps.
        """
        one = 0.5 * (_squared_error(first, truth) + _squared_error(second, truth))
        two = _squared_error(0.5 * (first + second), truth)
        context = tf.distribute.get_replica_context()
        one, two = context.all_reduce(tf.distribute.ReduceOp.MEAN, [one, two])
        # Both start at 0, so that their ratio is right from the first step on.
        new_one = MEMORY * self.error_of_one.value + (1.0 - MEMORY) * one
        new_two = MEMORY * self.error_of_two.value + (1.0 - MEMORY) * two
        ratio = tf.math.divide_no_nan(new_one, new_two)
        moved = self.weight.value + RATE * (TRUE_RATIO - ratio)
        self.error_of_one.assign(new_one)
        self.error_of_two.assign(new_two)
        self.weight.assign(tf.clip_by_value(moved, 0.0, LARGEST_WEIGHT))
        return ratio


def _squared_error(images, truth):
    return tf.reduce_mean(tf.square(images - truth))
