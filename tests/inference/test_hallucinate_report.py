"""hallucinate --report: its page holds the pictures of the folders, pixel by pixel, and what made them."""

import base64
import io
import re

import numpy as np
import pytest
from commands import refuses, run_command
from PIL import Image

from tf_gradsr import hallucinate, metrics, ops
from tf_gradsr.files import sha256_of
from tf_gradsr.gallery.heat_map import colour, rounded_top

EVIL = "<img src=x onerror=alert(1)>"
SCALE = 4


@pytest.fixture(scope="module")
def folder(tmp_path_factory, write_pictures, write_run):
    folder = tmp_path_factory.mktemp("reports")
    write_pictures(folder / "pictures", 2, size=(8, 8))
    (folder / "pictures/test/001.png").rename(folder / "pictures/test" / f"{EVIL}.png")
    (folder / "pictures/test/broken.png").write_bytes(b"no picture")
    write_run(folder / "run", folder / "pictures")
    return folder


def arguments_of(folder, *more):
    return [folder / "pictures/test", "--run", folder / "run", "-o", folder / "out", *more]


@pytest.fixture(scope="module")
def page(folder):
    arguments = arguments_of(folder, "--num_samples", "3", "--seed", "5", "--report")
    assert hallucinate.main([str(argument) for argument in arguments]) == 1
    return (folder / "out/report.html").read_text(encoding="utf-8")


def pictures_of(page):
    """{alternative text: (pixels, bytes of the file)} of all pictures that have one."""
    found = {}
    for url, alternative in re.findall(r'<img[^>]* src="([^"]+)"[^>]* alt="([^"]+)"', page):
        content = base64.b64decode(url.partition("base64,")[2])
        found[alternative] = np.asarray(Image.open(io.BytesIO(content))), content
    return found


def test_the_page_holds_the_files_that_were_written(page, folder):
    pictures = pictures_of(page)
    samples = [f"sample {number:02d}" for number in range(3)]
    titles = ["LR 8×8", "bicubic", "z = 0", *samples, "mean of samples"]
    made = folder / "out/000"
    assert [name for name in pictures if name.endswith(" of 000")] == [f"{title} of 000" for title in titles]
    names = ["lr", "reconstruction", *(title.replace(" ", "_") for title in samples), "mean"]
    for title, name in zip([title for title in titles if title != "bicubic"], names):
        assert pictures[f"{title} of 000"][1] == (made / f"{name}.png").read_bytes(), title
    lr = pictures["LR 8×8 of 000"][0]
    bicubic = metrics.bicubic(ops.to_float(lr[None]), SCALE)[0].numpy()
    np.testing.assert_array_equal(pictures["bicubic of 000"][0], bicubic)


def test_the_uncertainty_is_the_samples(page, folder):
    samples = [np.asarray(Image.open(folder / f"out/000/sample_{number:02d}.png")) for number in range(3)]
    stddev = np.std(samples, axis=0, ddof=1, dtype=np.float64).mean(-1)
    top = rounded_top(stddev)
    shown = pictures_of(page)[f"Uncertainty of 000, from 0, dark, to {top:g}, bright"][0]
    # Rounding of colours halfway between two.
    assert np.abs(shown.astype(int) - colour(stddev, top)).max() <= 1
    assert "standard deviation over the samples, grey levels" in page


def test_names_are_escaped_and_the_weights_are_named(page, folder):
    assert EVIL not in page and page.count("&lt;img src=x onerror=alert(1)&gt;") > 5
    digest = sha256_of(folder / "run/generator.weights.h5")
    assert f"sha256:{digest[:16]}" in page
    assert re.search(r"Left out: .*broken\.png: not a picture, or of an unknown kind", page)
    assert "2 small pictures, 3 plausible large ones of each" in page
    assert "8×8 → 32×32" in page and "--seed 5" in page
    assert "they are not evidence of anybody" in page


def test_the_figures_are_those_that_were_printed(folder, tmp_path, capsys):
    folders = ["--output", tmp_path / "out", "--run", folder / "run"]
    given = ["--downscale", "--num_samples", "2", "--report"]
    result = run_command(hallucinate, [folder / "pictures/test/000.png", *folders, *given], capsys)
    assert result.status == 0 and f"Report: {tmp_path / 'out/report.html'}" in result.out
    page = (tmp_path / "out/report.html").read_text(encoding="utf-8")
    figures = dict(re.findall(r"<dt><bdi>(.*?)</bdi></dt><dd><bdi>(.*?)</bdi></dd>", page))
    for name in ("LR-PSNR", "spread", "PSNR"):
        assert f"{name} {figures[name]}" in result.out, name
    assert "truth of 000" in pictures_of(page)
    assert "1 small picture, 2 plausible large ones of it" in page


def test_without_samples_there_is_no_map(folder, tmp_path, capsys):
    given = ["--output", tmp_path / "out", "--run", folder / "run", "--num_samples", "0", "--report"]
    assert run_command(hallucinate, [folder / "pictures/test/000.png", *given], capsys).status == 0
    page = (tmp_path / "out/report.html").read_text(encoding="utf-8")
    assert list(pictures_of(page)) == ["LR 8×8 of 000", "bicubic of 000", "z = 0 of 000"]
    assert "1 small picture, enlarged" in page and "temperature" not in page


def test_what_is_there_and_where_it_cannot_go(page, folder, tmp_path, capsys):
    again = arguments_of(folder, "--report", "--num_samples", "0", "-o", tmp_path)
    (tmp_path / "report.html").write_text("mine")
    result = run_command(hallucinate, again, capsys)
    assert refuses(result, "report.html already exists, and --overwrite replaces only a report")
    assert refuses(run_command(hallucinate, [*again, "--overwrite"], capsys), "report.html is something else")
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    streams = [folder / "pictures/test/000.png", "--run", folder / "run", "-o", "-", "--report"]
    assert refuses(run_command(hallucinate, streams, capsys), "error: report: goes into a folder of results")
