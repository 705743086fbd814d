"""Where a LiteRT file goes: checked before anything is computed."""

from pathlib import Path
from typing import Optional

from tf_gradsr.errors import ConfigError
from tf_gradsr.files import check_output
from tf_gradsr.home import at_home

ENDING = ".tflite"


def lite_path(output: Optional[str], overwrite: bool) -> Path:
    """The file to write.

    Raises:
        ConfigError: none given, another ending, or it or its description exists and may not be replaced.
    """
    if not output or not output.endswith(ENDING) or Path(output).name == ENDING:
        raise ConfigError(f"output: a file that ends with {ENDING}. Received: {output or 'nothing'}")
    path = at_home(output).absolute()
    for file in (path, description_path(path)):
        check_output(file, overwrite, received=output)
    return path


def description_path(path) -> Path:
    """Path of the description of a LiteRT file: model.tflite -> model.tflite.json."""
    return Path(f"{path}.json")
