"""Where a face is, given on the command line: `--eyes x1,y1,x2,y2 [--mouth x,y]`."""

import math
from typing import Optional

from tf_gradsr.errors import ConfigError


def points_by_hand(eyes: Optional[str], mouth: Optional[str], photographs: int) -> Optional[list]:
    """Reads `--eyes` and `--mouth`.

    Args:
        eyes, mouth: the options' texts, or None. photographs: how many there are.

    Returns:
        `[[x1, y1], [x2, y2]]` and perhaps `[x, y]`, in pixels of the upright photograph; None without.

    Raises:
        ConfigError: no numbers, the mouth without eyes, or several photographs.
    """
    if eyes is None:
        if mouth is not None:
            raise ConfigError(f"mouth: goes with --eyes. Received: {mouth}")
        return None
    if photographs > 1:
        raise ConfigError(f"eyes: goes with one photograph. Received: {photographs}")
    numbers = _numbers("eyes", eyes, "x1,y1,x2,y2")
    if mouth is not None:
        numbers += _numbers("mouth", mouth, "x,y")
    return [numbers[first : first + 2] for first in range(0, len(numbers), 2)]


def _numbers(option, text, form):
    try:
        numbers = [float(number) for number in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != len(form.split(",")) or not all(map(math.isfinite, numbers)):
        raise ConfigError(f"{option}: pixels, as {form}. Received: {text}")
    return numbers
