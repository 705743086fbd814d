"""Faces found in photographs: in scikit-image's astronaut, and where the test put them."""

import json
import math
import sys
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from skimage import data
from skimage.transform import SimilarityTransform, rescale, warp

from tf_gradsr.errors import ConfigError
from tf_gradsr.faces import align, detection, find_faces, finding, measure_frame
from tf_gradsr.faces.detection import Detection, the_detector
from tf_gradsr.faces.frame import FRAME_FILE, the_frame
from tf_gradsr.faces.similarity import apply_matrix, compose, degrees_of, invert_matrix, scale_of


@pytest.fixture(scope="module")
def people():
    """Three embedded test faces, uint8 `[3, 128, 128, 3]`."""
    from tf_gradsr.config import Config, DataConfig
    from tf_gradsr.data import load_pictures

    return load_pictures(Config(data=DataConfig(source="faces", limit=3)), "test", progress=False).array


# Of each face in the group: side of its frame, centre, degrees.
GROUP = [(160, (150, 180), 12), (90, (330, 120), -20), (48, (480, 300), 5)]


@pytest.fixture(scope="module")
def group(people):
    """(scikit-image's `coffee` with three faces in it, matrices from their frames)."""
    photograph, matrices = data.coffee().astype(np.float64), []
    for picture, (side, centre, degrees) in zip(people, GROUP):
        # Smaller ones are made small first, so that they do not alias.
        small = rescale(picture, min(1, side / 128), channel_axis=2, preserve_range=True, anti_aliasing=True)
        turn = math.radians(degrees)
        cosine, sine = side * math.cos(turn), side * math.sin(turn)
        linear = np.array([[cosine, -sine], [sine, cosine]])
        matrix = np.column_stack([linear, centre - linear @ (0.5, 0.5)])
        # scikit-image's (x, y) are of pixel centres.
        shift, scale = SimilarityTransform(translation=(0.5, 0.5)), SimilarityTransform(scale=1 / len(small))
        move = np.vstack([matrix, [0, 0, 1]]) @ scale.params @ shift.params
        back = np.linalg.inv(np.linalg.inv(shift.params) @ move)
        shape = photograph.shape[:2]
        there = warp(np.ones(small.shape[:2]), back, output_shape=shape, order=1)[..., np.newaxis]
        face = warp(small, back, output_shape=shape, order=3, mode="edge", preserve_range=True)
        photograph = photograph * (1 - there) + face * there
        matrices.append(matrix)
    return np.uint8(photograph.clip(0, 255) + 0.5), matrices


@pytest.fixture(scope="module")
def astronaut():
    """(photograph, its face)."""
    (face,) = find_faces(data.astronaut())
    return data.astronaut(), face


def test_a_group_is_found_where_it_was_put_the_largest_first(group):
    photograph, matrices = group
    faces = find_faces(photograph)
    assert len(faces) == 3
    for face, matrix in zip(faces, matrices):
        error = compose(invert_matrix(matrix), np.array(face.matrix))
        # In LR pixels, 16 a side.
        assert np.abs(apply_matrix(error, (0.5, 0.5)) - 0.5).max() * 16 < 0.3
        assert abs(degrees_of(error)) < 4 and abs(scale_of(error) - 1) < 0.08
        assert face.confidence > 0.8 and 0 < face.residual < 0.06 and not face.profile


def test_an_aligned_face_is_the_face_that_was_put_there(group, people):
    photograph, matrices = group
    lr = people[0].reshape(16, 8, 16, 8, 3).mean(axis=(1, 3))
    face = find_faces(photograph)[0]
    # Not the outermost pixels, into which the coffee comes.
    inner = (slice(1, 15), slice(1, 15))
    exact = align(photograph, replace(face, matrix=matrices[0]), 16)
    assert np.sqrt(((exact - lr)[inner] ** 2).mean()) < 2
    assert np.sqrt(((align(photograph, face, 16) - lr)[inner] ** 2).mean()) < 0.3 * lr.std()


def test_the_astronaut_can_be_framed_at_any_size(astronaut):
    photograph, face = astronaut
    assert 150 < face.size < 185 and not face.profile
    for size in (16, 128, 300):
        assert align(photograph, face, size).shape == (size, size, 3)
    # A path, a PIL picture: the same.
    assert find_faces(Image.fromarray(photograph)) == [face]


def test_a_photographer_seen_from_the_side_is_called_a_profile():
    (face,) = find_faces(data.camera())
    assert face.profile and 90 < face.size < 160


