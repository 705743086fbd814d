"""Cut the faces out of photographs, turned upright and placed as in the training pictures.

gradsr align group.jpg holiday/ --output faces
gradsr align old.jpg --eyes 210,180,262,176 --output faces      where no face is found

Writes every face as a PNG (photograph_1.png is the largest face of photograph.jpg), and faces.jsonl with a
line for each: file, photo, photo_size (width, height), box (left, top, right, bottom), points (eyes, nose,
corners of the mouth; left before right as one sees them), matrix, size (side of the face's frame in the
photograph's pixels), confidence, residual, profile.

Coordinates are in pixels of the upright photograph; (0, 0) is the outer corner at its top left. The matrix,
two rows of three, maps the PNG, whose corners are (0, 0) and (1, 1) whatever its size, to the photograph. The
residual is how far the points lie from a frontal face's, in units of the frame's side. profile: the face is
turned farther, or fits worse, than 99.5 % of the training faces; results from such a face are less reliable.

The folder can be trained on: gradsr train --data.source folder --data.path faces. With --min_size 128 it
holds no enlarged faces. Finding needs pip install 'tf-gradsr[photos]'; --eyes does not.

Exit status: 0 all done, 1 some photographs failed or show no face, 2 bad setting, 130 interrupted.
"""

import re
import sys

from jsonargparse.typing import ClosedUnitInterval, PositiveFloat, PositiveInt

from tf_gradsr.cli import CommandFailed, Parser, run
from tf_gradsr.errors import ConfigError, reason_of
from tf_gradsr.faces import align, find_faces
from tf_gradsr.faces.finding import MIN_CONFIDENCE, MIN_SIZE
from tf_gradsr.faces.points_by_hand import face_by_hand, points_by_hand
from tf_gradsr.files import Kind, check_output, claim_output, folder_of, json_text
from tf_gradsr.gallery.inputs import find_inputs, folder_names
from tf_gradsr.gallery.reading import over_white, read_picture
from tf_gradsr.gallery.writing import save_png
from tf_gradsr.home import at_home
from tf_gradsr.options import add_pictures, add_points
from tf_gradsr.tensorflow_start import start_tensorflow

RECORD = "faces.jsonl"
SOFTWARE = "tf_gradsr.align"
# With more faces than this, only the range of their sizes is printed.
SIZES_NAMED = 8
FACE = r".+_\d+\.png"
NAME = "a folder of aligned faces"


def _stranger_below(path):
    """The first thing that is neither a face nor a folder, below the folder of all faces."""
    strange = (p for p in sorted(path.rglob("*")) if not p.is_dir() and not re.fullmatch(FACE, p.name))
    return next(strange, None) if path.is_dir() else path


# With --recursive, there are folders below it, to any depth.
BELOW = {rf"(?!{RECORD}$|{FACE}$).+": Kind(NAME, _stranger_below)}
FOLDER = folder_of(NAME, rf"{FACE}|{RECORD}", mark=RECORD, folders=BELOW)


def build_parser() -> Parser:
    """The command line's parser."""
    parser = Parser(prog="gradsr align", description=__doc__)
    add = parser.add_argument
    add_pictures(add, default="aligned", holds="all faces, and faces.jsonl")
    add("--size", type=PositiveInt, default=128, help="Side of the aligned faces in pixels.")
    add("--largest", action="store_true", help="Only the largest face of each photograph.")
    add(
        "--min_size",
        type=PositiveFloat,
        default=MIN_SIZE,
        help="Leave out faces whose frame in the photograph, hair and chin included, is smaller than this, "
        "in pixels.",
    )
    add(
        "--min_confidence",
        type=ClosedUnitInterval,
        default=MIN_CONFIDENCE,
        help="Leave out faces the detector is less sure of. It reports none below 0.8.",
    )
    add_points(add)
    add(
        "--recursive",
        action="store_true",
        help="Also take the photographs in all folders below the ones given; the faces mirror the tree.",
    )
    add("--overwrite", action="store_true", help="Replace a folder of aligned faces.")
    return parser


