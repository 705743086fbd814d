"""The modules behind the hallucinate command: grids, heat maps, charts, walks, spread, reading, writing."""

from pathlib import Path

import numpy as np
import pytest
from arrays import noise
from PIL import Image

from tf_gradsr.errors import ConfigError
from tf_gradsr.files import check_output
from tf_gradsr.gallery.chart import COLOURS, LINE, MARGIN, SIDE, Words, diagonal_chart, tick_step
from tf_gradsr.gallery.grid import (
    LABEL_WIDTH,
    cell_size,
    font_of,
    picture_grid,
    resize_to_cell,
    titled_cells,
    wrapped,
)
from tf_gradsr.gallery.heat_map import colour, colour_bar, heat_map, rounded_top
from tf_gradsr.gallery.inputs import find_inputs, folder_names
from tf_gradsr.gallery.reading import make_pair, read_picture, upscale_alpha
from tf_gradsr.gallery.spread import legend
from tf_gradsr.gallery.walk import closed_walk, slerp
from tf_gradsr.gallery.writing import RESULT_FOLDER, RESULT_PICTURE, SOFTWARE, save_png, save_walk
from tf_gradsr.sampling import RunningSpread

# ---------------------------------------------------------------- grids


@pytest.mark.parametrize(
    ("size", "shown"),
    [((1, 1), (128, 128)), ((32, 64), (64, 128)), ((50, 50), (150, 150)), ((128, 96), (128, 96))],
)
def test_small_pictures_are_enlarged_by_a_whole_factor(size, shown, rng):
    assert cell_size(*size) == shown
    picture = noise(rng, *size, 3)
    factor = shown[0] // size[0]
    expected = picture.repeat(factor, 0).repeat(factor, 1)
    np.testing.assert_array_equal(resize_to_cell(picture), expected)


def test_large_pictures_shrink_by_averaging(rng):
    assert cell_size(768, 1536) == (192, 384)
    assert cell_size(4000, 3) == (384, 1)
    assert cell_size(768, 1536, shrink=False) == (768, 1536)
    picture = noise(rng, 768, 384, 3)
    means = picture.reshape(384, 2, 192, 2, 3).mean((1, 3))
    assert np.abs(resize_to_cell(picture) - means).max() <= 1


def test_cells_are_wrapped_and_titles_have_room(rng):
    cells = [(f"a picture of the number {n}", noise(rng, 128, 8, 3)) for n in range(30)]
    sheet = titled_cells(cells, "a footer")
    assert 500 < sheet.shape[1] <= 1600
    assert sheet.shape[0] > 2 * 128
    # Titles do not run into each other: each picture stands alone, with white to its right.
    (left,) = np.unique([int(np.argmax((row != 255).any(-1))) for row in sheet[30:100]])
    assert (sheet[30:100, left + 8 : left + 60] == 255).all()
    assert titled_cells(cells[:1]).shape[0] < sheet.shape[0] / 2


def test_grid_holds_every_picture_row_by_row(rng):
    columns = {"LR": noise(rng, 2, 128, 130, 3), "a title that needs more room than its picture": None}
    columns = {title: noise(rng, 2, 128, 130, 3) for title in columns}
    grid = picture_grid(columns)
    for pictures in columns.values():
        for picture in pictures:
            places = np.argwhere((grid[: -127 or None, :-129] == picture[0, 0]).all(-1))
            assert any((grid[y : y + 128, x : x + 130] == picture).all() for y, x in places)


def test_tiles_are_twice_as_large_when_asked(rng):
    assert cell_size(128, 128, tile=256) == (256, 256)
    assert cell_size(16, 16, tile=256) == (256, 256)
    assert cell_size(600, 300, tile=512) == (512, 256)


def test_rows_have_labels_and_the_grid_a_picture_below(rng):
    columns = {"LR": noise(rng, 2, 64, 64, 3)}
    bar = colour_bar(50, "grey levels", 200)
    plain, labelled = (
        picture_grid(columns, tile=64),
        picture_grid(columns, ["a\nPSNR 20 dB", ""], bar, tile=64),
    )
    pictures = labelled[:, LABEL_WIDTH:]
    np.testing.assert_array_equal(pictures[: plain.shape[0] - 4, :68], plain[:-4, :68])
    np.testing.assert_array_equal(pictures[plain.shape[0] : -4, 4:204], bar)
    # Two lines of text beside the first row, none beside the second.
    dark = (labelled[:, :LABEL_WIDTH] < 128).any((1, 2))
    assert dark[22:86].any() and not dark[90:154].any()
    assert np.count_nonzero(np.diff(dark[22:86].astype(int)) == 1) == 2


