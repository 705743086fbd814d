"""Brings pixels of more than 8 bits, integers or floats, to 8 bits by a range that it states."""

import math
import sys

import numpy as np
from PIL import Image

# Pillow's modes of more than 8 bits, all of one channel.
DEEP_MODES = ("I;16", "I;16B", "I;16L", "I;16N", "I", "F")
# Tags of TIFF.
BITS, PHOTOMETRIC, SAMPLE_FORMAT, MAX_VALUE, S_MAX_VALUE = 258, 262, 339, 281, 341
WHITE_IS_ZERO, SIGNED = 0, 2
# Highest level, of 255, up to which a picture is called dark.
DARK = 63
# Values converted at a time.
AT_ONCE = 2**20
# Floats may pass the ends of their range by this share: resampling does that.
OVERSHOOT = 0.05


def to_eight_bits(picture: Image.Image, opened: Image.Image) -> tuple:
    """Brings a loaded picture of one of `DEEP_MODES` to mode L.

    Args:
        picture: the loaded one. opened: the one that the file gave, which has its tags.

    Returns:
        (`PIL.Image.Image` of mode L, notes: the range, unless it is 16 bits in full).

    Raises:
        ValueError: floats that are not finite, or of no known range.
    """
    values = np.asarray(picture)
    tags = getattr(opened, "tag_v2", {})
    if values.dtype.kind == "f":
        low, top, words = _range_of_floats(values)
    else:
        if _first(tags, BITS) == 32 and _first(tags, SAMPLE_FORMAT, 1) != SIGNED:
            # Pillow reads them as if they were signed.
            values = values.view(np.uint32)
        low, top, words = _range_of_integers(values, opened, tags)
    levels = _scaled(values, low, top)
    if levels.max() <= DARK:
        words = f"{words}, by which it is dark" if words else _fewer_bits(int(values.max()))
    if _first(tags, PHOTOMETRIC) == WHITE_IS_ZERO:
        levels = 255 - levels
    return Image.fromarray(levels), (words,) if words else ()


def deep_colour(opened: Image.Image, reopen) -> tuple:
    """16-bit colour whose file says that fewer bits are used; Pillow gives only the high bytes.

    Args:
        opened: a picture that is not loaded yet. reopen: gives it again.

    Returns:
        (`PIL.Image.Image` of the same mode, 8 bits, or None where all bits are used, notes).
    """
    bits, tags = _bits_in_use(opened), getattr(opened, "tag_v2", {})
    if opened.mode not in ("RGB", "RGBA") or _first(tags, BITS) != 16 or bits >= 16:
        return None, ()
    high = np.asarray(reopen())
    values = with_low_bytes(high, reopen())
    top = 2**bits - 1
    if values is None or values[..., :3].max() > top:
        return None, ()
    levels = _scaled(values, 0, top)
    if levels.shape[-1] == 4 and values[..., 3].max() > top:
        levels[..., 3] = high[..., 3]
    return Image.fromarray(levels), (f"its 16-bit values are read as {bits} bits, as the file says",)


def has_signed_bytes(opened: Image.Image) -> bool:
    """Whether a TIFF has signed 8-bit values, which Pillow takes for unsigned ones."""
    tags = getattr(opened, "tag_v2", {})
    return _first(tags, SAMPLE_FORMAT) == SIGNED and opened.mode in ("L", "RGB")


def from_signed_bytes(picture: Image.Image) -> tuple:
    """(picture whose signed values begin at 0, notes); those that are never negative stay."""
    if np.asarray(picture).max() < 128:
        return picture, ("its signed 8-bit values, none negative, are read as they are",)
    return picture.point(lambda value: value ^ 128), ("its signed 8-bit values are read as -128 to 127",)


def is_deep_colour(opened: Image.Image) -> bool:
    """Whether a picture that is not loaded yet has 16 bits a channel; Pillow gives the high bytes."""
    return opened.mode in ("RGB", "RGBA", "CMYK") and any(";16" in str(t.args) for t in _tiles(opened))


def darkness_of_colour(rgb) -> tuple:
    """A note on the high bytes of 16-bit colour so dark that fewer bits may be meant."""
    highest = int(rgb.max())
    return (_fewer_bits(f"{highest * 256 + 255} or less"),) if highest <= DARK else ()


