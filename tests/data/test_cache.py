"""Where decoded pictures are kept: memory, or a file that is reused, checked and refilled."""

import shutil
from collections import namedtuple
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from tf_gradsr.config import Config, DataConfig, ModelConfig
from tf_gradsr.data import load_pictures, training_batches
from tf_gradsr.errors import ConfigError


@pytest.fixture
def config(tmp_path):
    """Ten pictures and a broken one, kept in a cache file."""
    folder = tmp_path / "pictures"
    for split in ("train", "test"):
        (folder / split).mkdir(parents=True)
        for number in range(10):
            noise = np.random.default_rng(number).integers(0, 256, (20, 20, 3), np.uint8)
            Image.fromarray(noise).save(folder / split / f"{number}.png")
    (folder / "train" / "broken.png").write_bytes(b"no")
    data = DataConfig(source="folder", path=str(folder), lr_size=4)
    data.cache, data.cache_dir = "file", str(tmp_path / "cache")
    return Config(data=data, model=ModelConfig(scale=2))


def load(config, **changes):
    for name, value in changes.items():
        setattr(config.data, name, value)
    return load_pictures(config, "train", progress=False)


def cache_files(config):
    return sorted(Path(config.data.cache_dir).iterdir())


def test_file_and_memory_hold_the_same(config):
    in_file = load(config)
    in_memory = load(config, cache="memory")
    np.testing.assert_array_equal(in_file.array, in_memory.array)
    assert in_file.skipped == in_memory.skipped and in_file.skipped[0][0] == "train/broken.png"
    for one, other in zip(
        *(training_batches(pictures, config, num_steps=3) for pictures in (in_file, in_memory))
    ):
        np.testing.assert_array_equal(one["hr"], other["hr"])


def test_the_file_is_mapped_read_only(config):
    for pictures in (load(config), load(config)):
        assert isinstance(pictures.array, np.memmap)
        with pytest.raises(ValueError, match="read-only"):
            pictures.array[0] = 0


def test_the_file_is_reused(config, monkeypatch):
    first = load(config)
    (path,) = cache_files(config)
    written = path.stat().st_mtime_ns
    monkeypatch.setattr("tf_gradsr.data.pictures.decode", None)
    again = load(config)
    np.testing.assert_array_equal(first.array, again.array)
    assert again.skipped == first.skipped and path.stat().st_mtime_ns == written


@pytest.mark.parametrize("damage", ["middle", "short", "empty", "end", "longer"])
def test_a_damaged_file_is_written_again(config, damage, caplog):
    expected = np.array(load(config).array)
    (path,) = cache_files(config)
    content = bytearray(path.read_bytes())
    if damage == "middle":
        content[1000] ^= 1
    if damage == "end":
        content[-8:] = b"\xff" * 8
    content = {"short": content[:1500], "empty": b"", "longer": content + b"12345678"}.get(damage, content)
    path.write_bytes(content)
    np.testing.assert_array_equal(load(config).array, expected)
    assert "is damaged" in caplog.text
    caplog.clear()
    np.testing.assert_array_equal(load(config).array, expected)
    assert "is damaged" not in caplog.text and cache_files(config) == [path]


def test_changed_pictures_and_settings_make_another_file(config):
    load(config)
    changed = Path(config.data.path) / "train" / "3.png"
    Image.new("RGB", (20, 20), "red").save(changed)
    assert (load(config).array == (255, 0, 0)).all((1, 2, 3)).sum() == 1
    assert len(cache_files(config)) == 2
    assert load(config, crop=10).array.shape == (10, 8, 8, 3)
    assert len(load(config, limit=4)) == 4
    assert load(config, lr_size=[4, 6]).array.shape == (4, 8, 12, 3)
    assert len(cache_files(config)) == 5


def test_an_interrupted_fill_leaves_nothing(config, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        load(config)
    assert cache_files(config) == []


def test_too_little_memory_points_to_the_file(config, monkeypatch):
    memory = namedtuple("memory", "available")(1000)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    with pytest.raises(ConfigError, match=r"^data\.cache: .*11 pictures.*Received: .*Use data\.cache file"):
        load(config, cache="memory")
    assert len(load(config, cache="file")) == 10


def test_too_little_disk(config, monkeypatch):
    usage = namedtuple("usage", "free")(1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(ConfigError, match=r"^data\.cache_dir: .*Received: "):
        load(config)


def test_a_cache_folder_that_cannot_be_made(config, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ConfigError, match=r"^data\.cache_dir: a folder that can be written\. Received: "):
        load(config, cache_dir=str(tmp_path / "file" / "below"))


def test_progress_is_shown_when_asked(config, capsys):
    load(config)
    assert capsys.readouterr().err == ""
    config.data.cache = "memory"
    load_pictures(config, "train")
    assert "11/11" in capsys.readouterr().err
