"""A face in a photograph: where it is, and how the training faces' frame lies over it."""

import math
from dataclasses import asdict, dataclass
from typing import Optional

import numpy as np

from tf_gradsr.faces.frame import Frame, the_frame
from tf_gradsr.faces.similarity import apply_matrix, scale_of


@dataclass(frozen=True)
class Face:
    """A face in a photograph.

    Coordinates are the photograph's, upright, in pixels: (0, 0) is the outer corner of the pixel at the top
    left, whose centre is (0.5, 0.5).

    Attributes:
        box: (left, top, right, bottom), upright, by the detector; without one, around the frame.
        points: (x, y) of the eye at the picture's left, at its right, nose, corner of the mouth at the left,
            at the right; by hand, of the eyes and perhaps the middle of the mouth.
        matrix: two rows of three, from the frame to the photograph: (u, v) in [0, 1] x [0, 1], from the
            corner at the top left of the aligned face to that at the bottom right, to (x, y).
        size: side of the frame in the photograph's pixels.
        confidence: the detector's, 0 to 1, the higher one where it looked twice; None by hand.
        residual: RMS distance of the points from where a face seen straight on would have them, in units of
            the frame's side; None by hand.
        profile: whether the face is turned farther, or its points fit worse, than those of 99.5 % of the
            training faces. Five points mislead on such faces, and the model has seen few of them.
    """

    box: tuple
    points: tuple
    matrix: tuple
    size: float
    confidence: Optional[float] = None
    residual: Optional[float] = None
    profile: bool = False

    @property
    def centre(self) -> tuple:
        """(x, y) of the frame's centre."""
        return tuple(map(float, apply_matrix(self.matrix, (0.5, 0.5))))

    def as_json(self) -> dict:
        """Its attributes as JSON values, rounded: pixels to thousandths, the matrix to millionths."""
        values = asdict(self)
        for name, digits in (("box", 3), ("points", 3), ("matrix", 6), ("size", 3)):
            values[name] = np.round(values[name], digits).tolist()
        for name in ("confidence", "residual"):
            values[name] = None if values[name] is None else round(values[name], 5)
        return values


def face_from_points(
    points, box=None, confidence: Optional[float] = None, frame: Optional[Frame] = None
) -> Face:
    """The face that has these points.

    Args:
        points: float in the photograph's pixels. `[5, 2]`: a detector's, in the order of `Face.points`. `[3,
            2]`: both eyes and the middle of the mouth; `[2, 2]`: the eyes; either eye may be the first.
        box: (left, top, right, bottom) or None. confidence: 0 to 1 or None.
        frame: as the detector of the points sees it; None: the package's.

    Raises:
        ValueError: another shape, numbers that are not finite, or points too near to each other to tell a
            direction.
    """
    points = np.asarray(points, np.float64)
    if points.shape not in ((2, 2), (3, 2), (5, 2)) or not np.isfinite(points).all():
        raise ValueError(
            f"points: finite numbers [2, 2], [3, 2] or [5, 2]. Received: {points.tolist()} of shape "
            f"{points.shape}"
        )
    frame = frame or the_frame()
    if len(points) < 5:
        points = _left_eye_first(points)
    if len(points) == 2:
        matrix = frame.place_by_eyes(*points)
    else:
        matrix = frame.place(points[0], points[1], points[2:][-2:].mean(axis=0))
    five = len(points) == 5
    if box is None:
        corners = apply_matrix(matrix, [(0, 0), (1, 0), (0, 1), (1, 1)])
        box = (*corners.min(axis=0), *corners.max(axis=0))
    return Face(
        box=tuple(map(float, box)),
        points=tuple(tuple(map(float, point)) for point in points),
        matrix=tuple(tuple(map(float, row)) for row in matrix),
        size=scale_of(matrix),
        confidence=None if confidence is None else float(confidence),
        residual=frame.residual_of(points) if five else None,
        profile=five and frame.is_profile(points),
    )


def _left_eye_first(points):
    """Eyes in the order in which the mouth lies below them; without a mouth, the eye farther left first."""
    first, second = points[:2]
    if math.dist(first, second) == 0:
        raise ValueError(f"points: two eyes in different places. Received: {points.tolist()}")
    across = second - first
    down = points[2] - (first + second) / 2 if len(points) == 3 else np.array([0.0, 1.0])
    swapped = across[0] * down[1] - across[1] * down[0] < 0
    return np.concatenate([[second, first], points[2:]]) if swapped else points