def with_low_bytes(high, picture: Image.Image):
    """uint16 pixels of 16-bit colour from their high bytes and a picture that is not loaded yet.

    Pillow unpacks the high byte of each channel; told the other order of bytes, it unpacks the low one.

    Returns:
        uint16 array like `high`, or None for a file that is stored otherwise.
    """
    swapped = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}
    tiles = []
    for tile in _tiles(picture):
        arguments = tile.args if isinstance(tile.args, tuple) else (tile.args,)
        raw = arguments[0]
        if not isinstance(raw, str) or raw[:-1] not in ("RGB;16", "RGBA;16", "RGBX;16"):
            return None
        arguments = (raw[:-1] + swapped[raw[-1]], *arguments[1:])
        tiles.append(tile._replace(args=arguments if isinstance(tile.args, tuple) else arguments[0]))
    picture.tile = tiles
    return np.asarray(high).astype(np.uint16) * 256 + np.asarray(picture)


def _range_of_floats(values):
    low, high = float(values.min()), float(values.max())
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError("its float numbers hold NaN or infinity")
    for bottom, top in ((0, 1), (-1, 1), (0, 255), (0, 65535)):
        room = OVERSHOOT * (top - bottom) if top <= 1 else 0.5
        if bottom - room <= low and high <= top + room:
            return bottom, top, f"its float numbers, {low:.3g} to {high:.3g}, are read as {bottom} to {top}"
    raise ValueError(
        f"its float numbers run from {low:.3g} to {high:.3g}, a range that is not known; "
        "bring them to 0 to 1, or save it with 8 or 16 bits"
    )


def _range_of_integers(values, opened, tags):
    """(what becomes 0, what becomes 255, the range in words; "" for 16 bits in full)."""
    low, high = int(values.min()), int(values.max())
    wide = values.dtype.itemsize == 4 and _first(tags, BITS, 32) == 32 and opened.format not in ("PNG", "PPM")
    size, signed = (32 if wide else 16), _first(tags, SAMPLE_FORMAT, 1) == SIGNED
    kind = f"its {'signed ' * signed}{size}-bit values"
    bits = _bits_in_use(opened)
    if bits < size and low >= 0 and high < 2**bits:
        return 0, 2**bits - 1, f"{kind} are read as {bits} bits, as the file says"
    if not wide and not signed:
        return 0, 65535, ""
    if low < 0:
        bottom, top = -(2 ** (size - 1)), 2 ** (size - 1) - 1
        return bottom, top, f"{kind}, {low} to {high}, are read by their full range, {bottom} to {top}"
    for bits in (8, 16, 24):
        if bits < size and high < 2**bits:
            return 0, 2**bits - 1, f"{kind}, up to {high}, are read as {bits} bits, 0 to {2**bits - 1}"
    top = 2 ** (size - 1) - 1 if high < 2 ** (size - 1) and signed else 2**size - 1
    return 0, top, f"{kind}, up to {high}, are read by their full range, 0 to {top}"


def _bits_in_use(opened):
    """Bits of a channel that are used, by the file's own tags; 32 where they say nothing."""
    tags = getattr(opened, "tag_v2", {})
    found = [_first(tags, BITS, 32)]
    for tag in (S_MAX_VALUE, MAX_VALUE):
        values = tags.get(tag)
        values = values if isinstance(values, tuple) else (values,)
        if all(isinstance(value, (int, float)) and 0 < value < 2**32 for value in values):
            # Some programs write the largest value that occurs: the next power of two is meant.
            found.append(max(8, int(max(values)).bit_length()))
    return min(found)


def _first(tags, tag, otherwise=None):
    value = tags.get(tag, otherwise)
    return value[0] if isinstance(value, tuple) and value else value


def _scaled(values, low, top):
    """uint8 levels of values in [low, top], rounded, clipped; a part at a time, for memory's sake."""
    levels = np.empty(values.shape, np.uint8)
    rows = max(1, AT_ONCE // max(1, values[0].size))
    for first in range(0, len(values), rows):
        part = (values[first : first + rows].astype(np.float64) - low) * (255.0 / (top - low))
        levels[first : first + rows] = np.clip(part + 0.5, 0.0, 255.0)
    return levels


def _fewer_bits(highest):
    return (
        f"its 16-bit values reach only {highest} of 65535, so it is dark: "
        "if fewer bits are meant, bring them to the full range before"
    )


def _tiles(opened):
    """How the pixels are stored, for pictures that come from a file and are not loaded yet."""
    return getattr(opened, "tile", ())
