"""gradsr align: what it writes, what it says, what it refuses."""

import json
import re
import sys

import numpy as np
import pytest
from PIL import Image
from skimage import data

from tests.commands import refuses, run_command
from tf_gradsr import align
from tf_gradsr.faces import detection, find_faces
from tf_gradsr.faces.resampling import cut


@pytest.fixture
def command(capsys):
    return lambda *arguments: run_command(align, arguments, capsys)


@pytest.fixture
def photos(tmp_path):
    """A folder of a photograph with a face, and of one without."""
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.fromarray(data.astronaut()).save(folder / "astronaut.png")
    Image.fromarray(data.coffee()).save(folder / "coffee.png")
    return folder


@pytest.fixture
def no_detector(monkeypatch):
    """As without the extra [photos]."""
    monkeypatch.setitem(sys.modules, "mtcnn", None)
    detection.the_detector.cache_clear()


def record_of(folder):
    return [json.loads(line) for line in (folder / "faces.jsonl").read_text().splitlines()]


def test_faces_and_their_lines(command, photos, tmp_path):
    result = command(photos / "astronaut.png", "-o", tmp_path / "out", "--size", 96)
    assert result.status == 0 and re.search(r"astronaut.png: 1 face, 16\d pixels", result.out)
    (line,) = record_of(tmp_path / "out")
    (face,) = find_faces(data.astronaut())
    expected = {"file": "astronaut_1.png", "photo": "astronaut.png", "photo_size": [512, 512]}
    assert line == {**expected, **face.as_json()}
    # The matrix of the line is all that one needs to cut it again.
    written = np.asarray(Image.open(tmp_path / "out" / line["file"]))
    again = cut(data.astronaut(), np.array(line["matrix"]), 96)
    assert written.shape == (96, 96, 3) and np.abs(written.astype(int) - again).max() <= 1


def test_several_photographs_one_after_the_other(command, photos, tmp_path):
    two = np.concatenate([data.astronaut(), data.astronaut()[::2, ::2].repeat(2, 0)], axis=1)
    Image.fromarray(two).save(photos / "two.png")
    (photos / "broken.jpg").write_bytes(b"no picture")
    result = command(photos, "-o", tmp_path / "out")
    assert result.status == 1
    assert "coffee.png: no face was found; say where one is with --eyes" in result.err
    assert "broken.jpg: not a picture" in result.err and "2 of 4 photographs failed" in result.err
    assert record_of(tmp_path / "out")[0]["file"] == "astronaut_1.png"
    assert {line["photo"] for line in record_of(tmp_path / "out")} == {"astronaut.png", "two.png"}


def test_recursive_mirrors_the_tree_and_is_replaced_as_a_whole(command, photos, tmp_path):
    for below in ("train/a.png", "val/deep/b.png"):
        (photos / below).parent.mkdir(parents=True)
        Image.fromarray(data.astronaut()).save(photos / below)
    options = [photos, "-o", tmp_path / "out", "--size", 32]
    assert command(*options, "--recursive").status == 1  # coffee.png has no face
    lines = {line["file"]: line["photo"] for line in record_of(tmp_path / "out")}
    names = {"astronaut": "astronaut", "train/a": "train/a", "val/deep/b": "val/deep/b"}
    assert lines == {f"{face}_1.png": f"{photo}.png" for face, photo in names.items()}
    assert all((tmp_path / "out" / file).is_file() for file in lines)
    (tmp_path / "out/val/deep/diary.txt").write_text("mine")
    assert refuses(command(*options, "--overwrite"), "diary.txt is something else")
    (tmp_path / "out/val/deep/diary.txt").unlink()
    assert command(*options, "--overwrite").status == 1
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"astronaut_1.png", "faces.jsonl"}


def test_the_folder_can_be_trained_on(command, photos, tmp_path):
    from tf_gradsr.config import Config, DataConfig
    from tf_gradsr.data import load_pictures

    assert command(photos / "astronaut.png", "-o", tmp_path / "out").status == 0
    config = Config(data=DataConfig(source="folder", path=str(tmp_path / "out"), lr_size=16))
    pictures = load_pictures(config, "train", progress=False)
    assert pictures.skipped == []
    written = np.asarray(Image.open(tmp_path / "out" / "astronaut_1.png"))
    np.testing.assert_array_equal(pictures.array, written[np.newaxis])


def test_upright_grey_and_transparent(command, tmp_path):
    picture = Image.fromarray(data.astronaut())
    exif = Image.Exif()
    exif[0x0112] = 3
    picture.rotate(180).save(tmp_path / "turned.png", exif=exif)
    picture.convert("L").save(tmp_path / "grey.png")
    alpha = np.full((512, 512), 255, np.uint8)
    alpha[:, 295:] = 0
    Image.fromarray(np.dstack([data.astronaut(), alpha])).save(tmp_path / "seen_through.png")
    assert command(tmp_path, "-o", tmp_path / "out").status == 0
    lines = {line["photo"]: line for line in record_of(tmp_path / "out")}
    plain = find_faces(data.astronaut())[0].as_json()
    assert lines["turned.png"]["matrix"] == plain["matrix"]
    np.testing.assert_allclose(lines["grey.png"]["matrix"], plain["matrix"], atol=8)
    grey, through = (
        np.asarray(Image.open(tmp_path / "out" / f"{n}_1.png")) for n in ("grey", "seen_through")
    )
    assert (grey[..., 0] == grey[..., 2]).all() and through[:, -1].min() > 250


