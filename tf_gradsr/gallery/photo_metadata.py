"""What a photograph's file says about it, for the files that are made from it."""

import codecs
import re
from dataclasses import dataclass
from typing import Optional

from PIL import Image
from PIL.ExifTags import IFD, Base
from PIL.PngImagePlugin import PngInfo

from tf_gradsr.decoding import without_warnings

ORIENTATION, GPS = Base.Orientation, IFD.GPSInfo
XMP = "XML:com.adobe.xmp"
# Tags of EXIF's first directory that say something about the photograph. The others say how its own file
# stores it, or are containers of XMP and IPTC, which may hold a position.
KEPT = {
    *(Base.ImageDescription, Base.Make, Base.Model, ORIENTATION, Base.XResolution, Base.YResolution),
    *(Base.ResolutionUnit, Base.Software, Base.DateTime, Base.Artist, Base.HostComputer, Base.Copyright),
    *(Base.Rating, Base.RatingPercent, Base.XPTitle, Base.XPComment, Base.XPAuthor, Base.XPKeywords),
    *(Base.XPSubject, IFD.Exif, GPS),
}
# Left out of EXIF's second directory: the size, which has changed; the maker's own notes, which no program
# can move without breaking them, and in which some makers write a position.
# Pillow before 11 spells its name otherwise.
MAKER_NOTE = 0x927C
DROPPED = (Base.ExifImageWidth, Base.ExifImageHeight, MAKER_NOTE)
# XMP has many names for a position: exif:GPSLatitude, drone-dji:GpsLatitude, geo:lat, georss:point ...
POSITION = re.compile(r"gps|latitude|longitude|\bgeo:(lat|long)\b|georss", re.IGNORECASE)
# The longer ones first, since the shorter ones begin them.
CODINGS = (
    *((mark, "utf-32") for mark in (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)),
    *((b"<\0\0\0", "utf-32-le"), (b"\0\0\0<", "utf-32-be")),
    *((mark, "utf-16") for mark in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)),
    *((b"<\0", "utf-16-le"), (b"\0<", "utf-16-be"), (codecs.BOM_UTF8, "utf-8-sig")),
)
ORIENTATION_IN_XMP = re.compile(r"""(tiff:Orientation(?:\s*=\s*["']|\s*>)\s*)\d+""")


# Formats that lose something of the picture each time they are saved.
LOSSY = {"JPEG", "MPO", "JPEG2000", "WEBP", "AVIF", "HEIF"}


def is_lossy(path) -> bool:
    """Whether a picture file is of a format that loses something, by its first bytes, not its name."""
    with without_warnings(), Image.open(path) as picture:
        return picture.format in LOSSY


@dataclass(frozen=True)
class PhotoMetadata:
    """EXIF, XMP and colour profile, as a PNG holds them."""

    exif: Optional[bytes] = None
    xmp: Optional[str] = None
    icc_profile: Optional[bytes] = None
    notes: tuple = ()
    """What was left out, in words."""

    def save(self, path, picture, about: dict) -> None:
        """Writes uint8 `[H, W, 3]` as a PNG with this metadata, and `about`, str to str, as tEXt chunks."""
        info = PngInfo()
        for key, value in about.items():
            info.add_text(key, value)
        if self.xmp:
            info.add_itxt(XMP, self.xmp)
        Image.fromarray(picture).save(path, pnginfo=info, exif=self.exif, icc_profile=self.icc_profile)


def read_metadata(path, icc_profile: Optional[bytes] = None, keep_gps: bool = False) -> PhotoMetadata:
    """Reads the metadata of a picture file that has been turned upright.

    Args:
        path: of the file.
        icc_profile: of the upright RGB picture, see `read_picture`.
        keep_gps: whether the place where it was taken stays in it.
    """
    notes = []
    with without_warnings(), Image.open(path) as opened:
        xmp = _as_text(opened.info.get("xmp") or opened.info.get(XMP))
        try:
            exif = opened.getexif()
            if not keep_gps and GPS in exif:
                del exif[GPS]
                notes.append("its GPS position is left out (--keep_gps keeps it)")
            exif = _about_the_photograph(exif)
        # Cameras and editors write much that no reader understands.
        except Exception:
            exif = None
            notes.append("its EXIF data is damaged and left out")
    if not keep_gps and POSITION.search(xmp):
        xmp = ""
        notes.append("its XMP data holds a GPS position and is left out (--keep_gps keeps it)")
    # The pixels themselves have been turned.
    xmp = ORIENTATION_IN_XMP.sub(r"\g<1>1", xmp)
    return PhotoMetadata(exif, xmp or None, icc_profile, tuple(notes))


def _about_the_photograph(exif):
    """EXIF without what is true of its own file only, as bytes; None where nothing is left."""
    for tag in set(exif) - KEPT:
        del exif[tag]
    if IFD.Exif in exif:
        for tag in DROPPED:
            exif.get_ifd(IFD.Exif).pop(tag, None)
    if ORIENTATION in exif:
        exif[ORIENTATION] = 1
    return exif.tobytes() if len(exif) else None


def _as_text(xmp):
    """XMP as text; it is UTF-8, or UTF-16 or UTF-32 in either order of bytes (ISO 16684-1)."""
    if isinstance(xmp, bytes):
        # Byte order marks, or what "<", with which a packet begins, looks like without one.
        coding = next((name for start, name in CODINGS if xmp.startswith(start)), "utf-8")
        xmp = xmp.decode(coding, errors="ignore")
    return xmp.strip("\0") if isinstance(xmp, str) else ""
