"""The faces that the page finds in photos, against those that `tf_gradsr.faces` finds and cuts."""

import io
import json
import re
import sys

import numpy as np
import pytest
import tensorflow as tf
from commands import refuses, run_command
from PIL import Image
from skimage import data
from web_page import (
    anew,
    answers,
    difference,
    group_photo,
    message,
    noise_picture,
    picture_file,
    pixels,
    upload,
)

from tf_gradsr.errors import ConfigError
from tf_gradsr.export.lite import tflite
from tf_gradsr.faces import detection, face_from_points, find_faces
from tf_gradsr.faces.frame import the_frame
from tf_gradsr.faces.resampling import cut
from tf_gradsr.faces.similarity import CORNERS, apply_matrix, degrees_of
from tf_gradsr.web import build, face_finder
from tf_gradsr.web.serve import PlainHandler, serving

LR, SCALE = 16, 4
# Of each face: side of its frame, centre, degrees; the last one is cut off by the photo's border.
GROUP = [(110, (90, 90), 14), (64, (215, 70), -20), (40, (290, 170), 5), (84, (130, 205), 0)]
# In input pixels; the frame is told to a tenth of the photo's.
CLOSE = 0.05


@pytest.fixture(scope="module", autouse=True)
def order_of_equals():
    """Of boxes of which MTCNN is equally sure, its package takes what NumPy's sorting happens to put first.

    Here, and on the page, it takes the last.
    """

    def sort_by_scores(boxes, scores, ascending=True):
        order = np.argsort(scores, kind="stable")
        return boxes[order if ascending else order[::-1]]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mtcnn.utils.bboxes.sort_by_scores", sort_by_scores)
        yield


@pytest.fixture(scope="module")
def group():
    """A photo with four faces on a smooth ground, uint8 `[240, 320, 3]`."""
    rows, columns = np.mgrid[0:240, 0:320]
    ground = np.dstack([90 + rows / 4, 150 - columns / 5, 120 + (rows + columns) / 8])
    return group_photo(ground, GROUP)


@pytest.fixture(scope="module")
def faces(group):
    """What Python finds in it."""
    found = find_faces(group)
    assert len(found) == len(GROUP)
    return found


@pytest.fixture(scope="module")
def root(tmp_path_factory, write_run, npm):
    """A page for square pictures, of a tiny model."""
    folder = tmp_path_factory.mktemp("faces")
    run = write_run(folder / "run", folder / "pictures", lr_size=LR, scale=SCALE)
    model = folder / "model.tflite"
    assert tflite.main(["--run", str(run), "--output", str(model)]) == 0
    assert build.main(["--model", str(model), "--output", str(folder / "page")]) == 0
    return folder / "page"


@pytest.fixture(scope="module")
def url(root):
    with serving(root, PlainHandler) as at:
        yield at


def frame_of(page):
    """The matrix of the frame, as the page tells it."""
    numbers = re.findall(r"-?[\d.]+", page.locator("#crop-state").text_content())
    width, x, y, turn = map(float, numbers)
    linear = width * np.array(
        [
            [np.cos(np.radians(turn)), -np.sin(np.radians(turn))],
            [np.sin(np.radians(turn)), np.cos(np.radians(turn))],
        ]
    )
    return np.column_stack([linear, np.array([x, y]) - linear @ (0.5, 0.5)])


def apart(matrix, face):
    """The largest distance between the corners of a frame and a face's, in input pixels."""
    corners = apply_matrix(matrix, CORNERS) - apply_matrix(face.matrix, CORNERS)
    return np.abs(corners).max() * LR / face.size


def is_cut_as(page, photo, face):
    """Whether the page's frame and input are those of `gradsr align`."""
    frame = frame_of(page)
    assert apart(frame, face) <= CLOSE + 0.1 * LR / face.size
    return difference(pixels(page, "#lr"), cut(photo, frame, LR)) <= 5


def test_faces_are_found_and_cut_as_align_does(open_page, group, faces):
    page = open_page()
    upload(page, picture_file(group))
    assert "4 faces were found; the largest is chosen." in page.inner_text("#looking")
    assert is_cut_as(page, group, faces[0])
    assert "more than the model’s pictures have" in page.inner_text("#shown")
    thumbnails = page.locator("#found button")
    assert [b.get_attribute("aria-pressed") for b in thumbnails.all()] == ["true", "false", "false", "false"]
    # Another one by the keyboard, and one by its box in the photo.
    thumbnails.nth(1).focus()
    anew(page, lambda: page.keyboard.press("Enter"))
    assert is_cut_as(page, group, faces[1])
    anew(page, lambda: page.locator("#boxes button").nth(3).click())
    assert is_cut_as(page, group, faces[3])
    assert thumbnails.nth(3).get_attribute("aria-pressed") == "true"
    size = faces[3].size
    words = f"in {size:.0f} pixels across the frame, {size / LR:.1f} times the 16 that the model takes"
    assert words in page.inner_text("#shown")
    # It can be moved, and chosen again.
    page.focus("#stage")
    anew(page, lambda: page.keyboard.press("ArrowRight"))
    assert apart(frame_of(page), faces[3]) == pytest.approx(0.5, abs=CLOSE + 0.1 * LR / 40)
    anew(page, lambda: thumbnails.nth(3).click())
    assert is_cut_as(page, group, faces[3])


