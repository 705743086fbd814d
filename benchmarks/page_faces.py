"""Which faces the page finds, and how they are cut: python benchmarks/page_faces.py --page export/web/dist

Embedded test faces are pasted into photographs of scikit-image at known places, turned by up to 25 degrees,
as in face_alignment.py. The built page's worker looks for them in headless Chromium, `gradsr align`'s
`find_faces` in Python. "corners": RMS distance of the frame's corners from where they should be, in LR
pixels (16 a side), RMS over the faces found. "apart": the largest distance of a corner between the page's
frame and Python's, in LR pixels.

Needs a page of gradsr web build (make web), Chromium, and the extra [test].
"""

import argparse
import base64
import io
import math
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from face_alignment import LR_SIDE, errors_of, nearest, scene
from PIL import Image

from tf_gradsr.data.faces import encoded_faces
from tf_gradsr.faces import Face, find_faces
from tf_gradsr.faces.similarity import CORNERS, apply_matrix, compose, invert_matrix
from tf_gradsr.web.browser import launched
from tf_gradsr.web.serve import PageHandler, PlainHandler, serving

SIDES = (20, 28, 40, 64, 128)
# Starts the page's worker, which answers one call after the other.
START = """async () => {
  const facts = await (await fetch('gradsr.json')).json();
  const worker = new Worker('worker.js');
  let id = 0;
  const folder = new URL('.', location.href).href;
  globalThis.ask = (call, settings) => new Promise((resolve, reject) => {
    const mine = id++;
    worker.addEventListener('message', ({ data }) => {
      if (data.id === mine) data.error ? reject(new Error(data.error.reason)) : resolve(data.answer);
    });
    worker.postMessage({ id: mine, call, ...settings });
  });
  await ask('load', { model: folder + facts.file, wasm: folder + 'wasm/' });
  const finder = await (await fetch('finder.json')).json();
  await ask('loadFinder', { model: folder + finder.file, facts: finder });
}"""
FIND = """async (png) => {
  const bytes = Uint8Array.from(atob(png), (letter) => letter.charCodeAt(0));
  const photo = await createImageBitmap(new Blob([bytes]));
  const context = new OffscreenCanvas(photo.width, photo.height).getContext('2d');
  context.drawImage(photo, 0, 0);
  const data = context.getImageData(0, 0, photo.width, photo.height);
  const start = performance.now();
  const faces = await ask('find', { photo: data });
  return { faces, seconds: (performance.now() - start) / 1000 };
}"""


class PageFinder:
    """The faces that a page finds, as `tf_gradsr.faces.find_faces` gives them."""

    def __init__(self, page, url):
        self.page, self.seconds = page, []
        page.goto(url)
        page.evaluate(START)

    def __call__(self, photograph) -> list:
        """`Face`s of a photograph, uint8 `[h, w, 3]`."""
        file = io.BytesIO()
        Image.fromarray(photograph).save(file, "PNG")
        answer = self.page.evaluate(FIND, base64.b64encode(file.getvalue()).decode())
        self.seconds.append(answer["seconds"])
        keys = ("box", "points", "matrix", "size", "confidence", "profile")
        return [Face(**{key: face[key] for key in keys}) for face in answer["faces"]]


def apart(one, other) -> float:
    """The largest distance between the corners of two frames' matrices, in LR pixels."""
    error = compose(invert_matrix(one), other)
    return float(np.abs(apply_matrix(error, CORNERS) - CORNERS).max() * LR_SIDE)


def measure(page_finder, faces, side) -> str:
    """A row of the table."""
    rng = np.random.default_rng(0)
    missed, others, errors, between = [0, 0], [0, 0], ([], []), []
    page_finder.seconds.clear()
    for number, picture in enumerate(faces):
        photograph, truth = scene(rng, number, picture, side)
        found = page_finder(photograph), find_faces(photograph)
        pair = [nearest(each, truth) for each in found]
        for n, face in enumerate(pair):
            missed[n] += face is None
            others[n] += len(found[n]) - (face is not None)
            if face is not None:
                errors[n].append(errors_of(np.asarray(face.matrix), truth)[-1])
        if None not in pair:
            between.append(apart(*(np.asarray(face.matrix) for face in pair)))
    corners = [math.sqrt(np.mean(np.square(each))) if each else math.nan for each in errors]
    return (
        f"| {side} | {missed[0]} | {missed[1]} | {others[0]} | {others[1]} "
        f"| {corners[0]:.2f} | {corners[1]:.2f} "
        f"| {np.median(between):.3f} | {max(between):.3f} | {np.mean(page_finder.seconds):.2f} |"
    )


def main():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--page", default="export/web/dist", help="folder of gradsr web build")
    parser.add_argument("--count", type=int, default=40, help="of faces of each size (default: 40)")
    parser.add_argument("--sides", type=int, nargs="+", default=SIDES, help="of the frames, in pixels")
    parser.add_argument("--threads", action="store_true", help="serve the page with COOP and COEP")
    options = parser.parse_args()
    faces = [
        np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
        for data in encoded_faces("test", range(options.count)).values()
    ]
    handler = PageHandler if options.threads else PlainHandler
    with launched() as browser, serving(options.page, handler) as url:
        print(f"Chromium {browser.version}, {len(faces)} faces of each size")
        print(
            "| frame, px | missed: page | missed: Python | others: page | others: Python | corners: page "
            "| corners: Python | apart, median | apart, most | seconds |"
        )
        print(f"|{'---|' * 10}", flush=True)
        finder = PageFinder(browser.new_page(), url)
        for side in options.sides:
            print(measure(finder, faces, side), flush=True)


if __name__ == "__main__":
    main()
