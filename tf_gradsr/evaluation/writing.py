"""Writes the folder of results: all of its files or none."""

from pathlib import Path

from PIL import Image

from tf_gradsr.evaluation import tables
from tf_gradsr.evaluation.figure import comparison, reliability, samples
from tf_gradsr.evaluation.settings import EVALUATION_FILES
from tf_gradsr.files import claim_output, unwritable


def write_results(
    path: Path, results, evaluation, command: str, overwrite: bool = False, report: bool = False
) -> None:
    """Writes tables and pictures; each appears only when all are complete. Other files in the folder stay.

    `samples.png` and `reliability.png` of an earlier evaluation are deleted if this one has no samples, and
    its `report.html` if this one has none.

    Args:
        path: the folder, made if needed. results: `Results`. evaluation: the `Evaluation`.
        command: as typed, quoted for a shell. overwrite: whether earlier results may be replaced.
        report: whether to write `report.html`.

    Raises:
        ConfigError: the folder cannot be written, or holds what may not be replaced.
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
    if report:
        # Late: it needs a template engine that nothing else does.
        from tf_gradsr.evaluation.reporting import report_contents
        from tf_gradsr.gallery.report import REPORT_FILE, as_html

        texts[REPORT_FILE] = as_html(report_contents(results, evaluation, command, pictures))
    try:
        with claim_output(path, overwrite, EVALUATION_FILES) as folder:
            for name, text in texts.items():
                # The command may hold paths that are not valid text.
                (folder / name).write_text(text, encoding="utf-8", errors="backslashreplace")
            for name, picture in pictures.items():
                if picture is not None:
                    Image.fromarray(picture).save(folder / name)
    except OSError as error:
        raise unwritable(path, error) from error
