"""Inference in every form that the package writes: Keras, SavedModel, LiteRT, and the page in a browser."""

import contextlib
import importlib.util
import io
import re
import shutil
import tempfile
from pathlib import Path

from benchmarks.bench.machine import usable_cores
from benchmarks.bench.sizes import FULL, small_run
from benchmarks.bench.turns import number
from tf_gradsr.cli import CommandFailed

TITLE = "Inference"
# The one of the package's models of which there is an int8 file: faces_8x's is too far from the model.
RUN = "faces_8x_mobile"
# {pictures of an answer: how many are timed}.
RUNS = {"full": {1: 15, 8: 4, 32: 2}, "small": {1: 1, 2: 1}}
KERAS, SAVED_MODEL = "Keras (`Hallucinator`)", "SavedModel"
QUANTIZED = {"LiteRT float32": "none", "LiteRT float16": "float16", "LiteRT int8": "int8"}
# Pictures that give int8 its ranges: few, since they change no time.
CALIBRATION = 16
# Random weights may not survive rounding.
SMALL_QUANTIZED = {"LiteRT float32": "none"}
# What the page loads, as `make web` builds it.
PAGE_MODEL = "LiteRT float16"
PAGES = {"plain server": "page, one thread", "COOP and COEP": "page, threads"}


def measure(size: str, say) -> dict:
    """Exports a model of the package in each form and times all, in turns of a few runs.

    Returns:
        `run`; `threads`; `batches`; `seconds` of an answer by form and batch (medians); `bytes` by form;
        `page`: seconds of a sample by kind of server, or `no_page`, why there is none.
    """
    from tf_gradsr.export.benchmark_runs import measure_batches, size_of
    from tf_gradsr.run_folder import RunFolder

    threads = usable_cores()
    with tempfile.TemporaryDirectory() as place:
        folder = RunFolder.trained(RUN) if size == FULL else small_run(Path(place) / "run")
        models = exported(folder, Path(place), QUANTIZED if size == FULL else SMALL_QUANTIZED, say)
        say("starting them")
        batches, seconds = RUNS[size], {name: {} for name in models}
        measured = measure_batches(list(models.values()), [threads], batches)
        # In this order the processes end with the last batch.
        for found, batch in zip(measured, batches):
            say(f"measured {batch} at once")
            for name, model in models.items():
                seconds[name][str(batch)] = found[model, threads].seconds
        page = {"no_page": why_no_page() if size == FULL else "the small size leaves it out"}
        if not page["no_page"]:
            say("building the page, opening it in Chromium")
            page = {"page": page_seconds(models[PAGE_MODEL], Path(place) / "page")}
        sizes = {name: size_of(model) for name, model in models.items() if name != KERAS}
    return {
        "run": folder.path.name,
        "threads": threads,
        "batches": list(batches),
        "seconds": seconds,
        "bytes": sizes,
        **page,
    }


def exported(run, folder: Path, quantized: dict, say) -> dict:
    """Exports a run into a folder.

    Args:
        quantized: {form: `--quantize`} of the LiteRT files.

    Returns:
        {form: path}; for Keras the run's own folder.
    """
    from tf_gradsr.export.lite import lite_file
    from tf_gradsr.export.serving import archive
    from tf_gradsr.export.serving.input_checks import Limits
    from tf_gradsr.tensorflow_start import standard_error_held_back

    models = {KERAS: run.path, SAVED_MODEL: folder / "served" / "1"}
    with standard_error_held_back():
        say("exporting the SavedModel")
        models[SAVED_MODEL].parent.mkdir()
        archive.export(run, models[SAVED_MODEL], "exact", Limits())
        for name, quantize in quantized.items():
            say(f"exporting {name}")
            models[name] = folder / f"{quantize}.tflite"
            faces = "embedded" if quantize == "int8" else None
            lite_file.export(
                run,
                models[name],
                quantize,
                representative_path=faces,
                representative_pictures=CALIBRATION,
            )
    return models


def why_no_page() -> str:
    """Why the page cannot be built or opened here; "" if it can."""
    from tf_gradsr.web.browser import find_chromium
    from tf_gradsr.web.bundling import PACKAGES

    if not find_chromium():
        return "there is no Chromium"
    if importlib.util.find_spec("playwright") is None:
        return "the package playwright is missing"
    if not PACKAGES.is_dir() and not shutil.which("npm"):
        return "there is no npm, which fetches LiteRT.js"
    return ""


def page_seconds(model: Path, page: Path) -> dict:
    """Seconds of a sample on the page, by kind of server, as the page itself says them (`PAGES`).

    Raises:
        CommandFailed: the page cannot be built, or says nothing; the message is what was printed.
    """
    from tf_gradsr.web import build, screenshot

    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        done = build.main(["--model", str(model), "--output", str(page)])
        done = done or screenshot.main(["--folder", str(page)])
    if done:
        raise CommandFailed(f"the page was not measured: {printed.getvalue().strip()}")
    return seconds_said(printed.getvalue())


def seconds_said(printed: str) -> dict:
    """Seconds of a sample by kind of server, from what `gradsr web screenshot` printed.

    Raises:
        CommandFailed: it does not say them.
    """
    said = dict(re.findall(r"^(.+): \d+ samples, (\d+) ms each", printed, re.MULTILINE))
    if set(said) != set(PAGES):
        raise CommandFailed(f"gradsr web screenshot names no times: {printed.strip()}")
    return {name: float(said[server]) / 1e3 for server, name in PAGES.items()}


def text(found: dict) -> str:
    """What was measured, in Markdown."""
    batches = [str(batch) for batch in found["batches"]]
    unit = found["seconds"][KERAS]["1"]

    def cells(name):
        for batch in batches:
            each = found["seconds"][name][batch] / int(batch)
            yield f"{number(each / unit)} | {number(each * 1e3)}"

    heads = [f"**{batch} at once** | ms" for batch in batches]
    lines = [
        f"`{found['run']}`, one hallucination of each LR picture, NumPy arrays in and out, "
        f"{found['threads']} threads. Time of a picture, as a multiple of Keras's with one picture at once, "
        "and in ms. LiteRT files and the page run on one picture after the other.",
        "",
        f"| | {' | '.join(heads)} | MB |",
        "|---|" + "---|" * (2 * len(batches) + 1),
    ]
    for name in found["seconds"]:
        megabytes = number(found["bytes"][name] / 1e6) if name in found["bytes"] else ""
        lines.append(f"| {name} | {' | '.join(cells(name))} | {megabytes} |")
    for name, seconds in found.get("page", {}).items():
        rest = " | ".join([" | "] * (len(batches) - 1))
        lines.append(f"| {name} | {number(seconds / unit)} | {number(seconds * 1e3)} | {rest} | |")
    if found.get("no_page"):
        lines += ["", f"The page was not measured: {found['no_page']}."]
    return "\n".join(lines)
