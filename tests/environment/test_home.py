"""Users without a home folder, without a name, or with a home that cannot be written."""

import os
import pwd
import tempfile
from pathlib import Path

import pytest

from tf_gradsr.config import Config
from tf_gradsr.config_checks import is_there
from tf_gradsr.data import cache
from tf_gradsr.errors import ConfigError
from tf_gradsr.home import at_home, cache_at_home
from tf_gradsr.metrics.lpips_weights import default_weights_path
from tf_gradsr.models.face_recognition import FaceFeatures
from tf_gradsr.run_folder import RunFolder


@pytest.fixture
def nobody(monkeypatch):
    """A user without a name, in an environment without HOME."""

    def unknown(number):
        raise KeyError(f"getpwuid(): uid not found: {number}")

    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)


def test_without_a_home_paths_stay_as_they_are(nobody):
    assert at_home("~/x") == Path("~/x")
    assert default_weights_path("alex") == Path("~/.cache/tf_gradsr/lpips_alex.npz")
    assert not is_there("~/x")
    with pytest.raises(ConfigError, match="face_features"):
        FaceFeatures("~/x")


def test_without_a_home_a_cache_is_a_temporary_folder_of_the_users_own(nobody, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = Path(tempfile.gettempdir()) / f"tf_gradsr-{os.getuid()}"
    assert cache_at_home("~/.cache/tf_gradsr") == folder
    config = Config()
    assert cache.path_of(config, "train", []).parent == folder
    # A folder that somebody names is taken as it is.
    config.data.cache_dir = str(tmp_path / "mine")
    assert cache.path_of(config, "train", []).parent == tmp_path / "mine"
    assert not list(tmp_path.iterdir())


def test_a_home_that_cannot_be_written_is_no_place_for_a_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_at_home("~/.cache/x") == tmp_path / ".cache" / "x"
    # As on a read-only disk, where root may not write either.
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert cache_at_home("~/.cache/x").parent == Path(tempfile.gettempdir())
    monkeypatch.setenv("HOME", "/dev/null")
    assert cache_at_home("~/.cache/x").parent == Path(tempfile.gettempdir())


def test_names_that_begin_with_a_tilde_are_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "~faces").mkdir()
    assert is_there("~faces")
    assert RunFolder("~faces").path == Path("~faces")
    assert at_home("~faces/x.png") == Path("~faces/x.png")
