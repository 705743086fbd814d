"""Every row of docs/reference/pictures.md: as the page decodes it, in Chromium."""

import base64
import io

import numpy as np
import pytest
from picture_files import bmp
from picture_kinds import REFUSED, all_kinds, saved
from PIL import Image

from tf_gradsr.decoding import as_rgb
from tf_gradsr.web import bundling

READ = """async (content) => {
  const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
  try {
    const { height, width, data } = await photo.readPhoto(new Blob([bytes]), 'it', { width: 1, height: 1 });
    return [height, width, ...data];
  } catch (error) {
    return error.message;
  }
}"""


@pytest.fixture(scope="module")
def read(browser):
    """Reads a file's bytes with the page's own module; uint8 `[h, w, 3]`, or its error's message."""
    page = browser.new_page()
    code = (bundling.SOURCES / "src/photo.js").read_text(encoding="utf-8")
    page.evaluate(
        """async (code) => {
          const url = URL.createObjectURL(new Blob([code], { type: 'text/javascript' }));
          window.photo = await import(url);
        }""",
        code,
    )

    def read_one(content):
        found = page.evaluate(READ, base64.b64encode(content).decode())
        if isinstance(found, str):
            return found
        pixels = np.uint8(found[2:]).reshape(*found[:2], 4)
        assert (pixels[..., 3] == 255).all()
        return pixels[..., :3]

    yield read_one
    page.close()


def test_the_page_reads_what_python_reads_or_refuses(read):
    for kind in all_kinds():
        found = read(kind.content)
        if kind.rgb is None or isinstance(kind.page, str):
            assert kind.rgb is None or kind.page == REFUSED
            assert isinstance(found, str) and found.startswith("it "), kind.row
            assert "not a picture that this browser can read" in found or "could not be decoded" in found
            continue
        assert not isinstance(found, str), (kind.row, found)
        right = kind.over_white() if kind.page is None else kind.page
        assert np.abs(found.astype(int) - right).max() <= kind.tolerance + 1, kind.row


def test_a_large_bmp_without_alpha_is_opaque_and_one_with_a_single_pixel_is_not(read, rng):
    picture = rng.integers(0, 256, (200, 70, 4), np.uint8)
    picture[..., 3] = 0
    np.testing.assert_array_equal(read(bmp(picture)), picture[..., :3])
    picture[-1, -1, 3] = 255
    expected = np.full((200, 70, 3), 255, np.uint8)
    expected[-1, -1] = picture[-1, -1, :3]
    np.testing.assert_array_equal(read(bmp(picture)), expected)


def test_orientations_are_pillows(read, rng):
    for number in range(1, 9):
        about = Image.Exif()
        about[0x112] = number
        file = saved(rng.integers(0, 256, (6, 9, 3), np.uint8), "PNG", exif=about)
        np.testing.assert_array_equal(read(file), np.asarray(as_rgb(Image.open(io.BytesIO(file)))))
