"""Write embedded faces, of people who do not exist, as files: to try, to look at, to build pages with.

gradsr faces write --split test --count 4 --output faces

Writes 00000.jpg, 00001.jpg ..., 128x128, as they are in the package; files of these names are replaced.

Exit status: 0 all done, 2 bad setting.
"""

import sys
from pathlib import Path
from typing import Literal

from jsonargparse.typing import PositiveInt

from tf_gradsr.cli import Parser, run
from tf_gradsr.errors import ConfigError, reason_of
from tf_gradsr.files import replaced_when_complete
from tf_gradsr.tensorflow_start import start_tensorflow

SIZES = {"train": 1024, "validation": 128, "test": 256}


def build_parser() -> Parser:
    """The command line's parser."""
    parser = Parser(prog="gradsr faces write", description=__doc__)
    add = parser.add_argument
    add("--split", type=Literal["train", "validation", "test"], default="test", help="Which of them.")
    add("--count", type=PositiveInt, default=4, help="The first so many.")
    add("-o", "--output", type=str, metavar="DIR", help="Folder of the pictures, made if needed.")
    return parser


def main(argv=None) -> int:
    """Runs the command line; exit statuses as `tf_gradsr.cli` says."""
    return run(build_parser(), _execute, argv)


def _execute(settings):
    if not settings.output:
        raise ConfigError("output: the folder of the pictures, for example --output faces. Received: nothing")
    if settings.count > SIZES[settings.split]:
        raise ConfigError(
            f"count: at most {SIZES[settings.split]} of {settings.split}. Received: {settings.count}"
        )
    start_tensorflow(settings.verbose)
    try:
        write_faces(Path(settings.output).expanduser(), settings.split, int(settings.count))
    except OSError as error:
        raise ConfigError(
            f"output: a folder that can be written. Received: {settings.output} ({reason_of(error)})"
        ) from error
    print(f"{settings.output}: {settings.count} faces")


def write_faces(output: Path, split: str, count: int) -> None:
    """Writes the first faces of a split as JPEG files.

    Raises:
        OSError: the folder cannot be written.
    """
    output.mkdir(parents=True, exist_ok=True)
    from tf_gradsr.data.faces import encoded_faces

    for number, data in encoded_faces(split, range(count)).items():
        with replaced_when_complete(output / f"{number:05d}.jpg") as partial:
            partial.write_bytes(data)


if __name__ == "__main__":
    sys.exit(main())
