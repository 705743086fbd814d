"""Puts face distances into perspective: between a picture and itself, compressed, and between strangers."""

import numpy as np
import tensorflow as tf

from tf_gradsr.metrics.face_descriptors import face_distance

JPEG_QUALITY = 75


class FaceScale:
    """Collects the smallest and the largest distances to be expected, on the truths.

    Args:
        network: `FaceDescriptors`.
    """

    def __init__(self, network):
        self.network = network
        self._same, self._strangers, self._last = [], [], None

    def add(self, batch) -> None:
        """Adds a `Batch` whose features hold the truths' descriptors."""
        known = batch.features["face_kid"]
        self._same.append(face_distance(known, self.network(compressed(batch.truth))))
        before = known[:0] if self._last is None else self._last
        row = np.concatenate([before, known])
        self._strangers.append(face_distance(row[1:], row[:-1]))
        self._last = known[-1:]

    def note(self) -> str:
        """Returns a sentence for below the table."""
        same, strangers = (np.concatenate(values) for values in (self._same, self._strangers))
        floor = f"Face distance: {same.mean():.3f} from a truth to itself as JPEG of quality {JPEG_QUALITY}"
        return floor + (f", {strangers.mean():.3f} between different people." if len(strangers) else ".")


def compressed(images):
    """Compresses each of uint8 `[B, H, W, 3]` as JPEG and decodes it again."""
    return np.stack([tf.io.decode_jpeg(tf.io.encode_jpeg(x, quality=JPEG_QUALITY)) for x in images])
