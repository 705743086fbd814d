"""Make plausible large pictures of very many small ones, on one machine or on a Ray cluster.

gradsr bulk --input faces --output made --num_samples 8
gradsr bulk --input faces.parquet --output made --ray_address auto

The pictures are made in blocks; each block is a file of the output folder:
  block_000000.parquet      a row for each picture made: name (of the input), lr_sha256 (of the LR picture's
                            RGB bytes), seed, z_index (-1: the reconstruction, z = 0), png (the bytes of the
                            file that gradsr hallucinate writes), lr_psnr (dB), notes; or a single row with
                            the error of an input that failed
  _bulk.json                what the blocks were made with
With --format files, each block is a folder: block_000000/NAME/reconstruction.png, sample_00.png ..., and
block_000000/rows.jsonl with the same columns, a line for each input.
Inputs: pictures as gradsr hallucinate takes them, or Parquet files with a column of their bytes.

A block is there as a whole or not at all. The same command goes on where an earlier one was stopped or
killed: it makes the blocks that are missing. Memory does not grow with the number of pictures, except for a
list of their names. The same seed gives the same bytes as gradsr hallucinate, unless --batch_size is larger
than 1.

Without --ray_address, Ray is started on this machine, reachable by it alone, and ended again. On a cluster,
every machine needs this package, and the inputs and the output under the same paths.
Needs pip install 'tf-gradsr[ray]'.

Exit status: 0 all done, 1 some pictures failed, 2 bad setting, 130 interrupted.
"""

import importlib.util
import json
import sys
from functools import partial
from pathlib import Path
from typing import Literal, Optional

from jsonargparse.typing import PositiveInt

from tf_gradsr.cli import CommandFailed, Parser, missing_extra, run
from tf_gradsr.config_checks import check_consistency
from tf_gradsr.config_files import load_config
from tf_gradsr.errors import ConfigError
from tf_gradsr.files import sha256_of
from tf_gradsr.gallery.writing import INTENDED_USE
from tf_gradsr.home import at_home
from tf_gradsr.options import (
    add_align,
    add_consistency,
    add_downscale,
    add_input_quality,
    add_noise,
    add_num_samples,
    add_recursive,
    add_run,
)
from tf_gradsr.progress import ProgressBar
from tf_gradsr.run_folder import PRESETS, RunFolder
from tf_gradsr.run_lock import only_one_in

# Failed pictures that are named; the rows name all.
FAILURES_SAID = 20
# What decides which pictures are in which block, and what is made of them.
DECISIVE = (
    *("format", "block_size", "num_samples", "seed", "temperature", "consistency", "input_quality"),
    *("downscale", "lr_size", "align", "batch_size"),
)


def build_parser() -> Parser:
    """The command line's parser."""
    parser = Parser(prog="gradsr bulk", description=__doc__)
    add = parser.add_argument
    add(
        "--input",
        type=str,
        nargs="+",
        required=True,
        metavar="DIR|PARQUET|GLOB",
        help="Files, folders (the pictures or, if there are any, the .parquet files directly in them), globs "
        "('faces/**/*.png', 'faces/*.parquet').",
    )
    add(
        "-o",
        "--output",
        type=str,
        default="bulk",
        metavar="DIR",
        help="Folder of the blocks, made if needed; a folder of its own.",
    )
    add_recursive(add)
    add(
        "--picture_column",
        type=str,
        default="image",
        help="The column of Parquet files that holds the pictures: the bytes of PNG or other files, or a "
        "struct with a field of that name, bytes. A column called name names them.",
    )
    add_run(add)
    add_num_samples(add)
    add_noise(add)
    add_consistency(add)
    add_input_quality(add)
    add_downscale(add, "The inputs are large: downscale them to LR first, the way the model was trained.")
    add_align(add, by_hand=False)
    add(
        "--format",
        type=Literal["parquet", "files"],
        default="parquet",
        help="What a block is: a Parquet file, or a folder of PNG files.",
    )
    add("--block_size", type=PositiveInt, default=64, help="Inputs in a block: what a kill loses at most.")
    add(
        "--batch_size",
        type=Optional[PositiveInt],
        default=None,
        help="Pictures made at a time. 1: the bytes are those of gradsr hallucinate; more: faster, but one "
        "value in some 100,000 is off by one grey level. If left out, 1 on a CPU, 128 on a GPU; halved if "
        "the memory is too small.",
    )
    add(
        "--actors",
        type=Optional[PositiveInt],
        default=None,
        help="Processes that make pictures, each with the model in memory. If left out, one for each GPU, "
        "without GPUs one for each machine, since it uses all cores.",
    )
    add(
        "--ray_address",
        type=Optional[str],
        default=None,
        metavar="HOST:PORT",
        help="A Ray cluster that this machine belongs to; auto: the one that runs on it. If left out, Ray is "
        "started on this machine alone.",
    )
    add("--overwrite", action="store_true", help="Delete the blocks of an earlier bulk and make all anew.")
    return parser


