"""Options that several commands share: one name, one meaning, one help text."""

from typing import Literal, Optional

from jsonargparse.typing import NonNegativeInt, PositiveInt

from tf_gradsr.config import Seed, Temperature

RUN_HELP = (
    "Folder of a training run, or the name of a model of the package (gradsr models); if left out, faces_8x, "
    "16x16 to 128x128."
)


def add_run(add) -> None:
    """`--run`. `add` is a parser's `add_argument`, here and below."""
    add("--run", type=str, metavar="DIR", help=RUN_HELP)
    add_trust(add)


def add_trust(add) -> None:
    """`--trust_run`, beside every option that names a run whose network is built."""
    add(
        "--trust_run",
        action="store_true",
        help="Run code that the run's config.yaml names as module:name; without, it is refused. What you "
        "type yourself needs no trust.",
    )


def add_pictures(
    add,
    more_input: str = "",
    more_output: str = "",
    default: str = "hallucinated",
    holds: str = "one folder in it for each input",
) -> None:
    """The pictures, as positional arguments, and `-o`, the folder of their results.

    Args:
        more_input, more_output: help about what else this command takes and writes.
        default: the folder's name. holds: what is in it.
    """
    add(
        "input",
        type=str,
        nargs="+",
        metavar="PICTURE",
        help=f"Files, folders (the pictures directly in them), globs ('faces/**/*.png'){more_input}.",
    )
    add(
        "-o",
        "--output",
        type=str,
        default=default,
        metavar="DIR",
        help=f"Folder of the results, made if needed; {holds}.{more_output}",
    )


def add_recursive(add) -> None:
    """`--recursive`."""
    add(
        "--recursive",
        action="store_true",
        help="Also take the pictures in all folders below the ones given; the results mirror the tree.",
    )


def add_batch(add) -> None:
    """`--recursive`, `--skip_existing` and `--overwrite`: what people do with many files."""
    add_recursive(add)
    add(
        "--skip_existing",
        action="store_true",
        help="Leave results that already exist as they are, whatever their settings, and make the missing "
        "ones: for a batch that was stopped.",
    )
    add("--overwrite", action="store_true", help="Replace results that already exist.")


def add_num_samples(add) -> None:
    """`--num_samples` of each input."""
    add(
        "--num_samples",
        type=NonNegativeInt,
        default=8,
        help="Samples per input. Sample i is the same however many there are; mean and uncertainty need two.",
    )


def add_noise(add) -> None:
    """`--seed` and `--temperature` of the samples."""
    add("--seed", type=Seed, default=0, help="Seed of the samples; sample i of every input has the same z.")
    add(
        "--temperature",
        type=Temperature,
        default=1.0,
        help="Factor of z. Below 1 the samples are closer to the reconstruction, above 1 they get wilder.",
    )


def add_downscale(add, how: str) -> None:
    """`--downscale`, with `how` as its help, and the LR size that goes with it."""
    add("--downscale", action="store_true", help=how)
    add(
        "--lr_size",
        type=Optional[PositiveInt],
        default=None,
        help="With --downscale: cut the largest centred square and resize it so that LR has this side. "
        "If left out, the picture is only cut to a multiple of the scale.",
    )


def add_align(add, by_hand: bool = True) -> None:
    """`--align`, for `--downscale`; `by_hand`: whether points may be given instead."""
    add(
        "--align",
        type=Literal["auto", "none", "points"] if by_hand else Literal["auto", "none"],
        default="auto",
        help="With --downscale, which part of a photograph LR is made from. auto: its largest face, cut as "
        "the training faces are (extra [photos]); if there is none, its centre. none: its centre."
        + (" points: the face whose eyes are given." if by_hand else ""),
    )


def add_report(add, where: str) -> None:
    """`--report`; `where` says in which folder the page is written."""
    add(
        "--report",
        action="store_true",
        help=f"Also write report.html into {where}: a page for any browser that needs no other file, with a "
        "slider between before and after, every figure, the settings, the weights' digest.",
    )


def add_tile(add) -> None:
    """`--tile`: how large pictures are on sheets. The default shows 128x128 faces at twice their size."""
    add(
        "--tile",
        type=PositiveInt,
        default=256,
        help="Longer side, in pixels, to which sheets enlarge small pictures, by a whole factor.",
    )


def add_points(add) -> None:
    """`--eyes` and `--mouth`: where a face is."""
    add(
        "--eyes",
        type=Optional[str],
        default=None,
        metavar="X1,Y1,X2,Y2",
        help="Where the eyes are, in pixels of the upright photograph, instead of finding faces; one "
        "photograph.",
    )
    add(
        "--mouth",
        type=Optional[str],
        default=None,
        metavar="X,Y",
        help="With --eyes: the middle of the mouth, for a closer cut.",
    )


def add_input_quality(add, default: str = "clean") -> None:
    """`--input_quality`; with `default` None, it depends on the file."""
    add(
        "--input_quality",
        type=Optional[Literal["clean", "photo"]] if default is None else Literal["clean", "photo"],
        default=default,
        help="clean: LR is taken as it is. photo: LR is from a photograph, damaged by JPEG, noise and "
        "resampling; a small network estimates what it was before, most likely at z = 0, and the results "
        "downscale to that."
        + (
            ""
            if default
            else " If left out: photo for lossy files, such as JPEG, if the run has that network."
        ),
    )


def add_precision(add) -> None:
    """`--precision` of the generator's convolutions."""
    add(
        "--precision",
        type=Literal["float32", "mixed_bfloat16"],
        default="float32",
        help="mixed_bfloat16: convolutions in 16 bits, faster on GPUs and CPUs that have bfloat16; pixels "
        "differ from float32's by a few grey levels at most, consistency is as exact. Other devices use "
        "float32, with a note.",
    )


def add_consistency(add, where: str = "") -> None:
    """`--consistency` with a single value; `where` begins its help."""
    add(
        "--consistency",
        type=Literal["exact", "none"],
        default="exact",
        help=f"{where}exact: every picture downscales to its input, each pixel within one grey level after "
        "rounding. none: as the generator outputs it.",
    )