def main(argv=None) -> int:
    """Runs the command; returns its exit status, see `tf_gradsr.cli`."""
    return run(build_parser(), _execute, argv, interrupted="Nothing was written.")


def _execute(settings):
    if not settings.output:
        raise ConfigError("output: the folder of the faces, for example -o faces. Received: ''")
    output = at_home(settings.output)
    found = find_inputs(settings.input, settings.recursive)
    files, below = [one.path for one in found], [one.below for one in found]
    points = points_by_hand(settings.eyes, settings.mouth, len(files))
    check_output(output, settings.overwrite, FOLDER, files, settings.output)
    if points is None:
        _load_detector(settings.verbose)
    failed, lines = [], []
    with claim_output(output, settings.overwrite, FOLDER) as folder:
        for file, within, name in zip(files, below, folder_names(files, below)):
            try:
                photograph, faces = _faces_of(file, points, settings)
            except (ValueError, MemoryError) as error:
                print(f"{file}: {reason_of(error)}", file=sys.stderr)
                failed.append(file)
                continue
            print(f"{file}: {_said_of(faces)}")
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            photo = (within / file.name).as_posix()
            lines += _write_aligned(folder, photo, name, photograph, faces, settings.size)
        if not lines:
            raise CommandFailed(f"no face was aligned. Nothing was written to {settings.output}")
        (folder / RECORD).write_text("".join(json_text(line) + "\n" for line in lines), encoding="utf-8")
    if failed:
        names = ", ".join(map(str, failed))
        print(f"{len(failed)} of {len(files)} photographs failed: {names}", file=sys.stderr)
    print(f"{settings.output}: {len(lines)} face{'s' * (len(lines) > 1)}, and {RECORD}")
    return 1 if failed else 0


def _load_detector(verbose):
    """Loads the detector before any photograph is read, so that a missing package is named at once."""
    start_tensorflow(verbose)
    from tf_gradsr.faces.detection import the_detector

    the_detector()


def _faces_of(file, points, settings):
    """(photograph, its faces) of a file.

    Raises:
        ValueError: it cannot be read, shows no face, or the points lie outside it.
    """
    photograph = over_white(read_picture(file))
    for doubt in photograph.doubts:
        print(f"{file}: {doubt}", file=sys.stderr)
    if points is None:
        faces = find_faces(photograph.rgb, settings.min_size, settings.min_confidence)
    else:
        faces = [face_by_hand(points, photograph.rgb)]
    if not faces:
        raise ValueError("no face was found; say where one is with --eyes x1,y1,x2,y2")
    return photograph, faces[:1] if settings.largest else faces


def _said_of(faces):
    """How many faces there are, how large, which ones in profile."""
    if len(faces) <= SIZES_NAMED:
        sizes = ", ".join(f"{face.size:.0f}{' (profile)' * face.profile}" for face in faces)
        return f"{len(faces)} face{'s' * (len(faces) > 1)}, {sizes} pixels"
    profiles = sum(face.profile for face in faces)
    return f"{len(faces)} faces, {faces[-1].size:.0f} to {faces[0].size:.0f} pixels, profiles: {profiles}"


def _write_aligned(folder, photo, name, photograph, faces, size):
    """Writes a photograph's faces; returns their lines for the record."""
    lines, (height, width) = [], photograph.rgb.shape[:2]
    for number, face in enumerate(faces, start=1):
        file = f"{name}_{number}.png"
        save_png(
            folder / file,
            align(photograph.rgb, face, size),
            metadata={"Software": SOFTWARE},
            icc_profile=photograph.icc_profile,
        )
        lines.append({"file": file, "photo": photo, "photo_size": [width, height], **face.as_json()})
    return lines


if __name__ == "__main__":
    sys.exit(main())