def main(argv=None) -> int:
    """Runs the command; returns its exit status, see `tf_gradsr.cli`."""
    interrupted = "The finished blocks stay; the same command makes the others."
    return run(build_parser(), _execute, argv, interrupted=interrupted)


def _execute(settings):
    _check_extra()
    from tf_gradsr.many_pictures.output_folder import begin_folder, check_folder
    from tf_gradsr.many_pictures.plan import Plan

    folder = _check(settings)
    output, recursive = settings.output, settings.recursive
    plan = Plan.of(settings.input, settings.block_size, recursive, settings.picture_column, output)
    decisive = {"input": plan.digest(), "run": _weights(folder, settings)}
    decisive.update({name: getattr(settings, name) for name in DECISIVE})
    check_folder(output, decisive, settings.overwrite)
    with only_one_in(output, "bulk", "output", make=True):
        begin_folder(output, decisive, settings.overwrite)
        return _bulk(settings, plan, _request(settings, folder))


def _check_extra():
    for package in ("ray", "pyarrow", "pandas"):
        if importlib.util.find_spec(package) is None:
            raise missing_extra("ray", "ray[data]", "which gives out the work")


def _check(settings):
    """Checks what needs no pictures; returns the `RunFolder`."""
    if not settings.output:
        raise ConfigError("output: the folder of the blocks, for example -o made. Received: ''")
    settings.output = at_home(settings.output).absolute()
    if settings.lr_size and not settings.downscale:
        raise ConfigError(
            "lr_size: goes with --downscale; without it the input is LR, whatever its size. "
            f"Received: {settings.lr_size}"
        )
    folder = RunFolder.trained(settings.run)
    folder.check_input_quality(settings.input_quality)
    check_consistency(settings.consistency, load_config(folder.config))
    return folder


def _weights(folder, settings):
    """Names the weights of all networks that take part."""
    networks = [folder.weights, *([folder.clean_lr] if settings.input_quality == "photo" else [])]
    return " ".join(f"sha256:{sha256_of(path)[:16]}" for path in networks)


def _request(settings, folder):
    from tf_gradsr.many_pictures.request import Request

    # On another machine, the package's own models may be elsewhere.
    is_preset = folder.path.parent == PRESETS
    shared = {name: getattr(settings, name) for name in DECISIVE if name != "block_size"}
    return Request(
        run=folder.path.name if is_preset else str(folder.path.absolute()),
        trust=settings.trust_run,
        output=str(settings.output),
        home=str(Path.cwd()),
        picture_column=settings.picture_column,
        verbose=settings.verbose,
        **shared,
    )


def _bulk(settings, plan, request):
    from tf_gradsr.many_pictures.block_files import FORMATS

    files, left, pictures, failed = FORMATS[settings.format](settings.output), [], 0, 0
    files.clear()
    for block in plan.blocks():
        outcome = files.finished(block.number)
        if outcome and outcome.pictures == block.count:
            pictures, failed = pictures + outcome.pictures, failed + outcome.failed
        else:
            if files.discard(block.number):
                print(f"{files.path(block.number)} is damaged and is made anew", file=sys.stderr)
            left.append(block)
    if pictures:
        print(f"{pictures:,} of {plan.total:,} pictures are in finished blocks", file=sys.stderr)
    try:
        with ProgressBar(plan.total, "picture", initial=pictures, hidden=not left) as bar:
            failed += _made(left, request, settings, bar) if left else 0
    finally:
        files.clear()
    said = f", {failed:,} of them failed (column error)" if failed else ""
    print(f"{settings.output}: {plan.total:,} pictures{said}")
    if failed < plan.total:
        print(INTENDED_USE)
    return 1 if failed else 0


def _made(blocks, request, settings, bar):
    """Makes blocks; returns how many pictures failed.

    Raises:
        ConfigError, CommandFailed: none can be made.
    """
    from tf_gradsr.many_pictures.actors import BUG, SETTING
    from tf_gradsr.many_pictures.on_ray import made_blocks, ray_running

    failed = said = 0
    bar.begin("Hallucinating", once="starting Ray, loading the model")
    with ray_running(settings.ray_address, settings.actors, settings.verbose):
        for row in made_blocks(blocks, request, settings.actors, partial(bar.write, file=sys.stderr)):
            if row["trouble"]:
                kinds = {SETTING: ConfigError, BUG: RuntimeError}
                raise kinds.get(row["trouble"], CommandFailed)(row["words"])
            for name, error in json.loads(row["failures"])[: FAILURES_SAID - said]:
                bar.write(f"{name}: {error}", file=sys.stderr)
                said += 1
            failed += row["failed"]
            bar.update(row["pictures"])
    if failed > said:
        print(f"... and {failed - said:,} more", file=sys.stderr)
    return failed


if __name__ == "__main__":
    sys.exit(main())
