"""The frame and faces placed in it by their points: numbers worked by hand, turns, heads in three
dimensions."""

import json
import math

import numpy as np
import pytest

from tf_gradsr.faces import face_from_points
from tf_gradsr.faces.frame import measure_frame, the_frame
from tf_gradsr.faces.similarity import apply_matrix, compose

# Eyes 20 apart; their middle and the mouth's 22 apart. FFHQ's side is the larger of 4 x 20 and 3.6 x 22 =
# 79.2, its centre a tenth of the way down from the eyes: (50, 52.2).
BY_HAND = np.array([(40, 50), (60, 50), (50, 62), (42, 72), (58, 72)], float)
FFHQ_SIDE, FFHQ_CORNER = 80.0, np.array([10.0, 12.2])
# The same in depth, as heads are: the nose in front.
DEPTH = np.array([0, 0, 9, 2, 2], float)


def turned(degrees):
    """The points of a head that turns to the side."""
    angle = math.radians(degrees)
    x, y = BY_HAND.T
    return np.column_stack([50 + (x - 50) * math.cos(angle) + DEPTH * math.sin(angle), y])


def test_the_frame_lies_where_ffhqs_rule_puts_it_but_for_what_was_measured():
    frame, face = the_frame(), face_from_points(BY_HAND)
    assert face.size == pytest.approx(FFHQ_SIDE * frame.scale)
    corner = FFHQ_CORNER + FFHQ_SIDE * np.array(frame.shift)
    np.testing.assert_allclose(face.matrix, [[face.size, 0, corner[0]], [0, face.size, corner[1]]])
    np.testing.assert_allclose(face.centre, corner + face.size / 2)


def test_a_frame_that_is_measured_gives_its_own_faces_back(rng):
    faces = BY_HAND / 100 + rng.normal(0, 0.002, (400, 5, 2))
    frame = measure_frame(faces, "points by hand")
    np.testing.assert_allclose(frame.points, BY_HAND / 100, atol=0.001)
    matrices = [face_from_points(points, frame=frame).matrix for points in faces]
    np.testing.assert_allclose(np.median(matrices, axis=0), [[1, 0, 0], [0, 1, 0]], atol=0.001)
    assert 1 <= sum(face_from_points(points, frame=frame).profile for points in faces) <= 5


def test_the_packages_frame_is_of_upright_faces():
    (lx, ly), (rx, ry), (nx, ny), *mouth = the_frame().points
    assert lx < nx < rx and abs(ly - ry) < 0.01 and ny < min(y for _, y in mouth)
    assert the_frame().pictures >= 500


def test_a_frame_turns_and_grows_with_its_points():
    matrix = np.array([[0, -3, 500], [3, 0, 20]], float)
    plain, moved = face_from_points(BY_HAND), face_from_points(apply_matrix(matrix, BY_HAND))
    np.testing.assert_allclose(moved.matrix, compose(matrix, np.array(plain.matrix)), atol=1e-9)
    assert moved.size == pytest.approx(3 * plain.size) and moved.residual == pytest.approx(plain.residual)


@pytest.mark.parametrize("degrees", [-80, -60, 60, 80])
def test_profiles_are_named(degrees):
    assert face_from_points(turned(degrees)).profile
    assert not face_from_points(turned(degrees / 8)).profile


def test_points_that_fit_no_face_are_named():
    points = BY_HAND + [(0, 0), (0, 0), (0, 0), (0, 12), (0, -12)]
    face = face_from_points(points)
    assert face.profile and face.residual > face_from_points(BY_HAND).residual


def test_eyes_and_mouth_by_hand_place_the_frame_as_five_points_do():
    by_hand = face_from_points([(40, 50), (60, 50), (50, 72)])
    np.testing.assert_allclose(by_hand.matrix, face_from_points(BY_HAND).matrix)
    assert by_hand.confidence is None and by_hand.residual is None and not by_hand.profile
    assert face_from_points([(60, 50), (40, 50), (50, 72)]).matrix == by_hand.matrix
    # Upside down: the mouth above.
    down = np.array(face_from_points([(40, 50), (60, 50), (50, 28)]).matrix)
    assert down[0, 0] < 0 and down[1, 1] < 0


def test_the_box_of_points_by_hand_is_around_the_frame():
    face = face_from_points([(40, 50), (60, 50)])
    np.testing.assert_allclose(
        apply_matrix(face.matrix, the_frame().points[:2]), [(40, 50), (60, 50)], atol=0.1
    )
    left, top, right, bottom = face.box
    assert right - left == pytest.approx(bottom - top) == pytest.approx(face.size, rel=1e-3)


def test_json_holds_all_of_it():
    values = json.loads(json.dumps(face_from_points(BY_HAND, (1, 2, 3, 4), 0.98765432).as_json()))
    assert values["box"] == [1, 2, 3, 4] and values["confidence"] == 0.98765
    assert values["points"] == BY_HAND.tolist() and np.shape(values["matrix"]) == (2, 3)
    assert values["profile"] is False and 0 <= values["residual"] < 0.1


@pytest.mark.parametrize(
    ("points", "said"),
    [
        ([(1, 2)], r"\[2, 2\], \[3, 2\] or \[5, 2\]"),
        ([(1, 2), (3, math.nan)], "finite"),
        ([(1, 2), (1, 2)], "two eyes in different places"),
        ([(1, 2)] * 5, "two eyes and a mouth"),
    ],
)
def test_points_that_tell_nothing_are_refused(points, said):
    with pytest.raises(ValueError, match=said):
        face_from_points(points)
