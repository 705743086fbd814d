"""Build a page that hallucinates in the browser: gradsr web build --model model.tflite --output page

Writes a folder for any static web server, under any path: the page, a LiteRT file from gradsr export tflite
with the facts from its description, LiteRT.js with its WebAssembly, the networks that find faces, and a few
sample faces. The page makes no request to another server. Look at it with gradsr web serve --folder page

Needs Node.js with npm, which fetches LiteRT.js and the bundler that package-lock.json names, and
pip install 'tf-gradsr[mobile,photos]'.
"""

import re
import shutil
import sys
from pathlib import Path
from typing import Optional

from tf_gradsr.cli import CommandFailed, Parser, run
from tf_gradsr.errors import ConfigError, reason_of
from tf_gradsr.files import check_output, claim_output, folder_of
from tf_gradsr.home import at_home
from tf_gradsr.tensorflow_start import start_tensorflow
from tf_gradsr.web import bundling

# What a folder of a page holds.
PAGE_FILES = (
    "index.html",
    "style.css",
    "icon.svg",
    "page.js",
    "worker.js",
    "gradsr.json",
    "model.tflite",
    "finder.json",
    "finder.tflite",
    "finder.LICENSE.txt",
    "wasm",
    "faces",
)
PAGE = folder_of("a page", "|".join(map(re.escape, PAGE_FILES)), mark="gradsr.json")


def build_parser() -> Parser:
    """The command line's parser."""
    parser = Parser(prog="gradsr web build", description=__doc__)
    add = parser.add_argument
    add(
        "--model",
        type=str,
        metavar="FILE.tflite",
        help="A file of gradsr export tflite, of any --quantize, with its description beside it.",
    )
    add(
        "-o",
        "--output",
        type=str,
        metavar="DIR",
        help="The page's folder; the one above it is made if needed.",
    )
    add("--overwrite", action="store_true", help="Replace a page that already exists.")
    return parser


def main(argv=None) -> int:
    """Runs the command; returns its exit status, see `tf_gradsr.cli`."""
    return run(build_parser(), _execute, argv, interrupted="Nothing was written.")


def _execute(settings):
    model = check_lite_file(settings.model)
    folder = check_page_folder(settings.output, settings.overwrite)
    if not (bundling.SOURCES / "package.json").is_file():
        raise ConfigError(
            "web: a checkout of the project, whose export/web holds the page's sources. "
            f"Received: {bundling.SOURCES}, which is not there"
        )
    if not shutil.which("npm"):
        raise ConfigError("npm: Node.js with npm, https://nodejs.org. Received: none on the PATH")
    start_tensorflow(settings.verbose)
    from tf_gradsr.web.page_folder import write_page

    try:
        with claim_output(folder, settings.overwrite, PAGE) as partial:
            size = write_page(model, partial)
    except (bundling.BundlingError, OSError) as error:
        raise CommandFailed(f"{reason_of(error)}. Nothing was written to {folder}") from error
    print(f"Page: {folder} ({size / 1e6:.0f} MB); look at it: gradsr web serve --folder {folder}")


def check_lite_file(model: Optional[str]) -> Path:
    """The LiteRT file.

    Raises:
        ConfigError: there is none, or no description beside it.
    """
    if not model or not Path(model).is_file() or not Path(f"{model}.json").is_file():
        raise ConfigError(
            "model: a file of gradsr export tflite, with its description (.tflite.json) beside it. "
            f"Received: {model or 'nothing'}"
        )
    return Path(model)


def check_page_folder(output: Optional[str], overwrite: bool) -> Path:
    """The folder to write.

    Raises:
        ConfigError: none given, or it is there and may not be replaced.
    """
    if not output:
        raise ConfigError("output: the page's folder. Received: nothing")
    path = at_home(output).absolute()
    check_output(path, overwrite, PAGE, received=output)
    return path


if __name__ == "__main__":
    sys.exit(main())
