"""The models that come with the package: gradsr models

Lists their names, which every --run takes, with LR and HR size, parameters, file size, figures at z = 0 and
licence.
PSNR and SSIM are those of summary.json, on the embedded test faces.
"""

import sys
from pathlib import Path

import h5py
import numpy as np

from tf_gradsr.cli import Parser, run
from tf_gradsr.config_files import load_config
from tf_gradsr.files import json_text
from tf_gradsr.run_folder import DEFAULT_PRESET, RunFolder, preset_names

# Of code and weights alike.
LICENCE = "Apache-2.0"
COLUMNS = ("name", "model", "LR", "HR", "parameters", "MB", "PSNR dB", "SSIM", "training, minutes", "licence")


def build_parser() -> Parser:
    """The command line's parser."""
    parser = Parser(prog="gradsr models", description=__doc__)
    parser.add_argument("--json", action="store_true", help="Print JSON, for programs.")
    return parser


def main(argv=None) -> int:
    """Runs the command; returns its exit status, see `tf_gradsr.cli`."""
    return run(build_parser(), _execute, argv)


def _execute(settings):
    rows = [preset(name) for name in preset_names()]
    if settings.json:
        print(json_text(rows, indent=2))
        return
    cells = [COLUMNS, *(_cells(row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells)]
    for row in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
    print(f"\nWithout --run, commands take {DEFAULT_PRESET}.")


def preset(name: str) -> dict:
    """Returns what is known about a model of the package.

    Returns:
        `name`, `model`, `lr` and `hr` (height, width in pixels), `parameters`, `bytes`, `psnr` (dB) and
        `ssim` at z = 0 on the embedded test faces, `training_minutes`, `licence`.

    Raises:
        ConfigError: there is none of this name, or its files are damaged.
    """
    folder = RunFolder.trained(name)
    config, summary = load_config(folder.config), folder.read_summary()
    return {
        "name": name,
        "model": config.model.name,
        "lr": config.lr_shape,
        "hr": config.hr_shape,
        "parameters": _parameters(folder.weights),
        "bytes": folder.weights.stat().st_size,
        "psnr": summary["model"]["psnr"],
        "ssim": summary["model"]["ssim"],
        "training_minutes": folder.training_minutes(),
        "licence": LICENCE,
    }


def _parameters(path: Path) -> int:
    """How many numbers a file of weights holds."""
    sizes = []

    def add(name, item):
        if isinstance(item, h5py.Dataset):
            sizes.append(int(np.prod(item.shape)))

    with h5py.File(path) as file:
        file.visititems(add)
    return sum(sizes)


def _cells(row):
    spent = [f"{used:.0f} {kind.upper()}" for kind, used in row["training_minutes"].items() if used]
    return (
        row["name"],
        row["model"],
        "x".join(map(str, row["lr"])),
        "x".join(map(str, row["hr"])),
        f"{row['parameters'] / 1e6:.2f} M",
        f"{row['bytes'] / 1e6:.1f}",
        f"{row['psnr']:.2f}",
        f"{row['ssim']:.3f}",
        ", ".join(spent),
        row["licence"],
    )


if __name__ == "__main__":
    sys.exit(main())
