"""Make plausible large pictures of small ones.

python -m tf_gradsr.hallucinate --input face.png --output out

Writes for each input a folder named after it:
  lr.png                    what the model saw
  reconstruction.png        z = 0, the most likely picture
  sample_00.png ...         other plausible ones
  mean.png                  mean of the samples
  uncertainty.png           their standard deviation, with its scale in grey levels and, if the run's
                            summary.json holds a calibration for these settings (evaluate
                            --record_calibration), by how much true errors are larger
  gradient_reconstruction.png, gradient_00.png ...    image gradients, as the model puts them out
  sheet.png                 all side by side
and, of several inputs, overview.png with a row for each of the first 16.
Inputs: png, jpeg, webp, bmp, tiff, gif (the first picture), of any size; grey, palette, CMYK, 16 bits (read
as 8), EXIF orientation; alpha is upscaled and kept.

Prints a line for each input: LR size -> HR size (width x height); LR-PSNR, how well the results, downscaled,
agree with the input; the samples' spread, which is the mean of uncertainty.png; where the sheet is.

PNG metadata (tEXt) say how a picture can be made again: Software, version, model, weights (start of the
SHA-256 of the file), consistency; of samples also seed, z_index (the number in the name), temperature; of
mean and uncertainty seed, temperature, samples (how many). Same seed, same bytes on the same machine,
however many samples and files are asked for.

Exit status: 0 all done, 1 some files failed, 2 bad setting, 130 interrupted.
"""

import os
import signal
import sys
from pathlib import Path
from typing import Literal, Optional

from jsonargparse.typing import NonNegativeInt, PositiveInt

from tf_gradsr.config import ConfigError, Seed, Temperature, check_consistency, reason_of
from tf_gradsr.config_parser import EXIT_BAD_SETTING, Parser, load_config, show_any_name
from tf_gradsr.files import replaced_when_complete
from tf_gradsr.gallery.inputs import find_inputs, folder_names
from tf_gradsr.gallery.writing import (
    SOFTWARE,
    check_free,
    check_free_picture,
    is_own,
    prepare_output,
    save_png,
)
from tf_gradsr.run_folder import RunFolder

# One picture of several inputs.
OVERVIEW = "overview.png"
HONESTY = "Invented by a neural network: no evidence of anybody's identity."


def build_parser() -> Parser:
    """The command line's parser."""
    parser = Parser(prog="tf_gradsr.hallucinate", description=__doc__)
    add = parser.add_argument
    add(
        "--input",
        type=str,
        nargs="+",
        help="Pictures: files, folders (the pictures right in them), globs ('faces/**/*.png').",
    )
    add("--output", type=str, help="Folder of the results, made if needed; one folder in it for each input.")
    add(
        "--run",
        type=str,
        help="Folder of a training run, with config.yaml and generator.weights.h5; left out, the face model "
        "that comes with the package, 16x16 -> 128x128.",
    )
    add(
        "--num_samples",
        type=NonNegativeInt,
        default=8,
        help="Samples an input. Sample i is the same however many there are; mean and uncertainty need two.",
    )
    add("--seed", type=Seed, default=0, help="Seed of the samples; sample i of every input has the same z.")
    add(
        "--temperature",
        type=Temperature,
        default=1.0,
        help="Factor of z. Below 1 the samples come nearer to the reconstruction, above they get wilder.",
    )
    add(
        "--consistency",
        type=Literal["exact", "none"],
        default="exact",
        help="exact: every picture downscales to its input, each pixel within one grey level after rounding. "
        "none: as the model puts it out.",
    )
    add(
        "--downscale",
        action="store_true",
        help="The inputs are large: make LR of them first, the way the model was trained, and compare with "
        "them (truth.png, PSNR, SSIM).",
    )
    add(
        "--lr_size",
        type=Optional[PositiveInt],
        default=None,
        help="With --downscale: cut the largest centred square and resize it so that LR has this side. "
        "Left out, the picture is only cut to a multiple of the scale.",
    )
    add(
        "--interpolate",
        type=NonNegativeInt,
        default=0,
        help="Also write walk.webp: from sample to sample and back to the first, this many frames between.",
    )
    add(
        "--interpolate_format",
        type=Literal["webp", "gif"],
        default="webp",
        help="webp is lossless. gif has only 256 colours a frame, so its frames are not exactly consistent.",
    )
    add("--overwrite", action="store_true", help="Replace folders of results that are there already.")
    return parser


