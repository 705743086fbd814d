"""The paper's losses, and the baselines', as pure functions. All take float32 and return a float32 scalar.

A pyramid is a list of tensors, one for each scale; a loss over a pyramid is the mean over its scales.
"""

import tensorflow as tf


def perceptual_loss(features_fake, features_real):
    """Perceptual loss (paper eq. 6): mean absolute difference of features, averaged over the layers.

    Args:
        features_fake: list of float32 `[B, h_i, w_i, C_i]`, features of the reconstruction.
        features_real: list of the same shapes, features of the true picture.

    Returns:
        Scalar >= 0.
    """
    return pyramid_mean_absolute_error(features_fake, features_real)


def gradient_loss(g_fake, g_real):
    """Gradient loss (paper eq. 7): mean absolute error of two image gradients.

    Args:
        g_fake: float32 `[B, H, W, C]`, or a list of them, one for each scale.
        g_real: the same shape or list of shapes.

    Returns:
        Scalar >= 0.
    """
    return pyramid_mean_absolute_error(g_fake, g_real)


def pixel_loss(images_fake, images_real):
    """Mean absolute error of pictures, averaged over the scales. Not in the paper.

    Args:
        images_fake: float32 `[B, H, W, 3]` in [-1, 1], or a list of them, one for each scale.
        images_real: the same shape or list of shapes.

    Returns:
        Scalar in [0, 2] for pictures in range.
    """
    return pyramid_mean_absolute_error(images_fake, images_real)


def pyramid_mean_absolute_error(fakes, reals):
    """Mean over the list of the mean absolute difference of each pair; a tensor is a list of one.

    Raises:
        ValueError: the lists differ in length, which zip would hide, or a pair differs in shape, which
            broadcasting would.
    """
    return _mean_over_pairs(fakes, reals, tf.abs)


def _mean_over_pairs(fakes, reals, distance):
    fakes, reals = (x if isinstance(x, (list, tuple)) else [x] for x in (fakes, reals))
    if len(fakes) != len(reals):
        raise ValueError(
            f"Both lists must have the same length. Received: {len(fakes)} fake, {len(reals)} real tensors."
        )
    for fake, real in zip(fakes, reals):
        tf.TensorShape(fake.shape).assert_is_compatible_with(real.shape)
    return tf.add_n([tf.reduce_mean(distance(f - r)) for f, r in zip(fakes, reals)]) / len(fakes)


def coupling_loss(g_fake, g_of_image):
    """How far G's image gradient is from the gradient of G's picture. Not in the paper.

    Hallucinations have no truth to compare with. Without this term, L_z, which sees the gradient output
    alone, can be raised without changing the picture.

    Args:
        g_fake: float32 `[B, H, W, C]`, G's gradient output.
        g_of_image: float32 `[B, H, W, C]`, `ops.image_gradient` of G's picture.

    Returns:
        Scalar >= 0, the mean absolute error; differentiable in both.
    """
    return pyramid_mean_absolute_error(g_fake, g_of_image)


def diversity_loss(g1, g2, z1, z2, tau=10.0):
    """Diversity L_z (paper eq. 8): how far image gradients move when z moves. The generator maximises it.

    `mean_b(min(mean|g1 - g2| / mean|z1 - z2|, tau))`, the means within each example. The bound keeps an
    unbounded output from growing forever.

    Args:
        g1: float32 `[B, H, W, C]`, image gradient hallucinated with z1.
        g2: float32 `[B, H, W, C]`, image gradient hallucinated with z2 from the same LR.
        z1: float32 `[B, m]`.
        z2: float32 `[B, m]`, different from z1.
        tau: upper bound of the ratio, > 0.

    Returns:
        Scalar in [0, tau].
    """
    distance = tf.reduce_mean(tf.abs(g1 - g2), axis=[1, 2, 3])  # [B]
    spread = tf.reduce_mean(tf.abs(z1 - z2), axis=1)  # [B]
    return tf.reduce_mean(tf.minimum(tf.math.divide_no_nan(distance, spread), tau))


