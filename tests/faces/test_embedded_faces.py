"""The embedded faces: what is in the package."""

import hashlib
import io
import re
import socket

import numpy as np
import pytest
from PIL import Image

from tf_gradsr.config import Config, DataConfig
from tf_gradsr.data import load_pictures
from tf_gradsr.data.faces import FOLDER
from tf_gradsr.faces import write_faces


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*_):
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.mark.parametrize(("split", "count"), [("train", 1024), ("validation", 128), ("test", 256)])
def test_sizes_without_a_network(no_network, split, count):
    pictures = load_pictures(Config(data=DataConfig(source="faces")), split, progress=False)
    assert pictures.array.shape == (count, 128, 128, 3) and pictures.skipped == []
    # Portraits: no flat picture, no duplicates.
    assert pictures.array.reshape(count, -1).std(1).min() > 20
    assert len({picture.tobytes() for picture in pictures.array}) == count


def test_the_original_jpeg_bytes_are_kept_in_order():
    import tensorflow_datasets as tfds

    builder = tfds.builder_from_directory(FOLDER)
    raw = {"image": tfds.decode.SkipDecoding()}
    first = next(iter(tfds.as_numpy(builder.as_dataset(split="train", decoders=raw))))
    assert first["file_name"] == b"00000.jpg"
    digest = "0666993928cf8c0ca2d5f5903279094f84df91de7dbdf5c002f27fcfcc828920"
    assert hashlib.sha256(first["image"]).hexdigest() == digest
    pictures = load_pictures(Config(data=DataConfig(source="faces", limit=1)), "train", progress=False)
    np.testing.assert_array_equal(pictures.array[0], np.asarray(Image.open(io.BytesIO(first["image"]))))


def test_small_enough_to_ship_and_free_of_local_paths():
    files = sorted(FOLDER.iterdir())
    sizes = [path.stat().st_size for path in files]
    assert max(sizes) < 5_000_000 and sum(sizes) <= 15_000_000
    for path in files:
        if path.suffix == ".json":
            text = path.read_text()
            assert not any(start in text for start in ('"/', "file:", ":\\"))
            assert "__main__" not in text


def test_faces_can_be_written_as_files(no_network, tmp_path, capsys):
    assert write_faces.main(["--count", "3", "--output", str(tmp_path / "faces")]) == 0
    assert "3 faces" in capsys.readouterr().out
    files = sorted((tmp_path / "faces").iterdir())
    assert [path.name for path in files] == ["00000.jpg", "00001.jpg", "00002.jpg"]
    pictures = load_pictures(Config(data=DataConfig(source="faces", limit=3)), "test", progress=False)
    for path, picture in zip(files, pictures.array):
        np.testing.assert_array_equal(np.asarray(Image.open(path)), picture)


def test_other_pictures_of_the_same_names_are_kept_unless_told_otherwise(tmp_path, capsys):
    arguments = ["--count", "2", "--output", str(tmp_path)]
    assert write_faces.main(arguments) == write_faces.main(arguments) == 0
    face = (tmp_path / "00001.jpg").read_bytes()
    (tmp_path / "00001.jpg").write_bytes(b"mine")
    assert write_faces.main(arguments) == 2
    assert "00001.jpg already exists; give --overwrite" in capsys.readouterr().err
    assert (tmp_path / "00001.jpg").read_bytes() == b"mine"
    assert write_faces.main([*arguments, "--overwrite"]) == 0
    assert (tmp_path / "00001.jpg").read_bytes() == face


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "output: .* Received: nothing"),
        (["--output", "{folder}/a", "--count", "257"], "count: at most 256 of test. Received: 257"),
        (["--output", "{folder}/file/a"], "output: a folder that can be written"),
    ],
)
def test_what_cannot_be_written_is_named(tmp_path, capsys, arguments, said):
    (tmp_path / "file").write_text("")
    arguments = [argument.format(folder=tmp_path) for argument in arguments]
    assert write_faces.main(arguments) == 2
    assert re.search(said, capsys.readouterr().err)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
