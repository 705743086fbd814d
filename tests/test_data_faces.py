"""The embedded faces: what is in the package."""

import hashlib
import io
import socket

import numpy as np
import pytest
from PIL import Image

from tf_gradsr.config import Config, DataConfig
from tf_gradsr.data import load_pictures
from tf_gradsr.data.faces import FOLDER


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
    # Portraits: no flat picture, none twice.
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
