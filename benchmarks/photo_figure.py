"""Draws docs/photo.jpg: what `gradsr photo` makes of scikit-image's astronaut at a small size.

    python benchmarks/photo_figure.py --output docs/photo.jpg

The photograph (NASA, public domain) is reduced to 96x96 pixels, where the face's frame is 32 pixels wide.
From left to right: enlarged with Lanczos' kernel; with the most likely face (z = 0); with two samples, the
first two of seed 0, not hand-picked; the photograph itself at that size.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from skimage import data

from tf_gradsr import photo
from tf_gradsr.faces.pasting import enlarged

SIDE, OUTSCALE = 96, 4
# Head and shoulders, in the small photograph's pixels: left, top, right, bottom.
SHOWN = (16, 0, 68, 60)


def main():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", default="docs/photo.jpg", help="default: docs/photo.jpg")
    options = parser.parse_args()
    whole = Image.fromarray(data.astronaut())
    small = whole.resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    with tempfile.TemporaryDirectory() as folder:
        small.save(Path(folder) / "astronaut.png")
        arguments = [str(Path(folder) / "astronaut.png"), "-o", f"{folder}/out", "--outscale", str(OUTSCALE)]
        if photo.main(arguments) != 0:
            raise SystemExit("gradsr photo failed")
        names = ("photo", "photo_sample_00", "photo_sample_01")
        made = [np.asarray(Image.open(f"{folder}/out/astronaut/{name}.png")) for name in names]
    side = SIDE * OUTSCALE
    truth = np.asarray(whole.resize((side, side), Image.Resampling.LANCZOS))
    left, top, right, bottom = (OUTSCALE * place for place in SHOWN)
    panels = [enlarged(np.asarray(small), OUTSCALE), *made, truth]
    strip = np.concatenate([panel[top:bottom, left:right] for panel in panels], axis=1)
    Image.fromarray(strip).save(options.output, quality=92)


if __name__ == "__main__":
    main()
