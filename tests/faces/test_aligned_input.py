"""What `gradsr hallucinate --downscale` makes LR from: a photograph's face, or its centre."""

import sys

import numpy as np
import pytest
from skimage import data

from tf_gradsr.errors import ConfigError
from tf_gradsr.faces import align, detection, face_from_points, find_faces
from tf_gradsr.faces.aligned_input import AlignedInput
from tf_gradsr.gallery.reading import Picture


@pytest.fixture(scope="module")
def photograph():
    return Picture(data.astronaut())


def test_the_face_is_cut_as_align_cuts_it(photograph):
    found = AlignedInput(64)(photograph)
    (face,) = find_faces(photograph.rgb)
    np.testing.assert_array_equal(found.rgb, align(photograph.rgb, face, 64))
    assert found.notes == ("its face is cut out (168 pixels)",)
    assert "enlarged" in AlignedInput(256)(photograph).notes[0]


def test_the_largest_of_several(photograph):
    small = photograph.rgb[::2, ::2]
    both = np.zeros((512, 768, 3), np.uint8)
    both[:, 256:], both[:256, :256] = photograph.rgb, small
    found = AlignedInput(64)(Picture(both))
    assert found.notes[0].startswith("the largest of its 2 faces is cut out (1")
    assert np.abs(found.rgb.astype(int) - AlignedInput(64)(photograph).rgb).mean() < 6


def test_points_by_hand_need_no_detector(photograph, monkeypatch):
    monkeypatch.setitem(sys.modules, "mtcnn", None)
    points = [[196, 107], [243, 107], [220, 160]]
    found = AlignedInput(64, "points", points)(photograph)
    np.testing.assert_array_equal(found.rgb, align(photograph.rgb, face_from_points(points), 64))


@pytest.mark.parametrize("shape", [(128, 128), (100, 60)])
def test_aligned_pictures_and_small_ones_stay(shape):
    picture = Picture(data.astronaut()[: shape[0], : shape[1]])
    assert AlignedInput(128)(picture) is picture


def test_otherwise_the_centre_is_used_and_that_is_said(photograph, monkeypatch):
    assert AlignedInput(64, "none")(photograph) is photograph
    coffee = Picture(data.coffee())
    found = AlignedInput(64)(coffee)
    assert found.rgb is coffee.rgb and "no face was found" in found.notes[0] and "--eyes" in found.notes[0]
    monkeypatch.setitem(sys.modules, "mtcnn", None)
    detection.the_detector.cache_clear()
    found = AlignedInput(64)(photograph)
    assert found.rgb is photograph.rgb and "pip install 'tf-gradsr[photos]'" in found.notes[0]
    detection.the_detector.cache_clear()


def test_transparent_parts_are_white(photograph):
    alpha = np.full(photograph.rgb.shape[:2], 255, np.uint8)
    alpha[:40] = 0
    found = AlignedInput(64, "points", [[196, 107], [243, 107]])(Picture(photograph.rgb, alpha))
    assert found.alpha is None and (found.rgb[:2] == 255).all()


def test_points_beside_the_photograph_are_refused(photograph):
    with pytest.raises(ConfigError, match=r"eyes, mouth: within the photograph of 512x512\. Received"):
        AlignedInput(64, "points", [[196, 107], [600, 107]])(photograph)
