"""Enlarge photographs, with the faces in them hallucinated.

gradsr photo group.jpg --output photos
gradsr photo holiday/ --faces 1,3 --outscale 8 --output photos

For each photograph, writes a folder named after it:
  photo.png                 the enlarged photograph with the most likely small faces (z = 0)
  photo_sample_00.png ...   the same with other plausible faces
  faces.png                 the photograph with its faces numbered; the largest one is 1
  face_1/ ...               for each hallucinated face what gradsr hallucinate writes: reconstruction,
                            samples, uncertainty, sheet ...
  photo.json                where each face is (as gradsr align writes it), what was done with it, settings

A face whose frame (hair and chin included) is up to 48 pixels wide is hallucinated and put back; what the
photograph shows of it beyond the model's input is kept. A larger face is sharp already: the photograph shows
more of it than the model would, so it is enlarged like everything else. --downscale makes such faces small
first and then hallucinates them, as an experiment. A photograph without faces is enlarged, with a note.

With --report, report.html shows each photograph before and after, and each face.

Prints for each photograph its size, by how many grey levels the enlarged one, reduced again, differs from it,
and what was done with each face. EXIF, XMP and the colour profile are kept, GPS positions only with
--keep_gps. Finding faces needs pip install 'tf-gradsr[photos]'.

Exit status: 0 all done, 1 some photographs failed, 2 bad setting, 130 interrupted.
"""

import functools
import re
import sys
import warnings
from dataclasses import fields

from jsonargparse.typing import NonNegativeInt, PositiveFloat, PositiveInt
from PIL import Image

from tf_gradsr.cli import Parser, run
from tf_gradsr.config_checks import check_consistency
from tf_gradsr.config_files import load_config
from tf_gradsr.errors import ConfigError, reason_of
from tf_gradsr.files import claim_output, folder_of, prepare_folder
from tf_gradsr.gallery.plan import makes, planned
from tf_gradsr.gallery.writing import INTENDED_USE, PHOTO_RECORD, REPORT_FILE, RESULT_FOLDER
from tf_gradsr.home import at_home
from tf_gradsr.options import (
    add_batch,
    add_consistency,
    add_input_quality,
    add_noise,
    add_pictures,
    add_report,
    add_run,
    add_tile,
)
from tf_gradsr.run_folder import RunFolder
from tf_gradsr.tensorflow_start import start_tensorflow

PHOTO_FOLDER = folder_of(
    "what this command wrote",
    rf"photo(_sample_\d+)?\.png|faces\.png|{PHOTO_RECORD}",
    mark=PHOTO_RECORD,
    folders={r"face_\d+": RESULT_FOLDER},
)


def build_parser() -> Parser:
    """The command line's parser."""
    parser = Parser(prog="gradsr photo", description=__doc__)
    add = parser.add_argument
    add_pictures(add, default="photos")
    add_run(add)
    add(
        "--faces",
        type=str,
        default="all",
        metavar="all|largest|1,3",
        help="Which faces to hallucinate, by their numbers on faces.png; the largest one is 1.",
    )
    add(
        "--outscale",
        type=PositiveInt,
        default=4,
        help="How many times larger the photograph becomes. With 1, next to nothing changes, because what "
        "the photograph shows is kept.",
    )
    add(
        "--num_samples",
        type=NonNegativeInt,
        default=4,
        help="Samples of each face, and photographs with them.",
    )
    add_noise(add)
    add(
        "--z_per_face",
        action="store_true",
        help="Give each face its own noise: face n has that of seed + n - 1. Otherwise all share one z.",
    )
    add_consistency(add)
    add_input_quality(add, default=None)
    add(
        "--downscale",
        action="store_true",
        help="An experiment: downscale faces that are sharp already, then hallucinate and compare.",
    )
    add(
        "--min_size",
        type=PositiveFloat,
        default=16,
        help="Leave faces as they are if their frame in the photograph is smaller than this, in pixels.",
    )
    add("--keep_gps", action="store_true", help="Keep the GPS position where a photograph was taken.")
    add_tile(add)
    add_report(add, "the folder of the results")
    add_batch(add)
    return parser