def main(argv=None) -> int:
    """Runs the command line; returns 0 done, 1 some files failed, 2 bad setting, 130 interrupted."""
    parser = build_parser()
    settings = parser.parse_args(argv)
    show_any_name()
    try:
        _check(settings)
        files = _without_overview(find_inputs(settings.input), settings.output)
        names = folder_names(files)
        check_free(settings.output, names, settings.overwrite, files)
        if len(files) > 1:
            check_free_picture(settings.output / OVERVIEW, settings.overwrite)
        prepare_output(settings.output)
        return _run(settings, files, names)
    except ConfigError as error:
        print(f"{parser.prog}: error: {error}", file=sys.stderr)
        return EXIT_BAD_SETTING
    except KeyboardInterrupt:
        print("Interrupted. The folders that are there are complete.", file=sys.stderr)
        return 130


def _without_overview(files, output):
    """Several inputs, less the overview of an earlier run where they lie in the folder of the results."""
    overview = (output / OVERVIEW).resolve()
    kept = [file for file in files if len(files) == 1 or file.resolve() != overview or not is_own(file)]
    if len(kept) < len(files):
        print(f"Left out: {overview}, an earlier run's overview", file=sys.stderr)
    return kept


def _check(settings):
    """Checks what needs no TensorFlow, which takes seconds to start."""
    if not settings.input:
        raise ConfigError("input: pictures, for example --input face.png. Received: nothing")
    if not settings.output:
        raise ConfigError("output: the folder of the results, for example --output out. Received: nothing")
    settings.output = Path(settings.output).expanduser()
    if settings.lr_size and not settings.downscale:
        raise ConfigError(
            "lr_size: goes with --downscale; without it the input is LR, whatever its size. "
            f"Received: {settings.lr_size}"
        )
    if settings.interpolate and settings.num_samples < 2:
        raise ConfigError(
            "num_samples: at least 2, for --interpolate to walk between them. "
            f"Received: {settings.num_samples}"
        )
    check_consistency(settings.consistency, load_config(RunFolder.trained(settings.run).config))


def _run(settings, files, names):
    # TensorFlow's start-up notes on missing GPUs would bury our own lines; read when it is imported.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from tqdm import tqdm

    from tf_gradsr.inference import Hallucinator
    from tf_gradsr.result_folder import FAILURES, ResultFolders

    hallucinator = Hallucinator.load(settings.run)
    if not hallucinator.stochastic and settings.num_samples:
        print("This model gives one answer a picture: no samples, no walk.", file=sys.stderr)
    failed = []
    with tqdm(total=len(files), unit="file", dynamic_ncols=True, file=sys.stderr) as bar:
        results = ResultFolders(hallucinator, settings, progress=bar.set_postfix_str)
        for file, name in zip(files, names):
            bar.set_description_str(file.name)
            try:
                report = results.make(file, name)
                tqdm.write(f"{file}: {report}; {settings.output / name / 'sheet.png'}", file=sys.stdout)
            except FAILURES as error:
                tqdm.write(f"{file}: {reason_of(error)}", file=sys.stderr)
                failed.append(file)
            bar.update()
    if failed:
        print(
            f"{len(failed)} of {len(files)} files failed: {', '.join(map(str, failed))}",
            file=sys.stderr,
        )
    if len(results.overview.rows) > 1:
        path = settings.output / OVERVIEW
        with replaced_when_complete(path) as partial:
            save_png(partial, results.overview.draw(), metadata={"Software": SOFTWARE})
        print(f"Overview: {path}")
    if len(failed) < len(files):
        print(HONESTY)
    return 1 if failed else 0


if __name__ == "__main__":
    # Asked to end, it leaves as it does at Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
