"""From a photograph to its faces, and from a face to a picture of the training faces' frame."""

import math

import numpy as np
from PIL import Image

from tf_gradsr.faces.detection import the_detector
from tf_gradsr.faces.found_face import Face, face_from_points
from tf_gradsr.faces.resampling import cut
from tf_gradsr.faces.similarity import apply_matrix
from tf_gradsr.picture_input import as_pictures

# The confidence is MTCNN's own limit.
MIN_SIZE, MIN_CONFIDENCE = 16, 0.8
# Photographs are searched at a size at which the smallest frame wanted has this side, so that hardly a face
# is missed; but they are not enlarged to more pixels than the first number, nor searched at more than the
# second, which would take long.
EASY, ENLARGED_PIXELS, MOST_PIXELS = 40, 1_000_000, 4_000_000
# Side of the aligned picture in which a face's points are looked for again: the side at which the frame was
# measured.
SECOND_LOOK = 128
# Two faces whose frames' centres are nearer than this, in units of the larger frame, are one.
SAME = 0.3


def find_faces(
    picture, min_size: float = MIN_SIZE, min_confidence: float = MIN_CONFIDENCE, detector=None
) -> list:
    """Finds the faces of a photograph.

    Each is looked at twice: in the photograph, then cut out and turned upright, at the size at which the
    training faces were measured. That makes up for MTCNN's errors on small and on turned faces.

    Args:
        picture: a photograph, upright, as `tf_gradsr.picture_input.as_pictures` takes it: a path, a PIL
            picture or an array. Of any size: very large ones are searched at 4 megapixels, small ones
            enlarged.
        min_size: least side of a face's frame in pixels; the face itself fills about half of that.
        min_confidence: the detector's least confidence, 0 to 1.
        detector: called as `tf_gradsr.faces.detection.Detector`, which it is if None, and with its `frame`.

    Returns:
        List of `Face`, the largest first; empty if there is none.

    Raises:
        ConfigError: the extra [photos] is not installed.
        ValueError, OSError: see `as_pictures`.
    """
    picture, detector = _one(picture), detector or the_detector()
    zoom = _search_zoom(picture, min_size)
    first = _each_once(_search(picture, zoom, detector))
    faces = [_look_again(picture, face, detector) for face in first]
    faces = [face for face in faces if face.size >= min_size and face.confidence >= min_confidence]
    return sorted(_each_once(faces), key=lambda face: -face.size)


def align(picture, face: Face, size: int = 128) -> np.ndarray:
    """Cuts a face out of its photograph as the training faces are cut.

    Args:
        picture: the photograph, as for `find_faces`. face: `Face` in it. size: side of the result in pixels.

    Returns:
        uint8 `[size, size, 3]`, resampled once, see `tf_gradsr.faces.resampling.cut`.
    """
    return cut(_one(picture), np.asarray(face.matrix), size)


def _one(picture):
    pictures = as_pictures(picture)
    if len(pictures) != 1:
        raise ValueError(f"picture: one. Received: {len(pictures)} of shape {pictures.shape}")
    return pictures[0]


def _search_zoom(picture, min_size):
    """By how much the picture is enlarged for the search."""
    pixels = picture.shape[0] * picture.shape[1]
    most = max(ENLARGED_PIXELS, min(pixels, MOST_PIXELS))
    return min(EASY / max(min_size, 1), math.sqrt(most / pixels))


def _search(picture, zoom, detector):
    """The faces that a detector finds in the enlarged picture, in the picture's own pixels."""
    size = picture.shape[1::-1]
    searched = tuple(max(1, round(side * zoom)) for side in size)
    if searched == size:
        enlarged = picture
    else:
        enlarged = np.asarray(Image.fromarray(picture).resize(searched, Image.Resampling.BICUBIC))
    zoom = np.divide(searched, size)
    return [
        face_from_points(d.points / zoom, d.box / np.tile(zoom, 2), d.confidence, detector.frame)
        for d in detector(enlarged)
    ]


def _look_again(picture, face, detector):
    """The face as found in its aligned picture; as it was, if it is not found there."""
    matrix = np.asarray(face.matrix)
    found = detector(cut(picture, matrix, SECOND_LOOK))
    # Parts of faces beside this one are in the picture, too.
    found = [d for d in found if np.linalg.norm(d.box.reshape(2, 2).mean(axis=0) / SECOND_LOOK - 0.5) < SAME]
    if not found:
        return face
    best = max(found, key=lambda d: d.confidence)
    points = apply_matrix(matrix, best.points / SECOND_LOOK)
    confidence = max(face.confidence, best.confidence)
    return face_from_points(points, face.box, confidence, detector.frame)


def _each_once(faces):
    """The faces without those that were found twice; the more confident one stays."""
    kept = []
    for face in sorted(faces, key=lambda face: -face.confidence):
        if all(math.dist(face.centre, k.centre) >= SAME * max(face.size, k.size) for k in kept):
            kept.append(face)
    return kept