def main(argv=None) -> int:
    """Runs the command; returns its exit status, see `tf_gradsr.cli`."""
    return run(build_parser(), _execute, argv, interrupted="The folders written so far are complete.")


def _execute(settings):
    _check(settings)
    jobs = planned(settings, PHOTO_FOLDER, _is_result)
    if not jobs:
        return 0
    prepare_folder(settings.output)
    return _hallucinate(settings, jobs)


def _is_result(path):
    """Whether this command wrote a picture: into a photograph's folder, or into one of its faces'."""
    return any((folder / PHOTO_RECORD).is_file() for folder in list(path.parents)[:2])


def _hallucinate(settings, jobs):
    start_tensorflow(settings.verbose)
    from tf_gradsr.faces.detection import the_detector
    from tf_gradsr.inference import Hallucinator
    from tf_gradsr.lr_input import FAILURES
    from tf_gradsr.photo_folder import PhotoFolders, PhotoRequest
    from tf_gradsr.photo_report import ReportedPhotos
    from tf_gradsr.progress import ProgressBar

    # Before any photograph, so that a missing package is named at once.
    the_detector()
    request = PhotoRequest(**{f.name: getattr(settings, f.name) for f in fields(PhotoRequest)})
    failed = []
    with warnings.catch_warnings(), ProgressBar(len(jobs), "photograph") as bar:
        # Large photographs are what people have.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        load = functools.cache(
            lambda quality: Hallucinator.load(settings.run, input_quality=quality, trust=settings.trust_run)
        )
        reported = ReportedPhotos(load(settings.input_quality or "clean"), settings)
        for job in jobs:
            file, path = job.file, settings.output / job.name
            bar.begin(file.name)
            try:
                photos = PhotoFolders(load(_quality_of(file, settings)), request, bar.set_postfix_str)
                with claim_output(path, settings.overwrite, PHOTO_FOLDER) as folder:
                    report = photos.make(file, folder)
                if settings.report:
                    reported.add(file, path, report)
                lines = [f"{file}: {report}; {path / 'photo.png'}", *report.faces_said()]
                bar.write("\n  ".join(lines), file=sys.stdout)
            except (*FAILURES, ValueError) as error:
                bar.write(f"{file}: {reason_of(error)}", file=sys.stderr)
                failed.append((file, reason_of(error)))
            bar.update()
    if failed:
        listed = ", ".join(str(file) for file, _ in failed)
        print(f"{len(failed)} of {len(jobs)} photographs failed: {listed}", file=sys.stderr)
    if settings.report and makes(settings, REPORT_FILE) and len(failed) < len(jobs):
        print(f"Report: {reported.write(failed)}")
    if len(failed) < len(jobs):
        print(INTENDED_USE)
    return 1 if failed else 0


def _quality_of(file, settings):
    """`--input_quality` for a file."""
    from tf_gradsr.gallery.photo_metadata import is_lossy

    return settings.input_quality or ("photo" if settings.can_estimate and is_lossy(file) else "clean")


def _check(settings):
    """Checks what needs no TensorFlow, which takes seconds to start."""
    if not settings.output:
        raise ConfigError("output: the folder of the results, for example -o photos. Received: ''")
    settings.output = at_home(settings.output)
    if not re.fullmatch(r"all|largest|[1-9]\d*(,[1-9]\d*)*", settings.faces):
        raise ConfigError(f"faces: all, largest, or numbers such as 1,3. Received: {settings.faces!r}")
    folder = RunFolder.trained(settings.run)
    folder.check_input_quality(settings.input_quality)
    settings.can_estimate = folder.clean_lr.is_file()
    config = load_config(folder.config)
    check_consistency(settings.consistency, config)
    height, width = config.lr_shape
    if height != width:
        raise ConfigError(f"run: a model of square LR pictures. Received: {settings.run}, {width}x{height}")


if __name__ == "__main__":
    sys.exit(main())
