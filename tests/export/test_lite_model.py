"""A LiteRT file in Python: any number of pictures, and an error that says how to export for another size."""

import numpy as np
import pytest

from tf_gradsr.errors import ConfigError
from tf_gradsr.export.lite import lite_file
from tf_gradsr.export.lite.lite_model import LiteModel
from tf_gradsr.inference import Hallucinator
from tf_gradsr.run_folder import RunFolder


@pytest.fixture(scope="module")
def exported(tmp_path_factory, write_run):
    folder = tmp_path_factory.mktemp("lite")
    run = write_run(folder / "run", folder / "pictures")
    path = folder / "small.tflite"
    lite_file.export(RunFolder(run), path)
    return run, path


def test_several_pictures_are_those_of_the_python_model(exported, rng):
    run, path = exported
    model, hallucinator = LiteModel(path), Hallucinator.load(run)
    lr = rng.integers(0, 256, (3, *model.lr_shape, 3), np.uint8)
    z = rng.normal(size=(3, model.z_size)).astype(np.float32)
    for found, right in (
        (model.reconstruct(lr), hallucinator.reconstruct(lr)),
        (model.hallucinate(lr, z), hallucinator.generate(lr, z, "exact")),
    ):
        assert found[0].shape == right[0].shape and found[0].dtype == np.uint8
        assert np.abs(found[0].astype(int) - right[0]).max() <= 1
        np.testing.assert_allclose(found[1], right[1], atol=0.02 * right[1].max())


def test_other_sizes_say_how_to_export_a_file(exported):
    model = LiteModel(exported[1])
    with pytest.raises(
        ValueError, match=r'made for\. Received: .*\[2, 6, 9, 3\].*tflite --lr_size "\[6,9\]"'
    ):
        model.reconstruct(np.zeros((2, 6, 9, 3), np.uint8))
    for wrong in (np.zeros((8, 8, 3), np.uint8), np.zeros((0, 8, 8, 3), np.uint8), np.zeros((1, 8, 8, 3))):
        with pytest.raises(ValueError, match=r"lr must be uint8 \[B, 8, 8, 3\]"):
            model.reconstruct(wrong)
    with pytest.raises(ValueError, match=r"z must be float32 \[2, 3\]\. Received: shape \[1, 3\]"):
        model.hallucinate(np.zeros((2, 8, 8, 3), np.uint8), np.zeros((1, 3)))


def test_what_is_not_such_a_file(exported, tmp_path):
    bare = tmp_path / "bare.tflite"
    bare.write_bytes(exported[1].read_bytes())
    broken = tmp_path / "broken.tflite"
    broken.write_bytes(b"TFL3" * 9)
    (tmp_path / "broken.tflite.json").write_text("{}")
    for path in (bare, broken, tmp_path / "absent.tflite"):
        with pytest.raises(ConfigError, match="model: a file of gradsr export tflite"):
            LiteModel(path)