def test_the_largest_and_those_that_are_large_enough(command, tmp_path):
    small = np.asarray(Image.fromarray(data.astronaut()).resize((256, 256), Image.Resampling.LANCZOS))
    canvas = np.full((512, 768, 3), 128, np.uint8)
    canvas[:, :512], canvas[:256, 512:] = data.astronaut(), small
    Image.fromarray(canvas).save(tmp_path / "two.png")
    for number, (options, count) in enumerate([([], 2), (["--largest"], 1), (["--min_size", 120], 1)]):
        assert command(tmp_path / "two.png", "-o", tmp_path / str(number), *options).status == 0
        lines = record_of(tmp_path / str(number))
        assert len(lines) == count and lines[0]["size"] > 150
        assert [line["file"] for line in lines] == ["two_1.png", "two_2.png"][:count]
    result = command(tmp_path / "two.png", "-o", tmp_path / "none", "--min_size", 400)
    assert result.status == 1 and "nothing was written" in result.err.lower()
    assert not (tmp_path / "none").exists()


def test_of_many_faces_the_range_is_said(command, tmp_path, monkeypatch):
    two = np.concatenate([data.astronaut(), data.astronaut()], axis=1)
    Image.fromarray(two).save(tmp_path / "two.png")
    monkeypatch.setattr(align, "SIZES_NAMED", 1)
    result = command(tmp_path / "two.png", "-o", tmp_path / "out")
    assert re.search(r"two.png: 2 faces, 16\d to 1[67]\d pixels, profiles: 0", result.out)


def test_points_by_hand_need_no_detector(command, photos, tmp_path, no_detector):
    photo = photos / "astronaut.png"
    result = command(photo, "-o", tmp_path / "eyes", "--eyes", "204,101,246,103")
    assert result.status == 0, result.err
    (line,) = record_of(tmp_path / "eyes")
    assert line["points"] == [[204, 101], [246, 103]] and line["confidence"] is None
    assert line["size"] == pytest.approx(168, rel=0.06)
    result = command(photo, "-o", tmp_path / "mouth", "--eyes", "246,103,204,101", "--mouth", "223,139.5")
    assert result.status == 0, result.err
    (line,) = record_of(tmp_path / "mouth")
    # As found.
    np.testing.assert_allclose(line["matrix"], [[168.2, -9, 145.7], [9, 168.2, 18.4]], atol=6)


def test_without_the_extra_the_remedy_is_named(command, photos, tmp_path, no_detector):
    result = command(photos, "-o", tmp_path / "out")
    assert refuses(result, "pip install 'tf-gradsr[photos]'") and not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--eyes", "1,2,3"], "eyes: pixels, as x1,y1,x2,y2. Received: 1,2,3"),
        (["--eyes", "1,2,1,2"], "eyes: two different places. Received: 1,2,1,2"),
        (["--eyes", "1,2,3,nan"], "eyes: pixels, as x1,y1,x2,y2. Received: 1,2,3,nan"),
        (["--eyes", "1,2,3,4", "--mouth", "5"], "mouth: pixels, as x,y. Received: 5"),
        (["--mouth", "5,6"], "mouth: goes with --eyes. Received: 5,6"),
        (["--size", "0"], "size: "),
        (["--min_confidence", "2"], "min_confidence: "),
        (["-o", ""], "output: the folder of the faces"),
    ],
)
def test_bad_settings_end_with_one_line(command, photos, arguments, said):
    assert refuses(command(photos / "astronaut.png", *arguments), said)


def test_points_by_hand_are_of_one_photograph_and_within_it(command, photos, tmp_path):
    assert refuses(command(photos, "--eyes", "1,2,3,4"), "eyes: goes with one photograph. Received: 2")
    result = command(photos / "coffee.png", "-o", tmp_path / "out", "--eyes", "10,20,900,20")
    assert result.status == 1 and "within the photograph of 600x400" in result.err


def test_nothing_is_overwritten_unasked(command, photos, tmp_path):
    arguments = (photos / "astronaut.png", "-o", tmp_path / "out", "--eyes", "204,101,246,103")
    assert command(*arguments).status == 0
    assert refuses(command(*arguments), "already exists; give --overwrite")
    assert command(*arguments, "--overwrite", "--size", 32).status == 0
    assert Image.open(tmp_path / "out" / "astronaut_1.png").size == (32, 32)
    (tmp_path / "out" / "mine.txt").touch()
    assert refuses(command(*arguments, "--overwrite"), "mine.txt is something else")
    # Nor a folder of photographs.
    result = command(*arguments[:2], photos, *arguments[3:], "--overwrite")
    assert refuses(result, "replaces only a folder of aligned faces")
