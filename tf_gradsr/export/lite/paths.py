"""Where a LiteRT file goes: checked before anything is computed."""

from pathlib import Path
from typing import Optional

from tf_gradsr.errors import ConfigError

ENDING = ".tflite"


def check_output(output: Optional[str], overwrite: bool) -> Path:
    """The file to write.

    Raises:
        ConfigError: none given, another ending, or it, or its description, is there and may not be replaced.
    """
    if not output or not output.endswith(ENDING) or Path(output).name == ENDING:
        raise ConfigError(f"output: a file that ends with {ENDING}. Received: {output or 'nothing'}")
    path = Path(output).expanduser().absolute()
    if path.is_dir():
        raise ConfigError(f"output: a file, not a folder. Received: {output}")
    for there in (path, description_path(path)):
        if there.exists() and not overwrite:
            raise ConfigError(
                f"output: {there} is there already; give --overwrite to replace it, or another name. "
                f"Received: {output}"
            )
    return path


def description_path(path) -> Path:
    """Where the description of a LiteRT file lies: model.tflite -> model.tflite.json."""
    return Path(f"{path}.json")
