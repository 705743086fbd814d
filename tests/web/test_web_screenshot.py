"""The page with the small model that comes with the package; for the documentation's picture, the large one.

WEB_SCREENSHOT=docs/web.png python -m pytest -s tests/web/test_web_screenshot.py    # or make web-screenshot
"""

import os
import shutil

import numpy as np
import pytest
from PIL import Image
from skimage import data
from web_page import group_photo

from benchmarks.bench.inference import seconds_said
from tf_gradsr.export.lite import tflite
from tf_gradsr.web import build, screenshot
from tf_gradsr.web.browser import find_chromium

# Of each face in the photograph: side of its frame, centre, degrees.
PLACES = [(64, (470, 95), 10), (110, (110, 120), -8), (90, (300, 75), 6)]


@pytest.mark.slow
def test_the_page_with_a_shipped_model(npm, tmp_path, capsys):
    pytest.importorskip("playwright", reason="Playwright's package is not installed")
    if not find_chromium():
        pytest.skip("no Chromium: none on the PATH, none in CHROMIUM")
    model, page, picture = tmp_path / "model.tflite", tmp_path / "page", tmp_path / "web.png"
    run = "faces_8x" if os.environ.get("WEB_SCREENSHOT") else "faces_8x_mobile"
    assert tflite.main(["--run", run, "--output", str(model), "--quantize", "float16"]) == 0
    assert build.main(["--model", str(model), "--output", str(page)]) == 0
    capsys.readouterr()
    Image.fromarray(group_photo(data.coffee(), PLACES)).save(tmp_path / "group.png")
    photo = ["--photo", str(tmp_path / "group.png")]
    assert screenshot.main(["--folder", str(page), "--output", str(picture), *photo]) == 0
    said = capsys.readouterr().out
    # As a plain server sends it, and with threads; what is shown of it downscales to the input.
    assert said.count("12 samples, ") == 2 and said.count("Each downscales to the input exactly.") == 2
    # What `make bench` reads.
    assert len(seconds_said(said)) == 2
    pixels = np.asarray(Image.open(picture).convert("RGB"))
    assert pixels.shape[1] == 1200 and picture.stat().st_size <= 400_000
    # Faces, not a blank page: many colours.
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 100
    if kept := os.environ.get("WEB_SCREENSHOT"):
        shutil.copy(picture, kept)
        with capsys.disabled():
            print(f"\n{said}Picture: {kept}")
