"""The folder of results: all of its files or none."""

import contextlib
from pathlib import Path

from PIL import Image

from tf_gradsr.errors import ConfigError
from tf_gradsr.evaluation import tables
from tf_gradsr.evaluation.figure import comparison, reliability, samples
from tf_gradsr.files import replaced_when_complete


def write_results(path: Path, results, evaluation, command: str) -> None:
    """Writes tables and pictures; each appears only when all are complete. Other files of the folder stay.

    `samples.png` and `reliability.png` of an earlier evaluation go where this one has no samples.

    Args:
        path: the folder, made if needed. results: `Results`. evaluation: what was asked.
        command: as typed, quoted for a shell.

    Raises:
        ConfigError: the folder cannot be written.
    """
    texts = {
        "results.json": tables.as_json(results, evaluation, command),
        "results.csv": tables.comma_separated(results, evaluation),
        "results.md": tables.markdown(results, evaluation, command),
    }
    pictures = {
        "figure.png": comparison(results),
        "samples.png": samples(results, evaluation.split),
        "reliability.png": reliability(results, evaluation.split),
    }
    absent = [name for name, picture in pictures.items() if picture is None]
    pictures = {name: Image.fromarray(picture) for name, picture in pictures.items() if picture is not None}
    try:
        path.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as stack:
            # The first comes into place last: results.json, by which a folder is known, before all others.
            names = (*pictures, *reversed(texts))
            partial = {name: stack.enter_context(replaced_when_complete(path / name)) for name in names}
            for name, text in texts.items():
                # The command may hold paths that are no text.
                partial[name].write_text(text, encoding="utf-8", errors="backslashreplace")
            for name, picture in pictures.items():
                picture.save(partial[name])
        for name in absent:
            (path / name).unlink(missing_ok=True)
    except OSError as error:
        raise ConfigError(
            f"output: a folder that can be written. Received: {path} ({error.strerror})"
        ) from error