def test_one_real_face_and_exif(open_page):
    page, photo = open_page(), data.astronaut()
    face, exif, file = find_faces(photo)[0], Image.Exif(), io.BytesIO()
    exif[0x0112] = 6  # to be turned clockwise by a quarter
    Image.fromarray(np.rot90(photo)).save(file, "PNG", exif=exif)
    upload(page, {"name": "a.png", "mimeType": "image/png", "buffer": file.getvalue()})
    assert page.inner_text("#looking") == "One face was found."
    assert page.locator("#found").is_hidden()
    assert is_cut_as(page, photo, face)


def test_before_and_after(open_page, group):
    page = open_page()
    upload(page, picture_file(group))
    assert difference(pixels(page, "#before"), pixels(page, "#lr")) == 0
    assert difference(pixels(page, "#after"), pixels(page, "#reconstruction")) == 0
    page.select_option("#of-before", "photo")
    original = cut(group, frame_of(page), LR * SCALE)
    assert np.abs(pixels(page, "#before").astype(int) - original).mean() <= 1
    page.select_option("#of-after", "between")
    assert difference(pixels(page, "#after"), pixels(page, "#between")) == 0
    page.focus("#uncover")
    page.keyboard.press("Home")
    clip = "getComputedStyle(document.querySelector('#before')).clipPath"
    assert page.evaluate(clip) == "inset(0px 100% 0px 0px)"
    page.keyboard.press("ArrowRight")
    assert page.evaluate(clip) == "inset(0px 99% 0px 0px)"


def test_pictures_without_a_face_and_of_one(open_page):
    page, noise = open_page(), noise_picture(100, 120)
    upload(page, picture_file(noise, "noise.png"))
    assert "No face was found in noise.png. Lay the frame over one by hand" in page.inner_text("#looking")
    assert page.locator("#by-hand").get_attribute("open") is not None
    top, left = (100 - 6 * LR) // 2, (120 - 6 * LR) // 2
    means = noise[top : top + 6 * LR, left : left + 6 * LR].reshape(LR, 6, LR, 6, 3).mean((1, 3))
    assert difference(pixels(page, "#lr"), means.round().astype(int)) <= 1
    # As large as the model's pictures: taken as it is.
    upload(page, picture_file(noise[:64, :64]))
    assert "taken as a cut-out face" in page.inner_text("#looking")
    assert page.locator("#crop-state").text_content().startswith("64.0 pixels wide around 32.0, 32.0")


def test_without_what_finds_faces(open_page, group):
    page = open_page(prepare=answers("**/finder.json", status=404), expected="404")
    assert "finder.json beside this page. Lay the frame over faces by hand." in message(page)
    upload(page, picture_file(group, "group.png"))
    assert "No face was found in group.png" in page.inner_text("#looking")


def test_a_link_is_not_asked_for(open_page):
    page = open_page()
    page.evaluate(
        """() => {
            const dragged = new DataTransfer();
            dragged.setData('text/uri-list', 'https://example.org/face.jpg');
            document.dispatchEvent(new DragEvent('drop', { dataTransfer: dragged, cancelable: true }));
        }"""
    )
    assert "Save the picture first, then drop the file." in message(page)


# ---------------------------------------------------------------- its numbers, without a browser


def rgb_of(picture):
    return {"width": picture.shape[1], "height": picture.shape[0], "rgb": picture.ravel().tolist()}


def test_pictures_are_scaled_as_pillow_and_tensorflow_do(javascript):
    picture = noise_picture(37, 50)
    for width, height in ((75, 61), (24, 19), (50, 37)):
        right = Image.fromarray(picture).resize((width, height), Image.Resampling.BICUBIC)
        found = javascript(f"[...scaling.resizeBicubic(given, {width}, {height}).rgb]", rgb_of(picture))
        off = np.abs(np.reshape(found, (height, width, 3)) - np.asarray(right, int))
        # Pillow computes in integers.
        assert off.max() <= 2 and off.mean() < 0.01
    for width, height in ((30, 22), (11, 36)):
        right = tf.image.resize(picture.astype(np.float32), (height, width), "area").numpy()
        found = javascript(f"[...scaling.resizeArea(given, {width}, {height}).rgb]", rgb_of(picture))
        np.testing.assert_allclose(np.reshape(found, right.shape), right, atol=0.05)


