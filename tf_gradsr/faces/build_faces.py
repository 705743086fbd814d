"""Builds the embedded faces, in TFDS's on-disk format, from folders of JPEG files.

    python -m tf_gradsr.faces.build_faces --input DIR

DIR holds `train`, `val` and `test`. The JPEG files are stored as they are. The same files give the same
pictures in the same order as in `tf_gradsr/data/faces128`; the shards' bytes can differ, because the records'
features are an unordered map.
"""

import shutil
import sys
import tempfile
from pathlib import Path

import tensorflow_datasets as tfds

from tf_gradsr.cli import Parser, run
from tf_gradsr.data.faces import FOLDER
from tf_gradsr.digests import write_sums
from tf_gradsr.errors import ConfigError
from tf_gradsr.files import check_output, claim_output, folder_of, prepare_folder
from tf_gradsr.home import at_home
from tf_gradsr.tensorflow_start import start_tensorflow

# Name of the split: folder, number of pictures taken (the first by name).
SPLITS = {"train": ("train", 1024), "validation": ("val", 128), "test": ("test", 256)}
# Files of a split; keeps each below 5 MB.
SHARDS = 3
FACES_FOLDER = folder_of(
    "a faces128 dataset", r"faces128-.*|.*\.json|LICENSE|SHA256SUMS|\.DS_Store", mark="dataset_info.json"
)

DESCRIPTION = """\
Portraits of people who do not exist: 128x128 RGB, JPEG quality 95 without chroma subsampling, one upright
face each, aligned as in FFHQ with the whole head in view.

They were sampled from MobileStyleGAN, as packaged on PyPI in random-face 2021.7.21.1, with truncation 0.75,
at 1024x1024, and reduced to 128x128 by 8x8 means.

Their generator was distilled from a StyleGAN2 trained on FFHQ. It inherits that set's biases (age, skin
colour, glasses, smiles) and leaves artefacts in backgrounds, earrings and hats; truncation narrows the
variety further. Good for learning to use the program and for its tests; not a benchmark known from the
literature.
"""

CITATION = """\
@article{belousov2021mobilestylegan,
  title={MobileStyleGAN: A Lightweight Convolutional Neural Network for High-Fidelity Image Synthesis},
  author={Belousov, Sergei},
  journal={arXiv preprint arXiv:2104.04767},
  year={2021}
}
"""


class Faces128(tfds.core.GeneratorBasedBuilder):
    """The embedded faces. Features: "image", uint8 `[128, 128, 3]`; "file_name", text."""

    # TFDS writes the module into dataset_info.json; under `python -m` it would be "__main__".
    __module__ = "tf_gradsr.faces.build_faces"
    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}

    def __init__(self, *, source=None, **options):
        self._source = source
        super().__init__(**options)

    def _info(self):
        return tfds.core.DatasetInfo(
            builder=self,
            description=DESCRIPTION,
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(128, 128, 3), encoding_format="jpeg"),
                    "file_name": tfds.features.Text(),
                }
            ),
            homepage="https://arxiv.org/abs/2104.04767",
            license="Apache-2.0",
            citation=CITATION,
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager):
        return {
            split: self._generate_examples(Path(self._source) / folder, count)
            for split, (folder, count) in SPLITS.items()
        }

    def _generate_examples(self, folder, count):
        files = sorted(folder.glob("*.jpg"))[:count]
        if len(files) < count:
            raise ValueError(f"--input: {count} JPEG files in {folder.name}. Received: {len(files)}")
        for number, path in enumerate(files):
            yield number, {"image": path.read_bytes(), "file_name": path.name}


def build_parser() -> Parser:
    """The command line's parser."""
    parser = Parser(prog="python -m tf_gradsr.faces.build_faces", description=__doc__)
    add = parser.add_argument
    add("--input", type=str, metavar="DIR", help="Folder that holds train, val and test.")
    add(
        "-o",
        "--output",
        type=str,
        default=str(FOLDER.parent.parent),
        metavar="DIR",
        help="Where faces128/VERSION goes; what is there is replaced with --overwrite only.",
    )
    add("--overwrite", action="store_true", help="Replace what is there.")
    return parser


def main(argv=None) -> int:
    """Runs the command; returns its exit status, see `tf_gradsr.cli`."""
    return run(build_parser(), _execute, argv)


def _execute(settings):
    source = at_home(settings.input or "")
    if not settings.input or not all((source / folder).is_dir() for folder, _ in SPLITS.values()):
        raise ConfigError(
            f"input: a folder that holds train, val and test. Received: {settings.input or 'nothing'}"
        )
    target = at_home(settings.output) / "faces128" / str(Faces128.VERSION)
    check_output(target, settings.overwrite, FACES_FOLDER)
    start_tensorflow(settings.verbose)
    with tempfile.TemporaryDirectory() as folder:
        builder = Faces128(source=source, data_dir=folder)
        builder.download_and_prepare(download_config=tfds.download.DownloadConfig(num_shards=SHARDS))
        prepare_folder(target.parent)
        with claim_output(target, settings.overwrite, FACES_FOLDER) as partial:
            shutil.copytree(builder.data_dir, partial, dirs_exist_ok=True)
            write_sums(partial)
    print(f"{target}: {sum(path.stat().st_size for path in target.iterdir())} bytes")


if __name__ == "__main__":
    sys.exit(main())
