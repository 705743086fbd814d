"""The embedded faces: 1,024 / 128 / 256 pictures of people who do not exist, 128x128 (see `build_faces`)."""

from pathlib import Path

from tf_gradsr.config import Config
from tf_gradsr.data.source import Source, source_of_prepared
from tf_gradsr.digests import check_sums
from tf_gradsr.errors import ConfigError, reason_of

FOLDER = Path(__file__).parent / "faces128" / "1.0.0"


def open_faces(config: Config, split: str) -> Source:
    """Opens the faces inside the package; needs no network.

    Args:
        config: unused; every source takes it.
        split: "train", "validation" or "test".

    Returns:
        `Source`.

    Raises:
        ConfigError: a file of the faces is damaged.
    """
    try:
        check_sums(FOLDER)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"data.source: the embedded faces as they were installed; install the package again. "
            f"Received: {reason_of(error)}"
        ) from error
    return source_of_prepared(FOLDER, split)


def encoded_faces(split: str, numbers) -> dict:
    """Returns embedded faces as they are in the package: {number: bytes of a JPEG file}.

    Args:
        split: "train", "validation" or "test". numbers: which of them, each below the split's size.
    """
    source = open_faces(Config(), split)
    elements = enumerate(source.elements.take(max(numbers) + 1).as_numpy_iterator())
    wanted = set(numbers)
    return {number: source.open(element).read() for number, element in elements if number in wanted}