def generator_adversarial_loss(logits_fake):
    """Non-saturating logistic loss of the generator, `-log D(fake)` (paper 2.1; Goodfellow et al. 2014).

    Args:
        logits_fake: float32, any shape; D's output features on fakes. D is their sigmoid.

    Returns:
        Scalar >= 0; `log 2` where D is undecided.
    """
    return tf.reduce_mean(tf.nn.softplus(-logits_fake))


def discriminator_loss(logits_real, logits_fake):
    """Logistic loss of a discriminator, `-log D(real) - log(1 - D(fake))` (paper 2.3).

    Args:
        logits_real: float32, any shape; D's output features on real data.
        logits_fake: float32, any shape; D's output features on fakes.

    Returns:
        Scalar >= 0; `2 log 2` where D is undecided.
    """
    return tf.reduce_mean(tf.nn.softplus(-logits_real)) + tf.reduce_mean(tf.nn.softplus(logits_fake))


def hinge_discriminator_loss(logits_real, logits_fake):
    """Hinge loss of a discriminator with several heads (Sauer et al. 2021, eq. 4; Lim and Ye 2017).

    Args:
        logits_real: list of float32, any shapes; each head's logits on real data.
        logits_fake: the same for fakes.

    Returns:
        Scalar >= 0, the sum over the heads of `E[max(1 - real, 0)] + E[max(1 + fake, 0)]`; 2 per head where D
        is undecided.
    """
    real = tf.add_n([tf.reduce_mean(tf.nn.relu(1.0 - logits)) for logits in logits_real])
    return real + tf.add_n([tf.reduce_mean(tf.nn.relu(1.0 + logits)) for logits in logits_fake])


def hinge_generator_loss(logits_fake):
    """The generator's side of the hinge loss: `-E[fake]`, summed over the heads; it may be negative.

    Args:
        logits_fake: list of float32, any shapes; each head's logits on fakes.
    """
    return -tf.add_n([tf.reduce_mean(logits) for logits in logits_fake])


def sample_mean_loss(first, second, real):
    """How far the mean of two samples is from the truth. Not in the paper; after Bendel et al. 2023, rcGAN.

    Alone it would make the samples equal; `sample_distance`, subtracted, holds them apart.

    Args:
        first: float32 `[B, H, W, 3]` or a list of them, one for each scale: samples.
        second: the same shapes: other samples of the same LR pictures.
        real: the same shapes: the truth.

    Returns:
        Scalar >= 0, the mean absolute error.
    """
    first, second = (x if isinstance(x, (list, tuple)) else [x] for x in (first, second))
    return pyramid_mean_absolute_error([0.5 * (a + b) for a, b in zip(first, second)], real)


def sample_distance(first, second):
    """Mean absolute difference of two samples of the same LR pictures (after Bendel et al. 2023, rcGAN).

    Subtracted from `sample_mean_loss` with a weight s. For normal distributions both have their optimum where
    the samples spread as the truth does if s is 1 / sqrt(12) = 0.289; from 0.5 on there is no optimum, since
    doubling both samples' distance from their mean costs nothing.

    Args:
        first: float32 `[B, H, W, 3]`, or a list of them, one for each scale.
        second: the same shape or list of shapes.

    Returns:
        Scalar >= 0.
    """
    return pyramid_mean_absolute_error(first, second)


def two_sample_crps(first, second, real):
    """Fair continuous ranked probability score of two samples. Not in the paper.

    `1/2 (|first - real| + |second - real|) - 1/2 |first - second|`: a proper score, best in expectation where
    each value of a sample is distributed as the truth's (Gneiting and Raftery 2007; Ferro 2014; as a training
    loss Lang et al. 2024, AIFS-CRPS).

    Args:
        first: float32 `[B, ...]`, or a list of them, one for each scale: samples, or features of samples.
        second: the same shapes: of other samples of the same LR pictures.
        real: the same shapes: of the truth.

    Returns:
        Scalar, the mean over each tensor, averaged over the list. Being unbiased, it may be below 0.
    """
    error = pyramid_mean_absolute_error(first, real) + pyramid_mean_absolute_error(second, real)
    return 0.5 * (error - sample_distance(first, second))


