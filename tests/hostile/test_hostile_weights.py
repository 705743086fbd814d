"""Files of weights that would run code if they were read as their writers hope: none does."""

import ast
import pickle
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest

from tf_gradsr.config_files import load_config
from tf_gradsr.errors import ConfigError
from tf_gradsr.inference import Hallucinator
from tf_gradsr.metrics.lpips_weights import BadWeights, load_weights
from tf_gradsr.models.perceptual import VGGFeatures
from tf_gradsr.models.torch_weights import TorchFileError, read_torch_weights
from tf_gradsr.registry import build_model
from tf_gradsr.training.first_state import start_from_other_run

PACKAGE = Path(__file__).parent.parent.parent / "tf_gradsr"


class Touch:
    """Makes a file when it is unpickled."""

    def __reduce__(self):
        return Path.touch, (Path("unpickled"),)


def hostile_files(folder):
    """Paths of files, each of a format that can hold code, with code that makes the file `unpickled`."""
    pickled = folder / "pickled.h5"
    pickled.write_bytes(pickle.dumps(Touch(), protocol=2))
    array = folder / "object.npy"
    np.save(array, np.array([Touch()], object), allow_pickle=True)
    archive = folder / "objects.npz"
    np.savez(archive, format=np.array([Touch()], object), network="alex")
    layer = keras.layers.Lambda(lambda x: x + 1)
    network = keras.Sequential([keras.Input((4,)), layer, keras.layers.Dense(2)])
    network.save(folder / "lambda.keras")
    return [pickled, array, archive, folder / "lambda.keras"]


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    yield hostile_files(tmp_path)
    assert not Path("unpickled").exists()


def test_the_files_are_hostile(files):
    """Where they are read without care, they do run."""
    pickle.loads(files[0].read_bytes())
    assert Path("unpickled").exists()
    Path("unpickled").unlink()
    np.load(files[1], allow_pickle=True)
    assert Path("unpickled").exists()
    Path("unpickled").unlink()


def test_every_reader_refuses_them(files, run_dir, tmp_path):
    config = load_config(run_dir / "config.yaml")
    model = build_model(config)
    for file in files:
        run = tmp_path / f"run of {file.name}"
        run.mkdir()
        shutil.copyfile(run_dir / "config.yaml", run / "config.yaml")
        shutil.copyfile(file, run / "generator.weights.h5")
        with pytest.raises(ConfigError, match=r"run: weights that fit the run's config\.yaml"):
            Hallucinator.load(run)
        config.train.initial_weights = str(file)
        with pytest.raises(ConfigError, match=r"train\.initial_weights: a generator\.weights\.h5"):
            start_from_other_run(model, config)
        with pytest.raises(BadWeights, match="intact weights file"):
            load_weights(file, "alex")
        with pytest.raises(TorchFileError, match="not a file of PyTorch weights"):
            read_torch_weights(file)
        with pytest.raises(ConfigError, match=r"loss\.vgg_weights"):
            VGGFeatures(str(file))


# {call: keyword and value that makes it safe}; None: nothing does.
UNSAFE_CALLS = {
    "eval": None,
    "exec": None,
    "pickle.load": None,
    "pickle.loads": None,
    "pickle.Unpickler": None,
    "marshal.loads": None,
    "joblib.load": None,
    "yaml.load": None,
    "yaml.unsafe_load": None,
    "yaml.full_load": None,
    "keras.config.enable_unsafe_deserialization": None,
    "np.load": ("allow_pickle", False),
    "torch.load": ("weights_only", True),
    "torch.hub.load_state_dict_from_url": ("weights_only", True),
    "keras.saving.load_model": ("safe_mode", True),
    "keras.models.load_model": ("safe_mode", True),
}
# Names of modules that come from our own tables, or from `extensions`, which asks for trust.
IMPORTERS = {"cli.py", "data/__init__.py", "extensions.py", "metrics/__init__.py", "metrics/lpips.py"}
IMPORTERS |= {"tensorflow_start.py"}


def test_the_package_calls_no_reader_that_runs_code():
    read, importers = 0, set()
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            name, read = ast.unparse(call.func), read + 1
            if name.endswith("import_module") or name == "__import__":
                importers.add(path.relative_to(PACKAGE).as_posix())
            if name in UNSAFE_CALLS:
                needed = UNSAFE_CALLS[name]
                given = [(k.arg, getattr(k.value, "value", None)) for k in call.keywords]
                assert needed and needed in given, f"{path}:{call.lineno}: {name}"
    assert read > 5000
    assert importers == IMPORTERS
