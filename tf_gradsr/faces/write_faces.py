"""Write embedded faces, of people who do not exist, as files: to try things out, to look at, to build pages.

gradsr faces write --split test --count 4 --output faces

Writes 00000.jpg, 00001.jpg ..., 128x128, as they are in the package. Files of these names that hold
something else are replaced with --overwrite only.

Exit status: 0 all done, 2 bad setting.
"""

import sys
from pathlib import Path
from typing import Literal

from jsonargparse.typing import PositiveInt

from tf_gradsr.cli import Parser, run
from tf_gradsr.errors import ConfigError
from tf_gradsr.files import claim_output, files_of, unwritable
from tf_gradsr.home import at_home
from tf_gradsr.tensorflow_start import start_tensorflow

SIZES = {"train": 1024, "validation": 128, "test": 256}


def build_parser() -> Parser:
    """The command line's parser."""
    parser = Parser(prog="gradsr faces write", description=__doc__)
    add = parser.add_argument
    add("--split", type=Literal["train", "validation", "test"], default="test", help="Which split.")
    add("--count", type=PositiveInt, default=4, help="Number of faces, the first ones of the split.")
    add("-o", "--output", type=str, metavar="DIR", help="Folder of the pictures, made if needed.")
    add("--overwrite", action="store_true", help="Replace other pictures of the same names.")
    return parser


def main(argv=None) -> int:
    """Runs the command; returns its exit status, see `tf_gradsr.cli`."""
    return run(build_parser(), _execute, argv)


def _execute(settings):
    if not settings.output:
        raise ConfigError("output: the folder of the pictures, for example --output faces. Received: nothing")
    if settings.count > SIZES[settings.split]:
        raise ConfigError(
            f"count: at most {SIZES[settings.split]} of {settings.split}. Received: {settings.count}"
        )
    start_tensorflow(settings.verbose)
    output = at_home(settings.output)
    write_faces(output, settings.split, int(settings.count), settings.overwrite)
    print(f"{settings.output}: {settings.count} faces")


def write_faces(output: Path, split: str, count: int, overwrite: bool = False) -> None:
    """Writes the first faces of a split as JPEG files.

    Raises:
        ConfigError: the folder cannot be written, or holds other files of their names without `overwrite`.
    """
    from tf_gradsr.data.faces import encoded_faces

    faces = {f"{number:05d}.jpg": data for number, data in encoded_faces(split, range(count)).items()}

    def other(folder):
        paths = (folder / name for name in faces)
        return next((p for p in paths if p.exists() and p.read_bytes() != faces[p.name]), None)

    kind = files_of("pictures", faces, stranger=lambda folder: None, taken=other)
    try:
        with claim_output(output, overwrite, kind) as folder:
            for name, data in faces.items():
                (folder / name).write_bytes(data)
    except OSError as error:
        raise unwritable(output, error) from error


if __name__ == "__main__":
    sys.exit(main())
