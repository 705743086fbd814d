"""Measures the frame of training faces and writes it into the package.

    python -m tf_gradsr.faces.measure_frame [--input DIR]

By default the faces are the embedded ones' training split. Needs pip install 'tf-gradsr[photos]'.
"""

import argparse
import io
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from tf_gradsr.decoding import decode_picture
from tf_gradsr.errors import ConfigError
from tf_gradsr.faces.detection import the_detector
from tf_gradsr.faces.finding import SAME, SECOND_LOOK
from tf_gradsr.faces.frame import FRAME_FILE, Frame, measure_frame
from tf_gradsr.faces.resampling import cut
from tf_gradsr.gallery.inputs import find_inputs

EMBEDDED = 1024


def training_faces(folder=None, limit: int = EMBEDDED):
    """The first faces of a folder, or of the package's training split: uint8 `[s, s, 3]`, one after the
    other."""
    if folder:
        encoded = (found.path.read_bytes() for found in find_inputs([folder])[:limit])
    else:
        from tf_gradsr.data.faces import encoded_faces

        encoded = encoded_faces("train", range(min(limit, EMBEDDED))).values()
    for data in encoded:
        yield np.asarray(decode_picture(io.BytesIO(data)))


def frame_of(faces, detector) -> Frame:
    """The frame of aligned faces as a detector sees it; those in which it finds no face are left out.

    Args:
        faces: iterable of uint8 `[s, s, 3]`. detector: see `tf_gradsr.faces.find_faces`.
    """
    points = []
    for face in faces:
        side = len(face)
        # The size at which a photograph's faces are looked at the second time.
        found = detector(cut(face, np.array([[side, 0.0, 0.0], [0.0, side, 0.0]]), SECOND_LOOK))
        middle = [
            d for d in found if np.linalg.norm(d.box.reshape(2, 2).mean(axis=0) / SECOND_LOOK - 0.5) < SAME
        ]
        if middle:
            points.append(max(middle, key=lambda d: d.confidence).points / SECOND_LOOK)
    return measure_frame(points, detector.name)


def main():
    """Command line: measures, writes, prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--input", help="folder of square aligned faces (default: the embedded ones)")
    parser.add_argument("--limit", type=int, default=EMBEDDED, help="number of faces (default: 1024)")
    parser.add_argument("--output", default=FRAME_FILE, type=Path, help="default: the package's file")
    options = parser.parse_args()
    try:
        frame = frame_of(training_faces(options.input, options.limit), the_detector())
    except ConfigError as error:
        parser.error(str(error))
    frame.save(options.output)
    print(f"{options.output}: {frame}")


if __name__ == "__main__":
    main()
