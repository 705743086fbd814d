"""What SRGAN and ESRGAN share: layers, the discriminator of pictures, the training step."""

import keras
import tensorflow as tf

from tf_gradsr import losses, ops
from tf_gradsr.config import Config
from tf_gradsr.models import SuperResolver
from tf_gradsr.models.blocks import convolution, leaky_relu

# Factor of the usual initial variance, for last convolutions, whose first output is then nearly grey, and for
# dense blocks' convolutions (Wang et al. 2018, section 3.1: "smaller initialization").
SMALL = 0.01


def batch_norm(**kwargs):
    """Batch normalisation over all replicas, its moving statistics with momentum 0.9."""
    return keras.layers.BatchNormalization(momentum=0.9, synchronized=True, dtype="float32", **kwargs)


def prelu(**kwargs):
    """PReLU with one slope per channel, which starts at 0.25 (He et al. 2015)."""
    return keras.layers.PReLU(
        alpha_initializer=keras.initializers.Constant(0.25), shared_axes=[1, 2], dtype="float32", **kwargs
    )


def with_gradient(image):
    """A picture as a generator's answer: (its pyramid, its gradient's pyramid), both at full size only."""
    return [image], [ops.image_gradient(image)]


@keras.saving.register_keras_serializable("tf_gradsr")
class WideConvolution(keras.layers.Layer):
    """A same-size convolution with a large kernel and few filters, which starts with small weights.

    The sums and weights of `keras.layers.Conv2D` in another order: a convolution 1 pixel high with the
    kernel's rows as filters, then a sum of its parts, each moved by its row's offset. Three filters fill a
    CPU's vector units badly; kernel_size * 3 fill them well.

    Args:
        filters: int, channels of the output.
        kernel_size: int, odd.

    Call: float32 `[B, H, W, C]` -> `[B, H, W, filters]`.
    """

    def __init__(self, filters, kernel_size, dtype="float32", **kwargs):
        super().__init__(dtype=dtype, **kwargs)
        self.filters = filters
        self.kernel_size = kernel_size

    def build(self, input_shape):
        conv = convolution(self.filters, self.kernel_size, gain=SMALL)
        shape = (self.kernel_size, self.kernel_size, input_shape[-1], self.filters)
        self.kernel = self.add_weight(name="kernel", shape=shape, initializer=conv.kernel_initializer)
        self.bias = self.add_weight(name="bias", shape=(self.filters,), initializer="zeros")
        super().build(input_shape)

    def call(self, x):
        size, channels = self.kernel_size, self.kernel.shape[2]
        # [row, column, channel, filter] -> [1, column, channel, row * filter]
        rows = tf.transpose(self.kernel, [1, 2, 0, 3])
        rows = tf.reshape(rows, [1, size, channels, size * self.filters])
        parts = tf.split(tf.nn.conv2d(x, rows, 1, "SAME"), size, axis=-1)
        reach, height = size // 2, tf.shape(x)[1]
        padding = [[0, 0], [reach, reach], [0, 0], [0, 0]]
        moved = [tf.pad(part, padding)[:, row : row + height] for row, part in enumerate(parts)]
        return tf.add_n(moved) + self.bias

    def get_config(self):
        return {**super().get_config(), "filters": self.filters, "kernel_size": self.kernel_size}


