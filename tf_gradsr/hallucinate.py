"""Make plausible large pictures of small ones.

gradsr hallucinate face.png --output out

For each input, writes a folder named after it:
  lr.png                    what the model saw
  reconstruction.png        z = 0, the most likely picture
  sample_00.png ...         other plausible ones
  mean.png                  mean of the samples
  uncertainty.png           their standard deviation, with its scale in grey levels and, if the run's
                            summary.json holds a calibration for these settings (evaluate
                            --record_calibration), by how much true errors are larger
  gradient_reconstruction.png, gradient_00.png ...    image gradients, as the model outputs them
  sheet.png                 all side by side
and, for several inputs, overview.png with a row for each of the first 16; with --report, report.html, a page
of the first 16 to look at and to share.
Inputs: png, jpeg, webp, avif, jpeg 2000, bmp, tiff, gif and others, of any size; the first picture of an
animation; grey, palette, CMYK, EXIF orientation, 16 and 32 bits (read as 8; the range is reported); alpha is
upscaled and kept. docs/reference/pictures.md lists them.

Prints a line for each input: LR size -> HR size (width x height); LR-PSNR, how well the results, downscaled,
agree with the input; the samples' spread, which is the mean of uncertainty.png; where the sheet is.

PNG metadata (tEXt) says how to make a picture again: Software, version, model, weights (start of the
file's SHA-256), consistency, precision unless it is float32; for samples also seed, z_index (the number in
the name), temperature; for mean and uncertainty also seed, temperature, samples (how many). The same seed
gives the same bytes on the same machine, however many samples and files are requested.

Exit status: 0 all done, 1 some files failed, 2 bad setting, 130 interrupted.
"""

import contextlib
import sys
import tempfile
from pathlib import Path
from typing import Literal

from jsonargparse.typing import NonNegativeInt

from tf_gradsr.cli import Parser, run
from tf_gradsr.config_checks import check_consistency
from tf_gradsr.config_files import load_config
from tf_gradsr.errors import ConfigError, reason_of
from tf_gradsr.files import files_when_complete, prepare_folder, replaced_when_complete
from tf_gradsr.gallery.plan import OVERVIEW, makes, planned
from tf_gradsr.gallery.writing import (
    INTENDED_USE,
    REPORT_FILE,
    RESULT_FOLDER,
    RESULT_PICTURE,
    SOFTWARE,
    is_own,
    save_png,
)
from tf_gradsr.home import at_home
from tf_gradsr.options import (
    add_align,
    add_batch,
    add_consistency,
    add_downscale,
    add_input_quality,
    add_noise,
    add_num_samples,
    add_pictures,
    add_points,
    add_precision,
    add_report,
    add_run,
    add_tile,
)
from tf_gradsr.run_folder import RunFolder
from tf_gradsr.tensorflow_start import start_tensorflow


def build_parser() -> Parser:
    """The command line's parser."""
    parser = Parser(prog="gradsr hallucinate", description=__doc__)
    add = parser.add_argument
    add_pictures(
        add,
        "; - reads one from standard input",
        " - writes reconstruction.png of one input to standard output, and nothing else.",
    )
    add_run(add)
    add_num_samples(add)
    add_noise(add)
    add_consistency(add)
    add_input_quality(add)
    add_precision(add)
    add_downscale(
        add,
        "The inputs are large: downscale them to LR first, the way the model was trained, and compare the "
        "results with them (truth.png, PSNR, SSIM).",
    )
    add_align(add)
    add_points(add)
    add(
        "--interpolate",
        type=NonNegativeInt,
        default=0,
        help="Also write walk.webp, an animation from sample to sample and back to the first, with this many "
        "frames in between.",
    )
    add(
        "--interpolate_format",
        type=Literal["webp", "gif"],
        default="webp",
        help="webp is lossless. gif has only 256 colours a frame, so its frames are not exactly consistent.",
    )
    add_tile(add)
    add_report(add, "the folder of the results")
    add(
        "--plain",
        action="store_true",
        help="Write one file for each input, its reconstruction as DIR/NAME.png, instead of a folder.",
    )
    add_batch(add)
    return parser


def main(argv=None) -> int:
    """Runs the command; returns its exit status, see `tf_gradsr.cli`."""
    return run(build_parser(), _execute, argv, interrupted="The folders written so far are complete.")


def _execute(settings):
    settings.to_standard_output, settings.from_standard_input = False, None
    with contextlib.ExitStack() as stack:
        if "-" in (*settings.input, settings.output):
            _use_standard_streams(settings, Path(stack.enter_context(tempfile.TemporaryDirectory())))
        return _hallucinate_files(settings)


def _hallucinate_files(settings):
    _check(settings)
    kind = RESULT_PICTURE if settings.plain else RESULT_FOLDER
    jobs = planned(settings, kind, _is_result, overview=not settings.plain)
    if not jobs:
        return 0
    prepare_folder(settings.output)
    status = _hallucinate(settings, jobs)
    if settings.to_standard_output and status == 0:
        sys.stdout.buffer.write((settings.output / jobs[0].name).read_bytes())
    return status


def _is_result(path):
    return is_own(path) or is_own(path.parent / "reconstruction.png")


