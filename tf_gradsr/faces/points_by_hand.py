"""Where a face is, given on the command line: `--eyes x1,y1,x2,y2 [--mouth x,y]`."""

import math
from typing import Optional

from tf_gradsr.errors import ConfigError
from tf_gradsr.faces.found_face import Face, face_from_points


def points_by_hand(eyes: Optional[str], mouth: Optional[str], photographs: int) -> Optional[list]:
    """Reads `--eyes` and `--mouth`.

    Args:
        eyes, mouth: the options' texts, or None. photographs: how many there are.

    Returns:
        `[[x1, y1], [x2, y2]]` and perhaps `[x, y]`, in pixels of the upright photograph; None without `eyes`.

    Raises:
        ConfigError: no numbers, the same place for both eyes, the mouth without eyes, or several photographs.
    """
    if eyes is None:
        if mouth is not None:
            raise ConfigError(f"mouth: goes with --eyes. Received: {mouth}")
        return None
    if photographs > 1:
        raise ConfigError(f"eyes: goes with one photograph. Received: {photographs}")
    numbers = _numbers("eyes", eyes, "x1,y1,x2,y2")
    if numbers[:2] == numbers[2:]:
        raise ConfigError(f"eyes: two different places. Received: {eyes}")
    if mouth is not None:
        numbers += _numbers("mouth", mouth, "x,y")
    return [numbers[first : first + 2] for first in range(0, len(numbers), 2)]


def face_by_hand(points: list, photograph) -> Face:
    """The face that has points given on the command line.

    Args:
        points: see `points_by_hand`. photograph: uint8 `[h, w, 3]`.

    Raises:
        ConfigError: a point lies outside the photograph.
    """
    height, width = photograph.shape[:2]
    if not all(0 <= x <= width and 0 <= y <= height for x, y in points):
        raise ConfigError(f"eyes, mouth: within the photograph of {width}x{height}. Received: {points}")
    return face_from_points(points)


def _numbers(option, text, form):
    try:
        numbers = [float(number) for number in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != len(form.split(",")) or not all(map(math.isfinite, numbers)):
        raise ConfigError(f"{option}: pixels, as {form}. Received: {text}")
    return numbers
