"""Take a picture of a built page and see how fast it is: gradsr web screenshot --output docs/web.png

Opens the page in headless Chromium, waits for the samples, and prints what the page says about them: once
as most static servers send it, on one thread, and once with the headers that allow threads.

Needs Chromium (on the PATH, or named by CHROMIUM) and Playwright's package: pip install playwright
"""

import importlib.util
import io
import sys
from pathlib import Path
from typing import Literal, Optional

from jsonargparse.typing import PositiveInt
from PIL import Image

from tf_gradsr.cli import CommandFailed, Parser, run
from tf_gradsr.errors import ConfigError
from tf_gradsr.files import replaced_when_complete
from tf_gradsr.web.browser import find_chromium, launched
from tf_gradsr.web.serve import DIST, PageHandler, PlainHandler, serving

# Number of runs, the last of which is shown: the first ones compile.
RUNS = 4
MILLISECONDS = 120_000
FADE = 500
# Bytes; a document's picture should not be slow to load.
LARGEST_FILE = 400_000


def build_parser() -> Parser:
    """The command line's parser."""
    parser = Parser(prog="gradsr web screenshot", description=__doc__)
    add = parser.add_argument
    add("--folder", type=str, default=str(DIST), metavar="DIR", help="A page of gradsr web build.")
    add(
        "-o",
        "--output",
        type=Optional[str],
        default=None,
        metavar="FILE.png",
        help="The picture; if left out, none is taken.",
    )
    add(
        "--photo",
        type=Optional[str],
        default=None,
        metavar="FILE",
        help="A photo whose largest face is shown; if left out, the page's first sample face.",
    )
    add("--width", type=PositiveInt, default=1200, help="Of the window, in CSS pixels.")
    add("--height", type=PositiveInt, default=800, help="Of the window; the picture shows the whole page.")
    add("--colours", type=Literal["light", "dark"], default="light", help="What the system prefers.")
    return parser


def main(argv=None) -> int:
    """Runs the command; returns its exit status, see `tf_gradsr.cli`."""
    return run(build_parser(), _execute, argv)


def _execute(settings):
    _check(settings)
    from playwright.sync_api import Error

    try:
        with launched() as browser:
            print(f"Chromium {browser.version}")
            for headers, handler in (("plain server", PlainHandler), ("COOP and COEP", PageHandler)):
                with serving(settings.folder, handler) as url:
                    page = _opened(browser, url, settings)
                    print(f"{headers}: {page.inner_text('#status')}")
                    if settings.output and handler is PageHandler:
                        _save(page.screenshot(full_page=True), settings.output)
    except (Error, OSError) as error:
        raise CommandFailed(str(error).splitlines()[0]) from error


def _check(settings):
    if not (Path(settings.folder) / "gradsr.json").is_file():
        raise ConfigError(f"folder: a page, as from make web. Received: {settings.folder}")
    if settings.output and not settings.output.endswith(".png"):
        raise ConfigError(f"output: a file that ends with .png. Received: {settings.output}")
    if settings.photo and not Path(settings.photo).is_file():
        raise ConfigError(f"photo: a file. Received: {settings.photo}")
    if not find_chromium():
        raise ConfigError("chromium: a browser on the PATH, or CHROMIUM=PATH. Received: none")
    if importlib.util.find_spec("playwright") is None:
        raise ConfigError("playwright: pip install playwright. Received: an installation without it")


def _opened(browser, url, settings):
    """The page with a face's samples, after a few runs."""
    size = {"width": int(settings.width), "height": int(settings.height)}
    page = browser.new_page(viewport=size, color_scheme=settings.colours)
    page.goto(url)
    if settings.photo:
        # They are there when the page listens.
        page.locator("#faces button").first.wait_for(timeout=MILLISECONDS)
        page.set_input_files("#file", settings.photo)
        # Its samples come after its faces.
        page.locator("#looking", has_text="found").wait_for(timeout=MILLISECONDS)
    # The page forbids scripts from strings, and Playwright's own conditions are such scripts.
    done = page.locator("#status", has_text="ms each")
    for seed in reversed(range(RUNS)):
        done.wait_for(timeout=MILLISECONDS)
        page.evaluate("document.querySelector('#status').textContent = ''")
        page.fill("#seed", str(seed))
        page.keyboard.press("Enter")
    done.wait_for(timeout=MILLISECONDS)
    page.evaluate("document.activeElement.blur()")
    # The last picture fades in.
    page.wait_for_timeout(FADE)
    return page


def _save(png, output):
    """Writes a picture with its own palette, at half the size; dithered, unless that makes it too large."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    palette = picture.quantize(256, kmeans=2)
    with replaced_when_complete(output) as path:
        picture.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG).save(path, optimize=True)
        if path.stat().st_size > LARGEST_FILE:
            palette.save(path, optimize=True)


if __name__ == "__main__":
    sys.exit(main())
