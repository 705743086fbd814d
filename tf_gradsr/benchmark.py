"""Time exported models side by side: gradsr benchmark models/gradsr/1 model.tflite model_int8.tflite

For each SavedModel folder or LiteRT file, prints its size, the median time of an answer (one picture, or as
many as --batch says, NumPy arrays in and out, signature hallucinate if there is one) at each number of
threads, and the memory: the most that the process held, less what the Python interpreter with NumPy held,
and how much of that was in use before the model was loaded. Each model runs in a process of its own at each
number of threads; the processes take turns, a few runs at a time.
"""

import importlib.util
import os
import sys
from pathlib import Path

from jsonargparse.typing import PositiveInt

from tf_gradsr.cli import Parser, missing_extra, run
from tf_gradsr.errors import ConfigError
from tf_gradsr.home import at_home

MEGABYTE = 1e6


def build_parser() -> Parser:
    """The command line's parser."""
    parser = Parser(prog="gradsr benchmark", description=__doc__)
    add = parser.add_argument
    add(
        "model",
        type=str,
        nargs="+",
        metavar="MODEL",
        help="A SavedModel's folder (with saved_model.pb) or a .tflite file.",
    )
    add("--threads", type=PositiveInt, nargs="+", default=[1, 2], help="Numbers of threads, one column each.")
    add("--runs", type=PositiveInt, default=50, help="Timed answers of each model.")
    add(
        "--batch",
        type=PositiveInt,
        default=1,
        help="Pictures of an answer. A LiteRT file is made for one: it runs once for each.",
    )
    return parser


def main(argv=None) -> int:
    """Runs the command; returns its exit status, see `tf_gradsr.cli`."""
    return run(build_parser(), _execute, argv)


def _execute(settings):
    models = [check_model(model) for model in dict.fromkeys(settings.model)]
    threads = list(dict.fromkeys(int(count) for count in settings.threads))
    from tf_gradsr.export.benchmark_runs import measure

    print(f"{len(models)} models, {int(settings.runs)} runs each, in turns ...", file=sys.stderr)
    measured = measure(models, threads, int(settings.runs), int(settings.batch))
    for line in table(models, threads, measured):
        print(line)
    pictures = f" of {int(settings.batch)} pictures" if settings.batch > 1 else ""
    print(f"medians of {int(settings.runs)} runs{pictures} on {os.cpu_count()} CPU cores")


def check_model(path: str) -> Path:
    """Returns the path of a model that exists and whose runtime is installed.

    Raises:
        ConfigError: neither a SavedModel's folder nor a LiteRT file, or LiteRT is missing.
    """
    model = at_home(path).absolute()
    is_file = model.is_file() and model.suffix == ".tflite"
    if not is_file and not (model / "saved_model.pb").is_file():
        raise ConfigError(
            "model: a folder with saved_model.pb, for example models/gradsr/1, or a .tflite file. "
            f"Received: {path}"
        )
    if is_file and importlib.util.find_spec("ai_edge_litert") is None:
        raise missing_extra("mobile", "ai-edge-litert", "which runs .tflite files")
    return model


def table(models: list, threads: list, measured: dict) -> list:
    """The lines of the printed table."""
    from tf_gradsr.export.benchmark_runs import size_of

    header = ["model", "LR", "MB"]
    header += [f"ms, {count} thread{'s' * (count > 1)}" for count in threads]
    header += ["memory MB", "of which runtime"]
    rows = [header]
    for model in models:
        found = [measured[model, count] for count in threads]
        row = [_name(model), "x".join(map(str, found[0].lr_shape)), f"{size_of(model) / MEGABYTE:.2f}"]
        row += [f"{one.seconds * 1e3:.1f}" for one in found]
        most = max(found, key=lambda one: one.memory)
        row += [f"{most.memory / MEGABYTE:.0f}", f"{most.runtime / MEGABYTE:.0f}"]
        rows.append(row)
    widths = [max(map(len, column)) for column in zip(*rows)]
    return [
        "  ".join([row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:]))])
        for row in rows
    ]


def _name(model):
    """A file's name; for a SavedModel, whose folder is named by a number, the last two parts of its path."""
    return model.name if model.is_file() else f"{model.parent.name}/{model.name} (SavedModel)"


if __name__ == "__main__":
    sys.exit(main())
