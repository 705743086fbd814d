"""The evaluate command line: its files, its rows, and errors on one line that name the flag."""

import base64
import csv
import html
import io
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
from commands import status_of
from PIL import Image

from tf_gradsr import evaluate, metrics
from tf_gradsr.config_files import load_config
from tf_gradsr.data import stream_batches
from tf_gradsr.evaluation.columns import COST, DIVERSITY, MEASURED, QUALITY
from tf_gradsr.evaluation.settings import pictures_config
from tf_gradsr.inference import Hallucinator
from tf_gradsr.registry import build_generator

pytestmark = pytest.mark.usefixtures("quick_evaluation")
ZS = ("z = 0", "z != 0")
FILES = ["figure.png", "reliability.png", "results.csv", "results.json", "results.md", "samples.png"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory, write_pictures, write_run):
    """Two runs, and their pictures, one of which is broken."""
    folder = tmp_path_factory.mktemp("it's here")
    pictures = write_pictures(folder / "pictures", 4)
    (pictures / "test" / "001_broken.png").write_bytes(b"no picture")
    write_run(folder / "first", pictures)
    write_run(folder / "second", pictures, seed=1, z_size=5)
    return folder


@pytest.fixture(scope="module")
def arguments(folder):
    """The command line of `written`, without its output."""
    both = ["--run", folder / "first", "--run", f"other={folder / 'second'}"]
    return [*both, "--consistency", "exact", "none", "--num_samples", "4", "--figure_pictures", "2"]


@pytest.fixture(scope="module")
def written(folder, arguments, quick_evaluation):
    """The results folder of two runs with both kinds of consistency."""
    assert status_of(evaluate, [*arguments, "--output", folder / "results"]) == 0
    return folder / "results"


def without_speed(document):
    for row in document["rows"]:
        assert row.pop("pictures_per_second") > 0
    return document


# ---------------------------------------------------------------- files


def test_the_folder_holds_every_file(written):
    assert sorted(path.name for path in written.iterdir()) == FILES
    # truth, bicubic, and z = 0 and z != 0 of two models with two kinds of consistency.
    width, height = Image.open(written / "figure.png").size
    assert width > 10 * 128 and 2 * 128 < height < 3 * 128


def test_samples_are_the_first_ones_of_the_first_model(written):
    samples, figure = (np.asarray(Image.open(written / name)) for name in ("samples.png", "figure.png"))
    gap, title = 4, 18
    # Four pictures, two across, and a line of text below.
    assert samples.shape[0] == 3 * gap + 2 * 128 + title
    for number in (0, 1):
        cell = samples[gap : gap + 128, gap + number * 132 :][:, :128]
        strip = figure[gap + title + number * 132 :][:128]
        found = [x for x in range(strip.shape[1] - 127) if np.array_equal(strip[:, x : x + 128], cell)]
        # Columns: truth, bicubic, then z = 0 and z != 0 of first, exact.
        assert [round((x - gap) / (figure.shape[1] - gap) * 10) for x in found] == [3]


def test_json_says_what_was_measured(written, folder):
    document = json.loads((written / "results.json").read_text())
    rows = [(row["model"], row["consistency"], row["z"]) for row in document["rows"]]
    assert rows == [
        ("bicubic", None, None),
        *((name, kind, z) for name in ("first", "other") for kind in ("exact", "none") for z in ZS),
    ]
    assert document["pictures"] == 4
    assert [entry["file"] for entry in document["skipped"]] == ["test/001_broken.png"]
    assert document["settings"]["num_samples"] == 4
    assert document["settings"]["temperature"] == [1.0]
    assert document["settings"]["data"]["path"] == str(folder / "pictures")
    for row in document["rows"]:
        sampled = row["z"] == "z != 0"
        assert row["temperature"] == (1.0 if sampled else None)
        assert bool(row["reliability"]) == bool(row["calibration"]) == sampled
        assert all(set(each) == {"count", "predicted", "actual"} for each in row["reliability"])
    identities = [row["identity"]["weights"] for row in document["rows"][1:]]
    assert len(set(identities)) == 2 and all(re.fullmatch("sha256:[0-9a-f]{16}", i) for i in identities)
    assert set(document["environment"]) >= {"tf_gradsr", "tensorflow", "device"}


