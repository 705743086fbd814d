"""Every row of docs/reference/pictures.md: in Python, and in folders that are trained on."""

import io
import re
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from picture_kinds import COLOUR, all_kinds, saved
from PIL import Image

from tf_gradsr.config import Config, DataConfig, ModelConfig
from tf_gradsr.data import load_pictures
from tf_gradsr.gallery.reading import UnreadablePicture, read_picture
from tf_gradsr.picture_input import as_pictures

KINDS = all_kinds()
DOCUMENT = Path(__file__).parent.parent.parent / "docs/reference/pictures.md"


def names(kinds):
    return [f"{number}: {kind.row}" for number, kind in enumerate(kinds)]


@pytest.mark.parametrize("kind", KINDS, ids=names(KINDS))
def test_what_is_read_and_what_is_said(kind, tmp_path):
    # Wrong endings too: what the file holds counts.
    (tmp_path / "picture.png").write_bytes(kind.content)
    if kind.rgb is None:
        with pytest.raises(UnreadablePicture, match=kind.doubt):
            read_picture(tmp_path / "picture.png")
        return
    picture = read_picture(tmp_path / "picture.png")
    assert np.abs(picture.rgb.astype(int) - kind.rgb).max() <= kind.tolerance
    assert (picture.alpha is None) == (kind.alpha is None)
    if kind.alpha is not None:
        np.testing.assert_array_equal(picture.alpha, kind.alpha)
    assert bool(picture.doubts) == bool(kind.doubt) and re.search(kind.doubt, "; ".join(picture.doubts))
    assert set(picture.doubts) <= set(picture.notes)


@pytest.mark.parametrize("kind", KINDS, ids=names(KINDS))
def test_paths_in_python(kind, tmp_path):
    (tmp_path / "picture").write_bytes(kind.content)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if kind.rgb is None:
            with pytest.raises((ValueError, OSError)):
                as_pictures(tmp_path / "picture")
            return
        (picture,) = as_pictures(tmp_path / "picture")
    assert np.abs(picture.astype(int) - kind.over_white()).max() <= kind.tolerance + 1
    said = [str(warning.message) for warning in caught if warning.category is UserWarning]
    assert bool(said) == bool(kind.doubt), said
    assert all(re.search(kind.doubt, words) for words in said)


def test_folders_that_are_trained_on(tmp_path, caplog):
    for number, kind in enumerate(KINDS):
        (tmp_path / f"{number:03}.png").write_bytes(kind.content)
    data = DataConfig(source="folder", path=str(tmp_path), lr_size=4, cache="memory")
    pictures = load_pictures(Config(data=data, model=ModelConfig(scale=2)), "all", progress=False)
    refused = [f"{number:03}.png" for number, kind in enumerate(KINDS) if kind.rgb is None]
    assert [name for name, _ in pictures.skipped] == refused
    read = [kind for kind in KINDS if kind.rgb is not None]
    for kind, found in zip(read, pictures.array, strict=True):
        assert np.abs(found.astype(int) - kind.over_white()).max() <= kind.tolerance + 1, kind.row
    doubtful = sum(bool(kind.doubt) for kind in read)
    assert f"{doubtful} of {len(KINDS)} pictures may not look as intended" in caplog.text


def test_the_table_has_a_row_for_each_kind():
    rows = re.findall(r"^\| ([^|]+?) \|", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    rows = [row for row in rows if row != "file" and not row.startswith("-")]
    assert sorted(set(rows)) == sorted({kind.row for kind in KINDS})
    assert len(rows) == len(set(rows))


def test_pillows_pictures_are_turned_once():
    turned = Image.Exif()
    turned[0x112] = 6
    stored = np.ascontiguousarray(np.rot90(COLOUR))
    opened = Image.open(io.BytesIO(saved(stored, "PNG", exif=turned)))
    np.testing.assert_array_equal(as_pictures(opened)[0], COLOUR)
    np.testing.assert_array_equal(as_pictures(Image.fromarray(stored))[0], stored)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_very_large_pictures_are_read_at_reduced_size_when_asked(tmp_path, monkeypatch, kind):
    """With limits a thousandth of what they are, since files of 200 million pixels take seconds."""
    large = np.kron(COLOUR, np.ones((60, 60, 1), np.uint8))
    Image.fromarray(large).save(tmp_path / "large", kind)
    monkeypatch.setattr("tf_gradsr.decoding.opening.LARGEST", 178_956)
    monkeypatch.setattr("tf_gradsr.decoding.opening.LARGEST_REDUCED", 2**18)
    monkeypatch.setattr("tf_gradsr.decoding.decoded.REDUCED_PIXELS", 2**14)
    with pytest.raises(
        UnreadablePicture, match=r"480x480 are 0 million pixels; .*hallucinate --downscale reads it"
    ):
        read_picture(tmp_path / "large")
    picture = read_picture(tmp_path / "large", reduced=True)
    times = 480 // picture.rgb.shape[0]
    assert times in (2, 3) and f"480x480 is read at 1/{times} of its size" in picture.doubts
    cells = picture.rgb.reshape(8, 60 // times, 8, 60 // times, 3)
    assert np.abs(cells.mean((1, 3)) - COLOUR).max() <= 3
    Image.fromarray(np.zeros((600, 600), np.uint8)).save(tmp_path / "larger", kind)
    with pytest.raises(UnreadablePicture, match=r"at most 0 million are read$"):
        read_picture(tmp_path / "larger", reduced=True)


def test_a_file_that_claims_billions_of_pixels_is_refused_at_once(tmp_path):
    content = bytearray(saved(COLOUR, "PNG"))
    content[16:24] = (60_000).to_bytes(4, "big") * 2
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    (tmp_path / "bomb.png").write_bytes(content)
    for reduced in (False, True):
        with pytest.raises(UnreadablePicture, match="60000x60000 are 3600 million pixels"):
            read_picture(tmp_path / "bomb.png", reduced)
