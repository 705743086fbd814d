"""What GradSR and the baselines have in common: a generator, its average, discriminators, measurements."""

from typing import Optional

import keras
import numpy as np
import tensorflow as tf

from tf_gradsr import metrics, ops
from tf_gradsr.config import Config, LossConfig
from tf_gradsr.models.plain_pairs import batch_of_pair
from tf_gradsr.process import check_process

# Values of loss.perceptual that stand for a pretrained network.
FROZEN_FEATURES = ("vgg16", "vgg19", "efficientnet")


class SuperResolver(keras.Model):
    """Base of the models that `gradsr train` trains, by `fit` on `tf_gradsr.data.training_batches`.

    A batch is a dict: `lr` float32 `[B, h, w, 3]` in [-1, 1] on the uint8 grid; `hr` float32
    `[B, H, W, 3]` in [-1, 1]; `z` float32 `[B, 2, m]`, two noise vectors. Plain Keras programs may give
    pairs (lr, hr) instead, see `batch_of_pair`. Nothing in the compiled step draws random numbers. A subclass
    brings `train_step`, `discriminators` and `perceptual_features`.

    Args:
        config: a checked `Config`; its `model`, `data.downscale` and `data.degrade` are used here, the rest
            by `compile`.
        generator: built network `(lr, z)` -> (pictures, image gradients), two lists, full size last. Its
            attribute `stochastic` says whether z changes its answer.
        ema_generator: the same network again; it gets the generator's weights here.

    Attributes:
        generator: G, as trained.
        loss_scales: dict of a `LossScale` for each side, "g" and "d", with float16 convolutions; else empty.
        ema_generator: the moving average of G's weights, used for everything but training.
        reconstruction_only: bool, True during the first `train.reconstruction_steps`. Call
            `make_train_function(force=True)` after changing it.
    """

    def __init__(self, config: Config, generator, ema_generator, **kwargs):
        check_process()
        super().__init__(**{"dtype": "float32", **kwargs})
        self.config = config
        self.scale = config.model.scale
        self.downscale_method = config.data.downscale
        self.degraded = config.data.degrade
        self.generator = generator
        self.ema_generator = ema_generator
        self.ema_generator.trainable = False
        self.ema_generator.set_weights(self.generator.get_weights())
        self.reconstruction_only = False
        self.loss_scales = {}
        self.built = True

    def compile(
        self,
        loss: Optional[LossConfig] = None,
        g_optimizer=None,
        d_optimizer=None,
        ema_decay=0.999,
        jit_compile=False,
        optimizer=None,
        **kwargs,
    ):
        """Sets the objective and both optimizers. Call it inside the distribution strategy's scope.

        Args:
            loss: the weights of the objective; None: those of the config.
            g_optimizer: Keras optimizer of G.
            d_optimizer: Keras optimizer of all discriminators together.
            ema_decay: float in [0, 1), share of the old average kept at each step.
            jit_compile: bool, whether XLA compiles the step.
            optimizer: instead of the two optimizers, for plain Keras programs: a name or an optimizer, of
                which each side gets its own copy.

        Raises:
            ConfigError: VGG weights are needed and cannot be obtained.
        """
        if optimizer is not None:
            settings = keras.optimizers.serialize(keras.optimizers.get(optimizer))
            g_optimizer, d_optimizer = (keras.optimizers.deserialize(settings) for _ in range(2))
        loss = loss or self.config.loss
        super().compile(optimizer=None, jit_compile=jit_compile, **kwargs)
        self.loss_config = loss
        is_frozen = loss.perceptual in FROZEN_FEATURES
        self.perceptual = self.perceptual_features(loss) if is_frozen else None
        self.ema_decay = ema_decay
        self.g_optimizer, self.d_optimizer = g_optimizer, d_optimizer
        # Under MirroredStrategy variables made inside the traced step fail.
        g_optimizer.build(self.generator.trainable_variables)
        d_optimizer.build(self._d_variables)
        names = ["psnr", "ssim", "lr_psnr"] + ["clean_lr_psnr"] * self.degraded
        names += ["sample_std"] * self.generator.stochastic
        self.test_metrics = {name: keras.metrics.Mean(name, dtype="float32") for name in names}

    def perceptual_features(self, loss: LossConfig):
        """The frozen network of the perceptual loss: pictures -> list of features."""
        raise NotImplementedError

    @property
    def discriminators(self) -> dict:
        """The discriminators by name."""
        raise NotImplementedError

    def trained_parts(self) -> dict:
        """Everything that training changes, by name: what a checkpoint holds. Each part has `variables`."""
        return {
            "generator": self.generator,
            **self.discriminators,
            "ema_generator": self.ema_generator,
            "g_optimizer": self.g_optimizer,
            "d_optimizer": self.d_optimizer,
            **{f"{side}_loss_scale": scale for side, scale in self.loss_scales.items()},
        }

    @property
    def metrics(self):
        return list(self.test_metrics.values())

    @property
    def _d_variables(self):
        return [v for network in self.discriminators.values() for v in network.trainable_variables]

    @property
    def step(self) -> int:
        """Training steps done."""
        return int(self.g_optimizer.iterations.numpy())

    def call(self, inputs):
        """`(lr, z)` -> `(image, gradient)` at full size, by the averaged generator; see `Generator`."""
        images, gradients = self.ema_generator(inputs)
        return images[-1], gradients[-1]

    # ---------------------------------------------------------------- training

    def as_batch(self, batch) -> dict:
        """Returns the dict that a step takes: a dict as it is, a pair (lr, hr) as from `batch_of_pair`."""
        if isinstance(batch, dict):
            return batch
        step = tf.cast(self.g_optimizer.iterations.value, tf.int64)
        return batch_of_pair(batch, self.config.train.seed, step, self.config.model.z_size)

    def _apply(self, tape, loss, optimizer, variables):
        """Applies the gradient of the mean loss over all replicas; returns the norm of this replica's own."""
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        # The optimizer sums over replicas, so each contributes its share of the mean.
        share = tf.constant(1.0 / replicas)
        loss_scale = self.loss_scales.get("g" if optimizer is self.g_optimizer else "d")
        if loss_scale:
            share *= loss_scale.scale.value
        gradients = tape.gradient(loss, variables, output_gradients=share)
        if loss_scale:
            gradients = loss_scale.unscaled(gradients)
        optimizer.apply_gradients(list(zip(gradients, variables)))
        return tf.linalg.global_norm(gradients) * replicas

    def _scale_logs(self, logs) -> dict:
        """A step's logs, with the loss scales.

        While halving a scale can still help, NaN and infinity are shown as 0, so that they do not end the
        run; one that diverges halves it at each step until it is below 1.
        """
        if not self.loss_scales:
            return logs
        scales = {side: tf.identity(part.scale.value) for side, part in self.loss_scales.items()}
        may_help = tf.reduce_min(list(scales.values())) >= 1.0
        shown = {
            name: tf.where(may_help & ~tf.math.is_finite(value), tf.zeros_like(value), value)
            for name, value in logs.items()
        }
        return {**shown, **{f"loss_scale/{side}": scale for side, scale in scales.items()}}

    def _update_average(self):
        """`average = decay * average + (1 - decay) * weight`, on every replica."""

        def update(strategy, averages, weights):
            for average, weight in zip(averages, weights):
                strategy.extended.update(
                    average,
                    lambda a, w: a.assign_add((1.0 - self.ema_decay) * (w - a)),
                    args=(weight,),
                    group=False,
                )

        averages = [v.value for v in self.ema_generator.weights]
        weights = [v.value for v in self.generator.weights]
        tf.distribute.get_replica_context().merge_call(update, args=(averages, weights))

    def _picture_logs(self, name, images, lr, scale):
        """LR-PSNR of pictures on the uint8 grid, as users get them."""
        values = metrics.lr_psnr(ops.to_uint8(images), ops.to_uint8(lr), scale, self.downscale_method)
        return {f"{name}/lr_psnr": tf.reduce_mean(values)}

    # ---------------------------------------------------------------- measuring

    def test_step(self, batch):
        """Measures the averaged generator on uint8 pictures: PSNR and SSIM at z = 0, LR-PSNR, sample spread.

        Args:
            batch: dict as for training, whose `z` may hold any number >= 2 of noise vectors; or a pair.
        """
        for name, values in self._measure_batch(self.as_batch(batch)).items():
            self.test_metrics[name].update_state(values)
        return {name: metric.result() for name, metric in self.test_metrics.items()}

    def measure(self, batches) -> dict:
        """Means over all pictures of `metrics.measure`, on one device.

        Args:
            batches: iterable of batches as for `test_step`.

        Returns:
            Dict of float: `psnr`, `ssim`, `lr_psnr` at z = 0; with `data.degrade`, `clean_lr_psnr`; and, if z
            changes the answer, `sample_std`.
        """
        measured = [self._measure_batch(batch) for batch in batches]
        return {name: float(np.mean(np.concatenate([m[name] for m in measured]))) for name in measured[0]}

    @tf.function(reduce_retracing=True)
    def _measure_batch(self, batch):
        stochastic = self.generator.stochastic
        return metrics.measure(
            self, batch, self.scale, self.downscale_method, stochastic=stochastic, degraded=self.degraded
        )
