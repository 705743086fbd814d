"""Writes picture files that Pillow cannot write, byte by byte: PNG and TIFF of every depth, BMP, EXIF."""

import struct
import zlib

import numpy as np

PNG = b"\x89PNG\r\n\x1a\n"
GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6


def chunk(name: bytes, data: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(levels, kind: int, depth: int, before=(), after=()) -> bytes:
    """A PNG of integers `[h, w]` or `[h, w, channels]`; other chunks before and after the pixels."""
    height, width = levels.shape[:2]
    rows = b"".join(b"\0" + _packed(row.reshape(-1), depth) for row in levels)
    chunks = (
        chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)),
        *(one if isinstance(one, bytes) else chunk(*one) for one in before),
        chunk(b"IDAT", zlib.compress(rows)),
        *(one if isinstance(one, bytes) else chunk(*one) for one in after),
        chunk(b"IEND", b""),
    )
    return PNG + b"".join(chunks)


def _packed(row, depth):
    if depth >= 8:
        return row.astype(">u2" if depth == 16 else np.uint8).tobytes()
    bits = (row[:, None] >> np.arange(depth - 1, -1, -1)) & 1
    return np.packbits(bits.astype(np.uint8)).tobytes()


def tiff(levels, tags=None, order="<") -> bytes:
    """An uncompressed TIFF of any integers or floats `[h, w]` or `[h, w, 3]`; more tags: {number: values}."""
    height, width = levels.shape[:2]
    channels, bits = (levels.shape[2] if levels.ndim == 3 else 1), levels.itemsize * 8
    formats = {"u": 1, "i": 2, "f": 3}
    pixels = levels.astype(levels.dtype.newbyteorder(order)).tobytes()
    entries = {
        **{256: [width], 257: [height], 258: [bits] * channels, 259: [1], 262: [2 if channels == 3 else 1]},
        **{273: [0], 277: [channels], 278: [height], 279: [len(pixels)]},
        **{339: [formats[levels.dtype.kind]] * channels},
        **(tags or {}),
    }
    beside = 8 + 2 + 12 * len(entries) + 4
    directory, further = struct.pack(order + "H", len(entries)), b""
    room = sum(len(values) * 4 for values in entries.values() if len(values) > 1)
    for tag, values in sorted(entries.items()):
        values = [beside + room] if tag == 273 else values
        value = struct.pack(f"{order}{len(values)}I", *values)
        if len(values) > 1:
            further, value = further + value, struct.pack(order + "I", beside + len(further))
        directory += struct.pack(order + "HHI", tag, 4, len(values)) + value
    start = b"II*\0" if order == "<" else b"MM\0*"
    return start + struct.pack(order + "I", 8) + directory + struct.pack(order + "I", 0) + further + pixels


def bmp(rgba) -> bytes:
    """A 32-bit BMP with a fourth channel (BITMAPV4HEADER), from uint8 `[h, w, 4]`."""
    height, width = rgba.shape[:2]
    pixels = np.ascontiguousarray(rgba[::-1, :, [2, 1, 0, 3]]).tobytes()
    masks = (0x00FF0000, 0x0000FF00, 0x000000FF, 0xFF000000)
    header = struct.pack("<IiiHHIIiiII", 108, width, height, 1, 32, 3, len(pixels), 0, 0, 0, 0)
    header += struct.pack("<4I", *masks) + b"BGRs" + bytes(48)
    start = 14 + len(header)
    return b"BM" + struct.pack("<IHHI", start + len(pixels), 0, 0, start) + header + pixels


def exif(entries, order=">") -> bytes:
    """A TIFF directory as EXIF holds it: entries of (tag, type, count, four bytes)."""
    content = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "IH", 8, len(entries))
    for tag, kind, count, value in entries:
        content += struct.pack(order + "HHI", tag, kind, count) + value
    return content + bytes(4)


def with_segment(jpeg: bytes, marker: int, data: bytes) -> bytes:
    """A JPEG with one more segment at its start."""
    return jpeg[:2] + struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data + jpeg[2:]
