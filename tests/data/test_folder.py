"""Users' own pictures: what counts as one, how it is decoded and cut, and how folders become splits."""

import errno
import logging
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tf_gradsr.config import Config, DataConfig, ModelConfig
from tf_gradsr.data import is_hashed, load_pictures
from tf_gradsr.errors import ConfigError
from tf_gradsr.run_folder import RunFolder

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def load(path, split="train", lr_size=4, **data):
    config = Config(
        data=DataConfig(source="folder", path=str(path), lr_size=lr_size, **data), model=ModelConfig(scale=2)
    )
    return load_pictures(config, split, progress=False)


def save(path, color=RED, size=(8, 8), mode="RGB", **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, color).save(path, **options)


def quarters(top_left, top_right, bottom_left, bottom_right):
    """8x8 picture of four colours."""
    rows = np.array([[top_left, top_right], [bottom_left, bottom_right]], np.uint8)
    return rows.repeat(4, 0).repeat(4, 1)


def corners(picture):
    return [tuple(map(int, picture[y, x])) for y in (0, -1) for x in (0, -1)]


def test_finds_every_kind_in_nested_folders_sorted_by_name(tmp_path):
    kinds = ["b/deep/er/1.png", "b/2.JPG", "c/3.jpeg", "4.WebP", "a/5.bmp"]
    for level, name in enumerate(kinds):
        save(tmp_path / name, (50 * level,) * 3)
    (tmp_path / "notes.txt").write_text("not a picture")
    (tmp_path / "._4.webp").write_bytes(b"hidden")
    save(tmp_path / ".trash" / "9.png")
    pictures = load(tmp_path, flip=False, cache="memory")
    assert len(pictures) == 5 and pictures.skipped == []
    assert pictures.array.dtype == np.uint8 and pictures.array.shape == (5, 8, 8, 3)
    # 4.WebP, a/5.bmp, b/2.JPG, b/deep/er/1.png, c/3.jpeg
    np.testing.assert_allclose(pictures.array[:, 4, 4, 0], [150, 200, 50, 0, 100], atol=3)


def test_pipes_are_not_pictures_and_broken_links_are_counted(tmp_path):
    save(tmp_path / "1.png")
    os.mkfifo(tmp_path / "2.png")
    (tmp_path / "3.png").symlink_to(tmp_path / "gone.png")
    pictures = load(tmp_path, split="all", cache="memory")
    assert len(pictures) == 1 and [Path(name).name for name, _ in pictures.skipped] == ["3.png"]


@pytest.mark.parametrize(
    ("mode", "color", "name", "expected"),
    [
        ("L", 100, "grey.png", (100, 100, 100)),
        ("1", 1, "bits.png", WHITE),
        ("I;16", 100 * 257, "sixteen.png", (100, 100, 100)),
        ("CMYK", (0, 255, 255, 0), "ink.jpg", (254, 0, 0)),
        ("RGBA", (0, 0, 255, 0), "clear.png", WHITE),
        ("RGBA", (0, 0, 255, 51), "glass.png", (204, 204, 255)),
        ("LA", (0, 51), "grey_glass.png", (204, 204, 204)),
        ("RGBA", (0, 0, 255, 255), "solid.webp", (0, 0, 255)),
    ],
)
def test_every_mode_becomes_rgb_over_white(tmp_path, mode, color, name, expected):
    save(tmp_path / name, color, mode=mode, **({"lossless": True} if name.endswith("webp") else {}))
    np.testing.assert_allclose(load(tmp_path).array[0, 3, 3], expected, atol=1)


def test_palette_with_a_transparent_colour(tmp_path):
    picture = Image.new("P", (8, 8), 0)
    picture.putpalette([10, 20, 30, 200, 100, 50])
    picture.paste(1, (4, 0, 8, 8))
    picture.save(tmp_path / "palette.png", transparency=0)
    left, right = load(tmp_path).array[0, 4, [1, 6]]
    assert tuple(left) == WHITE and tuple(right) == (200, 100, 50)


