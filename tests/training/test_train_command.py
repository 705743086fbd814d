"""The train command line: settings, help, and errors on one line that name the setting."""

import os
import re
import subprocess
import sys
from dataclasses import fields

import pytest
import yaml
from checkout import ROOT
from commands import status_of

from tf_gradsr import train
from tf_gradsr.config import Config
from tf_gradsr.config_checks import check_config
from tf_gradsr.config_files import load_config, save_config
from tf_gradsr.errors import ConfigError

CONFIGS = ROOT / "configs"
TINY = ["--data.source", "faces", "--loss.perceptual", "none", "--loss.pixel", "1"]


def run_train(*arguments):
    """The command as a user types it."""
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    return subprocess.run(
        [sys.executable, "-m", "tf_gradsr.train", *arguments],
        capture_output=True,
        text=True,
        env=environment,
        timeout=300,
    )


@pytest.mark.parametrize(
    ("arguments", "setting", "said"),
    [
        (["--model.scale", "3"], "model.scale", "one of 2, 4, 8, 16"),
        (["--train.batch_size", "0"], "train.batch_size", ">0"),
        (["--train.steps", "many"], "train.steps", "many"),
        (["--train.steps", "-5"], "train.steps", "-5"),
        (["--train.seed", "-1"], "train.seed", "≥0"),
        (["--data.lr_size", "0"], "data.lr_size", ">0"),
        (["--data.lr_size", "[16, 0]"], "data.lr_size", ">0"),
        (["--data.lr_size", "[16, 16, 16]"], "data.lr_size", "[height, width]"),
        (["--loss.alpha", "-1"], "loss.alpha", "≥0"),
        (["--loss.gamma", "-0.5"], "loss.gamma", "≥0"),
        (["--loss.r1", "nothing"], "loss.r1", "nothing"),
        (["--optimizer.beta_1", "1.0"], "optimizer.beta_1", "<1"),
        (["--optimizer.g_learning_rate", "0"], "optimizer.g_learning_rate", ">0"),
        (["--train.deterministic", "perhaps"], "train.deterministic", "true or false"),
        (["--model.widths", "[]"], "model.widths", "at least one"),
        (["--model.consistency", "both"], "model.consistency", "learned, exact"),
        (["--model.scales", "8"], "model.scales", "did you mean model.scale?"),
        (["--optimizer.lr", "1"], "optimizer.lr", "optimizer has g_learning_rate, d_learning_rate, beta_1"),
        (["--data.source", "web"], "data.source", "faces, celeb_a, folder"),
        (["--data.source", "folder"], "data.path", "folder of pictures"),
        (["--data.source", "faces", "--data.path", "x"], "data.path", "take no path"),
        (["--data.crop", "8"], "data.crop", "at least the LR size, 16"),
        (["--data.source", "folder", "--data.path", "n" * 300], "data.path", "an existing path"),
        (["--data.source", "folder", "--data.path", "no/such/folder"], "data.path", "an existing path"),
        (["--loss.vgg_weights", "no_such.h5"], "loss.vgg_weights", "an existing path"),
        (["--loss.alpha", "inf"], "loss.alpha", "finite"),
        (["--data.lr_size", "2", "--model.scale", "4"], "data.lr_size", "at least 11 pixels"),
        (["--loss.perceptual", "none"], "loss.pixel", "above 0"),
        (["--model.consistency", "exact", "--data.downscale", "bicubic"], "data.downscale", "area"),
        (["--train.initial_weights", "no.h5"], "train.initial_weights", "an existing path. Received: no.h5"),
        (["--data.source", "folder", "--data.path", "~nobody_of_this_name/x"], "data.path", "an existing"),
        (["--train.initial_run", "no"], "train.initial_run", "an existing path. Received: no"),
        (
            ["--train.initial_weights", "a.h5", "--train.initial_run", "b"],
            "train.initial_run",
            "one of the two",
        ),
        (["--config", "no_such_file.yaml"], "config", "no_such_file.yaml"),
    ],
)
def test_bad_settings_end_with_one_line_and_status_2(arguments, setting, said, capsys):
    status = status_of(train, ["--run_dir", "unused", *arguments])
    output = capsys.readouterr()
    assert status == 2
    assert output.out == ""
    assert len(output.err.strip().splitlines()) == 1
    assert f"error: {setting}:" in output.err
    assert said in output.err


