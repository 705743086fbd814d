"""Opens picture files: how large they may be, which way is up, and PNG files whose text is in the way."""

import io
import os
import struct
import threading
import warnings
import zlib
from contextlib import contextmanager

from PIL import Image
from PIL.ExifTags import Base

from tf_gradsr.memory import available_memory

# Most pixels of a picture that is read at full size: above this, Pillow too takes a file for an attack.
LARGEST = 178_956_970
# Most pixels of a picture that is read at reduced size.
LARGEST_REDUCED = 2**28
# A file of many more pixels than bytes holds a single colour, or is meant to fill the memory: such a one may
# have this many pixels, and this many for each byte.
LARGEST_EMPTY, LARGEST_A_BYTE = 2**24, 50
# What Pillow holds per pixel while it decodes, and a copy.
BYTES_A_PIXEL = 5
PNG = b"\x89PNG\r\n\x1a\n"
# Most bytes of an unpacked colour profile that Pillow takes.
LONGEST_PROFILE = 1 << 20
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# Runs Ghostscript, a program that its files tell what to do.
REFUSED = {"EPS"}
_opening = threading.Lock()


class PictureTooLarge(ValueError):
    """A picture has more pixels than are read."""


@contextmanager
def without_warnings():
    """Keeps Pillow from a warning on each damaged tag of a file, which it then leaves out."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


def open_picture(file, reduced: bool = False) -> Image.Image:
    """Opens a picture by what the file holds, whatever its name; nothing is unpacked yet.

    Args:
        file: path or binary file. reduced: whether it will be read at reduced size.

    Raises:
        PictureTooLarge: it has more than `LARGEST` pixels, if reduced `LARGEST_REDUCED`, or more than the
            memory holds, or so many more than the file has bytes that it holds nothing.
        Exception: whatever Pillow raises for what is not a picture.
    """
    # Pillow's own limit is one for the whole process, so it is lifted and ours is checked instead.
    with _opening, without_warnings():
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            picture = Image.open(file, formats=_formats())
        finally:
            Image.MAX_IMAGE_PIXELS = limit
    _check_size(picture.size, reduced, _bytes_of(file))
    return picture


def _formats():
    """Names of the formats that are read."""
    Image.init()
    return [name for name in Image.ID if name not in REFUSED]


def _bytes_of(file):
    if isinstance(file, (str, os.PathLike)):
        return os.stat(file).st_size  # noqa: PTH116
    place = file.tell()
    size = file.seek(0, io.SEEK_END)
    file.seek(place)
    return size


def _check_size(size, reduced, file_bytes):
    pixels, most = size[0] * size[1], LARGEST_REDUCED if reduced else LARGEST
    millions = f"{size[0]}x{size[1]} are {pixels / 1e6:.0f} million pixels"
    if pixels > most:
        remedy = (
            ""
            if reduced or pixels > LARGEST_REDUCED
            else "; gradsr hallucinate --downscale reads it at reduced size"
        )
        raise PictureTooLarge(f"{millions}; at most {most / 1e6:.0f} million are read{remedy}")
    if pixels > max(LARGEST_EMPTY, LARGEST_A_BYTE * file_bytes):
        raise PictureTooLarge(
            f"{millions}, in a file of {file_bytes} bytes: it holds nothing, or is an attack"
        )
    # Small ones are not worth the check.
    if pixels > 2**24 and pixels * BYTES_A_PIXEL > available_memory():
        raise PictureTooLarge(f"{millions}, more than the free memory holds")


def orientation(picture: Image.Image):
    """How to turn a picture upright, one of `PIL.Image.Transpose`; None: it is upright, or no usable tag says
    otherwise."""
    try:
        with without_warnings():
            return TURNS.get(picture.getexif().get(Base.Orientation, 1))
    # Cameras and editors write EXIF that is wrong in every way: wrong types, outside the file, twice.
    except Exception:
        return None


def plain_png(file):
    """A PNG with nothing but its pixels, transparency, gamma and sound EXIF and colour profile.

    For files whose other chunks Pillow refuses: texts of megabytes when unpacked, wrong checksums.

    Args:
        file: binary file.

    Returns:
        `io.BytesIO`; None if the file is not a PNG, or has nothing to leave out.
    """
    file.seek(0)
    content = file.read()
    if not content.startswith(PNG):
        return None
    kept, place, colours, left_out = [PNG], len(PNG), None, False
    while place + 8 <= len(content):
        (length,), name = struct.unpack_from(">I", content, place), content[place + 4 : place + 8]
        chunk = content[place : place + 12 + length]
        if name == b"IHDR" and length == 13:
            colours = chunk[8 + 9]
        # A capital first letter: the picture cannot be shown without it.
        if name[:1].isupper() or _is_sound(name, chunk, colours):
            kept.append(chunk)
        else:
            left_out = True
        place += 12 + length
    return io.BytesIO(b"".join(kept)) if left_out else None


def _is_sound(name, chunk, colours):
    """Whether an optional chunk is useful and intact."""
    data, checksum = chunk[8:-4], chunk[-4:]
    if name not in (b"tRNS", b"gAMA", b"sRGB", b"eXIf", b"iCCP"):
        return False
    if checksum != struct.pack(">I", zlib.crc32(name + data)):
        return False
    if name == b"tRNS":
        return len(data) == {0: 2, 2: 6}.get(colours, len(data))
    if name == b"iCCP":
        unpacker = zlib.decompressobj()
        try:
            unpacker.decompress(data.partition(b"\0")[2][1:], LONGEST_PROFILE)
        except zlib.error:
            return False
        return unpacker.eof
    return len(data) == {b"gAMA": 4, b"sRGB": 1}.get(name, len(data))