# For each EXIF orientation, the corners of a stored picture that is RED GREEN / BLUE WHITE when upright.
UPRIGHT = {
    1: lambda upright: upright,
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    6: lambda upright: np.rot90(upright, 1),
    8: lambda upright: np.rot90(upright, -1),
}


@pytest.mark.parametrize("orientation", UPRIGHT)
def test_exif_orientation_is_turned_upright(tmp_path, orientation):
    stored = UPRIGHT[orientation](quarters(RED, GREEN, BLUE, WHITE))
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.ascontiguousarray(stored)).save(tmp_path / "photo.png", exif=exif)
    assert corners(load(tmp_path).array[0]) == [RED, GREEN, BLUE, WHITE]


def test_a_picture_of_hr_size_is_untouched(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    np.testing.assert_array_equal(load(tmp_path).array[0], noise)


def test_largest_centred_cut_of_the_hr_shape(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (14, 9, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    np.testing.assert_array_equal(load(tmp_path, lr_size=[7, 4]).array[0], noise[:, :8])
    np.testing.assert_array_equal(load(tmp_path, lr_size=[3, 4], crop=8).array[0], noise[4:10, :8])


def test_crop_and_antialiased_resize(tmp_path):
    # A fine chessboard inside a red frame: the cut leaves the frame out, the resize averages to grey.
    board = np.full((96, 128, 3), RED, np.uint8)
    board[16:80, 32:96] = 255 * (np.indices((64, 64)).sum(0) % 2)[..., None]
    Image.fromarray(board).save(tmp_path / "board.png")
    picture = load(tmp_path, crop=64).array[0]
    np.testing.assert_allclose(picture, 127.5, atol=12)
    assert load(tmp_path).array[0, 4, 0, 1] < 60  # 96x96: the frame is in view.


def test_small_pictures_are_enlarged_and_counted(tmp_path, caplog):
    save(tmp_path / "train" / "small.png", GREEN, (3, 5))
    save(tmp_path / "train" / "large.png", GREEN, (30, 30))
    save(tmp_path / "test" / "other.png", RED)
    pictures = load(tmp_path)
    assert (pictures.array == GREEN).all()
    assert "1 of 2 pictures are smaller than 8x8" in caplog.text


def test_unreadable_pictures_are_skipped_counted_and_named(tmp_path, caplog):
    for name in ("a.png", "d.png"):
        save(tmp_path / name)
    (tmp_path / "b.png").write_bytes(b"this is not a picture")
    save(tmp_path / "c.jpg", size=(64, 64))
    (tmp_path / "c.jpg").write_bytes((tmp_path / "c.jpg").read_bytes()[:300])
    (tmp_path / "e.png").write_bytes(b"")
    (tmp_path / "f.png").symlink_to(tmp_path / "missing.png")
    pictures = load(tmp_path)
    assert len(pictures) == 2 and (pictures.array == RED).all()
    assert [name for name, reason in pictures.skipped if reason] == ["b.png", "c.jpg", "e.png", "f.png"]
    assert "4 of 6 pictures left out, unreadable: b.png, c.jpg, e.png" in caplog.text


def test_only_unreadable_pictures_are_an_error(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no")
    (tmp_path / "b.png").write_bytes(b"no")
    with pytest.raises(
        ConfigError, match=r"^data\.path: .*Received: 2 files, none readable, the first a\.png"
    ):
        load(tmp_path)


def test_folders_that_cannot_be_read_are_named(tmp_path, monkeypatch, caplog):
    save(tmp_path / "open" / "1.png")
    save(tmp_path / "shut" / "2.png")
    scandir = os.scandir

    def refuse(path):
        if Path(path).name == "shut":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scandir(path)

    # Root may read everything.
    monkeypatch.setattr(os, "scandir", refuse)
    assert len(load(tmp_path, "train")) == 1
    assert f"{tmp_path / 'shut'} cannot be read (Permission denied); its pictures are left out" in caplog.text


def test_files_that_cannot_be_reached_are_named(tmp_path, monkeypatch, caplog):
    """A folder whose names can be listed, but not entered."""
    save(tmp_path / "1.png")
    save(tmp_path / "shut" / "2.png")
    stat, opened = Path.stat, Path.open

    def refuse(method):
        def wrapped(path, *arguments, **options):
            if path.parent.name == "shut":
                raise PermissionError(errno.EACCES, "Permission denied", str(path))
            return method(path, *arguments, **options)

        return wrapped

    monkeypatch.setattr(Path, "stat", refuse(stat))
    monkeypatch.setattr(Path, "open", refuse(opened))
    pictures = load(tmp_path, "all")
    assert len(pictures) == 1
    assert [(name, "Permission denied" in reason) for name, reason in pictures.skipped] == [
        ("shut/2.png", True)
    ]


def test_a_folder_that_may_not_be_read_is_an_error(tmp_path, monkeypatch):
    save(tmp_path / "1.png")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(ConfigError, match=r"data\.path: a folder that can be read\. Received: "):
        load(tmp_path)


def test_missing_and_empty_folders(tmp_path):
    with pytest.raises(ConfigError, match=r"^data\.path: .*Received: .*nowhere"):
        load(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match=r"^data\.path: .*\.png, .*\.bmp.*Received: "):
        load(tmp_path)
    (tmp_path / "file.png").write_bytes(b"")
    with pytest.raises(ConfigError, match=r"^data\.path: an existing folder"):
        load(tmp_path / "file.png")


def test_errors_are_one_line(tmp_path):
    with pytest.raises(ConfigError) as error:
        load(tmp_path)
    assert "\n" not in str(error.value)


def test_unknown_split(tmp_path):
    with pytest.raises(ValueError, match="split must be one of"):
        load(tmp_path, split="val")


@pytest.mark.parametrize("inside", ["", "archive/unpacked"])
@pytest.mark.parametrize(
    ("train", "validation", "test"),
    [
        ("train", "val", "test"),
        ("train", "validation", "test"),
        ("train", "valid", "test"),
        ("Train", "Val", "Test"),
        ("training", "VALIDATION", "testing"),
    ],
)
def test_split_folders(tmp_path, train, validation, test, inside):
    for folder, color in {train: RED, validation: GREEN, test: BLUE, "other": WHITE}.items():
        save(tmp_path / inside / folder / "deep" / "picture.png", color)
    for split, color in {"train": RED, "validation": GREEN, "test": BLUE}.items():
        assert load(tmp_path, split).array[:, 0, 0].tolist() == [list(color)]


@pytest.mark.parametrize(
    "folders",
    [
        ("train2017", "val2017"),
        ("DIV2K_train_HR", "DIV2K_valid_HR"),
        ("images/train", "images/val", "masks/train"),
        ("train_images", "test_images"),
        ("trainset", "holdout"),
        ("a/b/c/train", "a/b/c/test", "x"),
        ("x", "test"),
        ("val", "test"),
        ("train", "evaluation"),
    ],
)
def test_what_looks_like_a_split_is_asked_about(tmp_path, folders):
    for folder in folders:
        save(tmp_path / folder / "1.png")
    with pytest.raises(
        ConfigError, match=r"^data\.path: splits in folders called train, .*Received: .* with "
    ):
        load(tmp_path)
    assert len(load(tmp_path, "all")) == len(folders)


def test_two_folders_of_one_split_are_asked_about(tmp_path):
    for folder in ("train", "val", "validation"):
        save(tmp_path / folder / "1.png")
    with pytest.raises(ConfigError, match=r"one folder for the split validation\. .* with val, validation"):
        load(tmp_path)


@pytest.mark.parametrize(
    "folders", [("Val_Kilmer", "Test_Person"), ("train",), ("a/train",), ("latest", "detrain", "trained")]
)
def test_names_that_only_remind_of_splits(tmp_path, folders):
    for folder in folders:
        save(tmp_path / folder / "1.png")
    assert len(load(tmp_path, "all")) == len(folders)
    assert len(load(tmp_path)) >= 1


def test_links_to_folders_are_followed_and_loops_end(tmp_path):
    save(tmp_path / "real" / "1.png", GREEN)
    save(tmp_path / "set" / "2.png", RED)
    save(tmp_path / "set" / "sub" / "3.png", BLUE)
    (tmp_path / "set" / "ffhq").symlink_to("../real")
    (tmp_path / "set" / "self").symlink_to(".")
    (tmp_path / "set" / "sub" / "up").symlink_to("..")
    pictures = load(tmp_path / "set", "all", cache="memory")
    # 2.png, ffhq/1.png, sub/3.png, each once
    assert pictures.array[:, 0, 0].tolist() == [list(RED), list(GREEN), list(BLUE)]


def test_names_with_brackets_newlines_and_bytes_that_are_no_text(tmp_path):
    names = ["a [1].png", "b\nc.png", "d\te.png", os.fsdecode(b"caf\xe9.png")]
    try:
        for name in names:
            save(tmp_path / "set [x]" / name)
    except OSError:
        pytest.skip("the file system takes only names that are text")
    (tmp_path / "set [x]" / "f\ng\th.png").write_bytes(b"no")
    pictures = load(tmp_path, "all", cache="memory")
    assert len(pictures) == 4
    folder = RunFolder(tmp_path)
    folder.write_unreadable({"train": pictures.skipped})
    (line,) = folder.unreadable.read_text().splitlines()
    assert line.split("\t")[:2] == ["train", "set [x]/f\\ng\\th.png"]


def test_a_missing_held_out_folder_is_replaced_by_the_other(tmp_path, caplog):
    save(tmp_path / "train" / "a.png", RED)
    save(tmp_path / "test" / "b.png", BLUE)
    assert load(tmp_path, "validation").array[:, 0, 0].tolist() == [list(BLUE)]
    assert "no folder for the split validation" in caplog.text


def test_hashed_splits_are_disjoint_complete_and_stable(tmp_path):
    # The colour identifies the picture.
    for number in range(240):
        save(tmp_path / f"{number:03}.png", (number, 0, 0))
    numbers = {split: load(tmp_path, split).array[:, 0, 0, 0] for split in ("train", "validation", "test")}
    assert sorted(np.concatenate(list(numbers.values()))) == list(range(240))
    assert 200 < len(numbers["train"]) < 230
    assert min(len(numbers["validation"]), len(numbers["test"])) >= 4
    for number in range(120, 240):
        (tmp_path / f"{number:03}.png").unlink()
    for split, before in numbers.items():
        np.testing.assert_array_equal(load(tmp_path, split).array[:, 0, 0, 0], before[before < 120])


def test_all_takes_every_picture_of_a_folder_divided_or_not(tmp_path):
    for number in range(12):
        save(tmp_path / "flat" / f"{number}.png")
        save(tmp_path / "divided" / ("train", "validation", "test")[number % 3] / f"{number}.png")
    for name, hashed in (("flat", True), ("divided", False)):
        assert len(load(tmp_path / name, "all")) == 12
        data = DataConfig(source="folder", path=str(tmp_path / name))
        assert is_hashed(Config(data=data), "test") == hashed
        assert not is_hashed(Config(data=data), "all")
    assert not is_hashed(Config(data=DataConfig(source="faces")), "test")


def test_a_single_picture_serves_every_split(tmp_path, caplog):
    save(tmp_path / "only.png", BLUE)
    with caplog.at_level(logging.WARNING):
        sizes = [len(load(tmp_path, split)) for split in ("train", "validation", "test")]
    assert sizes == [1, 1, 1]
    assert caplog.text.count("too few pictures for a split") == 2


def test_limit_takes_the_first(tmp_path):
    for name, color in {"a": RED, "b": GREEN, "c": BLUE}.items():
        save(tmp_path / "train" / f"{name}.png", color)
        save(tmp_path / "test" / f"{name}.png", color)
    assert load(tmp_path, limit=2).array[:, 0, 0].tolist() == [list(RED), list(GREEN)]