@pytest.mark.parametrize(
    ("text", "setting"),
    [
        ("model: {scale: 3}", "model.scale"),
        ("model: {scales: 8}", "model.scales"),
        ("models: {scale: 8}", "models.scale"),
        ("train: {batch_size: none}", "train.batch_size"),
        ("model: 3", "model"),
        ("- model", "config"),
    ],
)
def test_bad_settings_in_a_file_are_named_too(text, setting, tmp_path, capsys):
    (tmp_path / "bad.yaml").write_text(text)
    assert status_of(train, ["--config", str(tmp_path / "bad.yaml"), "--run_dir", "unused"]) == 2
    assert f"error: {setting}:" in capsys.readouterr().err
    with pytest.raises(ConfigError, match=setting):
        load_config(tmp_path / "bad.yaml")


def test_run_dir_is_required(capsys):
    assert train.main(TINY) == 2
    assert "run_dir:" in capsys.readouterr().err


def test_an_empty_folder_ends_without_traceback(tmp_path):
    (tmp_path / "empty").mkdir()
    result = run_train(
        *TINY,
        "--data.source",
        "folder",
        "--data.path",
        str(tmp_path / "empty"),
        "--run_dir",
        str(tmp_path / "run"),
    )
    assert result.returncode == 2
    assert "data.path:" in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "run").exists()


def test_help_shows_what_people_change_and_how_to_see_the_rest(capsys):
    with pytest.raises(SystemExit) as stop:
        train.main(["--help"])
    text = capsys.readouterr().out
    assert stop.value.code == 0
    shown = set(re.findall(r"^  --(\w+\.\w+) ", text, re.MULTILINE))
    assert shown == train.MOST_CHANGED and len(shown) == 20
    assert "--help_all" in text


def test_help_explains_every_setting(capsys):
    with pytest.raises(SystemExit) as stop:
        train.main(["--help_all"])
    text = capsys.readouterr().out
    assert stop.value.code == 0
    for section in fields(Config):
        for setting in fields(section.type):
            option = f"--{section.name}.{setting.name}"
            assert option in text
            explanation = text.split(f"\n  {option}", 1)[1].split("\n  --", 1)[0]
            assert len(explanation.split()) > 8, f"{option} needs a sentence"


def test_print_config_prints_a_complete_config_that_loads_again(tmp_path, capsys):
    with pytest.raises(SystemExit):
        train.main(["--config", str(CONFIGS / "quickstart.yaml"), "--train.steps", "7", "--print_config"])
    printed = yaml.safe_load(capsys.readouterr().out)
    (tmp_path / "printed.yaml").write_text(yaml.safe_dump(printed))
    config = load_config(tmp_path / "printed.yaml")
    assert config.train.steps == 7
    command = {"run_dir": None, "smoke": False, "distribution": "auto", "trust_run": False}
    assert {**config.as_dict(), **command} == printed


def test_the_papers_config_and_the_defaults_are_the_same_run():
    written = load_config(CONFIGS / "celeba_8x.yaml").as_dict()
    written["data"]["cache"] = Config().data.cache
    assert written == Config().as_dict()


def test_the_papers_numbers_are_the_defaults():
    config = Config()
    assert (config.model.scale, config.model.blocks, config.train.batch_size) == (8, 8, 8)
    optimizer, loss = config.optimizer, config.loss
    assert (optimizer.g_learning_rate, optimizer.beta_1, optimizer.beta_2) == (1e-4, 0.0, 0.9)
    assert (loss.epsilon, loss.gamma, loss.beta, loss.alpha) == (0.1, 10.0, 0.1, 1.0)
    assert (config.model.consistency, loss.r1_interval, config.train.reconstruction_steps) == (
        "learned",
        1,
        0,
    )


@pytest.mark.parametrize("path", sorted(CONFIGS.rglob("*.yaml")), ids=lambda path: path.stem)
def test_every_config_loads_and_survives_a_round_trip(path, tmp_path):
    config = load_config(path)
    save_config(config, tmp_path / "again.yaml")
    assert load_config(tmp_path / "again.yaml") == config
    assert check_config(config) is config


@pytest.mark.parametrize(
    "content", ['"\\n\\n": 1', 'data: "a\\n\\e[2Jb"', '"da\\rta": {}', 'data: {"\\u2028": 1}']
)
def test_a_files_own_line_ends_and_control_characters_are_said_in_one_line(content, tmp_path):
    (tmp_path / "config.yaml").write_text(content)
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path / "config.yaml")
    assert str(caught.value).isprintable()
