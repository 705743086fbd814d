"""faces.png: numbers beside the faces, in the picture."""

import numpy as np
import pytest

from tf_gradsr.gallery.face_preview import CHOSEN, OTHER, face_preview


def square(left, top, side):
    return [(left, top), (left + side, top), (left + side, top + side), (left, top + side)]


def test_a_number_does_not_hide_its_face(rng):
    picture = face_preview(
        np.zeros((300, 400, 3), np.uint8), [square(200, 100, 20), square(50, 200, 30)], {1}
    )
    # Four times as large.
    assert picture.shape == (1200, 1600, 3)
    for (left, top, side), colour in zip(((200, 100, 20), (50, 200, 30)), (CHOSEN, OTHER)):
        inside = picture[4 * top + 4 : 4 * (top + side) - 4, 4 * left + 4 : 4 * (left + side) - 4]
        above = picture[4 * top - 20 : 4 * top, 4 * left : 4 * left + 12]
        assert not inside.any() and (above == colour).all(-1).any()


@pytest.mark.parametrize("corner", [(-10, -10), (90, -10), (90, 70), (-10, 70)])
def test_a_number_stays_in_the_picture(corner):
    picture = face_preview(np.zeros((80, 100, 3), np.uint8), [square(*corner, 20)], {1})
    number = (picture == CHOSEN).all(-1)
    assert picture.shape == (320, 400, 3) and number.sum() > 100


def test_without_faces_and_of_any_shape():
    assert face_preview(np.zeros((3, 2000, 3), np.uint8), [], set()).shape == (2, 1600, 3)