def test_cuts_are_pythons(javascript):
    photo = noise_picture(90, 121)
    rgba = {"width": 121, "height": 90, "data": np.dstack([photo, photo[..., :1]]).ravel().tolist()}
    # Reduced a little and much, enlarged, turned, and far beyond two borders.
    for across, along, x, y in ((40, 9, 30, 20), (70, -20, 20, 30), (9, 3, 50, 40), (60, 25, -30, 60)):
        matrix = [[across, -along, x], [along, across, y]]
        right = cut(photo, np.array(matrix, float), 16)
        found = javascript(
            "[...resampling.cut(given.photo, given.matrix, 16).rgb]", {"photo": rgba, "matrix": matrix}
        )
        assert difference(np.reshape(found, right.shape), right) <= 1


def test_frames_are_pythons(javascript, rng, tmp_path):
    facts = face_finder.write_face_finder(tmp_path)
    assert facts["frame"]["scale"] == the_frame().scale
    assert (tmp_path / "finder.LICENSE.txt").read_text().startswith("MIT License")
    base = np.array(the_frame().points) * 90 + 40
    cases = [(base + rng.normal(0, spread, base.shape)).tolist() for spread in (0, 2, 6, 12)]
    cases.append((base @ [[0.5, 0.8], [-0.8, 0.5]]).tolist())
    code = "given.cases.map((points) => new frame.Frame(given.facts).face(points, [0, 0, 1, 1], 0.9))"
    found = javascript(code, {"cases": cases, "facts": json.loads((tmp_path / "finder.json").read_text())})
    profiles = set()
    for points, face in zip(cases, found):
        right = face_from_points(points)
        np.testing.assert_allclose(face["matrix"], right.matrix, atol=1e-6)
        assert face["size"] == pytest.approx(right.size) and face["profile"] == right.profile
        assert face["centre"] == pytest.approx(right.centre)
        profiles.add(right.profile)
    assert profiles == {True, False}
    assert degrees_of(found[-1]["matrix"]) == pytest.approx(degrees_of(face_from_points(cases[-1]).matrix))


def test_boxes_that_repeat_others_are_dropped_as_in_the_package(javascript, rng):
    from mtcnn.utils.bboxes import smart_nms_from_bboxes

    corners, scores = rng.uniform(0, 60, (40, 2)), rng.uniform(size=(40, 1))
    boxes = np.hstack([corners, corners + rng.uniform(10, 50, (40, 2))])
    given = [{"sides": sides, "score": score} for sides, (score,) in zip(boxes.tolist(), scores.tolist())]
    for method, of_smaller in (("union", "false"), ("min", "true")):
        rows = np.hstack([np.zeros((40, 1)), boxes, scores])
        right = smart_nms_from_bboxes(rows, threshold=0.5, method=method)[:, 5]
        found = javascript(f"mtcnn.withoutRepeats(given, 0.5, {of_smaller}).map((box) => box.score)", given)
        assert 1 < len(right) < 40 and found == pytest.approx(right.tolist())


def test_what_a_photo_shows_in_words(javascript):
    said = javascript("given.map((width) => shown.shownOf(width, 16, 8))", [10, 16, 23, 40, 200])
    words = (
        "enlarged even for that",
        "what it was made for",
        "what it was made for",
        "2.5 times",
        "an experiment",
    )
    assert all(word in line for word, line in zip(words, said, strict=True))


# ---------------------------------------------------------------- its files


def test_a_file_with_other_numbers_is_refused(tmp_path, monkeypatch):
    kept = face_finder.converted

    def without_weights(networks, *settings):
        weights = networks.get_weights()
        networks.set_weights([0 * w for w in weights])
        try:
            return kept(networks, *settings)
        finally:
            networks.set_weights(weights)

    monkeypatch.setattr(face_finder, "converted", without_weights)
    with pytest.raises(ConfigError, match=r"answers within 0\.0001 of MTCNN's"):
        face_finder.write_face_finder(tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_extra_that_finds_faces_is_asked_for(root, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "mtcnn", None)
    monkeypatch.setattr(detection, "the_detector", detection.Detector)
    model = root.parent / "model.tflite"
    result = run_command(build, ["--model", model, "--output", tmp_path / "page"], capsys)
    assert refuses(result, "tf-gradsr[photos]") and not (tmp_path / "page").exists()
