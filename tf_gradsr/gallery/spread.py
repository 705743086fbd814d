"""Mean and standard deviation over samples that come one after another, and what is said below its map."""

from typing import Optional

import numpy as np

# What uncertainty maps count.
UNIT = "standard deviation over the samples, grey levels"


def legend(calibration: Optional[dict], temperature: float, consistency: str) -> str:
    """What the numbers of an uncertainty map count and, where it was measured, how far they can be trusted.

    Args:
        calibration: of the model, see `RunFolder.calibration`, or None. temperature, consistency: of the
            samples; a calibration holds for its own only.
    """
    text = UNIT
    if not calibration or (temperature, consistency) != tuple(
        calibration.get(name) for name in ("temperature", "consistency")
    ):
        return text
    times = 1.0 / calibration["spread_error"]
    return (
        f"{text}; true errors are {times:.1f} times as large ({calibration.get('measured_on', 'measured')})"
    )


class RunningSpread:
    """Sums over samples in whole numbers: exact, in any order, of a size that does not grow.

    Args:
        shape: of a sample, such as (H, W, 3).
    """

    def __init__(self, shape):
        self.count = 0
        self._sum = np.zeros(shape, np.int64)
        self._squares = np.zeros(shape, np.int64)

    def add(self, image) -> None:
        """Takes in one uint8 sample."""
        self.count += 1
        self._sum += image
        self._squares += np.square(image, dtype=np.uint16)

    def mean(self) -> np.ndarray:
        """float32, 0-255."""
        return (self._sum / self.count).astype(np.float32)

    def stddev(self) -> np.ndarray:
        """float32, grey levels: the root of the unbiased variance. Needs two samples."""
        # Row by row, to save memory.
        return np.stack([self._stddev(*row) for row in zip(self._sum, self._squares)])

    def _stddev(self, total, squares):
        variance = (self.count * squares - np.square(total)) / (self.count * (self.count - 1))
        return np.sqrt(variance).astype(np.float32)