def test_large_photographs_are_searched_smaller_and_cut_at_full_size(astronaut, monkeypatch):
    photograph, face = astronaut
    large = np.asarray(Image.fromarray(photograph).resize((2048, 2048), Image.Resampling.BICUBIC))
    monkeypatch.setattr(finding, "ENLARGED_PIXELS", 512 * 512)
    monkeypatch.setattr(finding, "MOST_PIXELS", 512 * 512)
    seen, detector = [], the_detector()

    class Watched:
        frame = detector.frame

        def __call__(self, picture):
            seen.append(picture.shape)
            return detector(picture)

    (found,) = find_faces(large, detector=Watched())
    assert seen == [(512, 512, 3), (128, 128, 3)]
    np.testing.assert_allclose(found.matrix, 4 * np.array(face.matrix), atol=0.02 * found.size)


def test_small_photographs_are_enlarged_to_be_searched(people):
    small = people[0].reshape(32, 4, 32, 4, 3).mean(axis=(1, 3)).round().astype(np.uint8)
    (face,) = find_faces(small)
    np.testing.assert_allclose(face.matrix, [[32, 0, 0], [0, 32, 0]], atol=3)


@pytest.mark.parametrize("shape", [(1, 1), (3, 900), (19, 19), (64, 64)])
def test_nothing_is_found_where_nothing_is(shape):
    assert find_faces(np.full((*shape, 3), 90, np.uint8)) == []
    assert find_faces(np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)) == []


def test_a_face_at_the_border_is_padded_by_its_border(astronaut):
    photograph, face = astronaut
    top = 40
    # Part of the frame lies above what is left.
    (found,) = find_faces(photograph[top:])
    assert found.matrix[1][2] < 0
    np.testing.assert_allclose(found.matrix, np.array(face.matrix) - [[0, 0, 0], [0, 0, top]], atol=8)
    padded = np.pad(photograph[top:], ((90, 90), (90, 90), (0, 0)), mode="edge")
    there = replace(found, matrix=np.array(found.matrix) + [[0, 0, 90], [0, 0, 90]])
    np.testing.assert_array_equal(align(photograph[top:], found), align(padded, there))


class Fixed:
    """A detector that knows the faces of one photograph, at any size, and says nothing of aligned cuts."""

    frame = the_frame()

    def __init__(self, side, *faces):
        self.side, self.faces = side, faces

    def __call__(self, picture):
        if len(picture) == finding.SECOND_LOOK:
            return []
        zoom, points = len(picture) / self.side, np.array(self.frame.points)
        return [
            Detection(zoom * np.array([x, y, x + s, y + s]), zoom * (points * s + (x, y)), confidence)
            for x, y, s, confidence in self.faces
        ]


@pytest.mark.parametrize("side", [500, 2200])
def test_a_face_found_twice_is_one_and_neighbours_are_two(side):
    photograph = np.zeros((side, side, 3), np.uint8)
    faces = [(100, 100, 100, 0.95), (110, 105, 90, 0.99), (155, 100, 100, 0.97), (400, 400, 60, 0.5)]
    detector = Fixed(side, *faces)
    assert [face.confidence for face in find_faces(photograph, detector=detector)] == [0.97, 0.99]
    found = find_faces(photograph, min_size=95, detector=detector)
    assert [face.confidence for face in found] == [0.97]
    found = find_faces(photograph, min_confidence=0.4, detector=detector)
    assert [round(face.size, -1) for face in found] == [100, 90, 60]
    np.testing.assert_allclose(found[0].box, (155, 100, 255, 200), atol=0.1)


def test_the_packages_frame_is_what_its_command_measures(tmp_path, monkeypatch):
    path = tmp_path / "frame.json"
    monkeypatch.setattr(sys, "argv", ["measure_frame", "--limit", "24", "--output", str(path)])
    measure_frame.main()
    measured, shipped = json.loads(path.read_text()), json.loads(FRAME_FILE.read_text())
    assert measured.keys() == shipped.keys() and measured["pictures"] == 24
    # With so few faces the medians lie apart: a fifth of an LR pixel.
    np.testing.assert_allclose(measured["points"], shipped["points"], atol=0.2 / 16)
    np.testing.assert_allclose(measured["shift"], shipped["shift"], atol=0.2 / 16)
    assert measured["scale"] == pytest.approx(shipped["scale"], rel=0.02)


def test_without_the_extra_the_remedy_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "mtcnn", None)
    detection.the_detector.cache_clear()
    with pytest.raises(ConfigError, match=r"pip install 'tf-gradsr\[photos\]'"):
        find_faces(np.zeros((64, 64, 3), np.uint8))


def test_one_picture_at_a_time():
    with pytest.raises(ValueError, match="picture: one"):
        find_faces(np.zeros((2, 64, 64, 3), np.uint8))
