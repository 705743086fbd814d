"""A file of every row of docs/reference/pictures.md, and what is to be read from it."""

import io
import struct
from dataclasses import dataclass
from typing import Optional

import numpy as np
from picture_files import GREY, GREY_ALPHA, PALETTE, RGB, RGBA, bmp, chunk, exif, png, tiff, with_segment
from PIL import Image, ImageCms, features

# Upright, 8x8, so that training folders at that size take it as it is. Smooth, for JPEG's sake.
ACROSS, DOWN = np.meshgrid(np.arange(8), np.arange(8))
COLOUR = np.stack([30 * ACROSS + 7, 28 * DOWN + 20, 14 * (ACROSS + DOWN) + 10], -1).astype(np.uint8)
LEVELS = COLOUR[..., 2]
GREY_COLOUR = np.repeat(LEVELS[..., None], 3, -1)
HALF = np.where(ACROSS < 4, 0, 255).astype(np.uint8)
REFUSED = "refused"
# First bytes of what browsers read, beside AVIF: PNG, JPEG, GIF, WebP, BMP.
PAGE_READS = (b"\x89PNG", b"\xff\xd8", b"GIF8", b"RIFF", b"BM")


@dataclass(frozen=True)
class Kind:
    """A file and what is read from it."""

    row: str
    """First column of the documents' table."""
    content: bytes
    rgb: Optional[np.ndarray]
    """uint8 `[8, 8, 3]`; None: refused."""
    alpha: Optional[np.ndarray] = None
    doubt: str = ""
    """Regular expression of what is said about it; or why it is refused."""
    served: object = None
    """REFUSED, if the served graph refuses it; otherwise that reads the same."""
    page: object = None
    """uint8 `[8, 8, 3]`, if the page (Chromium) reads something else; REFUSED, if it reads nothing."""
    tolerance: int = 0
    """Levels by which a decoder may differ."""

    def over_white(self):
        """uint8 `[8, 8, 3]`, with what is transparent shown on white; None: refused."""
        if self.alpha is None:
            return self.rgb
        share = self.alpha[..., np.newaxis] / 255
        return np.uint8(np.round(self.rgb * share + 255 * (1 - share)))


def saved(picture, kind, **options):
    """A file as Pillow writes it."""
    picture = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def spread(bits):
    """The grey levels, 8 bits, in as many bits."""
    return np.round(LEVELS / 255 * (2**bits - 1)).astype(np.int64)


