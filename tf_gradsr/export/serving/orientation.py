"""Reads EXIF's orientation from png and jpeg bytes and turns pixels upright, inside the graph.

Bytes are looked at one by one, each only where the file has it, so that damaged or hostile files count as
upright and never fail. The result is Pillow's; XMP is not read.
"""

import tensorflow as tf

# At most so many parts of a file, and entries of a directory, are looked through: each costs microseconds.
MOST = 1000
TAG = 0x0112
# EXIF's types of whole numbers and how many bytes of an entry's four hold one.
BYTE, SHORT, LONG = 1, 3, 4
START_OF_SCAN, APP1 = 0xDA, 0xE1


def orientation(image_bytes, is_png):
    """EXIF's orientation, int32 scalar in [1, 8]; 1 where a file says nothing usable.

    Args:
        image_bytes: string scalar. is_png: bool scalar, else jpeg.
    """
    data = _Bytes(tf.io.decode_raw(image_bytes, tf.uint8))
    start = tf.cond(is_png, lambda: _exif_of_png(data), lambda: _exif_of_jpeg(data))
    return tf.cond(start > 0, lambda: _entry(data, start), lambda: 1)


def turned(size, found):
    """int32 `[2]`, height and width of the upright picture, from the stored ones."""
    return tf.where(found >= 5, size[::-1], size)


def turn(pixels, found):
    """The upright picture, `[h, w, 3]`, from the stored one and its orientation."""
    pixels = tf.cond(found >= 5, lambda: tf.transpose(pixels, [1, 0, 2]), lambda: pixels)
    upside_down = (found == 3) | (found == 4) | (found == 7) | (found == 8)
    mirrored = (found == 2) | (found == 3) | (found == 6) | (found == 7)
    for axis, reverse in ((0, upside_down), (1, mirrored)):
        places = tf.range(tf.shape(pixels)[axis])
        places = tf.where(reverse, tf.shape(pixels)[axis] - 1 - places, places)
        pixels = tf.gather(pixels, places, axis=axis)
    return pixels


class _Bytes:
    """A file's bytes as numbers; 0 beyond its ends."""

    def __init__(self, data):
        self.length = tf.size(data)
        # One more, which stands for everything beyond the end.
        self.data = tf.concat([data, tf.zeros([1], tf.uint8)], axis=0)

    def number(self, place, count, little=False):
        """The whole number of `count` bytes at a place, int32 and never negative."""
        places = place + tf.range(count)
        inside = (places >= 0) & (places < self.length)
        found = tf.cast(tf.gather(self.data, tf.where(inside, places, self.length)), tf.int64)
        weights = tf.constant([256**power for power in range(count)], tf.int64)
        value = tf.reduce_sum(found * tf.where(little, weights, weights[::-1]))
        # Far beyond any file, so that sums of it stay within 32 bits.
        return tf.cast(tf.minimum(value, 2**29), tf.int32)


def _exif_of_png(data):
    """Place of the content of eXIf; 0: there is none."""

    def step(place, _):
        is_exif = tf.reduce_all(_at(data, place + 4, b"eXIf"))
        return place + 12 + data.number(place, 4), tf.where(is_exif, place + 8, 0)

    return _search(data, 8, step)


def _exif_of_jpeg(data):
    """Place of the TIFF header in the first EXIF segment; 0: there is none."""

    def step(place, _):
        is_exif = (data.number(place + 1, 1) == APP1) & tf.reduce_all(_at(data, place + 4, b"Exif\0\0"))
        following = place + 2 + data.number(place + 2, 2)
        is_over = (data.number(place, 1) != 0xFF) | (data.number(place + 1, 1) == START_OF_SCAN)
        return tf.where(is_over, data.length, following), tf.where(is_exif & ~is_over, place + 10, 0)

    return _search(data, 2, step)


def _search(data, first, step):
    """Goes from part to part of a file until one is found; returns its place, or 0."""
    _, found = tf.while_loop(
        lambda place, found: (found == 0) & (place < data.length),
        step,
        (tf.constant(first), tf.constant(0)),
        maximum_iterations=MOST,
    )
    return found


def _at(data, place, text):
    """Whether each byte of a text stands at a place."""
    return tf.stack([data.number(place + number, 1) == byte for number, byte in enumerate(text)])


def _entry(data, start):
    """The orientation in the directory of a TIFF header."""
    little = tf.reduce_all(_at(data, start, b"II"))
    known = tf.reduce_all(_at(data, start, b"II*\0")) | tf.reduce_all(_at(data, start, b"MM\0*"))
    directory = start + data.number(start + 4, 4, little)
    count = tf.minimum(data.number(directory, 2, little), MOST)

    def step(number, found):
        place = directory + 2 + 12 * number
        kind = data.number(place + 2, 2, little)
        value = tf.where(kind == BYTE, data.number(place + 8, 1), data.number(place + 8, 2, little))
        value = tf.where(kind == LONG, data.number(place + 8, 4, little), value)
        fits = (data.number(place, 2, little) == TAG) & (data.number(place + 4, 4, little) == 1)
        fits &= (kind == BYTE) | (kind == SHORT) | (kind == LONG)
        # The last one counts, as in Pillow.
        return number + 1, tf.where(fits & (place + 12 <= data.length), value, found)

    _, found = tf.while_loop(
        lambda number, _: (number < count) & known,
        step,
        (tf.constant(0), tf.constant(1)),
        maximum_iterations=MOST,
    )
    return tf.where((found >= 1) & (found <= 8), found, 1)
