"""Make faces of people who do not exist, like the embedded ones.

gradsr faces synthesize --count 10000 --seed 1 --output faces/train

Writes 00000.jpg, 00001.jpg ...: RGB, JPEG quality 95 without chroma subsampling, one upright face each,
aligned as in FFHQ with the whole head in view. MobileStyleGAN draws them at 1024x1024 (Belousov 2021,
arXiv 2104.04767); block means reduce them to --size. Needs pip install 'tf-gradsr[faces]'.

Picture n depends on seed, size and truncation only, not on --count. Existing pictures are kept: the same
command continues after an interruption, and a larger --count adds to them; files that were cut off are made
again. synthesize.json in the folder holds the settings, so that no folder mixes two kinds.

The embedded faces have the seeds 1 (train), 3 (validation) and 2 (test), with the defaults.

Exit status: 0 all done, 2 bad setting, 130 interrupted.
"""

import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from jsonargparse.typing import ClosedUnitInterval, restricted_number_type
from PIL import Image

from tf_gradsr.cli import Parser, run
from tf_gradsr.config import Seed
from tf_gradsr.errors import ConfigError, reason_of
from tf_gradsr.faces.synthesis_networks import BLOCK, NOISE_SIZE, FaceNetworks
from tf_gradsr.files import json_text, prepare_folder, replaced_when_complete
from tf_gradsr.home import at_home
from tf_gradsr.progress import ProgressBar

# Names have five digits, which keeps them in order.
Count = restricted_number_type(
    "Count", int, [(">=", 1), ("<=", 100_000)], docstring="int restricted to be ≥1 and ≤100000"
)
# Seed and number of blocks of the styles towards whose mean truncation draws the pictures.
MEAN_SEED, MEAN_BLOCKS = 12345, 64
QUALITY = 95
RECORD = "synthesize.json"
END_OF_IMAGE = b"\xff\xd9"


@dataclass(frozen=True)
class Recipe:
    """What the pictures depend on."""

    seed: int = 0
    size: int = 128
    truncation: float = 0.75


def build_parser() -> Parser:
    """The command line's parser."""
    parser = Parser(prog="gradsr faces synthesize", description=__doc__)
    add = parser.add_argument
    add("--count", type=Count, help="Pictures in the folder when done, those already there included.")
    add("-o", "--output", type=str, help="Folder of the pictures, made if needed.")
    add("--seed", type=Seed, default=Recipe.seed, help="Seed of the faces; another seed gives other people.")
    add(
        "--size",
        type=Literal[1024, 512, 256, 128, 64, 32, 16, 8],
        default=Recipe.size,
        help="Side of the pictures in pixels.",
    )
    add(
        "--truncation",
        type=ClosedUnitInterval,
        default=Recipe.truncation,
        help="Factor of the style's distance to the mean style. 0: the mean face, always the same; 1: full "
        "variety, more artefacts.",
    )
    return parser


def main(argv=None) -> int:
    """Runs the command; returns its exit status, see `tf_gradsr.cli`."""
    return run(build_parser(), _execute, argv, interrupted="The same command continues.")


def _execute(settings):
    if not settings.count:
        raise ConfigError("count: number of pictures, for example --count 1000. Received: nothing")
    if not settings.output:
        raise ConfigError("output: the folder of the pictures, for example --output faces. Received: nothing")
    count, output = int(settings.count), at_home(settings.output)
    recipe = Recipe(int(settings.seed), settings.size, float(settings.truncation))
    missing = missing_pictures(output, count, recipe)
    if not missing:
        print(f"{output}: all {count} pictures are there")
        return 0
    networks = FaceNetworks.load()
    prepare_folder(output)
    start = time.perf_counter()
    made = 0
    try:
        with ProgressBar(count, "picture", initial=count - len(missing)) as bar:
            for _ in synthesize(networks, output, count, recipe):
                made += 1
                bar.update()
    except OSError as error:
        raise ConfigError(
            f"output: a folder that can be written. Received: {settings.output} ({reason_of(error)})"
        ) from error
    speed = made / (time.perf_counter() - start)
    print(f"{output}: {count} pictures, {made} of them new; {speed:.2f} pictures a second")
    return 0


