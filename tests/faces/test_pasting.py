"""Faces put back where they were cut out: places, brightness, borders, back-projection."""

import math
import tracemalloc

import numpy as np
import pytest
from PIL import Image
from skimage import data, transform

from tf_gradsr.faces import pasting
from tf_gradsr.faces.pasting import FEATHER, difference, enlarged, memory_needed, paste
from tf_gradsr.faces.resampling import cut
from tf_gradsr.faces.similarity import apply_matrix


def matrix_of(side, centre, degrees):
    """From the frame to the photograph."""
    turn = math.radians(degrees)
    cosine, sine = side * math.cos(turn), side * math.sin(turn)
    linear = np.array([[cosine, -sine], [sine, cosine]])
    return np.column_stack([linear, np.array(centre) - linear @ (0.5, 0.5)])


def checkerboard(height, width, square):
    rows, columns = np.indices((height, width)) // square
    return np.repeat(np.uint8(40 + 175 * ((rows + columns) % 2))[..., np.newaxis], 3, axis=-1)


@pytest.mark.parametrize("outscale", [1, 2, 3])
@pytest.mark.parametrize(
    ("side", "centre", "degrees"), [(64, (80, 60), 0), (50.5, (71.3, 64.8), 17), (70, (90, 62), -80)]
)
def test_a_checkerboard_comes_back_where_it_was(outscale, side, centre, degrees):
    photograph = checkerboard(120, 160, 10)
    matrix = matrix_of(side, centre, degrees)
    # Squares in the large photograph, so that a face cut from it loses nothing.
    truth = np.asarray(Image.fromarray(photograph).resize((160 * outscale, 120 * outscale), 0))
    face = cut(truth, matrix * outscale, round(side * outscale * 2))
    canvas = np.full_like(truth, 128)
    paste(canvas, face, matrix, outscale)
    rows, columns = (np.arange(length) + 0.5 for length in canvas.shape[:2])
    places = np.stack(np.meshgrid(columns, rows), -1).reshape(-1, 2) / outscale
    inverse = np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))[:2]
    u, v = apply_matrix(inverse, places).reshape(*canvas.shape[:2], 2).transpose(2, 0, 1)
    inwards = np.minimum(np.minimum(u, 1 - u), np.minimum(v, 1 - v))
    inside, outside = inwards > FEATHER, inwards < 0
    assert np.all(canvas[outside] == 128)
    error = np.abs(canvas.astype(float) - truth)[inside]
    # Edges are blurred by two resamplings; moved by half a pixel they would err by far more.
    assert error.mean() < 6
    moved = np.abs(canvas.astype(float) - np.roll(truth, 1, axis=1))[inside]
    assert error.mean() < 0.6 * moved.mean()
    # A blur that leans to no side leaves the centre of gravity where it is.
    for axis in (0, 1):
        ahead, behind = (
            np.abs(canvas.astype(float) - np.roll(truth, n, axis))[inside].mean() for n in (1, -1)
        )
        assert ahead == pytest.approx(behind, rel=0.1)


def test_it_fades_out_towards_the_border():
    canvas, face = np.zeros((100, 100, 3), np.uint8), np.full((32, 32, 3), 200, np.uint8)
    paste(canvas, face, matrix_of(60, (50, 50), 0), 1)
    row = canvas[50, :, 0].astype(int)
    # Smoothstep, by hand: 3 of the border's 9 pixels inwards, t = 3 / 9 + half a pixel.
    t = 3.5 / 9
    assert row[23] == pytest.approx(200 * (3 * t * t - 2 * t**3), abs=1)
    assert np.all(np.diff(row[19:51]) >= 0) and row[19] == 0 and np.all(row[30:70] == 200)


def test_the_photograph_is_kept_at_its_own_size(rng):
    photograph = data.astronaut()[0:200:2, 170:290:2]
    matrix = matrix_of(40, (28, 40), 10)
    plain = enlarged(photograph, 4)
    face = rng.integers(0, 256, (64, 64, 3), np.uint8)
    wrong, right = plain.copy(), plain.copy()
    paste(wrong, face, matrix, 4)
    paste(right, face, matrix, 4, photograph)
    far, near = (difference(canvas, photograph)[0] for canvas in (wrong, right))
    # About as near as the photograph that was only enlarged, whatever the face is.
    assert near < 0.3 * far and near < 1.5 * difference(plain, photograph)[0]


