"""What a photograph's file says about it, for the files that are made of it."""

from dataclasses import dataclass
from typing import Optional

from PIL import Image
from PIL.PngImagePlugin import PngInfo

ORIENTATION, GPS = 0x0112, 0x8825
XMP = "XML:com.adobe.xmp"


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
    with Image.open(path) as opened:
        xmp = opened.info.get("xmp") or opened.info.get(XMP)
        try:
            exif = opened.getexif()
            if not keep_gps and GPS in exif:
                del exif[GPS]
                notes.append("its GPS position is left out (--keep_gps keeps it)")
            if ORIENTATION in exif:
                # The pixels themselves have been turned.
                exif[ORIENTATION] = 1
            exif = exif.tobytes() if len(exif) else None
        # Cameras and editors write much that no reader understands.
        except Exception:
            exif = None
            notes.append("its EXIF data is damaged and left out")
    if isinstance(xmp, bytes):
        xmp = xmp.decode("utf-8", errors="ignore").rstrip("\0")
    if xmp and not keep_gps and "GPS" in xmp:
        xmp = None
        notes.append("its XMP data holds a GPS position and is left out (--keep_gps keeps it)")
    return PhotoMetadata(exif, xmp or None, icc_profile, tuple(notes))