@keras.saving.register_keras_serializable("tf_gradsr")
class PictureDiscriminator(keras.Model):
    """Pictures -> one logit each, positive for real.

    For each width, a convolution and one of stride 2, each with batch normalisation (except the very first)
    and leaky ReLU 0.2; then a dense layer of twice the last width, leaky ReLU, and a dense layer to the
    logit. The first dense layer sees all remaining pixels, so the network is made for one picture size. Any
    size works; halves of odd sides are rounded up.

    Args:
        picture_shape: (height, width) of the pictures; the papers train on 96x96 and 128x128.
        widths: list of int, channels at full size, then after each halving.

    Call: float32 `[B, height, width, 3]` -> float32 `[B, 1]`.
    """

    def __init__(self, picture_shape, widths=(64, 128, 256, 512), dtype="float32", **kwargs):
        super().__init__(dtype=dtype, **kwargs)
        self.picture_shape = tuple(picture_shape)
        self.widths = list(widths)
        self.convs, self.norms = [], []
        for k, width in enumerate(self.widths):
            for stride in (1, 2):
                first = k == 0 and stride == 1
                self.convs.append(
                    convolution(width, strides=stride, use_bias=first, name=f"conv_{k}_{stride}")
                )
                self.norms.append(None if first else batch_norm(name=f"norm_{k}_{stride}"))
        self.dense = keras.layers.Dense(2 * self.widths[-1], dtype="float32", name="dense")
        self.dense_out = keras.layers.Dense(1, dtype="float32", name="dense_out")

    def build(self, input_shape=None):
        """Makes the weights."""
        if self.built:
            return
        channels = 3
        for conv, norm in zip(self.convs, self.norms):
            conv.build((None, None, None, channels))
            channels = conv.filters
            if norm:
                norm.build((None, None, None, channels))
        height, width = (-(-side // 2 ** len(self.widths)) for side in self.picture_shape)
        self.dense.build((None, height * width * channels))
        self.dense_out.build((None, self.dense.units))
        self.built = True

    def call(self, images, training=False):
        features = images
        for conv, norm in zip(self.convs, self.norms):
            features = conv(features)
            if norm:
                features = norm(features, training=training)
            features = leaky_relu(features)
        features = tf.reshape(features, [tf.shape(images)[0], self.dense.kernel.shape[0]])
        return self.dense_out(leaky_relu(self.dense(features)))

    def get_config(self):
        return {**super().get_config(), "picture_shape": self.picture_shape, "widths": self.widths}


class Baseline(SuperResolver):
    """A generator without noise against one discriminator of pictures.

    First phase (`reconstruction_only`): the pixel loss alone. Then
    `gamma * perceptual + beta * adversarial + pixel * pixel loss` with the weights of `LossConfig`. A
    subclass provides the losses, `pixel_loss`, `perceptual_loss`, `d_loss` and `g_loss`, and
    `perceptual_features`.

    Args:
        config: a checked `Config`.
        build_generator: makes the built generator of a config.

    Attributes:
        image_discriminator: D.
    """

    def __init__(self, config: Config, build_generator, **kwargs):
        discriminator = PictureDiscriminator(
            config.hr_shape, config.model.discriminator_widths or (64, 128, 256, 512), name="d_image"
        )
        discriminator.build()
        super().__init__(config, build_generator(config), build_generator(config), **kwargs)
        self.image_discriminator = discriminator

    @property
    def discriminators(self) -> dict:
        """D by name."""
        return {"image_discriminator": self.image_discriminator}

    def pixel_loss(self, image, hr):
        """Distance of pictures, both `[B, H, W, 3]` -> scalar."""
        raise NotImplementedError

    def perceptual_loss(self, features_fake, features_real):
        """Distance of lists of features -> scalar."""
        raise NotImplementedError

    def d_loss(self, logits_real, logits_fake):
        """D's objective."""
        return losses.discriminator_loss(logits_real, logits_fake)

    def g_loss(self, image, hr):
        """The generator's adversarial loss on its pictures, given the true ones."""
        raise NotImplementedError

    def train_step(self, batch):
        """One step: the discriminator, then the generator, on the same fakes.

        Returns:
            Dict of float32 scalars: every raw loss term, D's mean output, LR-PSNR, norms.
        """
        batch = self.as_batch(batch)
        lr, hr, weights = batch["lr"], batch["hr"], self.loss_config
        with tf.GradientTape() as tape:
            (image,), _ = self.generator((lr, batch["z"][:, 0]), training=True)
            terms, d_logs = {"pixel": self.pixel_loss(image, hr)}, {}
            if self.reconstruction_only:
                loss = terms["pixel"]
            else:
                with tape.stop_recording():
                    d_logs = self._train_discriminator(hr, image)
                terms["adv_image"] = self.g_loss(image, hr)
                loss = weights.beta * terms["adv_image"] + weights.pixel * terms["pixel"]
                if self.perceptual is not None:
                    terms["perceptual"] = self.perceptual_loss(self.perceptual(image), self.perceptual(hr))
                    loss += weights.gamma * terms["perceptual"]
        g_norm = self._apply(tape, loss, self.g_optimizer, self.generator.trainable_variables)
        self._update_average()
        return {
            "loss/g/total": loss,
            **{f"loss/g/{name}": value for name, value in terms.items()},
            **d_logs,
            **self._picture_logs("reconstruction", image, lr, self.scale),
            "norm/g": g_norm,
        }

    def _train_discriminator(self, hr, image):
        """Updates D on true pictures and fakes; returns the logs."""
        with tf.GradientTape() as tape:
            logits_real = self.image_discriminator(hr, training=True)
            logits_fake = self.image_discriminator(image, training=True)
            loss = self.d_loss(logits_real, logits_fake)
        return {
            "loss/d_image/adv": loss,
            "score/image_real": tf.reduce_mean(logits_real),
            "score/image_fake": tf.reduce_mean(logits_fake),
            "norm/d": self._apply(tape, loss, self.d_optimizer, self._d_variables),
        }
