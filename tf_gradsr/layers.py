"""Keras layers for any network."""

import keras
import tensorflow as tf

from tf_gradsr import ops

__all__ = ["ExactConsistency"]


@keras.saving.register_keras_serializable("tf_gradsr")
class ExactConsistency(keras.layers.Layer):
    """Projects pictures onto those that downscale exactly to LR by the mean of each block.

    The same projection as `model.consistency: exact` (`ops.enforce_consistency`): differentiable, without
    weights, for the end of any super-resolution network.

    Args:
        scale: int, 2 or more: HR sides over LR sides.

    Call: `(picture [B, s h, s w, C], lr [B, h, w, C])`, floats of one range -> float32
    `[B, s h, s w, C]`, whose means over blocks of `scale` x `scale` pixels are lr, up to float32's precision.

    Raises:
        ValueError: a scale that is not a whole number of 2 or more, or sides that do not fit it.

    Example:
        picture = keras.layers.Conv2D(3, 3, padding="same")(features)
        picture = ExactConsistency(scale=4)((picture, lr))
    """

    def __init__(self, scale: int, dtype="float32", **kwargs):
        super().__init__(dtype=dtype, **kwargs)
        if isinstance(scale, bool) or not isinstance(scale, int) or scale < 2:
            raise ValueError(f"scale must be a whole number of 2 or more. Received: scale={scale!r}.")
        self.scale = scale

    def call(self, inputs):
        picture, lr = inputs
        for axis in (1, 2):
            side, lr_side = picture.shape[axis], lr.shape[axis]
            if side is not None and lr_side is not None and side != self.scale * lr_side:
                raise ValueError(
                    f"The picture's sides must be {self.scale} times LR's. "
                    f"Received: picture of {list(picture.shape)}, lr of {list(lr.shape)}."
                )
        picture, lr = tf.cast(picture, tf.float32), tf.cast(lr, tf.float32)
        return ops.enforce_consistency(picture, lr, self.scale)

    def compute_output_shape(self, input_shape):
        return input_shape[0]

    def get_config(self):
        return {**super().get_config(), "scale": self.scale}