def missing_pictures(output, count: int, recipe: Recipe) -> list[int]:
    """Numbers of the pictures below `count` that are not in the folder or were cut off.

    Raises:
        ConfigError: the folder holds pictures of another recipe, or of unknown origin.
    """
    output = Path(output)
    path = output / RECORD
    if path.is_file():
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ConfigError(f"output: a folder whose {RECORD} can be read. Received: {path}") from error
        if found != asdict(recipe):
            raise ConfigError(
                f"output: a folder of the same settings, {asdict(recipe)}; choose another, or continue with "
                f"its own. Received: {path}, {found}"
            )
        return [number for number in range(count) if not is_complete(_path_of(output, number))]
    strange = next((n for n in range(count) if _path_of(output, n).exists()), None)
    if strange is not None:
        raise ConfigError(
            f"output: a folder without pictures that this command did not make. "
            f"Received: {_path_of(output, strange)}, without {RECORD}"
        )
    return list(range(count))


def is_complete(path) -> bool:
    """Whether a JPEG file exists and has its end marker: a copy or a full disk may have cut it off."""
    try:
        with Path(path).open("rb") as file:
            file.seek(-len(END_OF_IMAGE), os.SEEK_END)
            return file.read() == END_OF_IMAGE
    # Not there, or too short.
    except OSError:
        return False


def synthesize(networks, output, count: int, recipe: Recipe) -> Iterator[Path]:
    """Makes those of the pictures 0 ... count - 1 that are not yet in the folder.

    Each is written under a temporary name first, so that a kill leaves no incomplete picture.

    Args:
        networks: `FaceNetworks`, or anything with its two methods.
        output: an existing folder.
        count: pictures in the folder afterwards.
        recipe: what the pictures depend on.

    Yields:
        The path of each new picture, once it is complete.

    Raises:
        ConfigError: see `missing_pictures`.
    """
    output = Path(output)
    missing = missing_pictures(output, count, recipe)
    with replaced_when_complete(output / RECORD) as partial:
        partial.write_text(json_text(asdict(recipe)) + "\n", encoding="utf-8")
    mean = mean_style(networks)
    for first in sorted({number - number % BLOCK for number in missing}):
        styles = networks.styles(block_noise(recipe.seed, first))
        styles = mean + np.float32(recipe.truncation) * (styles - mean)
        for number in (n for n in missing if first <= n < first + BLOCK):
            picture = as_picture(networks.picture(styles[number - first]), recipe.size)
            path = _path_of(output, number)
            with replaced_when_complete(path) as partial:
                picture.save(partial, quality=QUALITY, subsampling="4:4:4")
            yield path


def block_noise(seed: int, first: int) -> np.ndarray:
    """Noise of the pictures `first` ... `first + 63`: float32 `[64, 512]`, N(0, 1)."""
    return np.random.default_rng([seed, first]).standard_normal((BLOCK, NOISE_SIZE)).astype(np.float32)


def mean_style(networks) -> np.ndarray:
    """Mean style of 4,096 fixed noise vectors, the same for every seed: float32 `[512]`."""
    rng = np.random.default_rng(MEAN_SEED)
    blocks = (rng.standard_normal((BLOCK, NOISE_SIZE)).astype(np.float32) for _ in range(MEAN_BLOCKS))
    return np.mean([networks.styles(noise).mean(axis=0) for noise in blocks], axis=0)


def as_picture(picture: np.ndarray, size: int) -> Image.Image:
    """Turns float32 `[3, S, S]`, clipped to [-1, 1], into RGB of `size` x `size` by block means."""
    levels = ((np.clip(picture, -1, 1) + 1) * 127.5 + 0.5).astype(np.uint8)
    return Image.fromarray(levels.transpose(1, 2, 0)).resize((size, size), Image.Resampling.BOX)


def _path_of(output, number):
    return output / f"{number:05d}.jpg"


if __name__ == "__main__":
    sys.exit(main())
