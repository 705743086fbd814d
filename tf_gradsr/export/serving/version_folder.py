"""A version's folder: checked before anything is computed, replaced only on request."""

import re
from pathlib import Path
from typing import Optional

from tf_gradsr.errors import ConfigError
from tf_gradsr.files import check_output, folder_of
from tf_gradsr.home import at_home

SAVED_MODEL = folder_of(
    "a SavedModel",
    r"saved_model\.pb|fingerprint\.pb|variables|assets|assets\.extra",
    mark="saved_model.pb",
)
# TF-Serving's versions are 64-bit.
_VERSION = re.compile(r"[0-9]{1,18}")


def check_version_folder(output: Optional[str], overwrite: bool) -> Path:
    """The folder of an export, MODEL/VERSION.

    Raises:
        ConfigError: none given, its name is not a version, or it exists and may not be replaced.
    """
    if not output:
        raise ConfigError(
            "output: the folder of one version, for example --output models/gradsr/1. Received: nothing"
        )
    # Not resolved: a link is refused below, not followed.
    path = at_home(output).absolute()
    if not _VERSION.fullmatch(path.name):
        raise ConfigError(
            "output: a folder that is named by its version, a whole number, for example models/gradsr/1; "
            f"TF-Serving finds no others. Received: {output}"
        )
    check_output(path, overwrite, SAVED_MODEL, received=output)
    return path
