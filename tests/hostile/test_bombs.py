"""Small files that ask for very much: refused in a moment, without the memory they ask for."""

import io
import json
import os
import struct
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.picture_files import PNG, chunk, tiff
from tf_gradsr.config import Config
from tf_gradsr.data.pictures import stream_pictures
from tf_gradsr.data.source import source_of_prepared
from tf_gradsr.errors import ConfigError
from tf_gradsr.gallery.reading import UnreadablePicture, read_picture

# What the process may grow by while it reads one of them, and how long that may take.
MEGABYTES, SECONDS = 1024, 5


def claiming_png(width, height, rows=b""):
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return PNG + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def claiming_tiff(width, height, bits, kind):
    """A compressed TIFF of one strip that unpacks to zeros as long as it claims."""
    content = zlib.compress(bytes(min(width * height * bits // 8, 10**8)), 9)
    tags = {
        256: [width],
        257: [height],
        258: [bits],
        259: [8],
        278: [height],
        279: [len(content)],
        339: [kind],
    }
    return tiff(np.zeros((1, 1), np.float32), tags)[:-4] + content


def gif_of_frames(count):
    frames = [Image.new("P", (4, 4), number % 250) for number in range(count)]
    file = io.BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])
    return file.getvalue()


BOMBS = {
    "png60k.png": lambda: claiming_png(60_000, 60_000),
    "png13k.png": lambda: claiming_png(13_000, 13_000),
    # 169 million pixels of nothing, in 500 kB.
    "zeros.png": lambda: claiming_png(13_000, 13_000, bytes((3 * 13_000 + 1) * 13_000)),
    "float.tif": lambda: claiming_tiff(13_000, 13_000, 32, 3),
    "integer.tif": lambda: claiming_tiff(13_000, 13_000, 32, 1),
    "webp.webp": lambda: _saved(Image.new("RGB", (13_000, 13_000)), "WEBP", lossless=True, method=0),
    "text.png": lambda: _with_text(claiming_png(4, 4, bytes(13 * 4))),
    "frames.gif": lambda: gif_of_frames(10_000),
}
READABLE = {"text.png", "frames.gif"}


def _saved(picture, kind, **options):
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def _with_text(png):
    """A PNG whose comment unpacks to 100 MB."""
    text = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(10**8), 9))
    return png[:33] + text + png[33:]


READ = """
import json, resource, sys, time
from tf_gradsr.gallery.reading import UnreadablePicture, read_picture
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
found = {}
for name in sys.argv[1:]:
    start = time.process_time()
    try:
        said = str(read_picture(name).rgb.shape)
    except UnreadablePicture as error:
        said = str(error)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found[name] = [said, time.process_time() - start, (peak - before) / 1024]
print(json.dumps(found))
"""


def test_pictures_that_ask_for_much_memory(tmp_path):
    for name, make in BOMBS.items():
        (tmp_path / name).write_bytes(make())
    command = [sys.executable, "-c", READ, *BOMBS]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=_environment())
    assert run.returncode == 0, run.stderr
    for name, (said, seconds, megabytes) in json.loads(run.stdout).items():
        assert seconds < SECONDS and megabytes < MEGABYTES, (name, said, seconds, megabytes)
        assert said.startswith("(") if name in READABLE else "million pixels" in said, (name, said)


def _environment():
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent.parent)}


def test_postscript_is_not_run(tmp_path):
    """Pillow gives it to Ghostscript, whatever the file is called."""
    file = tmp_path / "face.png"
    file.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\nshowpage\n")
    assert Image.open(file).format == "EPS"
    with pytest.raises(UnreadablePicture, match="not a picture, or of an unknown kind"):
        read_picture(file)


# ---------------------------------------------------------------- CelebA's archive


def celeb_a(folder, members):
    """A config that reads an archive of {name: bytes}; all are of the split train."""
    with zipfile.ZipFile(folder / "img_align_celeba.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    names = {name.rpartition("/")[2] for name in members}
    (folder / "list_eval_partition.txt").write_text("".join(f"{name} 0\n" for name in sorted(names)))
    config = Config()
    config.data.path, config.data.lr_size = str(folder / "img_align_celeba.zip"), 2
    return config


def test_a_zip_bomb_and_paths_that_lead_out_of_the_archive(tmp_path):
    face = _saved(Image.new("RGB", (178, 218), "orange"), "JPEG")
    home = tmp_path / "home"
    home.mkdir()
    members = {
        "img_align_celeba/000001.jpg": face,
        "../../000002.jpg": face,
        "/tmp/000003.jpg": face,
        # 200 MB unpacked.
        "img_align_celeba/000004.jpg": bytes(2 * 10**8),
    }
    read = stream_pictures(celeb_a(home, members), "train")
    assert len(list(read)) == 3
    assert [name for name, _ in read.skipped] == ["000004.jpg"]
    assert "more than 67108864 bytes, unpacked" in read.skipped[0][1]
    # Nothing is unpacked to disk, inside or outside.
    assert {p.name for p in home.iterdir()} == {"img_align_celeba.zip", "list_eval_partition.txt"}
    assert {p.name for p in tmp_path.iterdir()} == {"home"}


def test_a_damaged_archive_is_named(tmp_path):
    config = celeb_a(tmp_path, {"000001.jpg": b"x" * 100})
    path = tmp_path / "img_align_celeba.zip"
    content = bytearray(path.read_bytes())
    # An entry of the directory that is none.
    content = content.replace(b"PK\x01\x02", b"PK\x09\x09")
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"data\.path: a zip archive that can be read"):
        stream_pictures(config, "train")


def test_a_prepared_dataset_names_no_classes_of_others(tmp_path):
    """TFDS would import the module."""
    features = {"pythonClassName": "tensorflow_datasets.core.features.features_dict.FeaturesDict"}
    features["featuresDict"] = {"features": {"image": {"pythonClassName": "strange.Image"}}}
    (tmp_path / "features.json").write_text(json.dumps(features))
    with pytest.raises(ConfigError, match=r"classes of TFDS\. Received: .*, with strange\.Image"):
        source_of_prepared(tmp_path, "train")