def test_csv_holds_the_same_figures(written):
    document = json.loads((written / "results.json").read_text())
    with (written / "results.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == len(document["rows"]) == 9
    for line, row in zip(lines, document["rows"]):
        assert line["model"] == row["model"]
        assert line["temperature"] == ("" if row["temperature"] is None else "1.0")
        for column in MEASURED:
            figure = row["figures"][column.name]
            for part, key in (("", "mean"), ("_low", "low"), ("_high", "high")):
                text = line[column.name + part]
                assert text == "" if figure is None else float(text) == figure[key]
        for column in COST:
            assert (float(line[column.name]) if line[column.name] else None) == row[column.name]


def test_markdown_holds_the_table_and_the_command(written, folder, arguments):
    text = (written / "results.md").read_text()
    figures = json.loads((written / "results.json").read_text())["rows"][1]["figures"]["psnr"]
    assert f"| {figures['mean']:.2f} [{figures['low']:.2f}, {figures['high']:.2f}] |" in text
    assert "LPIPS alex" not in text and text.count("tf_gradsr.metrics.lpips --convert") == 1
    command = re.search(r"```sh\n(.*)\n```", text).group(1)
    expected = [*arguments, "--output", folder / "results"]
    assert shlex.split(command) == ["gradsr", "evaluate", *map(str, expected)]
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert len(tables) == 2 * (2 + 9)


def test_an_output_whose_name_is_too_long(arguments, tmp_path, capsys):
    for more in ([], ["--overwrite"]):
        assert status_of(evaluate, [*arguments, *more, "--output", tmp_path / ("n" * 300)]) == 2
        assert "error: output: a folder that can be written. Received: " in capsys.readouterr().err


@pytest.mark.parametrize("record", [None, "no JSON", "[]", '{"format": 1}', '{"rows": []}'])
def test_files_of_others_are_never_replaced(arguments, tmp_path, capsys, record):
    (tmp_path / "figure.png").write_text("mine")
    if record is not None:
        (tmp_path / "results.json").write_text(record)
    assert status_of(evaluate, [*arguments, "--overwrite", "--output", tmp_path]) == 2
    assert "overwrite: replaces only what this command wrote; " in capsys.readouterr().err
    assert (tmp_path / "figure.png").read_text() == "mine"


def test_weights_that_have_diverged_are_named(folder, tmp_path, capsys):
    """The pictures are finite, the gradient output is not: only measuring shows it."""
    run = tmp_path / "broken"
    shutil.copytree(folder / "first", run)
    generator = build_generator(load_config(run / "config.yaml"))
    generator.load_weights(run / "generator.weights.h5")
    layer = generator.up_blocks[-1].to_gradient
    layer.set_weights([np.full_like(weight, np.inf) for weight in layer.get_weights()])
    generator.save_weights(run / "generator.weights.h5")
    assert status_of(evaluate, ["--run", run, "--num_samples", "2", "--output", tmp_path / "results"]) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert "error: run: weights whose results can be measured; did its training diverge?" in said
    assert "broken" in said
    assert not (tmp_path / "results").exists()


def test_a_second_run_gives_the_same_except_for_speeds_and_prints_the_table(
    written, folder, arguments, tmp_path, capsys
):
    (tmp_path / "again").mkdir()
    shutil.copy(written / "results.json", tmp_path / "again")
    (tmp_path / "again" / "results.md").write_text("old")
    (tmp_path / "again" / "mine.txt").write_text("mine")
    again = [*arguments, "--output", tmp_path / "again"]
    assert status_of(evaluate, again) == 2
    assert "mine.txt already exists; give --overwrite" in capsys.readouterr().err
    assert (tmp_path / "again" / "results.md").read_text() == "old"

    assert status_of(evaluate, [*again, "--overwrite"]) == 0
    assert sorted(path.name for path in (tmp_path / "again").iterdir()) == [
        FILES[0],
        "mine.txt",
        *FILES[1:],
    ]
    first, second = (
        without_speed(json.loads((path / "results.json").read_text()))
        for path in (written, tmp_path / "again")
    )
    assert first.pop("command") != second.pop("command")
    assert first == second
    assert (written / "figure.png").read_bytes() == (tmp_path / "again" / "figure.png").read_bytes()

    printed = capsys.readouterr().out
    for column in QUALITY + DIVERSITY + COST:
        shown = second["absent"].get(column.name) != "no weights"
        assert (column.title in printed.split("4 pictures")[0]) == shown, column.title
    assert f"{second['rows'][3]['figures']['ssim']['mean']:.3f}" in printed
    assert "4 pictures, 1 unreadable left out" in printed
    assert printed.count("python -m tf_gradsr.metrics.lpips --convert") == 1
    assert printed.count("pip install 'tf-gradsr[features]'") == 1
    table = printed.split("4 pictures")[0]
    assert max(len(line) for line in table.splitlines()) <= evaluate.TABLE_WIDTH


def test_temperatures_and_the_calibration_that_is_recorded(folder, tmp_path, capsys):
    run, output = tmp_path / "run", tmp_path / "results"
    shutil.copytree(folder / "first", run)
    (run / "summary.json").write_text('{"model": {"psnr": 1.0}}')
    given = ["--temperature", "0.5", "1", "0.5", "--num_samples", "2", "--record_calibration"]
    assert status_of(evaluate, ["--run", run, *given, "--output", output]) == 0
    document = json.loads((output / "results.json").read_text())
    assert [row["temperature"] for row in document["rows"]] == [None, None, 0.5, 1.0]
    printed = capsys.readouterr().out
    assert "run, z != 0, T 0.5, exact" in printed and "T: the temperature" in printed
    assert f"Calibration: {run / 'summary.json'}" in printed
    # The first row of samples is recorded, and what was there stays.
    summary = json.loads((run / "summary.json").read_text())
    assert summary == {"model": {"psnr": 1.0}, "calibration": document["rows"][2]["calibration"]}
    assert Hallucinator.load(run).calibration == summary["calibration"]
    assert not (output / "reliability.png").exists()


def test_a_calibration_that_cannot_be_recorded(folder, tmp_path, capsys):
    run = tmp_path / "run"
    shutil.copytree(folder / "first", run)
    (run / "summary.json").write_text("[]")
    given = ["--num_samples", "2", "--data.limit", "1", "--record_calibration"]
    assert status_of(evaluate, ["--run", run, *given, "--output", tmp_path / "results"]) == 2
    assert "error: run: a summary.json with named entries. Received: " in capsys.readouterr().err


# ---------------------------------------------------------------- stopping


def test_ctrl_c_ends_with_130_and_leaves_nothing(folder, tmp_path, monkeypatch, capsys):
    def interrupted(*arguments, **options):
        for number, batch in enumerate(stream_batches(*arguments, **options)):
            if number == 1:
                os.kill(os.getpid(), signal.SIGINT)
            yield batch

    monkeypatch.setattr("tf_gradsr.evaluation.evaluator.stream_batches", interrupted)
    output = tmp_path / "results"
    assert status_of(evaluate, ["--run", folder / "first", "--batch_size", "1", "--output", output]) == 130
    assert not output.exists()
    assert capsys.readouterr().err.endswith("Interrupted. Nothing was written.\n")


def test_ctrl_c_while_writing_leaves_no_half_results(folder, tmp_path, monkeypatch):
    def interrupted(image, path):
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(Image.Image, "save", interrupted)
    few = ["--data.limit", "1", "--num_samples", "2"]
    assert status_of(evaluate, ["--run", folder / "first", *few, "--output", tmp_path / "results"]) == 130
    assert list((tmp_path / "results").iterdir()) == []


# ---------------------------------------------------------------- bad settings


@pytest.mark.parametrize(
    ("given", "setting", "said"),
    [
        (["--num_samples", "1"], "num_samples", "≥2. Received: 1"),
        (["--num_samples", "ten"], "num_samples", "a whole number"),
        (["--batch_size", "0"], "batch_size", ">0. Received: 0"),
        (["--seed", "-1"], "seed", "≥0"),
        (["--temperature", "-0.1"], "temperature", "≥0"),
        (["--temperature", "1", "101"], "temperature", "≤100"),
        (["--temperature", "warm"], "temperature", "warm"),
        (["--figure_pictures", "0"], "figure_pictures", ">0"),
        (["--consistency", "learned"], "consistency", "one of none, exact. Received: learned"),
        (["--data.split", "val"], "data.split", "one of train, validation, test, all. Received: val"),
        (
            ["--data.source", "faces", "--data.split", "all"],
            "data.split",
            "source faces. Received: all",
        ),
        (["--data.source", "web"], "data.source", "faces, celeb_a, folder"),
        (["--data.limit", "0"], "data.limit", ">0"),
        (["--data.source", "faces", "--data.path", "x"], "data.path", "take no path"),
        (["--data.path", "no/such"], "data.path", "--data.path names another. Received: no/such"),
        (["--num_sample", "3"], "num_sample", "did you mean num_samples?"),
        (["--run", "no/such"], "run", "a model of the package; one of cpu_8x"),
        (["--run", "{folder}/first"], "run", "--run NAME=DIR. Received: first for both"),
        (["--run", "a={folder}/pictures"], "run", "Received: {folder}/pictures"),
    ],
)
def test_bad_settings_end_with_one_line_and_status_2(given, setting, said, folder, tmp_path, capsys):
    given = [text.format(folder=folder) for text in given]
    base = ["--run", folder / "first", "--output", tmp_path / "results"]
    assert status_of(evaluate, [*base, *given]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert len(output.err.strip().splitlines()) == 1
    assert f"gradsr evaluate: error: {setting}: " in output.err
    assert said.format(folder=folder) in output.err
    assert not (tmp_path / "results").exists()


def test_a_run_is_required_and_an_empty_output_is_refused(folder, tmp_path, capsys):
    assert status_of(evaluate, ["--output", tmp_path / "new"]) == 2
    assert "error: run: the folder" in capsys.readouterr().err
    assert status_of(evaluate, ["--run", folder / "first", "--output", ""]) == 2
    assert "error: output: the folder" in capsys.readouterr().err


def test_a_file_as_output_is_refused(folder, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert status_of(evaluate, ["--run", folder / "first", "--output", tmp_path / "file"]) == 2
    assert "output: a folder that can be written" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("settings", "name", "values"),
    [
        ({"scale": 2}, "model.scale", "4 in {first}, 2 in {other}"),
        ({"lr_size": [8, 12]}, "data.lr_size", "(8, 8) in {first}, (8, 12) in {other}"),
        ({"downscale": "bicubic"}, "data.downscale", "area in {first}, bicubic in {other}"),
    ],
)
def test_runs_that_differ_are_named_both(settings, name, values, folder, tmp_path, write_run, capsys):
    write_run(tmp_path / "other", folder / "pictures", **settings)
    runs = ["--run", folder / "first", "--run", tmp_path / "other"]
    assert status_of(evaluate, [*runs, "--output", tmp_path / "results"]) == 2
    error = capsys.readouterr().err
    assert f"share {name};" in error
    assert values.format(first=folder / "first", other=tmp_path / "other") in error


def test_a_square_lr_size_is_the_same_as_a_list_of_it(folder, tmp_path, write_run, capsys):
    write_run(tmp_path / "other", folder / "pictures", lr_size=[8, 8])
    runs = ["--run", folder / "first", "--run", tmp_path / "other", "--data.path", "no/such"]
    assert status_of(evaluate, [*runs, "--output", tmp_path / "results"]) == 2
    assert "data.path:" in capsys.readouterr().err


def test_exact_consistency_of_a_bicubic_run_is_refused(folder, tmp_path, write_run, capsys):
    run = write_run(tmp_path / "run", folder / "pictures", downscale="bicubic")
    assert status_of(evaluate, ["--run", run, "--output", tmp_path / "results"]) == 2
    assert "consistency: none for a model trained with data.downscale bicubic" in capsys.readouterr().err


def test_pictures_that_are_gone_are_named(tmp_path, write_run, capsys):
    run = write_run(tmp_path / "run", tmp_path / "gone")
    assert status_of(evaluate, ["--run", run, "--output", tmp_path / "results"]) == 2
    error = capsys.readouterr().err
    assert "--data.path" in error and f"Received: {tmp_path / 'gone'}" in error


def test_a_run_without_weights_and_one_with_others_are_refused(folder, tmp_path, write_run, capsys):
    run = write_run(tmp_path / "run", folder / "pictures")
    wider = write_run(tmp_path / "wider", folder / "pictures", widths=[6])
    (run / "generator.weights.h5").write_bytes((wider / "generator.weights.h5").read_bytes())
    assert status_of(evaluate, ["--run", run, "--output", tmp_path / "results"]) == 2
    assert "run: weights that fit the run's config.yaml" in capsys.readouterr().err
    (run / "generator.weights.h5").unlink()
    assert status_of(evaluate, ["--run", run, "--output", tmp_path / "results"]) == 2
    assert "run: a run with generator.weights.h5" in capsys.readouterr().err


def test_damaged_lpips_weights_are_refused(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HOME", str(tmp_path))
    path = metrics.default_weights_path("alex")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"damaged")
    assert status_of(evaluate, ["--run", folder / "first", "--output", tmp_path / "results"]) == 2
    assert str(path) in capsys.readouterr().err


def test_another_source_forgets_the_runs_path(folder):
    config = load_config(folder / "first" / "config.yaml")
    faces = pictures_config(config, source="faces", limit=3).data
    assert (faces.source, faces.path, faces.limit) == ("faces", None, 3)
    kept = pictures_config(config, source="folder").data
    assert kept.path == str(folder / "pictures")


def test_help_explains_every_option(capsys):
    assert status_of(evaluate, ["--help"]) == 0
    text = capsys.readouterr().out
    for option in re.findall(r"\n  (--[\w.]+)", text):
        explanation = text.split(f"\n  {option}", 1)[1].split("\n  --", 1)[0]
        assert len(explanation.split()) > 8, f"{option} needs a sentence"
    assert "--num_samples" in text and "--data.split" in text


def test_settings_are_checked_before_tensorflow_is_loaded(tmp_path):
    # Python lists every module that it imports on standard error.
    command = [sys.executable, "-X", "importtime", "-m", "tf_gradsr.evaluate", "--run", str(tmp_path)]
    result = subprocess.run([*command, "--output", "new"], capture_output=True, text=True, timeout=300)
    assert result.returncode == 2
    assert "error: run: the folder of a training run" in result.stderr
    lines = result.stderr.splitlines()
    assert any(line.endswith(" jsonargparse") for line in lines)
    assert not any(line.endswith(" tensorflow") for line in lines)


# ---------------------------------------------------------------- the report


def test_the_report_holds_tables_sheets_and_faces(folder, tmp_path):
    evil = "<b>bold</b>"
    given = ["--num_samples", "4", "--figure_pictures", "2", "--report"]
    run = [f"{evil}={folder / 'first'}", folder / "second"]
    assert status_of(evaluate, ["--run", *run, *given, "--output", tmp_path / "results"]) == 0
    page = (tmp_path / "results/report.html").read_text(encoding="utf-8")
    document = json.loads((tmp_path / "results/results.json").read_text())
    assert evil not in page and html.escape(evil) in page
    text = re.sub(r"\s+", " ", page)
    for row in document["rows"]:
        for column in ("psnr", "ssim", "crps"):
            figure, places = row["figures"][column], 3 if column == "ssim" else 2
            mean, low, high = (f"{figure[part]:.{places}f}" for part in ("mean", "low", "high"))
            assert f"{mean} <small>[{low}, {high}]</small>" in text
        if row["model"] != "bicubic":
            assert row["identity"]["weights"] in page
    # Two models with samples are in the table of diversity, bicubic and z = 0 are not.
    diversity = text.split("Diversity</h2>")[1].split("</thead>")[0]
    heads = re.findall(r'columnheader"><bdi>(.*?)</bdi>', diversity)
    assert heads == [html.escape(f"{evil}, z != 0, exact"), "second, z != 0, exact"]
    pictures = re.findall(r'src="data:image/(?:png|webp);base64,([^"]+)" width="(\d+)" height="(\d+)"', page)
    sizes = [(int(width), int(height)) for _, width, height in pictures]
    sheets = [Image.open(tmp_path / "results" / f"{name}.png").size for name in ("reliability", "samples")]
    # Of each face LR, bicubic, z = 0 and a sample of two models, truth.
    assert sizes == [*sheets, *[(8, 8), *[(32, 32)] * 6] * 2]
    truths = [np.asarray(Image.open(folder / f"pictures/test/{name}.png")) for name in ("000", "001")]
    for number, truth in enumerate(truths):
        shown = Image.open(io.BytesIO(base64.b64decode(pictures[2 + 7 * number + 6][0])))
        np.testing.assert_array_equal(np.asarray(shown), truth)
