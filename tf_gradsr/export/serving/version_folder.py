"""A version's folder: checked before anything is computed, replaced only when asked."""

import re
from pathlib import Path
from typing import Optional

from tf_gradsr.errors import ConfigError

# What a version's folder may hold; one that holds anything else is never replaced.
OWN_FILES = {"saved_model.pb", "fingerprint.pb", "variables", "assets", "assets.extra"}
# TF-Serving's versions are 64-bit.
_VERSION = re.compile(r"[0-9]{1,18}")


def check_version_folder(output: Optional[str], overwrite: bool) -> Path:
    """The folder of an export, MODEL/VERSION.

    Raises:
        ConfigError: none given, its name is no version, or it is there and may not be replaced.
    """
    if not output:
        raise ConfigError(
            "output: the folder of one version, for example --output models/gradsr/1. Received: nothing"
        )
    # Not resolved: a link is refused below, not followed.
    path = Path(output).expanduser().absolute()
    if not _VERSION.fullmatch(path.name):
        raise ConfigError(
            "output: a folder that is named by its version, a whole number, for example models/gradsr/1; "
            f"TF-Serving finds no others. Received: {output}"
        )
    if not path.exists() and not path.is_symlink():
        return path
    if not overwrite:
        raise ConfigError(
            f"output: {path} is there already; give --overwrite to replace it, or the next version. "
            f"Received: {output}"
        )
    is_ours = path.is_dir() and not path.is_symlink() and (path / "saved_model.pb").is_file()
    if not is_ours or any(entry.name not in OWN_FILES for entry in path.iterdir()):
        raise ConfigError(
            f"overwrite: replaces only a SavedModel; {path} is something else, or holds more. "
            f"Choose another --output. Received: {output}"
        )
    return path
