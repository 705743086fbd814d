"""What is fuzzed: functions of any bytes that either answer or raise the one error that their callers expect.

`TARGETS[name]()` gives (function, bytes to begin with). Its own error is swallowed; any other is a fault.
"""

import io
import os
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image


def pictures():
    """Picture files of any kind, through the reader of all commands."""
    from tf_gradsr.gallery.reading import UnreadablePicture, read_picture

    path = _scratch("picture")

    def target(data):
        path.write_bytes(data)
        try:
            found = read_picture(path)
        except UnreadablePicture:
            return
        assert found.rgb.dtype == np.uint8 and found.rgb.ndim == 3 and found.rgb.shape[2] == 3

    return target, picture_files()


def config():
    """config.yaml of a run folder."""
    from tf_gradsr.config_files import load_config
    from tf_gradsr.errors import ConfigError
    from tf_gradsr.run_folder import PRESETS

    path = _scratch("config.yaml")

    def target(data):
        path.write_bytes(data)
        try:
            load_config(path)
        except ConfigError as error:
            assert "\n" not in str(error)

    whole = [file.read_bytes() for file in sorted(PRESETS.glob("*/config.yaml"))[:2]]
    small = [
        b"model: {scale: 8}\n",
        b"data:\n  lr_size: [16, 12]\n",
        b"train: {steps: 1e3}\n",
        b"{}",
        b"- a\n",
    ]
    return target, [*small, *whole]


def points():
    """`--eyes` and `--mouth`, and the face that they give."""
    from tf_gradsr.errors import ConfigError
    from tf_gradsr.faces.points_by_hand import face_by_hand, points_by_hand

    photograph = np.zeros((64, 48, 3), np.uint8)

    def target(data):
        eyes, _, mouth = data.decode("utf-8", "replace").partition(" ")
        try:
            found = points_by_hand(eyes, mouth or None, 1)
            face = face_by_hand(found, photograph)
        except ConfigError:
            return
        assert np.isfinite(face.matrix).all() and face.size > 0

    return target, [b"10,20,30,20", b"10,20,30,20 20,40", b"nan,1e308,-0,1 1,2", b"1,1,1,1"]


def serving():
    """The serving graph's decoder of png and jpeg bytes."""
    from tf_gradsr.tensorflow_start import start_tensorflow

    start_tensorflow()
    import tensorflow as tf

    from tf_gradsr.export.serving.encoded_pictures import decode
    from tf_gradsr.export.serving.input_checks import Limits

    limits = Limits(max_samples=4, max_side=128)
    graph = tf.function(lambda files: decode(files, limits), [tf.TensorSpec([None], tf.string)])

    def target(data):
        try:
            pixels = graph(tf.constant([data])).numpy()
        except tf.errors.InvalidArgumentError:
            return
        assert pixels.ndim == 4 and pixels.dtype == np.uint8 and max(pixels.shape[1:3]) <= limits.max_side

    return target, [*picture_files(["PNG", "JPEG"]), b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n" + b"\0" * 30]


TARGETS = {"pictures": pictures, "config": config, "points": points, "serving": serving}


def picture_files(kinds=("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "TGA", "ICO")) -> list:
    """Bytes of small pictures in every mode that each format writes, TIFF with every compression."""
    wave = np.uint8(127 + 120 * np.sin(np.arange(12 * 9).reshape(12, 9)))
    colour, files = Image.fromarray(np.stack([wave, wave.T.reshape(12, 9), 255 - wave], -1)), []
    for kind in kinds:
        for mode in ("RGB", "RGBA", "L", "LA", "P", "1", "CMYK", "I;16", "I", "F"):
            picture = (
                Image.fromarray(wave.astype(np.uint16) * 256) if mode == "I;16" else colour.convert(mode)
            )
            more = ["raw", "tiff_lzw", "tiff_deflate", "packbits"] if kind == "TIFF" else [None]
            for compression in more:
                file = io.BytesIO()
                try:
                    picture.save(file, kind, **({"compression": compression} if compression else {}))
                # Not every format has every mode.
                except (OSError, ValueError, KeyError):
                    continue
                files.append(file.getvalue())
    return files


def _scratch(name):
    """A path of this process alone, in memory where there is such a folder."""
    shared = Path("/dev/shm")
    folder = shared if shared.is_dir() and os.access(shared, os.W_OK) else Path(tempfile.gettempdir())
    return folder / f"gradsr-fuzz-{os.getpid()}-{name}"