def few(bits):
    """Integers of few bits, and their grey levels."""
    levels = LEVELS.astype(int) >> (8 - bits)
    return levels, np.repeat((levels * 255 // (2**bits - 1)).astype(np.uint8)[..., None], 3, -1)


def _transparent_colours():
    """tRNS of every colour type and depth: the colour of one pixel is transparent."""
    for bits in (1, 2, 4, 8, 16):
        if bits == 16:
            # A neighbour that differs in the low byte only.
            levels = LEVELS.astype(int) * 257
            levels[0, 1] = levels[0, 0] + 1
            rgb = np.repeat(np.uint8(np.round(levels / 257.0))[..., None], 3, -1)
        else:
            levels, rgb = few(bits)
        colour = int(levels[0, 0])
        content = png(levels, GREY, bits, [(b"tRNS", struct.pack(">H", colour))])
        yield f"grey {bits}", content, rgb, np.where(levels == colour, 0, 255)
    for bits in (8, 16):
        levels = COLOUR.astype(int) * (257 if bits == 16 else 1)
        levels[0, 1] = levels[0, 0] + [0, 0, 1]
        colour = levels[0, 0]
        content = png(levels, RGB, bits, [(b"tRNS", struct.pack(">3H", *map(int, colour)))])
        yield f"rgb {bits}", content, levels >> (bits - 8), np.where((levels == colour).all(-1), 0, 255)
    for bits in (1, 2, 4, 8):
        levels, _ = few(bits)
        colours = np.stack([np.arange(2**bits), 255 - np.arange(2**bits), 3 * np.arange(2**bits) % 256], -1)
        for alphas in ([0], [90, 200]):
            chunks = [(b"PLTE", colours.astype(np.uint8).tobytes()), (b"tRNS", bytes(alphas))]
            of_index = np.full(2**bits, 255)
            of_index[: len(alphas)] = alphas
            yield f"palette {bits}", png(levels, PALETTE, bits, chunks), colours[levels], of_index[levels]


def _ycck(inks):
    """A JPEG of four channels whose first three are YCbCr, as Photoshop writes them."""
    inks = np.asarray(inks)
    # Pillow writes each channel inverted; the decoder inverts what YCbCr gives.
    channels = 255 - np.asarray(Image.fromarray(inks[..., :3]).convert("YCbCr"))
    content = saved(
        Image.fromarray(np.dstack([channels, inks[..., 3]]), "CMYK"), "JPEG", quality=97, subsampling=0
    )
    place = content.index(b"Adobe") + 11
    assert content[place] == 0
    return content[:place] + b"\2" + content[place + 1 :]


def _jpegs():
    """JPEG whose EXIF and segments are wrong in every way; the pixels are right in all of them."""
    plain = saved(COLOUR, "JPEG", quality=95, subsampling=0)
    short = lambda value: struct.pack(">HH", value, 0)  # noqa: E731
    wrong = {
        "garbage": b"Exif\0\0\x00\x08\x00\x02\x01\x12\x00\x03",
        "outside the file": b"Exif\0\0" + exif([(271, 2, 5000, struct.pack(">I", 9_000_000))]),
        "orientation of 9": b"Exif\0\0" + exif([(0x112, 3, 1, short(9))]),
        "orientation as text": b"Exif\0\0" + exif([(0x112, 2, 2, b"6\0\0\0")]),
        "many orientations": b"Exif\0\0" + exif([(0x112, 3, 0, short(6))]),
        "directory that ends itself": b"Exif\0\0MM\0*" + struct.pack(">I", 8),
        "a next directory that is this one": b"Exif\0\0"
        + exif([(0x112, 3, 1, short(1))])[:-4]
        + b"\0\0\0\x08",
        "empty": b"Exif\0\0",
    }
    for data in wrong.values():
        yield with_segment(plain, 0xE1, data)
    # Two EXIF segments.
    yield with_segment(with_segment(plain, 0xE1, wrong["orientation of 9"]), 0xE1, wrong["garbage"])


def all_kinds() -> list:
    """Every `Kind`."""
    kinds, deep = [], lambda a: np.round(a / 257.0).astype(np.uint8)

    def add(row, content, rgb, **more):
        if not content.startswith(PAGE_READS) and content[4:12] != b"ftypavif":
            more["page"] = REFUSED
        kinds.append(Kind(row, content, None if rgb is None else np.asarray(rgb, np.uint8), **more))

    others = {"served": REFUSED}
    add("PNG, grey, palette or colour, 1 to 8 bits", saved(COLOUR, "PNG"), COLOUR)
    add("PNG, grey, palette or colour, 1 to 8 bits", saved(LEVELS, "PNG"), GREY_COLOUR)
    for bits in (1, 2, 4):
        levels, rgb = few(bits)
        add("PNG, grey, palette or colour, 1 to 8 bits", png(levels, GREY, bits), rgb)
    sixteen = np.random.default_rng(0).integers(20_000, 2**16, (8, 8, 4))
    grey = np.repeat(deep(sixteen[..., :1]), 3, -1)
    add("PNG, 16-bit grey", png(sixteen[..., 0], GREY, 16), grey)
    add("PNG, 16-bit grey with alpha, or colour", png(sixteen[..., :3], RGB, 16), sixteen[..., :3] >> 8)
    high = np.uint8(sixteen >> 8)
    add("PNG, 16-bit grey with alpha, or colour", png(sixteen, RGBA, 16), high[..., :3], alpha=high[..., 3])
    grey_high = np.repeat(high[..., :1], 3, -1)
    content = png(sixteen[..., :2], GREY_ALPHA, 16)
    add("PNG, 16-bit grey with alpha, or colour", content, grey_high, alpha=high[..., 1])
    for _, content, rgb, alpha in _transparent_colours():
        add("PNG with a transparent colour (tRNS), every type and depth", content, rgb, alpha=np.uint8(alpha))
    gamma = [(b"gAMA", struct.pack(">I", 100_000))]
    linear = COLOUR / 255
    # sRGB's curve (IEC 61966-2-1).
    shown = 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    said = "its gamma, 1 .* is not applied"
    add("PNG with a gamma (gAMA)", png(COLOUR, RGB, 8, gamma), COLOUR, doubt=said, page=np.round(shown))
    gamma = [(b"gAMA", struct.pack(">I", 45_455))]
    add("PNG with a gamma (gAMA)", png(COLOUR, RGB, 8, gamma), COLOUR)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    add("Colour profile (ICC)", saved(COLOUR, "PNG", icc_profile=profile), COLOUR)
    add(
        "Colour profile (ICC)",
        saved(LEVELS, "PNG", icc_profile=b"x" * 16 + b"GRAY" + b"x" * 200),
        GREY_COLOUR,
    )
    damaged = "beside the pixels, is damaged or huge and is left out"
    huge = bytes(zlib_of(3_000_000))
    row = "PNG with huge or damaged text and other data"
    for before, after in (
        ([(b"zTXt", b"Comment\0\0" + huge)], []),
        ([(b"iTXt", b"Comment\0\x01\0\0\0" + huge)], []),
        ([], [(b"zTXt", b"Comment\0\0" + huge)]),
        ([(b"iCCP", b"name\0\0" + huge)], []),
        ([chunk(b"tEXt", b"Comment\0text")[:-1] + b"\0"], []),
        ([(b"tRNS", b"\0")], []),
    ):
        add(row, png(COLOUR, RGB, 8, before, after), COLOUR, doubt=damaged)
    half = np.dstack([COLOUR, HALF])
    add("Alpha", saved(half, "PNG"), COLOUR, alpha=HALF)
    clear = np.dstack([COLOUR, 0 * HALF])
    add("Alpha", saved(clear, "PNG"), COLOUR, alpha=0 * HALF, doubt="transparent everywhere")
    row = "BMP, TGA and ICO whose alpha is 0 everywhere"
    for content in (bmp(clear), saved(clear, "TGA")):
        add(row, content, COLOUR, doubt="0 everywhere, so it is taken as opaque", **others)
    add("BMP, TGA, ICO, PPM, PGM", bmp(half), COLOUR, alpha=HALF, **others)
    for kind in ("BMP", "TGA", "PPM"):
        add("BMP, TGA, ICO, PPM, PGM", saved(COLOUR, kind), COLOUR, **others)
    pgm = b"P5 8 8 4095\n" + spread(12).astype(">u2").tobytes()
    add("BMP, TGA, ICO, PPM, PGM", pgm, GREY_COLOUR, tolerance=1, **others)

    row = "JPEG: baseline, progressive, grey"
    plain = saved(COLOUR, "JPEG", quality=95, subsampling=0)
    add(row, plain, COLOUR, tolerance=6)
    add(row, saved(COLOUR, "JPEG", quality=95, subsampling=0, progressive=True), COLOUR, tolerance=6)
    add(row, saved(LEVELS, "JPEG", quality=95), GREY_COLOUR, tolerance=6)
    inks = Image.fromarray(COLOUR).convert("CMYK")
    add("JPEG of CMYK or YCCK", saved(inks, "JPEG", quality=97, subsampling=0), COLOUR, tolerance=8)
    add("JPEG of CMYK or YCCK", _ycck(inks), COLOUR, tolerance=8)
    twelve = plain.replace(b"\xff\xc0\x00\x11\x08", b"\xff\xc0\x00\x11\x0c")
    assert twelve != plain
    add("JPEG of 12 bits", twelve, None, doubt="12 bits", **others)
    for content in _jpegs():
        add("EXIF of wrong types, doubled, out of range", content, COLOUR, tolerance=6)
    turned = Image.Exif()
    turned[0x112] = 6
    # Stored as a camera held on its side does: turned by 90 degrees clockwise it is upright.
    stored = np.ascontiguousarray(np.rot90(COLOUR))
    add("EXIF orientation", saved(stored, "PNG", exif=turned), COLOUR)
    content = saved(stored, "JPEG", quality=95, subsampling=0, exif=turned)
    add("EXIF orientation", content, COLOUR, tolerance=6)

    twelve = np.uint16(np.round(stored / 255 * 4095))
    add("EXIF orientation", tiff(stored, {274: [6]}), COLOUR, **others)
    add("EXIF orientation", tiff(twelve, {274: [6], 281: [4095] * 3}), COLOUR, doubt="12 bits", **others)

    other = Image.fromarray(255 - COLOUR)
    several = {"save_all": True, "append_images": [other]}
    add("Animations (the first picture): APNG, GIF, WebP, AVIF, MPO", saved(COLOUR, "PNG", **several), COLOUR)
    row = "Animations (the first picture): APNG, GIF, WebP, AVIF, MPO"
    add(row, saved(COLOUR, "WEBP", lossless=True, **several), COLOUR, **others)
    few_colours = Image.fromarray(COLOUR).quantize(64)
    add(
        row,
        saved(few_colours, "GIF", save_all=True, append_images=[few_colours.rotate(90)]),
        few_colours.convert("RGB"),
        **others,
    )
    add(row, saved(COLOUR, "MPO", quality=95, subsampling=0, **several), COLOUR, tolerance=6)
    add("WebP, AVIF, JPEG 2000", saved(COLOUR, "WEBP", lossless=True), COLOUR, **others)
    if features.check("avif"):
        content = saved(COLOUR, "AVIF", quality=100, subsampling="4:4:4")
        add("WebP, AVIF, JPEG 2000", content, COLOUR, tolerance=8, **others)
    if features.check("jpg_2000"):
        add("WebP, AVIF, JPEG 2000", saved(COLOUR, "JPEG2000"), COLOUR, **others)

    for order in "<>":
        row = "TIFF, 8 bits, any compression"
        add(row, tiff(COLOUR, order=order), COLOUR, **others)
        row = "TIFF, 16 bits"
        add(row, tiff(np.uint16(spread(16)), order=order), GREY_COLOUR, **others)
        add(row, tiff(np.uint16(COLOUR * np.uint16(257)), order=order), COLOUR, **others)
        row = "TIFF, 12 bits in 16, said by its tags"
        twelve, said = np.uint16(spread(12)), "16-bit values are read as 12 bits, as the file says"
        for tag, value in ((281, 4095), (341, 4095), (341, int(twelve.max()))):
            content = tiff(twelve, {tag: [value]}, order)
            add(row, content, GREY_COLOUR, doubt=said, tolerance=1, **others)
        colours = np.uint16(np.round(COLOUR / 255 * 4095))
        add(row, tiff(colours, {281: [4095] * 3}, order), COLOUR, doubt=said, tolerance=1, **others)
        row = "16 bits of which only few are used, and nothing says so"
        said = r"16-bit values reach only \d+ .*so it is dark"
        add(row, tiff(twelve, order=order), GREY_COLOUR / 16, doubt=said, tolerance=1, **others)
        add(row, png(twelve, GREY, 16), GREY_COLOUR / 16, doubt=said, tolerance=1)
        add(row, tiff(colours, order=order), COLOUR / 16, doubt=said, tolerance=1, **others)
        row = "TIFF, signed integers"
        add(
            row,
            tiff(np.int16(spread(16) - 2**15), order=order),
            GREY_COLOUR,
            doubt="signed 16-bit values, .* full range, -32768 to 32767",
            **others,
        )
        add(
            row,
            tiff(np.int16(spread(15)), order=order),
            GREY_COLOUR,
            doubt="signed 16-bit values, .* full range, 0 to 32767",
            **others,
        )
        add(
            row,
            tiff(np.int8(LEVELS.astype(int) - 128), order=order),
            GREY_COLOUR,
            doubt="read as -128 to 127",
            **others,
        )
        row = "TIFF, 32-bit integers"
        for bits in (8, 16, 24):
            add(
                row,
                tiff(np.int32(spread(bits)), order=order),
                GREY_COLOUR,
                doubt=f"32-bit values, up to .* are read as {bits} bits, 0 to",
                **others,
            )
        add(
            row,
            tiff(np.int32(spread(31)), order=order),
            GREY_COLOUR,
            doubt="full range, 0 to 2147483647",
            **others,
        )
        add(
            row,
            tiff(np.int32(spread(32) - 2**31), order=order),
            GREY_COLOUR,
            doubt="full range, -2147483648 to 2147483647",
            **others,
        )
        row = "TIFF, 32-bit floats"
        for factor, shift, words in ((1, 0, "0 to 1"), (2, -1, "-1 to 1"), (255, 0, "0 to 255")):
            content = tiff(np.float32(LEVELS / 255 * factor + shift), order=order)
            add(row, content, GREY_COLOUR, doubt=f"float numbers, .* are read as {words}", **others)
        add(
            row,
            tiff(np.float32(LEVELS * 1e6), order=order),
            None,
            doubt="a range that is not known",
            **others,
        )
        add(row, tiff(np.float32(np.where(HALF, 1, np.nan)), order=order), None, doubt="NaN", **others)
        row = "TIFF of other kinds: 64-bit, half floats, float colour"
        for levels in (LEVELS / 255, np.float16(LEVELS / 255), np.float32(COLOUR / 255)):
            add(
                row, tiff(levels, order=order), None, doubt="a TIFF file of a kind that is not read", **others
            )
    add("TIFF, 8 bits, any compression", saved(COLOUR, "TIFF", compression="tiff_lzw"), COLOUR, **others)
    add("TIFF, 8 bits, any compression", saved(inks, "TIFF"), inks.convert("RGB"), **others)
    full = tiff(np.uint32(spread(32)))
    add("TIFF, 32-bit integers", full, GREY_COLOUR, doubt="full range, 0 to 4294967295", **others)
    white_is_zero = tiff(np.uint16(2**16 - 1 - spread(16)), {262: [0]})
    add("TIFF, 16 bits", white_is_zero, GREY_COLOUR, **others)

    row = "Truncated, damaged, empty, or no picture"
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    large = saved(noise, "JPEG")
    add(row, large[: len(large) // 2], None, doubt="truncated", **others)
    add(row, large[:-20], None, doubt="truncated", **others)
    add(row, saved(noise, "PNG")[:-400], None, doubt="truncated", **others)
    add(row, b"", None, doubt="the file is empty", **others)
    add(row, b"no picture at all", None, doubt="not a picture", **others)
    heic = struct.pack(">I", 24) + b"ftypheic" + bytes(40)
    add("HEIC, JPEG XL", heic, None, doubt="a HEIC file, which is not read; save it as JPEG", **others)
    add("HEIC, JPEG XL", b"\xff\x0a" + bytes(40), None, doubt="a JPEG XL file", **others)
    return kinds


def zlib_of(length):
    """This many zeros, compressed."""
    import zlib

    return zlib.compress(bytes(length))
