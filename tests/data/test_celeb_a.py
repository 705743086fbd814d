"""CelebA: from a small archive in its own layout, by TFDS's builder and from local files."""

import io
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tf_gradsr.config import Config, DataConfig
from tf_gradsr.data import load_pictures
from tf_gradsr.errors import ConfigError

# The official splits of the test's archive.
SPLITS = {"train": range(1, 7), "validation": range(7, 9), "test": range(9, 12)}


def file_name(number):
    return f"{number:06}.jpg"


def level(number):
    """Grey level of the centre of one of the test's pictures."""
    return 20 * number


@pytest.fixture(scope="module")
def celeb_a(tmp_path_factory):
    """A folder with `img_align_celeba.zip` and the lists, as CelebA's authors publish them."""
    folder = tmp_path_factory.mktemp("celeb_a")
    numbers = [number for split in SPLITS.values() for number in split]
    with zipfile.ZipFile(folder / "img_align_celeba.zip", "w") as archive:
        for number in numbers:
            # White above and below the centred 178x178 square.
            picture = Image.new("RGB", (178, 218), "white")
            picture.paste((level(number),) * 3, (0, 20, 178, 198))
            file = io.BytesIO()
            picture.save(file, "jpeg", quality=95)
            archive.writestr(f"img_align_celeba/{file_name(number)}", file.getvalue())
    lines = [f"{file_name(n)} {k}\n" for k, split in enumerate(SPLITS.values()) for n in split]
    (folder / "list_eval_partition.txt").write_text("".join(lines))
    return folder


@pytest.fixture
def unpacked(celeb_a, tmp_path):
    """The same, with a folder of pictures instead of the archive."""
    with zipfile.ZipFile(celeb_a / "img_align_celeba.zip") as archive:
        archive.extractall(tmp_path)
    shutil.copy(celeb_a / "list_eval_partition.txt", tmp_path)
    return tmp_path


def load(path, split="train", **data):
    config = Config(data=DataConfig(source="celeb_a", path=path and str(path), **data))
    return load_pictures(config, split, progress=False)


def assert_holds(pictures, numbers):
    """Compares centres, and that the white bars were cut off."""
    assert pictures.array.shape == (len(numbers), 128, 128, 3)
    np.testing.assert_allclose(pictures.array[:, 64, 64, 1], [level(number) for number in numbers], atol=2)
    np.testing.assert_allclose(pictures.array[:, 2, 64, 1], pictures.array[:, 64, 64, 1], atol=8)


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("place", ["", "img_align_celeba.zip"])
def test_archive(celeb_a, split, place):
    assert_holds(load(celeb_a / place, split), SPLITS[split])


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("place", ["", "img_align_celeba"])
def test_unpacked(unpacked, split, place):
    assert_holds(load(unpacked / place, split), SPLITS[split])


def test_partition_inside_the_folder_of_pictures(unpacked):
    shutil.move(unpacked / "list_eval_partition.txt", unpacked / "img_align_celeba")
    assert_holds(load(unpacked / "img_align_celeba", "test"), SPLITS["test"])


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("row", ["{},{}\r\n", '"{}","{}"\n'])
@pytest.mark.parametrize("place", ["", "img_align_celeba"])
def test_kaggles_folder_in_a_folder_and_csv(unpacked, mark, row, place):
    (unpacked / "img_align_celeba").rename(unpacked / "inner")
    (unpacked / "img_align_celeba").mkdir()
    (unpacked / "inner").rename(unpacked / "img_align_celeba/img_align_celeba")
    text = unpacked / "list_eval_partition.txt"
    rows = [("image_id", "partition"), *(line.split() for line in text.read_text().splitlines())]
    content = "".join(row.format(*entry) for entry in rows).encode()
    (unpacked / "list_eval_partition.csv").write_bytes(mark + content)
    text.unlink()
    for split in SPLITS:
        assert_holds(load(unpacked / place, split), SPLITS[split])


@pytest.mark.parametrize("place", ["", "Img", "Img/img_align_celeba.zip"])
def test_the_official_folders(celeb_a, tmp_path, place):
    for folder, name in (("Img", "img_align_celeba.zip"), ("Eval", "list_eval_partition.txt")):
        (tmp_path / folder).mkdir()
        shutil.copy(celeb_a / name, tmp_path / folder)
    assert_holds(load(tmp_path / place, "test"), SPLITS["test"])


def test_partition_missing_names_the_places(celeb_a, tmp_path):
    shutil.copy(celeb_a / "img_align_celeba.zip", tmp_path)
    with pytest.raises(ConfigError, match=r"^data\.path: .*list_eval_partition\.txt.*looked for") as error:
        load(tmp_path)
    assert str(tmp_path / "list_eval_partition.txt") in str(error.value)


def test_split_missing_from_the_partition(unpacked):
    (unpacked / "list_eval_partition.txt").write_text("000001.jpg 0\n")
    with pytest.raises(ConfigError, match=r"^data\.path: .*NAME 2"):
        load(unpacked, "test")


def test_pictures_missing_from_the_folder_are_counted(unpacked, caplog):
    (unpacked / "img_align_celeba" / "000002.jpg").unlink()
    assert_holds(load(unpacked), [1, 3, 4, 5, 6])
    assert "1 of the 6 pictures in list_eval_partition.txt are missing" in caplog.text


