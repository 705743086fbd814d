"""Every row of docs/reference/pictures.md: as the served graph decodes it."""

import io
import struct

import numpy as np
import pytest
import tensorflow as tf
from picture_files import RGB, exif, png
from picture_kinds import REFUSED, all_kinds
from PIL import Image

from tf_gradsr.decoding import as_rgb
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
    if kind.served == REFUSED:
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"image_bytes"):
            graph(files)
        return
    (found,) = graph(files).numpy()
    assert np.abs(found.astype(int) - kind.rgb).max() <= kind.tolerance


def test_jpeg_pixels_are_pillows(graph, rng):
    """Where nothing but the arithmetic could differ: colours at half and at full resolution."""
    for size, subsampling in (((33, 47), 2), ((16, 16), 0), ((40, 24), 1)):
        coarse = Image.fromarray(rng.integers(0, 256, (5, 5, 3), np.uint8))
        file = io.BytesIO()
        coarse.resize(size, Image.Resampling.BICUBIC).save(file, "JPEG", quality=85, subsampling=subsampling)
        (found,) = graph(tf.constant([file.getvalue()])).numpy()
        np.testing.assert_array_equal(found, np.asarray(Image.open(file)))


@pytest.mark.parametrize("number", range(10))
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_every_orientation_is_pillows(graph, rng, number, kind):
    coarse = Image.fromarray(rng.integers(0, 256, (3, 3, 3), np.uint8))
    about = Image.Exif()
    about[0x112] = number
    file = io.BytesIO()
    coarse.resize((24, 16), Image.Resampling.BICUBIC).save(file, kind, exif=about, subsampling=0)
    (found,) = graph(tf.constant([file.getvalue()])).numpy()
    np.testing.assert_array_equal(found, np.asarray(as_rgb(Image.open(file))))


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("kind", [1, 2, 3, 4, 5, 7, 12])
def test_orientations_of_other_types(graph, order, kind):
    """Of whole numbers, which Pillow takes too; the others say nothing."""
    stored = np.arange(8 * 12 * 3, dtype=np.uint8).reshape(8, 12, 3)
    value = {1: b"\6\0\0\0", 4: struct.pack(order + "I", 6)}.get(kind, struct.pack(order + "HH", 6, 0))
    entries = [(0x10F, 2, 1, b"a\0\0\0"), (0x112, kind, 1, value)]
    file = png(stored, RGB, 8, after=[(b"eXIf", exif(entries, order))])
    (found,) = graph(tf.constant([file])).numpy()
    expected = np.rot90(stored, -1) if kind in (1, 3, 4) else stored
    np.testing.assert_array_equal(found, expected)


def test_pictures_that_lie_differently_are_of_one_size_when_upright(graph):
    stored = np.arange(8 * 12 * 3, dtype=np.uint8).reshape(8, 12, 3)
    about = [(0x112, 3, 1, struct.pack(">HH", 6, 0))]
    files = [png(np.rot90(stored), RGB, 8, [(b"eXIf", exif(about))]), png(stored, RGB, 8)]
    np.testing.assert_array_equal(graph(tf.constant(files)).numpy(), [stored, stored])
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"pictures of one size.*\[8, 8\] to \[12, 12\]"):
        graph(tf.constant([files[0], png(np.rot90(stored), RGB, 8)]))


def test_damaged_exif_never_fails(graph, rng):
    """100 files whose EXIF has random bytes in it: the pixels stay, in one of the eight ways to turn them."""
    stored = np.arange(8 * 8 * 3, dtype=np.uint8).reshape(8, 8, 3)
    ways = {np.rot90(image, k).tobytes() for image in (stored, stored[:, ::-1]) for k in range(4)}
    entries = [(0x112, 3, 1, struct.pack(">HH", 6, 0)), (0x11A, 5, 1, b"\xff\xff\xff\xff")]
    for _ in range(100):
        content = bytearray(exif(entries))
        for place in rng.integers(0, len(content), rng.integers(1, 6)):
            content[place] = rng.integers(256)
        (found,) = graph(tf.constant([png(stored, RGB, 8, [(b"eXIf", bytes(content))])])).numpy()
        assert found.tobytes() in ways