def _use_standard_streams(settings, folder):
    """Replaces `-` with files of a temporary folder.

    Raises:
        ConfigError: `-` beside other inputs, or as output of several, or where a report is asked for.
    """
    if len(settings.input) > 1:
        raise ConfigError(f"input: one picture where - is used. Received: {' '.join(settings.input)}")
    if settings.input == ["-"]:
        # Named, since results are named after their input.
        path = folder / "picture"
        path.write_bytes(sys.stdin.buffer.read())
        settings.input, settings.from_standard_input = [str(path)], path
    if settings.output == "-" and settings.report:
        raise ConfigError("report: goes into a folder of results, --output DIR. Received: --output -")
    if settings.output == "-":
        settings.to_standard_output, settings.output = True, str(folder / "results")
        settings.plain, settings.interpolate = True, 0


def _check(settings):
    """Checks what needs no TensorFlow, which takes seconds to start."""
    if not settings.output:
        raise ConfigError("output: the folder of the results, for example -o out. Received: ''")
    settings.output = at_home(settings.output)
    if settings.plain and (settings.report or settings.interpolate):
        option = "report" if settings.report else "interpolate"
        raise ConfigError(f"plain: writes one picture for each input. Received: also --{option}")
    if settings.plain:
        # The reconstruction needs none.
        settings.num_samples = 0
    if settings.lr_size and not settings.downscale:
        raise ConfigError(
            "lr_size: goes with --downscale; without it the input is LR, whatever its size. "
            f"Received: {settings.lr_size}"
        )
    if settings.eyes or settings.mouth:
        settings.align = "points"
    if settings.align == "points" and not (settings.eyes and settings.downscale):
        raise ConfigError(
            "align: points goes with --downscale and --eyes x1,y1,x2,y2. "
            f"Received: --eyes {settings.eyes or 'nothing'}"
        )
    if settings.interpolate and settings.num_samples < 2:
        raise ConfigError(
            "num_samples: at least 2, for --interpolate to walk between them. "
            f"Received: {settings.num_samples}"
        )
    folder = RunFolder.trained(settings.run)
    folder.check_input_quality(settings.input_quality)
    check_consistency(settings.consistency, load_config(folder.config))


def _hallucinate(settings, jobs):
    start_tensorflow(settings.verbose)
    from tf_gradsr.faces.aligned_input import AlignedInput
    from tf_gradsr.faces.points_by_hand import points_by_hand
    from tf_gradsr.inference import Hallucinator
    from tf_gradsr.lr_input import FAILURES
    from tf_gradsr.progress import ProgressBar
    from tf_gradsr.result_folder import ResultFolders
    from tf_gradsr.result_report import ReportedFolders

    hallucinator = Hallucinator.load(
        settings.run,
        input_quality=settings.input_quality,
        trust=settings.trust_run,
        precision=settings.precision,
    )
    if not hallucinator.stochastic and settings.num_samples:
        print("This model gives one answer per picture: no samples, no walk.", file=sys.stderr)
    points = points_by_hand(settings.eyes, settings.mouth, len(jobs))
    config, scale = hallucinator.config, hallucinator.scale
    reports = makes(settings, REPORT_FILE)
    failed, reported, homes = [], ReportedFolders(hallucinator, settings), {settings.output}
    said_to = sys.stderr if settings.to_standard_output else sys.stdout
    with ProgressBar(len(jobs), "file") as bar:
        results = ResultFolders(
            hallucinator,
            settings,
            progress=bar.set_postfix_str,
            advise=lambda words: bar.write(f"{name}: {words}", file=sys.stderr),
            cut=AlignedInput((settings.lr_size or min(config.lr_shape)) * scale, settings.align, points),
        )
        for job in jobs:
            name = "standard input" if job.file == settings.from_standard_input else job.file
            bar.begin(job.file.name)
            try:
                path = settings.output / job.name
                if path.parent not in homes:
                    prepare_folder(path.parent)
                    homes.add(path.parent)
                if settings.plain:
                    report = _make_plain(results, job.file, path)
                else:
                    report = results.make(job.file, job.name)
                    reported.add(job.name, report, results.legend())
                    path /= "sheet.png"
                to = "standard output" if settings.to_standard_output else path
                bar.write(f"{name}: {report}; {to}", file=said_to)
            except FAILURES as error:
                bar.write(f"{name}: {reason_of(error)}", file=sys.stderr)
                failed.append((name, reason_of(error)))
            bar.update()
    if failed:
        print(
            f"{len(failed)} of {len(jobs)} files failed: {', '.join(str(file) for file, _ in failed)}",
            file=sys.stderr,
        )
    if len(results.overview.rows) > 1 and not settings.plain and makes(settings, OVERVIEW):
        path = settings.output / OVERVIEW
        with replaced_when_complete(path) as partial:
            save_png(partial, results.overview.draw(), metadata={"Software": SOFTWARE})
        print(f"Overview: {path}")
    if settings.report and reports and len(failed) < len(jobs):
        print(f"Report: {reported.write(failed)}")
    if len(failed) < len(jobs):
        print(INTENDED_USE, file=said_to)
    return 1 if failed else 0


def _make_plain(results, file, path):
    """Makes the PNG at a path that would be reconstruction.png in a folder of results."""
    with files_when_complete(path.parent, []) as folder:
        report = results.fill(folder, path.stem, *results.read(file))
        (folder / "reconstruction.png").replace(path)
    return report


if __name__ == "__main__":
    sys.exit(main())