def test_partition_of_other_pictures(unpacked):
    (unpacked / "list_eval_partition.txt").write_text("999999.jpg 0\n")
    with pytest.raises(ConfigError, match=r"^data\.path: .*Received: "):
        load(unpacked)


def test_a_damaged_member_is_skipped(celeb_a, tmp_path):
    content = (celeb_a / "img_align_celeba.zip").read_bytes()
    with zipfile.ZipFile(celeb_a / "img_align_celeba.zip") as archive:
        start = archive.getinfo("img_align_celeba/000003.jpg").header_offset + 300
    (tmp_path / "img_align_celeba.zip").write_bytes(content[:start] + b"damaged" + content[start + 7 :])
    shutil.copy(celeb_a / "list_eval_partition.txt", tmp_path)
    pictures = load(tmp_path)
    assert_holds(pictures, [1, 2, 4, 5, 6])
    assert [name for name, _ in pictures.skipped] == ["000003.jpg"]


def test_a_folder_without_celeb_a(tmp_path):
    with pytest.raises(ConfigError, match=r"^data\.path: .*img_align_celeba\.zip.*Received: "):
        load(tmp_path)
    with pytest.raises(ConfigError, match=r"^data\.path: .*Received: .*nowhere"):
        load(tmp_path / "nowhere")
    (tmp_path / "img_align_celeba.zip").write_text("<html>Quota exceeded</html>")
    with pytest.raises(ConfigError, match=r"^data\.path: "):
        load(tmp_path)


# TFDS ------------------------------------------------------------------------------------------------------


def write_lists(folder):
    """The three further lists that TFDS reads, in CelebA's layout; returns all downloads by TFDS's names."""
    from tensorflow_datasets.datasets.celeb_a import celeb_a_dataset_builder as tfds_celeb_a

    names = [file_name(number) for split in SPLITS.values() for number in split]
    for file, headings, value in (
        ("list_attr_celeba.txt", tfds_celeb_a.ATTR_HEADINGS, "-1"),
        ("list_landmarks_align_celeba.txt", tfds_celeb_a.LANDMARK_HEADINGS, "70"),
    ):
        rows = [" ".join([name] + [value] * len(headings)) for name in names]
        (folder / file).write_text("\n".join([str(len(names)), " ".join(headings), *rows, ""]))
    (folder / "identity_CelebA.txt").write_text("".join(f"{name} 1\n" for name in names))
    return {
        "img_align_celeba": folder / "img_align_celeba.zip",
        "list_eval_partition": folder / "list_eval_partition.txt",
        "list_attr_celeba": folder / "list_attr_celeba.txt",
        "landmarks_celeba": folder / "list_landmarks_align_celeba.txt",
        "identity_celeba": folder / "identity_CelebA.txt",
    }


@pytest.fixture
def tfds_folder(tmp_path, monkeypatch):
    """Where TFDS keeps its data during a test."""
    from tensorflow_datasets.core import constants

    monkeypatch.setattr(constants, "DATA_DIR", str(tmp_path))
    return tmp_path


def answer_downloads(monkeypatch, answer):
    import tensorflow_datasets as tfds

    monkeypatch.setattr(tfds.download.DownloadManager, "download", lambda self, urls: answer(urls))


def test_tfds_prepares_and_loads_the_archive(celeb_a, tfds_folder, monkeypatch):
    from etils import epath

    local = {name: epath.Path(path) for name, path in write_lists(celeb_a).items()}
    answer_downloads(monkeypatch, lambda urls: {name: local[name] for name in urls})
    # TFDS orders pictures by a hash; compare as sets.
    for split, numbers in SPLITS.items():
        levels = load(None, split).array[:, 64, 64, 1]
        np.testing.assert_allclose(np.sort(levels), [level(number) for number in numbers], atol=2)
    # Prepared once, it loads without a download, and from its folder by path.
    answer_downloads(monkeypatch, None)
    np.testing.assert_array_equal(load(None, "test").array, load(tfds_folder, "test").array)


@pytest.mark.parametrize("kind", ["NonMatchingChecksumError", "DownloadError", "ConnectionError"])
def test_failed_download_says_what_to_do(tfds_folder, monkeypatch, kind):
    from tensorflow_datasets.core.download import download_manager, util

    kinds = {
        "NonMatchingChecksumError": download_manager.NonMatchingChecksumError,
        "DownloadError": util.DownloadError,
        "ConnectionError": ConnectionError,
    }

    def fail(urls):
        raise kinds[kind]("Artifact https://drive.google.com/...\nhas wrong checksum")

    answer_downloads(monkeypatch, fail)
    with pytest.raises(ConfigError) as error:
        load(None)
    message = str(error.value)
    assert "\n" not in message and message.startswith("data.path: ")
    for part in ("CelebA download failed", "quota exceeded", kind, "--data.path"):
        assert part in message
    for file in ("img_align_celeba.zip", "list_eval_partition.txt", "mmlab.ie.cuhk.edu.hk"):
        assert file in message
    assert not list(Path(tfds_folder).glob("celeb_a/2*"))
