"""The three files of docs/extending.md do what it says, through the commands."""

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tf_gradsr import evaluate, hallucinate, train
from tf_gradsr.config import Config
from tf_gradsr.errors import ConfigError
from tf_gradsr.extensions import load_extension
from tf_gradsr.models.generator_protocol import SuperResolvingGenerator
from tf_gradsr.registry import MODELS, build_generator

PAGE = Path(__file__).parent.parent / "docs" / "extending.md"
CONFIG = PAGE.parent.parent / "configs" / "quickstart.yaml"
SMOKE = ["--config", str(CONFIG), "--smoke", "--model.scale", "4"]


@pytest.fixture
def files(tmp_path, monkeypatch):
    """The page's files, in the current folder."""
    found = re.findall(r"`(\w+\.py)`:\n\n```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert [name for name, _ in found] == ["stripes.py", "worst_pixel.py", "bicubic_plus.py"]
    for name, text in found:
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    yield
    for name, _ in found:
        sys.modules.pop(name.removesuffix(".py"), None)


@pytest.fixture
def run_on_stripes(files, capsys):
    """A run on stripes with the generator of the page."""
    added = ["--data.source", "stripes:open_stripes", "--model.generator", "bicubic_plus:build"]
    assert train.main(["--run_dir", "run", *SMOKE, *added]) == 0, capsys.readouterr().err
    return "run"


def test_the_three_files_go_through_the_commands(run_on_stripes, capsys):
    assert (
        evaluate.main(
            ["--run", run_on_stripes, "--trust_run", "-o", "out", "--metric", "worst_pixel:WORST_PIXEL"]
        )
        == 0
    )
    printed = capsys.readouterr().out
    assert "worst pixel" in printed
    document = json.loads(Path("out/results.json").read_text())
    assert document["columns"]["worst_pixel"]["unit"] == "grey levels"
    bicubic = document["rows"][0]["figures"]["worst_pixel"]
    # By hand, from the figure that shows nothing else: at least as far as the mean, at most 255.
    assert 0 < bicubic["low"] <= bicubic["mean"] <= bicubic["high"] <= 255
    assert "worst_pixel,worst_pixel_low" in Path("out/results.csv").read_text()
    assert "worst pixel, grey levels" in Path("out/results.md").read_text()
    # Pictures of the run's own generator, of any size.
    Image.fromarray(np.full((16, 24, 3), 90, np.uint8)).save("grey.png")
    options = ["--run", run_on_stripes, "--trust_run", "--num_samples", "2"]
    assert hallucinate.main(["grey.png", *options]) == 0
    made = np.asarray(Image.open("hallucinated/grey/reconstruction.png"))
    assert made.shape == (64, 96, 3) and np.abs(made.astype(int) - 90).max() <= 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no_such_module:x", "a module that can be imported|No module named"),
        ("stripes:open_strips", r"did you mean open_stripes\? Received: stripes:open_strips"),
        ("stripes:zzz", "there is no such. Received: stripes:zzz"),
    ],
)
def test_what_cannot_be_loaded_is_named(files, text, said):
    with pytest.raises(ConfigError, match=said):
        load_extension("data.source", text)
    assert str(Path.cwd()) not in sys.path


def test_bad_extensions_end_with_one_line(files, capsys):
    smoke = ["--run_dir", "run", *SMOKE]
    assert train.main([*smoke, "--model.generator", "stripes:open_stripes"]) == 2
    assert "error: model.generator: a function that works here. Received: stripes" in capsys.readouterr().err
    assert train.main([*smoke, "--model.generator", "stripes:Source"]) == 2
    assert train.main([*smoke, "--data.source", "worst_pixel:WORST_PIXEL"]) == 2
    assert "error: data.source: a function that works here" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        train.main([*smoke, "--data.source", "no colon"])
    assert "module:name, a Python object of yours. Received: no colon" in capsys.readouterr().err


@pytest.mark.parametrize("name", MODELS)
def test_every_models_generator_follows_the_protocol(name):
    config = Config()
    config.model.name, config.model.blocks, config.model.widths = name, 1, [8]
    generator = build_generator(config)
    assert isinstance(generator, SuperResolvingGenerator)
    assert generator.scale == config.model.scale and generator.receptive_radius > 0
    lr, z = np.zeros((1, 4, 5, 3), np.float32), np.ones((1, config.model.z_size), np.float32)
    images, gradients = generator((lr, z))
    assert images[-1].shape == (1, 32, 40, 3) and gradients[-1].shape[:3] == (1, 32, 40)
    assert np.min(gradients[-1]) >= 0
    changed = np.abs(images[-1] - generator((lr, -z))[0][-1]).max() > 0
    assert changed == generator.stochastic
