"""Adam for both sides with their learning-rate schedules."""

import keras
import tensorflow as tf

from tf_gradsr.config import Config
from tf_gradsr.keras_settings import our_keras_settings, with_our_keras_settings


@keras.saving.register_keras_serializable("tf_gradsr")
class WarmupCosine(keras.optimizers.schedules.CosineDecay):
    """Keras' cosine decay with a warm-up that starts one step ahead: at rate 0 the first step would be lost.

    Step s of the warm-up has the rate `warmup_target * (s + 1) / warmup_steps`, from an initial rate of 0;
    the cosine starts at step `warmup_steps`.
    """

    def __call__(self, step):
        step = tf.cast(step, tf.float32)
        # Keras computes it in the process's float type.
        with our_keras_settings():
            return super().__call__(tf.where(step < self.warmup_steps, step + 1.0, step))


def learning_rate(peak: float, steps: int, warmup_steps: int = 0, cosine: bool = False) -> WarmupCosine:
    """Linear rise to the peak, then constant or half a cosine down to 0.

    Args:
        peak: the highest rate.
        steps: the step at which a cosine reaches 0.
        warmup_steps: length of the rise.
        cosine: whether the rate falls.
    """
    fall = max(steps - warmup_steps, 1)
    return WarmupCosine(0.0, fall, 0.0 if cosine else 1.0, warmup_target=peak, warmup_steps=warmup_steps)


@with_our_keras_settings
def build_optimizers(config: Config) -> tuple:
    """(G's, D's) Adam with two time scales (paper 4.1). D's schedule starts when D does."""
    settings, train = config.optimizer, config.train
    cosine = settings.schedule == "cosine"
    d_steps = max(train.steps - train.reconstruction_steps, 1)
    return tuple(
        keras.optimizers.Adam(
            learning_rate(rate, steps, settings.warmup_steps, cosine),
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
    """Decay per step of an average whose weights halve after `half_life` pictures; 0 means no average."""
    return 0.5 ** (batch_size / half_life) if half_life > 0 else 0.0
