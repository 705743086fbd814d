"""What a generator must offer, so that models, inference and export can use it."""

from typing import Protocol, runtime_checkable


@runtime_checkable
class SuperResolvingGenerator(Protocol):
    """A built Keras network `(lr, z)` -> (pictures, image gradients).

    Call: `(lr float32 [B, h, w, 3] in [-1, 1], z float32 [B, m])` -> two lists, coarse to fine, full size
    last: pictures float32 `[B, s h, s w, 3]`, nominally in [-1, 1], and image gradients
    `[B, s h, s w, gradient_channels]`, >= 0. GradSR trains on a picture for each doubling, s = 2, 4 ...
    scale; a model with one answer may give only the full size.
    """

    scale: int
    """How many times larger the output is."""
    stochastic: bool
    """Whether z changes the answer; if not, z is ignored."""
    receptive_radius: int
    """LR pixels beyond which the input has no influence on an output pixel: the overlap of tiles."""
