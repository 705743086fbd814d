"""The embedded faces: 1,024 / 128 / 256 pictures of people who do not exist, 128x128 (see `build_faces`)."""

from pathlib import Path

from tf_gradsr.config import Config
from tf_gradsr.data.source import Source, source_of_prepared

FOLDER = Path(__file__).parent / "faces128" / "1.0.0"


def open_faces(config: Config, split: str) -> Source:
    """Opens the faces inside the package; needs no network.

    Args:
        config: not read; every source takes it.
        split: "train", "validation" or "test".

    Returns:
        `Source`.
    """
    return source_of_prepared(FOLDER, split)
