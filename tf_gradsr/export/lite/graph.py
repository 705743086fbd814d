"""The graphs behind a LiteRT file's signatures: one picture of a fixed size, nothing checked."""

import tensorflow as tf

from tf_gradsr.inference import Hallucinator


class LiteGraph:
    """Signatures of a trained generator for one LR size, so that all arithmetic of shapes folds away.

    Args:
        hallucinator: the model, whose `forward` these graphs share.
        consistency: "exact" or "none", see `Hallucinator.reconstruct`; part of the graph.
        lr_shape: (height, width) of the LR pictures.
    """

    def __init__(self, hallucinator: Hallucinator, consistency: str, lr_shape: tuple):
        self.hallucinator = hallucinator
        self.consistency = consistency
        self.lr = tf.TensorSpec([1, *lr_shape, 3], tf.uint8, "lr")
        self.z = tf.TensorSpec([1, hallucinator.z_size], tf.float32, "z")

    def signatures(self) -> dict:
        """{name: (function of tensors, list of `tf.TensorSpec`)}.

        Models that give one answer per picture have only `reconstruct`.
        """
        reconstruct = {"reconstruct": (self.reconstruct, [self.lr])}
        if not self.hallucinator.stochastic:
            return reconstruct
        return {"hallucinate": (self.hallucinate, [self.lr, self.z]), **reconstruct}

    def hallucinate(self, lr, z):
        """`G(LR, z)`: `image` uint8 `[1, H, W, 3]`, `gradient` float32 `[1, H, W, 3 or 1]`."""
        image, gradient, _ = self.hallucinator.forward(lr, z, self.consistency)
        return {"image": image, "gradient": gradient}

    def reconstruct(self, lr):
        """`G(LR, 0)`, as `hallucinate`."""
        return self.hallucinate(lr, tf.zeros(self.z.shape))
