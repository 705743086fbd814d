"""`gradsr export keras`: a file that Keras loads, with the trained generator's numbers."""

import keras
import numpy as np
import pytest

from tf_gradsr import Hallucinator
from tf_gradsr.export import keras_file


def test_the_file_gives_the_models_numbers(run_dir, tmp_path, capsys):
    path = tmp_path / "new" / "face.keras"
    assert keras_file.main(["--run", str(run_dir), "-o", str(path)]) == 0
    assert str(path) in capsys.readouterr().out
    rng, hallucinator = np.random.default_rng(3), Hallucinator.load(run_dir)
    lr, z = rng.uniform(-1, 1, (2, 5, 7, 3)), rng.normal(size=(2, hallucinator.z_size))
    inputs = lr.astype(np.float32), z.astype(np.float32)
    images, gradients = keras.saving.load_model(path)(inputs)
    for made, own in zip((images, gradients), hallucinator.generator(inputs)):
        np.testing.assert_array_equal(made[-1], own[-1])


@pytest.mark.parametrize("output", ["", "face.h5", ".keras"])
def test_other_endings_are_refused(output, run_dir, capsys):
    assert keras_file.main(["--run", str(run_dir), "-o", output]) == 2
    assert "error: output: a file that ends with .keras. Received: " in capsys.readouterr().err


def test_nothing_is_overwritten_unasked_nor_by_a_wrong_file(run_dir, tmp_path, monkeypatch, capsys):
    path = tmp_path / "face.keras"
    path.write_bytes(b"mine")
    arguments = ["--run", str(run_dir), "-o", str(path)]
    assert keras_file.main(arguments) == 2
    assert "give --overwrite" in capsys.readouterr().err
    wrong = Hallucinator.load(run_dir).generator
    wrong.conv_in.kernel.assign_add(wrong.conv_in.kernel + 1)
    monkeypatch.setattr(keras.saving, "load_model", lambda file, safe_mode: wrong)
    assert keras_file.main([*arguments, "--overwrite"]) == 1
    assert "other numbers than the model" in capsys.readouterr().err
    assert path.read_bytes() == b"mine" and [p.name for p in tmp_path.iterdir()] == ["face.keras"]
