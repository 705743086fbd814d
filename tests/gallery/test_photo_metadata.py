"""Which of a photograph's metadata is kept: no position unasked, nothing that is true of its file only."""

import io
import warnings

import numpy as np
import pytest
from PIL import Image
from PIL.ExifTags import IFD, Base
from PIL.PngImagePlugin import PngInfo

from tf_gradsr.gallery.photo_metadata import XMP, read_metadata
from tf_gradsr.gallery.reading import read_picture

PLACES = [
    '<rdf:Description exif:GPSLatitude="52,31N"/>',
    '<rdf:Description drone-dji:GpsLongitude="13.4"/>',
    "<e:gpslatitude>52</e:gpslatitude>",
    '<rdf:Description geo:lat="52.5" geo:long="13.4"/>',
    "<georss:point>52.5 13.4</georss:point>",
    '<rdf:Description drone-dji:Latitude="52.5"/>',
]


def picture():
    return Image.new("RGB", (12, 8), (10, 90, 200))


def saved(metadata, folder):
    metadata.save(folder / "out.png", np.zeros((4, 4, 3), np.uint8), {"Software": "me"})
    return Image.open(folder / "out.png")


@pytest.mark.parametrize("coding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("place", PLACES)
def test_a_position_in_xmp_is_left_out_however_it_is_spelt(tmp_path, coding, place):
    packet = f"<x:xmpmeta>{place}</x:xmpmeta>"
    picture().save(tmp_path / "a.jpg", xmp=packet.encode(coding))
    without, kept = read_metadata(tmp_path / "a.jpg"), read_metadata(tmp_path / "a.jpg", keep_gps=True)
    assert without.xmp is None and "GPS position" in without.notes[0]
    assert packet in kept.xmp and not kept.notes
    assert XMP not in saved(without, tmp_path).info
    assert packet in saved(kept, tmp_path).info[XMP]


def test_harmless_xmp_is_kept_but_not_its_orientation(tmp_path):
    info = PngInfo()
    info.add_itxt(
        XMP, "<a tiff:Orientation=\"6\"/><b tiff:Orientation='8'/><tiff:Orientation>3</c>latin: flat"
    )
    picture().save(tmp_path / "a.png", pnginfo=info)
    found = read_metadata(tmp_path / "a.png")
    expected = "<a tiff:Orientation=\"1\"/><b tiff:Orientation='1'/><tiff:Orientation>1</c>latin: flat"
    assert (found.xmp, found.notes) == (expected, ())


def test_of_a_tiff_nothing_of_its_file_is_kept(tmp_path):
    exif = Image.Exif()
    exif[Base.Make] = "Scanner"
    # TIFF's own places of XMP and IPTC.
    exif[700], exif[33723] = b'<x exif:GPSLatitude="52"/>', b"IPTC of Berlin"
    picture().save(tmp_path / "a.tif", exif=exif)
    found = read_metadata(tmp_path / "a.tif")
    assert b"GPS" not in found.exif and b"Berlin" not in found.exif
    written = saved(found, tmp_path).getexif()
    assert written[Base.Make] == "Scanner"
    assert not {Base.ImageWidth, Base.StripOffsets, 700, 33723} & set(written)


def test_size_and_makers_notes_are_left_out_of_exif(tmp_path):
    exif = Image.Exif()
    ifd = exif.get_ifd(IFD.Exif)
    ifd[Base.ExifImageWidth], ifd[Base.ExifImageHeight] = 12, 8
    ifd[0x927C], ifd[Base.FNumber] = b"52N13E", 2.8
    picture().save(tmp_path / "a.jpg", exif=exif)
    found = read_metadata(tmp_path / "a.jpg")
    written = saved(found, tmp_path).getexif().get_ifd(IFD.Exif)
    assert dict(written) == {Base.FNumber: pytest.approx(2.8)} and b"52N13E" not in found.exif


def test_garbage_is_left_out_without_a_warning(tmp_path, rng):
    for _ in range(20):
        garbage = b"Exif\0\0II*\0\x08\0\0\0" + rng.integers(0, 256, 200, np.uint8).tobytes()
        file = io.BytesIO()
        picture().save(file, "JPEG", exif=garbage)
        (tmp_path / "a.jpg").write_bytes(file.getvalue())
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            read_picture(tmp_path / "a.jpg")
            metadata = read_metadata(tmp_path / "a.jpg")
        written = saved(metadata, tmp_path)
        assert written.info["Software"] == "me" and not np.asarray(written).any()
        # Whatever stays of it can be read again, and is no garbage.
        assert read_metadata(tmp_path / "out.png").exif == metadata.exif
