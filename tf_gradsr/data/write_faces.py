"""Write embedded faces, of people who do not exist, as files: to try, to look at, to build pages with.

python -m tf_gradsr.data.write_faces --split test --count 4 --output faces

Writes 00000.jpg, 00001.jpg ..., 128x128, as they are in the package; files of these names are replaced.

Exit status: 0 all done, 2 bad setting.
"""

import os
import sys
from pathlib import Path
from typing import Literal

from jsonargparse.typing import PositiveInt

from tf_gradsr.config import ConfigError, reason_of
from tf_gradsr.config_parser import EXIT_BAD_SETTING, Parser
from tf_gradsr.files import replaced_when_complete

SIZES = {"train": 1024, "validation": 128, "test": 256}


def build_parser() -> Parser:
    """The command line's parser."""
    parser = Parser(prog="tf_gradsr.data.write_faces", description=__doc__)
    add = parser.add_argument
    add("--split", type=Literal["train", "validation", "test"], default="test", help="Which of them.")
    add("--count", type=PositiveInt, default=4, help="The first so many.")
    add("--output", type=str, metavar="DIR", help="Folder of the pictures, made if needed.")
    return parser


def main(argv=None) -> int:
    """Runs the command line; returns 0 done, 2 bad setting."""
    parser = build_parser()
    settings = parser.parse_args(argv)
    try:
        if not settings.output:
            raise ConfigError(
                "output: the folder of the pictures, for example --output faces. Received: nothing"
            )
        if settings.count > SIZES[settings.split]:
            raise ConfigError(
                f"count: at most {SIZES[settings.split]} of {settings.split}. Received: {settings.count}"
            )
        write_faces(Path(settings.output).expanduser(), settings.split, int(settings.count))
    except ConfigError as error:
        print(f"{parser.prog}: error: {error}", file=sys.stderr)
        return EXIT_BAD_SETTING
    except OSError as error:
        print(
            f"{parser.prog}: error: output: a folder that can be written. "
            f"Received: {settings.output} ({reason_of(error)})",
            file=sys.stderr,
        )
        return EXIT_BAD_SETTING
    print(f"{settings.output}: {settings.count} faces")
    return 0


def write_faces(output: Path, split: str, count: int) -> None:
    """Writes the first faces of a split as JPEG files.

    Raises:
        OSError: the folder cannot be written.
    """
    output.mkdir(parents=True, exist_ok=True)
    # TensorFlow's start-up notes on missing GPUs would bury our own lines; read when it is imported.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from tf_gradsr.data.faces import encoded_faces

    for number, data in encoded_faces(split, range(count)).items():
        with replaced_when_complete(output / f"{number:05d}.jpg") as partial:
            partial.write_bytes(data)


if __name__ == "__main__":
    sys.exit(main())