# ---------------------------------------------------------------- heat map


@pytest.mark.parametrize(
    ("largest", "top"), [(0.0, 1), (0.3, 1), (1.0, 1), (1.01, 2), (4.9, 5), (5.1, 10), (10, 10), (73, 100)]
)
def test_scale_ends_at_a_round_number(largest, top):
    assert rounded_top(np.full((9, 9), largest)) == pytest.approx(top)


def test_colours_rise_in_luminance_and_stop_at_the_top():
    ramp = colour(np.linspace(0, 8, 200)[None], top=8.0)[0].astype(float)
    luminance = ramp @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(luminance) >= -0.5).all() and luminance[-1] - luminance[0] > 200
    np.testing.assert_array_equal(colour(np.array([[9.0, 100.0]]), 8.0), colour(np.full((1, 2), 8.0), 8.0))


@pytest.mark.parametrize("size", [(1, 1), (200, 3), (64, 64), (300, 2000)])
def test_heat_map_is_above_its_scale(size, rng):
    values = rng.uniform(0, 7, size)
    picture = heat_map(values, "grey levels")
    shown = resize_to_cell(colour(values, rounded_top(values)), shrink=False)
    np.testing.assert_array_equal(picture[: shown.shape[0], : shown.shape[1]], shown)
    legend = picture[shown.shape[0] :]
    assert legend.shape[1] >= 70
    # The bar runs from the lowest to the highest colour, and there is text below it.
    bar = legend[(legend != 255).any(-1).sum(1).argmax()]
    coloured = bar[(bar != 255).any(-1)]
    np.testing.assert_array_equal(coloured[[0, -1]], colour(np.array([[0.0, 10.0]]), 10.0)[0])
    assert (legend[len(legend) // 2 :] < 128).all(-1).any()


def test_long_legends_are_wrapped_below_the_scale(rng):
    values = rng.uniform(0, 7, (128, 128))
    short, long = (heat_map(values, text) for text in ("grey levels", "grey levels; " * 5))
    assert long.shape[1] == short.shape[1] == 128 and long.shape[0] > short.shape[0] + 30
    np.testing.assert_array_equal(long[:128], short[:128])
    font = font_of(13)
    words = ["true", "errors", "are", "incomparably", "larger"]
    lines = wrapped(" ".join(words), font, 90)
    assert " ".join(lines).split() == words
    assert all(font.getlength(line) <= 90 for line in lines)
    assert wrapped("incomparably larger", font, 10) == ["incomparably", "larger"]


def test_the_legend_says_how_far_a_measured_spread_can_be_trusted():
    measured = {
        "spread_error": 0.8,
        "temperature": 1.0,
        "consistency": "exact",
        "measured_on": "500 test pictures",
    }
    plain = "standard deviation over the samples, grey levels"
    known = f"{plain}; true errors are 1.2 times as large (500 test pictures)"
    assert legend(measured, 1.0, "exact") == known
    for unlike in ((None, 1.0, "exact"), (measured, 0.7, "exact"), (measured, 1.0, "none")):
        assert legend(*unlike) == plain


# ---------------------------------------------------------------- chart


@pytest.mark.parametrize(
    ("top", "step"), [(1, 0.2), (4, 0.5), (8, 1), (8.1, 2), (40, 5), (50, 10), (128, 20)]
)
def test_ticks_are_at_round_numbers(top, step):
    assert tick_step(top) == pytest.approx(step)


def test_curves_are_where_the_numbers_are():
    words = Words("a title", "across", "up", "above", "below", "diagonal")
    curves = {"first": [(10.0, 30.0)], "second": [(0.0, 5.0), (40.0, 35.0)]}
    chart = diagonal_chart(curves, words)
    # The axes end at 40, a title of one line above them; a legend line for each curve, and the diagonal's.
    top, side = 2 * LINE, SIDE / 40

    def colour_at(across, up):
        return chart[round(top + SIDE - up * side), round(MARGIN + across * side)]

    expected = {(10, 30): COLOURS[0], (12, 28): (255, 255, 255)}
    # Two ends and the line between them.
    expected.update(dict.fromkeys([(0, 5), (40, 35), (10, 12.5)], COLOURS[1]))
    for place, colour_there in expected.items():
        np.testing.assert_allclose(colour_at(*place), colour_there, atol=40, err_msg=str(place))
    more = diagonal_chart({**curves, "third": []}, words)
    assert more.shape == (chart.shape[0] + LINE, chart.shape[1], 3)


def test_a_long_title_is_wrapped_and_small_numbers_have_room():
    words = Words("a title of many words " * 9, "across", "up", "above", "below", "diagonal")
    short = diagonal_chart({"only": [(0.0, 0.0)]}, words._replace(title="a title"))
    long = diagonal_chart({"only": [(0.0, 0.0)]}, words)
    assert long.shape[0] > short.shape[0] and long.shape[1] == short.shape[1]


# ---------------------------------------------------------------- walk and spread


def test_slerp_by_hand():
    x, y = np.array([2.0, 0, 0]), np.array([0, 4.0, 0])
    np.testing.assert_array_equal(slerp(x, y, 0.0), x)
    np.testing.assert_allclose(slerp(x, y, 1.0), y, atol=1e-6)
    # Half of 90 degrees, at the mean length 3; a third, at 2 + 2/3.
    np.testing.assert_allclose(slerp(x, y, 0.5), 3 * np.array([0.5, 0.5, 0]) ** 0.5, rtol=1e-6)
    angle = np.pi / 6
    np.testing.assert_allclose(slerp(x, y, 1 / 3), 8 / 3 * np.array([np.cos(angle), 0.5, 0]), rtol=1e-6)


@pytest.mark.parametrize("end", [[0.0, 0.0], [3.0, 0.0], [-1.0, 0.0], [1.0, 0.0]])
def test_slerp_without_an_angle_is_a_straight_line(end):
    result = slerp(np.array([1.0, 0.0]), np.array(end), 0.25)
    np.testing.assert_allclose(result, 0.75 * np.array([1.0, 0.0]) + 0.25 * np.array(end), atol=1e-6)
    assert result.dtype == np.float32


def test_walk_visits_every_sample_and_closes(rng):
    z = rng.normal(size=(3, 64)).astype(np.float32)
    steps = np.stack(list(closed_walk(z, 4)))
    assert steps.shape == (15, 64)
    np.testing.assert_array_equal(steps[::5], z)
    np.testing.assert_allclose(steps[14], slerp(z[2], z[0], 0.8))
    # No vector on the way is shorter than the ends.
    assert np.linalg.norm(steps, axis=1).min() >= np.linalg.norm(z, axis=1).min() - 1e-4


@pytest.mark.parametrize("count", [2, 300])
def test_running_spread_is_numpys(rng, count):
    samples = noise(rng, count, 3, 4, 3)
    samples[:, 0] = 255
    spread = RunningSpread((3, 4, 3))
    for sample in samples:
        spread.add(sample)
    np.testing.assert_allclose(spread.mean(), samples.mean(0), rtol=1e-6)
    np.testing.assert_allclose(spread.stddev(), samples.std(0, ddof=1, dtype=np.float64), rtol=1e-6)
    assert (spread.stddev()[0] == 0).all()


# ---------------------------------------------------------------- inputs


@pytest.fixture
def tree(tmp_path):
    """Files of many names, empty."""
    for name in ("b.png", "a.JPG", "notes.txt", ".hidden.png", "deep/c.webp", "deep/er/d.tif", "e[1].png"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    return tmp_path


@pytest.mark.parametrize(
    ("paths", "found"),
    [
        (["."], ["a.JPG", "b.png", "e[1].png"]),
        (["notes.txt", "b.png"], ["notes.txt", "b.png"]),
        (["b.png", "."], ["b.png", "a.JPG", "e[1].png"]),
        (["*"], ["a.JPG", "b.png", "deep/c.webp", "e[1].png"]),
        (["**/*"], ["a.JPG", "b.png", "deep/c.webp", "deep/er/d.tif", "e[1].png"]),
        (["deep/*/*.tif", "?.png"], ["deep/er/d.tif", "b.png"]),
        (["e[1].png"], ["e[1].png"]),
    ],
)
def test_files_folders_and_globs_are_found(tree, paths, found):
    result = find_inputs([tree / path for path in paths])
    assert [one.path.relative_to(tree).as_posix() for one in result] == found


@pytest.mark.parametrize("path", ["missing.png", "*.bmp", "empty"])
def test_paths_that_lead_to_nothing_are_refused(tree, path):
    (tree / "empty").mkdir()
    with pytest.raises(ConfigError, match=r"input: .* Received: .*(missing|\*\.bmp|empty)"):
        find_inputs([tree, tree / path])


def test_same_stems_get_their_own_names():
    files = [Path(name) for name in ("x/a.png", "y/a.jpg", "a_2.png", "A.webp", "b.png", "z/a.png")]
    names = folder_names(files)
    assert names == ["a", "a_3", "a_2", "A_4", "b", "a_5"]
    assert len({name.casefold() for name in names}) == len(files)


def test_names_of_dots_stay_in_their_folder():
    assert folder_names([Path("..png"), Path("x/...png"), Path("picture.png")]) == [
        "picture",
        "picture_2",
        "picture_3",
    ]


# ---------------------------------------------------------------- reading


def test_pair_is_cut_around_the_centre(tmp_path, rng):
    large = noise(rng, 11, 14, 4)
    Image.fromarray(large).save(tmp_path / "p.png")
    lr, hr = make_pair(read_picture(tmp_path / "p.png"), 4)
    cut = large[1:9, 1:13]
    np.testing.assert_array_equal(np.dstack([hr.rgb, hr.alpha]), cut)
    means = cut.reshape(2, 4, 3, 4, 4).mean((1, 3))
    assert np.abs(np.dstack([lr.rgb, lr.alpha]) - means).max() <= 0.5 + 1e-4


def test_pair_of_a_given_size_is_resized(tmp_path, rng):
    Image.fromarray(noise(rng, 60, 40, 3)).save(tmp_path / "p.png")
    picture = read_picture(tmp_path / "p.png")
    lr, hr = make_pair(picture, 4, lr_size=5)
    assert lr.rgb.shape == (5, 5, 3) and hr.rgb.shape == (20, 20, 3) and hr.notes == ()
    assert make_pair(picture, 4, lr_size=11)[1].notes == ("40x60 is smaller than 44x44: enlarged",)


def test_alpha_is_upscaled_smoothly():
    alpha = np.array([[0, 0, 255, 255]], np.uint8)
    up = upscale_alpha(alpha, 4)
    assert up.shape == (4, 16)
    assert up[0, 0] == 0 and up[0, -1] == 255 and (np.diff(up[0].astype(int)) >= -2).all()


# ---------------------------------------------------------------- writing


def test_only_own_results_may_be_replaced(tmp_path):
    folder = tmp_path / "face"
    folder.mkdir()
    for name in ("sample_00.png", "gradient_reconstruction.png", "walk.webp"):
        (folder / name).touch()
    check_output(folder, True, RESULT_FOLDER)
    (folder / "sample_0a.png").touch()
    with pytest.raises(ConfigError, match=r"overwrite: .*sample_0a\.png is something else"):
        check_output(folder, True, RESULT_FOLDER)
    save_png(tmp_path / "ours.png", np.zeros((2, 2, 3), np.uint8), metadata={"Software": SOFTWARE})
    check_output(tmp_path / "ours.png", True, RESULT_PICTURE)
    save_png(tmp_path / "other.png", np.zeros((2, 2, 3), np.uint8))
    (tmp_path / "link.png").symlink_to("ours.png")
    for name in ("other.png", "link.png"):
        with pytest.raises(ConfigError, match=f"overwrite: .*{name} is something else"):
            check_output(tmp_path / name, True, RESULT_PICTURE)


def test_png_keeps_pixels_alpha_text_and_profile(tmp_path, rng):
    rgb, alpha = noise(rng, 4, 5, 3), noise(rng, 4, 5)
    save_png(tmp_path / "p.png", rgb, alpha, {"seed": "3"}, b"a profile")
    picture = Image.open(tmp_path / "p.png")
    np.testing.assert_array_equal(np.asarray(picture), np.dstack([rgb, alpha]))
    assert picture.text == {"seed": "3"}
    assert picture.info["icc_profile"] == b"a profile"


@pytest.mark.parametrize("kind", ["webp", "gif"])
def test_walk_is_an_endless_animation(tmp_path, rng, kind):
    frames = list(noise(rng, 3, 16, 12, 3))
    save_walk(tmp_path / f"w.{kind}", frames, metadata={"seed": "3", "model": "x"})
    picture = Image.open(tmp_path / f"w.{kind}")
    assert (picture.n_frames, picture.info["loop"], picture.size) == (3, 0, (12, 16))
    if kind == "webp":
        for number, frame in enumerate(frames):
            picture.seek(number)
            np.testing.assert_array_equal(np.asarray(picture.convert("RGB")), frame)
        assert picture.getexif()[0x010E] == "seed: 3; model: x"
    else:
        assert picture.info["comment"] == b"seed: 3; model: x"
