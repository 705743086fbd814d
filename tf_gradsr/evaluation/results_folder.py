"""The folder of results: all of its files or none."""

import contextlib
from pathlib import Path

from PIL import Image

from tf_gradsr.config import ConfigError
from tf_gradsr.evaluation import tables
from tf_gradsr.evaluation.figure import comparison
from tf_gradsr.files import replaced_when_complete

FILES = ("results.json", "results.csv", "results.md", "figure.png")


def write_results(path: Path, results, evaluation, command: str) -> None:
    """Writes `FILES`; each appears only when all are complete. Other files of the folder stay.

    Args:
        path: the folder, made if needed. results: `Results`. evaluation: what was asked.
        command: as typed, quoted for a shell.

    Raises:
        ConfigError: the folder cannot be written.
    """
    texts = {
        "results.json": tables.as_json(results, evaluation, command),
        "results.csv": tables.comma_separated(results),
        "results.md": tables.markdown(results, evaluation, command),
    }
    sheet = Image.fromarray(comparison(results))
    try:
        path.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as stack:
            partial = {name: stack.enter_context(replaced_when_complete(path / name)) for name in FILES}
            for name, text in texts.items():
                partial[name].write_text(text, encoding="utf-8")
            sheet.save(partial["figure.png"])
    except OSError as error:
        raise ConfigError(
            f"output: a folder that can be written. Received: {path} ({error.strerror})"
        ) from error
