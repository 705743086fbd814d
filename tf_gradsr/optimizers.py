"""Adam for both sides with their learning-rate schedules."""

import math

import keras
import tensorflow as tf

from tf_gradsr.config import Config


@keras.saving.register_keras_serializable("tf_gradsr")
class WarmupCosine(keras.optimizers.schedules.LearningRateSchedule):
    """Linear rise to the peak, then constant or half a cosine down to 0.

    Step s of the rise has the rate `peak * (s + 1) / warmup_steps`.

    Args:
        peak: float, the highest rate.
        steps: int, the step at which a cosine reaches 0.
        warmup_steps: int, length of the rise.
        cosine: bool, whether the rate falls.
    """

    def __init__(self, peak, steps, warmup_steps=0, cosine=False):
        self.peak, self.steps, self.warmup_steps, self.cosine = peak, steps, warmup_steps, cosine

    def __call__(self, step):
        step = tf.cast(step, tf.float32)
        rate = tf.constant(self.peak, tf.float32)
        if self.cosine:
            fallen = (step - self.warmup_steps) / max(self.steps - self.warmup_steps, 1)
            rate *= 0.5 * (1.0 + tf.cos(math.pi * tf.clip_by_value(fallen, 0.0, 1.0)))
        if self.warmup_steps:
            rate *= tf.minimum((step + 1.0) / self.warmup_steps, 1.0)
        return rate

    def get_config(self):
        return {
            "peak": self.peak,
            "steps": self.steps,
            "warmup_steps": self.warmup_steps,
            "cosine": self.cosine,
        }


def build_optimizers(config: Config) -> tuple:
    """(G's, D's) Adam with two time scales (paper 4.1). D's schedule starts when D does."""
    settings, train = config.optimizer, config.train
    cosine = settings.schedule == "cosine"
    d_steps = max(train.steps - train.reconstruction_steps, 1)
    return tuple(
        keras.optimizers.Adam(
            WarmupCosine(rate, steps, settings.warmup_steps, cosine),
            beta_1=settings.beta_1,
            beta_2=settings.beta_2,
            name=name,
        )
        for name, rate, steps in (
            ("g_adam", settings.g_learning_rate, train.steps),
            ("d_adam", settings.d_learning_rate, d_steps),
        )
    )


def ema_decay(half_life: float, batch_size: int) -> float:
    """Decay a step of an average whose weights halve after `half_life` pictures; 0 means no average."""
    return 0.5 ** (batch_size / half_life) if half_life > 0 else 0.0
