"""Mean and standard deviation over samples that come one after another."""

import numpy as np


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
