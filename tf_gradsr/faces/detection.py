"""The detector: MTCNN (Zhang et al. 2016, arXiv 1604.02878), as packaged on PyPI as `mtcnn` (MIT).

Its three networks run in TensorFlow and its weights are inside the package. It gives five points for each
face.
"""

from functools import cache
from typing import NamedTuple

import numpy as np

from tf_gradsr.cli import missing_extra
from tf_gradsr.faces.frame import Frame, the_frame

# The smallest picture that the first network can look at.
SMALLEST_SIDE = 20


class Detection(NamedTuple):
    """What a detector says about one face. Pixels, (0, 0) the outer corner of the first, see `Face`."""

    box: np.ndarray
    """float `[4]`: left, top, right, bottom."""
    points: np.ndarray
    """float `[5, 2]`, in the order of `Face.points`."""
    confidence: float
    """0 to 1."""


class Detector:
    """MTCNN, and the frame of the training faces as MTCNN's points see it."""

    name = "mtcnn 1.0.0"

    def __init__(self):
        """Loads the networks.

        Raises:
            ConfigError: the package is not installed.
        """
        try:
            from mtcnn import MTCNN
        except ImportError as error:
            raise missing_extra("photos", "mtcnn", "which finds the faces") from error
        self._mtcnn = MTCNN()

    @property
    def networks(self) -> tuple:
        """Keras models: P-Net, R-Net, O-Net, see `mtcnn.network`."""
        return tuple(stage.model for stage in self._mtcnn.stages)

    @property
    def frame(self) -> Frame:
        """The training faces' frame, measured with this detector."""
        return the_frame()

    def __call__(self, picture: np.ndarray) -> list:
        """The faces of a picture, in no order.

        Args:
            picture: uint8 `[h, w, 3]`, RGB; its time and memory grow with the pixels.

        Returns:
            List of `Detection`.
        """
        if min(picture.shape[:2]) < SMALLEST_SIDE:
            return []
        # "numpy" keeps the fractions of pixels, which the other kind of answer rounds away.
        rows = self._mtcnn.detect_faces(picture, output_type="numpy", box_format="xyxy", fit_to_image=False)
        return [Detection(row[1:5], row[6:].reshape(2, 5).T, float(row[5])) for row in np.atleast_2d(rows)]


@cache
def the_detector() -> Detector:
    """The detector, loaded once.

    Raises:
        ConfigError: see `Detector`.
    """
    return Detector()