def squared_loss(fakes, reals):
    """Mean squared error, SRGAN's content loss on pictures or features (Ledig et al. 2017, eq. 4 and 5).

    Args:
        fakes: float32 tensor, or a list of them.
        reals: the same shape or list of shapes.

    Returns:
        Scalar >= 0, averaged over the list.

    Raises:
        ValueError: the lists differ in length, or a pair differs in shape.
    """
    return _mean_over_pairs(fakes, reals, tf.square)


def relativistic_discriminator_loss(logits_real, logits_fake, mean=tf.reduce_mean):
    """Relativistic average loss of a discriminator (Wang et al. 2018, section 3.2, L_D^Ra).

    `-E_r[log s(C(x_r) - E_f[C(x_f)])] - E_f[log(1 - s(C(x_f) - E_r[C(x_r)]))]`, s the sigmoid and C the
    logits: is a real picture more real than the average fake?

    Args:
        logits_real: float32, any shape; C of real pictures.
        logits_fake: float32, any shape; C of fakes.
        mean: callable, float32 of any shape -> scalar: the inner averages. With several
            replicas, one over all of them.

    Returns:
        Scalar >= 0; `2 log 2` where D is undecided.
    """
    real, fake = logits_real - mean(logits_fake), logits_fake - mean(logits_real)
    return tf.reduce_mean(tf.nn.softplus(-real)) + tf.reduce_mean(tf.nn.softplus(fake))


def relativistic_generator_loss(logits_real, logits_fake, mean=tf.reduce_mean):
    """Relativistic average loss of the generator (Wang et al. 2018, section 3.2, L_G^Ra).

    `-E_r[log(1 - s(C(x_r) - E_f[C(x_f)]))] - E_f[log s(C(x_f) - E_r[C(x_r)])]`: the discriminator's with the
    two sides exchanged, so that the generator learns from real pictures too.

    Args, returns: as `relativistic_discriminator_loss`.
    """
    return relativistic_discriminator_loss(logits_fake, logits_real, mean)


def r1_penalty(discriminator, inputs, scale=None):
    """R1: squared norm of D's gradient with respect to real data (paper 2.3; Mescheder et al. 2018, eq. 9).

    `E_b ||d score_b / d inputs_b||^2`, the score being the mean of D's output features, the norm taken over
    all inputs of an example together. Unweighted: the objective adds `gamma_R1 / 2` times this.

    Args:
        discriminator: callable from the list of inputs to logits `[B, ...]`.
        inputs: list of float32 tensors `[B, ...]`, everything that D sees of real data.
        scale: float32 scalar, factor of the inner gradient on its way through float16 layers, and divided out
            in float32; None: none.

    Returns:
        Scalar >= 0, differentiable in D's weights.
    """
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(inputs)
        logits = discriminator(inputs)
        scores = tf.reduce_mean(tf.reshape(logits, [tf.shape(logits)[0], -1]), axis=1)  # [B]
    seed = None if scale is None else tf.fill(tf.shape(scores), scale)
    gradients = tape.gradient(
        scores, inputs, output_gradients=seed, unconnected_gradients=tf.UnconnectedGradients.ZERO
    )
    if scale is not None:
        gradients = [g / scale for g in gradients]
    return tf.add_n([tf.reduce_mean(_squared_norm(g)) for g in gradients])


def _squared_norm(tensor):
    """Sum of squares of each example, `[B]`."""
    return tf.reduce_sum(tf.reshape(tf.square(tensor), [tf.shape(tensor)[0], -1]), axis=1)