@pytest.mark.parametrize("centre", [(0, 0), (59, 30), (30, 99), (-200, 50)])
def test_faces_at_the_border_and_beyond(centre):
    photograph = np.full((100, 60, 3), 90, np.uint8)
    canvas = enlarged(photograph, 2)
    paste(canvas, np.full((16, 16, 3), 90, np.uint8), matrix_of(30, centre, 30), 2, photograph)
    assert np.all(np.abs(canvas.astype(int) - 90) <= 1)


def test_enlarging_is_lanczos():
    photograph = data.coffee()[:40, :60]
    expected = Image.fromarray(photograph).resize((180, 120), Image.Resampling.LANCZOS)
    np.testing.assert_array_equal(enlarged(photograph, 3), expected)
    assert difference(photograph, photograph) == (0.0, 0)


@pytest.mark.parametrize("outscale", [1, 4])
def test_a_face_lies_where_scikit_image_puts_it(outscale):
    face = data.astronaut()[0:256, 96:352]
    matrix = matrix_of(60, (40, 35), 25)
    canvas = np.zeros((80 * outscale, 90 * outscale, 3), np.uint8)
    paste(canvas, face, matrix, outscale)
    # scikit-image's own interpolation, at 8 x 8 places a pixel, whose mean is taken. It counts from centres.
    fine = outscale * 8
    to_frame = np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))
    centre = transform.AffineTransform(translation=(0.5, 0.5)).params
    way = np.linalg.inv(centre) @ np.diag([256, 256, 1]) @ to_frame @ np.diag([1, 1, fine]) @ centre
    warped = transform.warp(
        face.astype(float), transform.ProjectiveTransform(way), output_shape=(80 * fine, 90 * fine), order=1
    )
    expected = transform.downscale_local_mean(warped, (8, 8, 1))
    rows, columns = ((np.arange(side) + 0.5) / outscale for side in canvas.shape[:2])
    places = apply_matrix(to_frame[:2], np.stack(np.meshgrid(columns, rows), -1))
    inside = np.minimum(places, 1 - places).min(-1) > FEATHER
    error = (canvas - expected)[inside]
    assert inside.sum() > 1000 * outscale**2
    assert np.abs(error).mean() < 1.5 and np.abs(error.mean(axis=0)).max() < 0.2


@pytest.mark.parametrize("back", [False, True])
def test_squares_do_not_show(monkeypatch, rng, back):
    photograph, face = data.coffee()[:60, :80], rng.integers(0, 256, (32, 32, 3), np.uint8)
    canvases = [enlarged(photograph, 3) for _ in range(2)]
    for canvas, side in zip(canvases, (1000, 17)):
        monkeypatch.setattr(pasting, "SQUARE", side)
        paste(canvas, face, matrix_of(45, (35, 33), 20), 3, photograph if back else None)
    whole, squares = (canvas.astype(int) for canvas in canvases)
    assert np.abs(whole - squares).max() <= 1 and (whole != squares).mean() < 0.01


def test_memory_does_not_grow_with_a_face(monkeypatch):
    monkeypatch.setattr(pasting, "SQUARE", 100)
    canvas = np.zeros((1000, 1000, 3), np.uint8)
    tracemalloc.start()
    paste(canvas, np.full((16, 16, 3), 200, np.uint8), matrix_of(900, (500, 500), 0), 1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert canvas[500, 500, 0] == 200 and peak < canvas.nbytes


def test_memory_needed_covers_what_is_in_use():
    photograph = data.coffee()[:200, :200]
    canvas = enlarged(photograph, 4)
    base = canvas.copy()
    tracemalloc.start()
    paste(canvas, np.zeros((128, 128, 3), np.uint8), matrix_of(128, (100, 100), 45), 4, photograph)
    peak = tracemalloc.get_traced_memory()[1] + canvas.nbytes + base.nbytes + photograph.nbytes
    tracemalloc.stop()
    assert peak < memory_needed(photograph.shape, 4, 128)
    assert memory_needed((10_000, 10_000), 4, 48) == pytest.approx(1.6e9 * 12 + 1e8 * 40, rel=0.01)


def test_of_a_lossy_photograph_a_share_of_the_difference_is_added():
    photograph = np.full((24, 24, 3), 160, np.uint8)
    face, matrix = np.full((64, 64, 3), 128, np.uint8), matrix_of(16, (12, 12), 0)

    def centre(*how):
        canvas = enlarged(photograph, 4)
        paste(canvas, face, matrix, 4, *how)
        return int(canvas[48, 48, 0])

    assert centre() == 128
    assert centre(photograph, pasting.LOSSY) == pytest.approx(128 + 32 * sum(pasting.LOSSY), abs=1.5)
    assert centre(photograph, pasting.TRUSTED) == pytest.approx(160, abs=1.5)
