"""The frame: where a training picture's face lies in it, and so how a photograph's face is cut.

Coordinates are in units of the picture's side, (0, 0) the outer corner at the top left, (1, 1) at the bottom
right. `frame.json` was measured on training faces: `python -m tf_gradsr.faces.measure_frame`.
"""

import json
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import numpy as np

from tf_gradsr.faces.similarity import apply_matrix, compose, fit_similarity, invert_matrix, scale_of
from tf_gradsr.files import json_text

FRAME_FILE = Path(__file__).parent / "frame.json"
# The rule by which FFHQ was cut (Karras et al. 2019, "A Style-Based Generator Architecture for GANs", their
# data set): this many distances between the eyes, or from the eyes to the mouth, whichever is more.
SIDES_ACROSS, SIDES_DOWN, CENTRE_DOWN = 4.0, 3.6, 0.1


@dataclass(frozen=True)
class Frame:
    """The frame of training faces, as a detector's five points see it.

    Attributes:
        points: eye at the picture's left, at its right, nose, corner of the mouth at the left, at the right;
            the medians over the training faces.
        shift, scale: from FFHQ's rule, applied to the detector's points, to the frame: its place and side in
            units of the square that the rule gives.
        residual_limit: residual that 99.5 % of the training faces stay below.
        turn_limit: turn (see `turn_of`) that 99.5 % of them stay below.
        detector, pictures: what measured it, on how many faces.
    """

    points: tuple
    shift: tuple
    scale: float
    residual_limit: float
    turn_limit: float
    detector: str
    pictures: int

    def place(self, left_eye, right_eye, mouth) -> np.ndarray:
        """Where the frame lies, from eyes and mouth.

        FFHQ's rule measures the side across or down, whichever is longer, so that a turned head, whose eyes
        come nearer to each other, is not cut too narrowly, as least squares over all points would.

        Args:
            left_eye, right_eye, mouth: (x, y) in pixels; left as one sees it; of the mouth, the centre.

        Returns:
            float64 `[2, 3]`, from the frame to the picture.

        Raises:
            ValueError: the points lie in one place.
        """
        return compose(
            _ffhq_square(left_eye, right_eye, mouth),
            np.array([[self.scale, 0.0, self.shift[0]], [0.0, self.scale, self.shift[1]]]),
        )

    def place_by_eyes(self, left_eye, right_eye) -> np.ndarray:
        """As `place`, where only the eyes are known."""
        return fit_similarity(np.array(self.points[:2]), np.array([left_eye, right_eye]))

    def residual_of(self, points) -> float:
        """How badly five points, `[5, 2]` in pixels, fit: RMS distance after the least-squares similarity.

        In units of the frame's side.
        """
        matrix = fit_similarity(np.array(self.points), points)
        distances = apply_matrix(matrix, self.points) - points
        return float(np.sqrt((distances**2).sum(axis=1).mean()) / scale_of(matrix))

    def is_profile(self, points) -> bool:
        """Whether five points, `[5, 2]` in pixels, are of a face turned farther than the training faces are.

        Or whether they fit worse, as on a face that is partly hidden: either way a cut by them misleads.
        """
        return turn_of(points) > self.turn_limit or self.residual_of(points) > self.residual_limit

    def save(self, path=FRAME_FILE) -> None:
        """Writes it as JSON."""
        Path(path).write_text(json_text(asdict(self), indent=2) + "\n", encoding="utf-8")


@cache
def the_frame() -> Frame:
    """The frame of the package's models."""
    values = json.loads(FRAME_FILE.read_text(encoding="utf-8"))
    values["points"], values["shift"] = tuple(map(tuple, values["points"])), tuple(values["shift"])
    return Frame(**values)


def measure_frame(points, detector: str) -> Frame:
    """The frame of faces whose five points are known.

    Args:
        points: float `[n, 5, 2]`, in units of each picture's side.
        detector: name and version of what found them.
    """
    points = np.asarray(points, np.float64)
    back = [invert_matrix(_ffhq_square(p[0], p[1], p[3:].mean(axis=0))) for p in points]
    # Rotations to the left are as frequent as to the right.
    scale, shift = np.median([scale_of(m) for m in back]), np.median([m[:, 2] for m in back], axis=0)
    values = {"detector": detector, "pictures": len(points), "residual_limit": 0.0, "turn_limit": 0.0}
    median = tuple(tuple(round(float(x), 5) for x in point) for point in np.median(points, axis=0))
    frame = Frame(median, tuple(round(float(x), 5) for x in shift), round(float(scale), 5), **values)
    limits = {
        "residual_limit": np.quantile([frame.residual_of(p) for p in points], 0.995),
        "turn_limit": np.quantile([turn_of(p) for p in points], 0.995),
    }
    return Frame(**{**vars(frame), **{name: round(float(limit), 4) for name, limit in limits.items()}})


def turn_of(points) -> float:
    """How far the nose lies beside the line from the middle of the eyes to that of the mouth.

    In units of the length that FFHQ's rule takes for the frame's side; 0 for a face seen straight on, which
    turns neither left nor right.

    Args:
        points: float `[5, 2]`, in any unit, see `Frame`.
    """
    points = np.asarray(points, np.float64)
    square = _ffhq_square(points[0], points[1], points[3:].mean(axis=0))
    left, right, nose, *mouth = apply_matrix(invert_matrix(square), points)
    return float(abs(nose[0] - np.mean([left[0], right[0], mouth[0][0], mouth[1][0]])))


def _ffhq_square(left_eye, right_eye, mouth):
    """FFHQ's rule: matrix `[2, 3]` from the unit square to the picture."""
    left_eye, right_eye, mouth = (np.asarray(p, np.float64) for p in (left_eye, right_eye, mouth))
    across, down = right_eye - left_eye, mouth - (left_eye + right_eye) / 2
    # Both say what is to the right.
    right = across + (down[1], -down[0])
    side = max(SIDES_ACROSS * np.hypot(*across), SIDES_DOWN * np.hypot(*down))
    if not np.hypot(*right) > 0:
        raise ValueError(
            f"points: two eyes and a mouth below them. Received: {left_eye}, {right_eye} and {mouth}"
        )
    right = right / np.hypot(*right) * side
    linear = np.column_stack([right, (-right[1], right[0])])
    centre = (left_eye + right_eye) / 2 + CENTRE_DOWN * down
    return np.column_stack([linear, centre - linear @ (0.5, 0.5)])
