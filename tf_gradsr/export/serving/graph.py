"""The graphs behind a SavedModel's signatures, from requests to answers."""

from functools import partial

import tensorflow as tf

from tf_gradsr.export.serving import encoded_pictures
from tf_gradsr.export.serving.input_checks import (
    Limits,
    after,
    checked_noise,
    checked_num_samples,
    checked_pictures,
    checked_seed,
    checked_temperature,
    require,
)
from tf_gradsr.inference import Hallucinator
from tf_gradsr.sampling import noise_vector, sample_variance


class ServingGraph:
    """Signatures of a trained generator; uint8 or encoded pictures in and out, no state, no Python.

    Args:
        hallucinator: the model, whose `forward` and noise these graphs share.
        consistency: "exact" or "none", see `Hallucinator.reconstruct`; part of the graph.
        limits: what one request may ask for.
    """

    def __init__(self, hallucinator: Hallucinator, consistency: str, limits: Limits):
        self.z_size = hallucinator.z_size
        self.stochastic = hallucinator.stochastic
        self.limits = limits
        # One function, so that the file holds the generator once and not in each signature.
        self._forward = tf.function(
            partial(hallucinator.forward, consistency=consistency),
            input_signature=[_LR, tf.TensorSpec([None, self.z_size], tf.float32, "z")],
        )

    def signatures(self) -> dict:
        """{name: (function of tensors, list of `tf.TensorSpec`)}; the first one is the default.

        Models that give one answer per picture have only `reconstruct`.
        """
        reconstruct = {"reconstruct": (self.reconstruct, [_LR])}
        if not self.stochastic:
            return reconstruct
        z = tf.TensorSpec([None, self.z_size], tf.float32, "z")
        return {
            "hallucinate": (self.hallucinate, [_LR, z]),
            **reconstruct,
            "sample": (self.sample, [_LR, *_SAMPLING]),
            "sample_encoded": (
                self.sample_encoded,
                [tf.TensorSpec([None], tf.string, "image_bytes"), *_SAMPLING],
            ),
        }

    def hallucinate(self, lr, z):
        """`G(LR, z)`: `image` uint8 `[B, H, W, 3]`, `gradient` float32 `[B, H, W, 3 or 1]`."""
        lr = checked_pictures(lr, self.limits)
        image, gradient = self._generate(lr, checked_noise(z, tf.shape(lr)[0], self.z_size), "z")
        return {"image": image, "gradient": gradient}

    def reconstruct(self, lr):
        """`G(LR, 0)`, as `hallucinate`."""
        lr = checked_pictures(lr, self.limits)
        image, gradient = self._generate(lr, tf.zeros([tf.shape(lr)[0], self.z_size]), "lr")
        return {"image": image, "gradient": gradient}

    def sample(self, lr, num_samples, seed, temperature):
        """Samples, N of each picture, with their mean and standard deviation as in `mean_and_stddev`.

        Sample i has `z = temperature * noise_vector([seed[0], seed[1] + i])` for every picture: it does not
        depend on N, and with `seed = [s, 0]` it is that of `Hallucinator.sample(seed=s)`.

        Returns:
            Dict: `images` uint8 `[B, N, H, W, 3]`; `mean`, `stddev` float32 `[B, H, W, 3]`, grey levels.
        """
        num_samples = checked_num_samples(num_samples, self.limits)
        lr = checked_pictures(lr, self.limits, num_samples)
        images = self._samples(lr, num_samples, seed, temperature)
        mean = tf.reduce_mean(tf.cast(images, tf.float32), axis=1)
        return {"images": images, "mean": mean, "stddev": tf.sqrt(sample_variance(images))}

    def sample_encoded(self, image_bytes, num_samples, seed, temperature):
        """`sample` of png or jpeg files of one size: `images_bytes`, png, string `[B, N]`."""
        num_samples = checked_num_samples(num_samples, self.limits)
        lr = encoded_pictures.decode(image_bytes, self.limits, num_samples)
        images = self._samples(lr, num_samples, seed, temperature)
        return {"images_bytes": encoded_pictures.encode(images)}

    def _samples(self, lr, num_samples, seed, temperature):
        """uint8 `[B, N, H, W, 3]`; one sample after the other, so that memory hardly grows with N."""
        seed, temperature = checked_seed(seed), checked_temperature(temperature)

        def sample(i):
            z = temperature * noise_vector(tf.stack([seed[0], seed[1] + i]), self.z_size)
            return self._generate(lr, tf.repeat(z[tf.newaxis], tf.shape(lr)[0], axis=0), "temperature")[0]

        spec = tf.TensorSpec([None, None, None, 3], tf.uint8)
        images = tf.map_fn(sample, tf.range(num_samples), parallel_iterations=1, fn_output_signature=spec)
        return tf.transpose(images, [1, 0, 2, 3, 4])

    def _generate(self, lr, z, name):
        """Picture and gradient; an error about NaN or infinity blames the input called `name`."""
        image, gradient, is_finite = self._forward(lr, z)
        rule = f"{name} must be small enough for the model to give finite pictures."
        check = require(is_finite, rule, "one for which it gives NaN or infinity")
        return after([check], image), after([check], gradient)


_LR = tf.TensorSpec([None, None, None, 3], tf.uint8, "lr")
_SAMPLING = [
    tf.TensorSpec([], tf.int32, "num_samples"),
    tf.TensorSpec([2], tf.int32, "seed"),
    tf.TensorSpec([], tf.float32, "temperature"),
]
