"""Cut the faces out of photographs, turned upright and placed as in the training pictures.

gradsr align group.jpg holiday/ --output faces
gradsr align old.jpg --eyes 210,180,262,176 --output faces      where no face is found

Writes every face as a PNG, photograph_1.png being the largest one of photograph.jpg, and faces.jsonl with a
line for each: file, photo, photo_size (width, height), box (left, top, right, bottom), points (eye, eye,
nose, corner of the mouth, the other; left before right as one sees them), matrix, size (side of the face's
frame in the photograph's pixels), confidence, residual, profile.

Coordinates are pixels of the upright photograph, (0, 0) being the outer corner at its top left; the matrix,
two rows of three, leads there from the PNG, whose corners are (0, 0) and (1, 1) whatever its size. The
residual is how far the points lie from a frontal face's, in units of the frame's side. profile: turned
farther, or fitting worse, than 99.5 % of the training faces; what is made of such a face is less to be
trusted.

The folder can be trained on: gradsr train --data.source folder --data.path faces. With --min_size 128 it
holds no enlarged faces. Finding needs pip install 'tf-gradsr[photos]'; --eyes does not.

Exit status: 0 all done, 1 some photographs failed or show no face, 2 bad setting, 130 interrupted.
"""

import sys

from jsonargparse.typing import ClosedUnitInterval, PositiveFloat, PositiveInt

from tf_gradsr.cli import CommandFailed, Parser, run
from tf_gradsr.errors import ConfigError, reason_of
from tf_gradsr.faces import align, find_faces
from tf_gradsr.faces.finding import MIN_CONFIDENCE, MIN_SIZE
from tf_gradsr.faces.points_by_hand import face_by_hand, points_by_hand
from tf_gradsr.files import check_output, claim_output, folder_of, json_text
from tf_gradsr.gallery.inputs import find_inputs, folder_names
from tf_gradsr.gallery.reading import over_white, read_picture
from tf_gradsr.gallery.writing import save_png
from tf_gradsr.home import at_home
from tf_gradsr.options import add_pictures, add_points
from tf_gradsr.tensorflow_start import start_tensorflow

RECORD = "faces.jsonl"
SOFTWARE = "tf_gradsr.align"
# Of more faces the sizes' range is said.
SIZES_NAMED = 8
FOLDER = folder_of("a folder of aligned faces", rf".+_\d+\.png|{RECORD}", mark=RECORD)


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
        help="Leave out faces whose frame, hair and chin included, is smaller in the photograph, in pixels.",
    )
    add(
        "--min_confidence",
        type=ClosedUnitInterval,
        default=MIN_CONFIDENCE,
        help="Leave out faces the detector is less sure of. It reports none below 0.8.",
    )
    add_points(add)
    add("--overwrite", action="store_true", help="Replace a folder of aligned faces.")
    return parser


def main(argv=None) -> int:
    """Runs the command line; exit statuses as `tf_gradsr.cli` says."""
    return run(build_parser(), _execute, argv, interrupted="Nothing was written.")


def _execute(settings):
    if not settings.output:
        raise ConfigError("output: the folder of the faces, for example -o faces. Received: ''")
    output = at_home(settings.output)
    files = find_inputs(settings.input)
    points = points_by_hand(settings.eyes, settings.mouth, len(files))
    check_output(output, settings.overwrite, FOLDER, files, settings.output)
    if points is None:
        _load_detector(settings.verbose)
    failed, lines = [], []
    with claim_output(output, settings.overwrite, FOLDER) as folder:
        for file, name in zip(files, folder_names(files)):
            try:
                photograph, faces = _faces_of(file, points, settings)
            except (ValueError, MemoryError) as error:
                print(f"{file}: {reason_of(error)}", file=sys.stderr)
                failed.append(file)
                continue
            print(f"{file}: {_said_of(faces)}")
            lines += _write_faces(folder, file.name, name, photograph, faces, settings.size)
        if not lines:
            raise CommandFailed(f"no face was aligned. Nothing was written to {settings.output}")
        (folder / RECORD).write_text("".join(json_text(line) + "\n" for line in lines), encoding="utf-8")
    if failed:
        names = ", ".join(map(str, failed))
        print(f"{len(failed)} of {len(files)} photographs failed: {names}", file=sys.stderr)
    print(f"{settings.output}: {len(lines)} face{'s' * (len(lines) > 1)}, and {RECORD}")
    return 1 if failed else 0


def _load_detector(verbose):
    """Before any photograph, so that a missing package is named at once."""
    start_tensorflow(verbose)
    from tf_gradsr.faces.detection import the_detector

    the_detector()


def _faces_of(file, points, settings):
    """(photograph, its faces) of a file.

    Raises:
        ValueError: it cannot be read, shows no face, or the points lie beside it.
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
    """How many there are, how large, whether turned away."""
    if len(faces) <= SIZES_NAMED:
        sizes = ", ".join(f"{face.size:.0f}{' (profile)' * face.profile}" for face in faces)
        return f"{len(faces)} face{'s' * (len(faces) > 1)}, {sizes} pixels"
    profiles = sum(face.profile for face in faces)
    return f"{len(faces)} faces, {faces[-1].size:.0f} to {faces[0].size:.0f} pixels, profiles: {profiles}"


def _write_faces(folder, photo, name, photograph, faces, size):
    """Writes a photograph's faces; returns their lines of the record."""
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
