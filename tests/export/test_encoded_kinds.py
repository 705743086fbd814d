"""Every row of docs/reference/pictures.md: as the served graph decodes it."""

import io

import numpy as np
import pytest
import tensorflow as tf
from picture_kinds import REFUSED, all_kinds
from PIL import Image

from tf_gradsr.export.serving.encoded_pictures import decode
from tf_gradsr.export.serving.input_checks import Limits

KINDS = all_kinds()


@pytest.fixture(scope="module")
def graph():
    return tf.function(
        lambda files: decode(files, Limits()), input_signature=[tf.TensorSpec([None], tf.string)]
    )


@pytest.mark.parametrize("kind", KINDS, ids=[f"{number}: {kind.row}" for number, kind in enumerate(KINDS)])
def test_the_graph_reads_what_python_reads_or_refuses(graph, kind):
    files = tf.constant([kind.content])
    if isinstance(kind.served, str) and kind.served == REFUSED:
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"image_bytes"):
            graph(files)
        return
    (found,) = graph(files).numpy()
    expected = kind.rgb if kind.served is None else kind.served
    assert np.abs(found.astype(int) - expected).max() <= kind.tolerance


def test_jpeg_pixels_are_pillows(graph, rng):
    """Where nothing but the arithmetic could differ: colours at half and at full resolution."""
    for size, subsampling in (((33, 47), 2), ((16, 16), 0), ((40, 24), 1)):
        coarse = Image.fromarray(rng.integers(0, 256, (5, 5, 3), np.uint8))
        file = io.BytesIO()
        coarse.resize(size, Image.Resampling.BICUBIC).save(file, "JPEG", quality=85, subsampling=subsampling)
        (found,) = graph(tf.constant([file.getvalue()])).numpy()
        np.testing.assert_array_equal(found, np.asarray(Image.open(file)))
