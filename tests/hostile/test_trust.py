"""Code that a run's config.yaml names is not imported unless the user trusts the run."""

import pickle
import sys
from pathlib import Path

import pytest
import yaml

from tf_gradsr import evaluate, hallucinate, train
from tf_gradsr.config import Config
from tf_gradsr.config_files import load_config, save_config
from tf_gradsr.errors import ConfigError
from tf_gradsr.export import keras_file
from tf_gradsr.extensions import NamedByRun
from tf_gradsr.faces import write_faces
from tf_gradsr.inference import Hallucinator
from tf_gradsr.models import build_gradsr_generator
from tf_gradsr.training.first_state import load_teacher

REFUSED = "code that you trust, since it would be run; look at it, then add --trust_run"
# Builds the paper's generator, so that the run's weights fit, and leaves a trace.
CODE = """
from pathlib import Path
from tf_gradsr.models.generator import Generator
from tf_gradsr.config import widths_for_scale

Path("imported").touch()

def build(config, precision):
    model = config.model
    generator = Generator(
        widths_for_scale(model.widths, model.scale), model.blocks, model.z_size, model.gradient_channels,
        model.consistency, model.z_injection, name="generator")
    generator.build()
    return generator

def no_pictures(config, split):
    raise ValueError("no pictures of mine")
"""


@pytest.fixture
def stranger(run_dir, tmp_path, monkeypatch):
    """A run whose config names code for its generator and its pictures, in the current folder."""
    monkeypatch.chdir(tmp_path)
    Path("strange.py").write_text(CODE, encoding="utf-8")
    folder = tmp_path / "run"
    folder.mkdir()
    for name in ("config.yaml", "generator.weights.h5"):
        (folder / name).write_bytes((run_dir / name).read_bytes())
    config = yaml.safe_load((folder / "config.yaml").read_text())
    config["model"]["generator"] = "strange:build"
    config["data"] |= {"source": "strange:no_pictures", "path": None}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    assert write_faces.main(["-o", "faces", "--count", "2"]) == 0
    yield folder
    sys.modules.pop("strange", None)


def imported():
    """Whether the run's code was, since the last question."""
    there = Path("imported").exists()
    Path("imported").unlink(missing_ok=True)
    sys.modules.pop("strange", None)
    return there


def test_commands_refuse_code_that_a_run_names_until_the_user_trusts_it(stranger, capsys):
    run = ["--run", str(stranger)]
    commands = {
        hallucinate: ["faces", *run, "--downscale", "-o", "made"],
        keras_file: [*run, "-o", "made.keras"],
    }
    for command, typed in commands.items():
        assert command.main(typed) == 2
        said = capsys.readouterr().err.strip().splitlines()
        assert f"error: model.generator: {REFUSED}" in said[-1], said
        assert f"Received: strange:build, named in {stranger / 'config.yaml'}" in said[-1]
        assert not imported()
        assert command.main([*typed, "--trust_run"]) == 0, capsys.readouterr().err
        assert imported()
    # With trust: tests/test_extending.py.
    assert evaluate.main([*run, "--data.source", "faces", "-o", "measured"]) == 2
    assert f"error: model.generator: {REFUSED}" in capsys.readouterr().err and not imported()


def test_a_source_that_only_the_run_names_is_refused_and_one_that_is_typed_is_not(stranger, capsys):
    config = yaml.safe_load((stranger / "config.yaml").read_text())
    config["model"]["generator"] = None
    (stranger / "config.yaml").write_text(yaml.safe_dump(config))
    # Pictures of its own are not needed here.
    assert hallucinate.main(["faces", "--run", str(stranger), "--downscale", "-o", "made"]) == 0
    typed = ["--run", str(stranger), "-o", "measured"]
    assert evaluate.main(typed) == 2
    assert f"data.source: {REFUSED}" in capsys.readouterr().err and not imported()
    assert evaluate.main([*typed, "--data.source", "strange:no_pictures"]) == 2
    assert "no pictures of mine" in capsys.readouterr().err and imported()


def test_in_python(stranger):
    with pytest.raises(ConfigError, match=r"trust=True\. Received: strange:build"):
        Hallucinator.load(stranger)
    config = load_config(stranger / "config.yaml")
    with pytest.raises(ConfigError, match=REFUSED):
        build_gradsr_generator(config)
    assert not imported()
    assert Hallucinator.load(stranger, trust=True).scale == config.model.scale
    assert imported()
    # What is made from a config that is not trusted is not trusted either.
    save_config(config, "again.yaml")
    copied = pickle.loads(pickle.dumps(config))
    for again in (load_config("again.yaml"), Config(**copied.as_dict()), copied):
        name = again.model["generator"] if isinstance(again.model, dict) else again.model.generator
        assert isinstance(name, NamedByRun) and name == "strange:build"
    assert type(load_config("again.yaml", trust=True).model.generator) is str


def test_a_teachers_code_is_trusted_if_the_pupils_own_config_names_it(stranger, run_dir):
    class Pupil:
        teacher = None

    config = load_config(run_dir / "config.yaml")
    config.train.teacher = str(stranger)
    with pytest.raises(ConfigError, match=REFUSED):
        load_teacher(Pupil, config)
    assert not imported()
    load_teacher(Pupil, config, trust=True)
    assert imported()
    config.model.generator = "strange:build"
    load_teacher(Pupil, config)
    assert imported()


NOT_SETTINGS = {
    "model: strange": "model: settings, each on a line of its own",
    "model: strange.build": "model: settings, each on a line of its own",
    "model: {class_path: strange.build, init_args: {}}": "model.class_path: no such setting",
    "data: {class_path: strange.build}": "data.class_path: no such setting",
    "model.class_path: strange.build": "model.class_path: no such setting",
    "model: {__path__: strange.build}": "model.__path__: no such setting",
    "data: {path: {class_path: strange.build}}": "data.path: text or null",
    "config: other.yaml": "config: no such setting",
    "model: other.yaml": "model: settings, each on a line of its own",
    "!!python/object/apply:os.system ['touch imported']": "could not determine a constructor",
    "model: !!python/module:strange {}": "could not determine a constructor",
    "model: !!python/name:strange.build {}": "could not determine a constructor",
}


def test_settings_name_no_classes_and_no_other_files(stranger, capsys):
    Path("other.yaml").write_text("generator: strange:build\n", encoding="utf-8")
    for text, said in NOT_SETTINGS.items():
        Path("config.yaml").write_text(text, encoding="utf-8")
        with pytest.raises(ConfigError) as found:
            load_config("config.yaml")
        assert said in str(found.value) and "(in config.yaml)" in str(found.value), text
        try:
            status = train.main(["--config", "config.yaml", "--run_dir", "new", "--smoke"])
        except SystemExit as stopped:
            status = stopped.code
        assert status == 2 and said in capsys.readouterr().err, text
        assert not imported(), text
