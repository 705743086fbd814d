"""Evaluations on degraded and on moved pictures: LR-PSNR against the input and against clean LR."""

import json
import re

import numpy as np
import pytest
from commands import refuses, run_command
from PIL import Image

from tf_gradsr import evaluate, metrics, ops
from tf_gradsr.config_files import load_config
from tf_gradsr.data import lr_pictures, stream_batches
from tf_gradsr.evaluation.settings import pictures_config

pytestmark = pytest.mark.usefixtures("quick_evaluation")
DEGRADED = ["--data.degrade", "true", "--data.degrade_jpeg", "[60, 60]", "--data.degrade_noise", "4"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory, write_pictures, write_run):
    """A run and its pictures."""
    folder = tmp_path_factory.mktemp("evaluation")
    write_run(folder / "run", write_pictures(folder / "pictures", 3))
    return folder


@pytest.fixture
def results(folder, tmp_path, capsys):
    """Evaluates the run with more options; returns results.json and what was printed."""

    def measured(*options):
        output = tmp_path / "-".join(re.sub(r"\W", "", option) for option in ("results", *options))
        arguments = ["--run", folder / "run", "--num_samples", "2", "--output", output, *options]
        result = run_command(evaluate, arguments, capsys)
        assert result.status == 0, result.err
        return json.loads((output / "results.json").read_text()), result.out

    return measured


def means(document, column):
    return [row["figures"][column]["mean"] for row in document["rows"]]


def test_degraded_input_is_measured_against_and_so_is_clean_lr(results, folder):
    document, printed = results(*DEGRADED)
    settings = document["settings"]["data"]
    assert settings["degrade"] and settings["degrade_jpeg"] == [60, 60] and settings["degrade_noise"] == 4
    pictures = [np.asarray(Image.open(p)) for p in sorted((folder / "pictures" / "test").iterdir())]
    asked = {"degrade": True, "degrade_jpeg": [60, 60], "degrade_noise": 4.0}
    config = pictures_config(load_config(folder / "run" / "config.yaml"), others=asked)
    _, hr, lr = next(iter(stream_batches(iter(pictures), config, 3)))
    # Block means by hand.
    clean = hr.reshape(3, 8, 4, 8, 4, 3).mean((2, 4))
    assert np.abs(lr_pictures(ops.to_float(hr), config).numpy() - clean).max() <= 0.5
    bicubic = metrics.bicubic(ops.to_float(lr), 4).numpy()
    down = bicubic.reshape(3, 8, 4, 8, 4, 3).mean((2, 4))
    for column, target in (("lr_psnr", lr), ("clean_lr_psnr", np.rint(clean))):
        expected = [10 * np.log10(255**2 / np.mean((d - t) ** 2)) for d, t in zip(down, target)]
        assert abs(means(document, column)[0] - np.mean(expected)) < 0.01
    # The projection is onto the input, damage and all.
    assert min(means(document, "lr_psnr")[1:]) > 45 > max(means(document, "clean_lr_psnr"))
    assert "clean LR-PSNR" in printed and document["columns"]["clean_lr_psnr"]["unit"] == "dB"
    quality = np.mean([10 * np.log10(255**2 / np.mean((a - np.rint(b)) ** 2)) for a, b in zip(lr, clean)])
    assert f"PSNR {quality:.1f} dB against clean LR" in " ".join(printed.split())


def test_without_degradation_nothing_is_new(results):
    document, printed = results()
    again, _ = results("--data.degrade", "false")
    assert "clean_lr_psnr" not in document["columns"] and "clean LR" not in printed
    assert means(document, "psnr") == means(again, "psnr")


def test_moved_pictures_are_other_pictures(results):
    psnr = [means(results(*options)[0], "psnr") for options in ((), ("--data.augment", "true"))]
    assert (np.abs(np.subtract(*psnr)) > 1e-3).all()


def test_a_run_is_measured_on_pictures_degraded_as_its_own_but_not_moved(folder):
    config = load_config(folder / "run" / "config.yaml")
    config.data.degrade = config.data.augment = True
    data = pictures_config(config).data
    assert data.degrade and not data.augment
    assert not pictures_config(config, others={"degrade": False}).data.degrade


def test_settings_that_cannot_work_are_refused(folder, capsys):
    for option, value, message in (
        ("--data.degrade_frame", "[1, 5]", "data.degrade_frame: at most model.scale, 4"),
        ("--data.degrade_jpeg", "[90, 60]", "data.degrade_jpeg: [least, most]. Received: [90, 60]"),
        ("--data.degrade_kernels", "[sinc]", "one of box, bilinear, bicubic, lanczos"),
        ("--data.degrade", "perhaps", "data.degrade: true or false"),
    ):
        given = {"--data.degrade": "true", option: value}
        arguments = ["--run", folder / "run", *(text for pair in given.items() for text in pair)]
        result = run_command(evaluate, [*arguments, "--output", folder / "none"], capsys)
        assert refuses(result, message), result.err
