"""gradsr photo: the folders, the photographs in them, choices, metadata, what it refuses."""

import functools
import json
import os
import re
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from skimage import data

from tests.commands import refuses, run_command
from tf_gradsr import photo
from tf_gradsr.faces.pasting import enlarged
from tf_gradsr.faces.similarity import apply_matrix, invert_matrix
from tf_gradsr.gallery.photo_metadata import GPS, ORIENTATION
from tf_gradsr.inference import Hallucinator
from tf_gradsr.photo_folder import PhotoFolders, PhotoReport, PhotoRequest, Treated, chosen_faces

RUN = ["--run", "faces_8x_mobile", "--num_samples", 2]


@pytest.fixture(scope="module", autouse=True)
def loaded_once():
    """Commands share their models."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Hallucinator, "load", functools.cache(Hallucinator.load))
        Hallucinator.load("faces_8x_mobile")
        yield


@pytest.fixture
def command(capsys):
    return lambda *arguments: run_command(photo, arguments, capsys)


def astronaut(side):
    """scikit-image's astronaut, cut so that her face's frame is 0.87 of the side wide."""
    whole = Image.fromarray(data.astronaut()).crop((130, 0, 322, 192))
    return whole.resize((side, side), Image.Resampling.LANCZOS)


@pytest.fixture(scope="module")
def group():
    """Her twice, once with a face of 28 pixels, once of 56."""
    canvas = Image.new("RGB", (130, 70), (90, 120, 90))
    canvas.paste(astronaut(32), (4, 20))
    canvas.paste(astronaut(64), (60, 3))
    return canvas


def record_of(folder):
    return json.loads((folder / "photo.json").read_text(encoding="utf-8"))


def inside_frame(matrix, shape, outscale):
    """bool `[H, W]`: the enlarged photograph's pixels that lie in a face's frame."""
    rows, columns = ((np.arange(side) + 0.5) / outscale for side in shape)
    places = apply_matrix(invert_matrix(matrix), np.stack(np.meshgrid(columns, rows), -1))
    return ((places > -1e-6) & (places < 1 + 1e-6)).all(-1)


def pixels(path):
    return np.asarray(Image.open(path).convert("RGB")).astype(int)


def test_small_faces_are_hallucinated_and_large_ones_left_alone(command, group, tmp_path):
    group.save(tmp_path / "group.png")
    result = command(tmp_path / "group.png", "-o", tmp_path / "out", "--outscale", 2, *RUN)
    assert result.status == 0
    folder = tmp_path / "out" / "group"
    assert {path.name for path in folder.iterdir()} == {
        *("photo.png", "photo_sample_00.png", "photo_sample_01.png", "faces.png", "photo.json", "face_2"),
    }
    large, little = record_of(folder)["faces"]
    assert large["size"] > 48 > little["size"]
    assert (large["done"], large["folder"]) == ("sharp already, enlarged only", None)
    assert little["done"].startswith("hallucinated") and little["folder"] == "face_2"
    assert "\n  face 1, " in result.out and "sharp already" in result.out
    plain = enlarged(np.asarray(group), 2).astype(int)
    pictures = {
        name: pixels(folder / f"{name}.png") for name in ("photo", "photo_sample_00", "photo_sample_01")
    }
    within = inside_frame(little["matrix"], plain.shape[:2], 2)
    for picture in pictures.values():
        changed = np.abs(picture - plain).max(-1) > 0
        assert changed[within].mean() > 0.5 and not changed[~within].any()
    assert np.abs(pictures["photo_sample_00"] - pictures["photo_sample_01"]).max() > 10
    assert (folder / "face_2" / "uncertainty.png").is_file()
    # It keeps what the photograph shows at its own size.
    small = np.asarray(
        Image.fromarray(np.uint8(pictures["photo"])).resize(group.size, Image.Resampling.LANCZOS)
    )
    distance = np.abs(small.astype(int) - np.asarray(group))
    said = record_of(folder)["difference"]
    assert said == {"mean": pytest.approx(distance.mean(), abs=1e-3), "largest": distance.max()}
    assert said["mean"] < 3


def test_the_same_z_for_all_or_one_of_its_own(command, tmp_path):
    two = Image.new("RGB", (90, 40), (90, 120, 90))
    two.paste(astronaut(32), (4, 3))
    two.paste(astronaut(32), (50, 3))
    two.save(tmp_path / "two.png")
    largest = 2**31 - 1
    for extra, expected in ([], [0, 0]), (["--z_per_face", "--seed", largest], [largest, 0]):
        out = tmp_path / f"out{len(extra)}"
        assert command(tmp_path / "two.png", "-o", out, "--outscale", 1, *RUN, *extra).status == 0
        seeds = [Image.open(out / "two" / f"face_{n}" / "sample_00.png").info["seed"] for n in (1, 2)]
        assert seeds == list(map(str, expected))


def test_faces_are_chosen_by_number(command, group, tmp_path):
    group.save(tmp_path / "group.png")
    arguments = tmp_path / "group.png", "-o", tmp_path / "out", "--outscale", 1, *RUN
    assert command(*arguments, "--faces", "largest", "--downscale").status == 0
    one, other = record_of(tmp_path / "out" / "group")["faces"]
    assert one["done"].startswith("made small, then hallucinated") and "PSNR" in one["done"]
    assert other["done"] == "not chosen, enlarged only"
    assert (tmp_path / "out" / "group" / "face_1" / "truth.png").is_file()
    result = command(*arguments, "--faces", "3", "--overwrite")
    assert result.status == 1 and "of this photograph's 2" in result.err
    assert record_of(tmp_path / "out" / "group")["settings"]["faces"] == "largest", "the former folder stays"
    # A file of somebody's own, deep in the folder, is not deleted.
    (tmp_path / "out" / "group" / "face_1" / "mine.txt").write_text("keep me")
    assert refuses(command(*arguments, "--overwrite"), "mine.txt")


@pytest.mark.parametrize(
    ("faces", "count", "chosen"),
    [
        ("all", 3, {1, 2, 3}),
        ("largest", 3, {1}),
        ("largest", 0, set()),
        ("1,3", 3, {1, 3}),
        ("all", 0, set()),
    ],
)
def test_what_faces_means(faces, count, chosen):
    assert chosen_faces(faces, count) == chosen


def test_one_bad_photograph_does_not_stop_the_others(command, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    Image.fromarray(data.coffee()[:90, :120]).save(folder / "coffee.png")
    (folder / "broken.jpg").write_bytes(b"no picture")
    result = command(folder, "-o", tmp_path / "out", *RUN)
    assert result.status == 1 and "1 of 2 photographs failed" in result.err and "broken.jpg" in result.err
    assert "no face was found" in result.out
    written = pixels(tmp_path / "out" / "coffee" / "photo.png")
    np.testing.assert_array_equal(written, enlarged(data.coffee()[:90, :120], 4))
    assert not (tmp_path / "out" / "broken").exists()


def test_a_tree_is_mirrored_and_a_stopped_batch_goes_on(command, tmp_path):
    """In the folder of the photographs itself, whose results are no photographs."""
    for name in ("a.png", "b/c.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(data.coffee()[:60, :90]).save(tmp_path / name)
    options = ["-o", tmp_path, *RUN]
    assert command(tmp_path / "a.png", *options).status == 0
    before = (tmp_path / "a/photo.png").stat().st_mtime_ns
    refused = command(tmp_path, "--recursive", *options)
    assert refused.status == 2 and "already exists; give --overwrite" in refused.err
    done = command(tmp_path, "--recursive", "--skip_existing", *options)
    assert done.status == 0, done.err
    assert "Left out: 1 results of an earlier run" in done.err and "1 of 2 inputs have results" in done.err
    assert (tmp_path / "b/c/photo.png").is_file() and (tmp_path / "a/photo.png").stat().st_mtime_ns == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "a.png", "b"]


def test_metadata_is_kept_but_the_place(command, tmp_path):
    exif = Image.Exif()
    exif[0x010F], exif[ORIENTATION] = "Camera", 6
    exif.get_ifd(GPS)[1] = "N"
    Image.fromarray(data.coffee()[:60, :90]).save(tmp_path / "turned.jpg", exif=exif)
    info = PngInfo()
    info.add_itxt("XML:com.adobe.xmp", "<x:xmpmeta><dc:creator>me</dc:creator></x:xmpmeta>")
    Image.fromarray(data.coffee()[:60, :90]).save(tmp_path / "xmp.png", pnginfo=info)
    for extra in ([], ["--keep_gps"]):
        out = tmp_path / f"out{len(extra)}"
        result = command(tmp_path / "turned.jpg", tmp_path / "xmp.png", "-o", out, *RUN, *extra)
        assert result.status == 0 and ("GPS position is left out" in result.out) == (not extra)
        written = Image.open(out / "turned" / "photo.png")
        assert written.size == (240, 360), "upright"
        found = written.getexif()
        assert (found[0x010F], found[ORIENTATION]) == ("Camera", 1)
        assert (found.get_ifd(GPS).get(1) == "N") == bool(extra)
        assert "not evidence" in written.info["Disclaimer"] and written.info["weights"].startswith("sha256:")
        assert "<dc:creator>me" in Image.open(out / "xmp" / "photo.png").info["XML:com.adobe.xmp"]


def test_grey_and_transparent_photographs(command, tmp_path):
    grey = Image.fromarray(data.coffee()[:60, :90]).convert("L")
    grey.save(tmp_path / "grey.png")
    clear = Image.new("RGBA", (50, 40), (10, 20, 30, 0))
    clear.save(tmp_path / "clear.png")
    assert command(tmp_path / "grey.png", tmp_path / "clear.png", "-o", tmp_path / "out", *RUN).status == 0
    assert np.ptp(pixels(tmp_path / "out" / "grey" / "photo.png"), axis=-1).max() == 0
    assert (pixels(tmp_path / "out" / "clear" / "photo.png") == 255).all()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--faces", "none"], "faces: all, largest, or numbers"),
        (["--faces", "0"], "faces: all, largest, or numbers"),
        (["--outscale", "0"], "outscale"),
        (["--output", ""], "output: the folder"),
        (["--run", "faces_9x"], "run"),
    ],
)
def test_settings_that_cannot_work_are_named(command, tmp_path, arguments, said):
    Image.new("RGB", (20, 20)).save(tmp_path / "a.png")
    assert refuses(command(tmp_path / "a.png", *arguments), said)


def test_a_face_keeps_its_colours_and_says_what_it_is(command, tmp_path):
    profile = bytes(16) + b"RGB " + bytes(108)
    astronaut(36).save(tmp_path / "wide gamut [1].png", icc_profile=profile)
    assert command(tmp_path, "-o", tmp_path / "out", "--outscale", 2, *RUN).status == 0
    folder = tmp_path / "out" / "wide gamut [1]"
    for path in ("photo.png", "face_1/lr.png", "face_1/reconstruction.png", "face_1/sample_00.png"):
        assert Image.open(folder / path).info["icc_profile"] == profile
    for path in ("photo.png", "photo_sample_01.png", "face_1/reconstruction.png", "face_1/sample_01.png"):
        assert "not evidence" in Image.open(folder / path).info["Disclaimer"]


def test_a_name_that_is_no_text_is_recorded(tmp_path):
    file = tmp_path / os.fsdecode(b"caf\xe9.png")
    Image.new("RGB", (8, 6)).save(file)
    PhotoFolders(Hallucinator.load("faces_8x_mobile"), PhotoRequest(), detector=lambda _: []).make(
        file, tmp_path
    )
    assert record_of(tmp_path)["photo"] == file.name


def test_faces_treated_alike_share_a_line():
    face = SimpleNamespace(size=60.0)
    done = ["sharp already", "sharp already", "hallucinated (a)", "hallucinated (b)"]
    report = PhotoReport((10, 10), 4, [Treated(n, face, said) for n, said in enumerate(done, 1)])
    assert report.faces_said() == [
        "faces 1 to 2, 60 to 60 pixels: sharp already",
        "face 3, 60 pixels: hallucinated (a)",
        "face 4, 60 pixels: hallucinated (b)",
    ]


def test_nothing_is_overwritten_unasked(command, tmp_path):
    Image.fromarray(data.coffee()[:40, :60]).save(tmp_path / "a.png")
    assert command(tmp_path / "a.png", "-o", tmp_path / "out", *RUN).status == 0
    assert refuses(command(tmp_path / "a.png", "-o", tmp_path / "out", *RUN), "already exists")
    (tmp_path / "out" / "a" / "mine.txt").write_text("keep me")
    assert refuses(command(tmp_path / "a.png", "-o", tmp_path / "out", "--overwrite", *RUN), "mine.txt")
    shutil.rmtree(tmp_path / "out")


def test_what_would_fill_the_memory_is_refused(command, tmp_path):
    Image.new("RGB", (3000, 3000)).save(tmp_path / "large.png")
    result = command(tmp_path / "large.png", "-o", tmp_path / "out", "--outscale", 1000, *RUN)
    assert result.status == 1 and "outscale: a photograph of 3000000x3000000 needs" in result.err


def test_a_report_of_photographs_and_their_faces(command, group, tmp_path):
    group.save(tmp_path / "group.png")
    Image.fromarray(data.coffee()[:40, :60]).save(tmp_path / "coffee.png")
    arguments = tmp_path / "group.png", tmp_path / "coffee.png", "-o", tmp_path / "out", "--report", *RUN
    result = command(*arguments)
    assert result.status == 0 and f"Report: {tmp_path / 'out' / 'report.html'}" in result.out
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    for text in ("2 photographs", "group.png, face 2", "sharp already, enlarged only", "no face was found"):
        assert text in page
    assert not re.search(r"https?://", page.replace("http://www.w3.org", ""))
    (tmp_path / "out" / "report.html").write_text("mine")
    assert refuses(command(*arguments, "--overwrite"), "report.html")
