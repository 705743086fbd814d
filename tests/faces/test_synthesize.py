"""The command that makes faces: with the real networks if they are installed, else with small fakes."""

import errno
import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from commands import run_command
from PIL import Image

from tf_gradsr.config import Config, DataConfig
from tf_gradsr.data import load_pictures
from tf_gradsr.faces import synthesize
from tf_gradsr.faces.synthesis_networks import FaceNetworks
from tf_gradsr.faces.synthesize import Recipe

installed = pytest.mark.skipif(
    not (find_spec("openvino") and find_spec("random_face")),
    reason="openvino and random-face are not installed (pip install -e '.[faces]')",
)


class FakeNetworks:
    """A face is one flat colour: the first three numbers of its style, divided by 4."""

    def styles(self, noise):
        assert noise.shape == (64, 512) and noise.dtype == np.float32
        return noise + 2

    def picture(self, style):
        return np.broadcast_to(style[:3, None, None] / 4, (3, 1024, 1024)).astype(np.float32)


def expected_colours(seed, count, truncation):
    """The fake's colours, uint8 `[count, 3]`, written from the description of the embedded faces."""
    mean = np.random.default_rng(12345).standard_normal((64 * 64, 512)).mean(axis=0) + 2
    noise = [np.random.default_rng([seed, b]).standard_normal((64, 512)) for b in range(0, count, 64)]
    style = np.concatenate(noise)[:count] + 2
    colour = (truncation * style + (1 - truncation) * mean)[:, :3] / 4
    return np.floor((np.clip(colour, -1, 1) + 1) * 127.5 + 0.5)


def make(folder, count, networks=None, **recipe):
    return list(synthesize.synthesize(networks or FakeNetworks(), folder, count, Recipe(**recipe)))


def contents(folder):
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


@pytest.fixture
def command(monkeypatch, capsys):
    """Runs the command in this process with the fakes; returns status, out, err."""
    monkeypatch.setattr(FaceNetworks, "load", FakeNetworks)

    return lambda *arguments: run_command(synthesize, arguments, capsys)


@pytest.fixture
def empty_packages(tmp_path, monkeypatch):
    """Both packages installed, but empty; returns the folder of the networks."""
    for name in ("openvino", "random_face"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").touch()
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path / "random_face" / "data"
    sys.modules.pop("openvino", None)


@pytest.mark.parametrize(("seed", "truncation"), [(2, 0.75), (7, 0.0), (7, 1.0)])
def test_noise_and_truncation_as_described(tmp_path, seed, truncation):
    make(tmp_path, 4, seed=seed, truncation=truncation, size=8)
    colours = [np.asarray(Image.open(tmp_path / f"{n:05d}.jpg"))[4, 4] for n in range(4)]
    # JPEG keeps a flat colour within a level or two.
    np.testing.assert_allclose(colours, expected_colours(seed, 4, truncation), atol=2.5)
    assert (np.ptp(colours, axis=0).max() > 20) == (truncation > 0)


def test_the_next_block_has_its_own_noise(tmp_path):
    make(tmp_path, 1, size=8)
    for number in range(1, 62):
        (tmp_path / f"{number:05d}.jpg").write_bytes(b"\xff\xd8\xff\xd9")
    assert [path.name for path in make(tmp_path, 66, size=8)] == [f"{n:05d}.jpg" for n in range(62, 66)]
    colours = [np.asarray(Image.open(tmp_path / f"{n:05d}.jpg"))[4, 4] for n in range(62, 66)]
    np.testing.assert_allclose(colours, expected_colours(0, 66, 0.75)[62:], atol=2.5)


def test_pictures_are_block_means_of_rounded_levels(rng):
    picture = rng.normal(0, 0.8, (3, 64, 64)).astype(np.float32)
    levels = np.floor((picture.clip(-1, 1) + 1) * 127.5 + 0.5)
    assert levels.min() == 0 and levels.max() == 255
    np.testing.assert_array_equal(synthesize.as_picture(picture, 64), levels.transpose(1, 2, 0))
    means = levels.reshape(3, 8, 8, 8, 8).mean((2, 4)).transpose(1, 2, 0)
    # Pillow rounds twice, after the rows and after the columns.
    np.testing.assert_allclose(synthesize.as_picture(picture, 8), means, atol=1.0)


def test_files_are_rgb_jpeg_of_quality_95_without_subsampling(tmp_path):
    (path,) = make(tmp_path, 1)
    with Image.open(path) as image:
        assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (128, 128))
        assert [component[1:3] for component in image.layer] == [(1, 1)] * 3
        # The quantisation tables of the IJG scale at 95: (16 * 10 + 50) // 100 = 2 for the first entry.
        assert image.quantization[0][0] == 2 and image.quantization[0][63] == (99 * 10 + 50) // 100


def test_a_larger_count_continues_with_the_same_pictures(tmp_path, command):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert command("--count", 5, "--size", 16, "--output", whole).status == 0
    first = command("--count", 3, "--size", 16, "--output", parts)
    assert first.out.startswith(f"{parts}: 3 pictures, 3 of them new; ")
    assert first.out.endswith(" pictures a second\n")
    kept = (parts / "00001.jpg").stat().st_mtime_ns
    (parts / "00002.jpg").unlink()
    assert "5 pictures, 3 of them new" in command("--count", 5, "--size", 16, "--output", parts).out
    assert contents(parts) == contents(whole)
    assert (parts / "00001.jpg").stat().st_mtime_ns == kept
    again = command("--count", 4, "--size", 16, "--output", parts)
    assert again.status == 0 and again.out == f"{parts}: all 4 pictures are there\n"


def test_pictures_that_were_cut_off_are_made_again(tmp_path):
    make(tmp_path, 4, size=16)
    before = contents(tmp_path)
    for name, length in (("00000.jpg", 0), ("00001.jpg", 1), ("00003.jpg", -2)):
        (tmp_path / name).write_bytes(before[name][:length])
    assert [path.name for path in make(tmp_path, 4, size=16)] == ["00000.jpg", "00001.jpg", "00003.jpg"]
    assert contents(tmp_path) == before


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_a_stopped_run_leaves_no_half_picture(tmp_path, monkeypatch, error):
    save = Image.Image.save

    def stop_at_the_third(image, path, **options):
        if "00002" in str(path):
            Path(path).write_bytes(b"\xff\xd8half")
            raise error
        save(image, path, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Image.Image, "save", stop_at_the_third)
        with pytest.raises(error):
            make(tmp_path, 4, size=8)
    assert sorted(contents(tmp_path)) == ["00000.jpg", "00001.jpg", "synthesize.json"]
    # What a kill -9 leaves is not a picture either.
    (tmp_path / ".partial-00002.jpg").write_bytes(b"half")
    make(tmp_path, 4, size=8)
    assert sorted(contents(tmp_path)) == [*(f"{n:05d}.jpg" for n in range(4)), "synthesize.json"]


def test_an_interruption_says_how_to_continue(tmp_path, command, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(FakeNetworks, "picture", interrupt)
    result = command("--count", 2, "--output", tmp_path / "out")
    assert result.status == 130 and result.err.endswith("Interrupted. The same command continues.\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "count: number of pictures, for example --count 1000. Received: nothing"),
        (
            ["--count", "2"],
            "output: the folder of the pictures, for example --output faces. Received: nothing",
        ),
        (["--count", "0"], "count: a whole number ≥1 and ≤100000. Received: 0"),
        (["--size", "100"], "size: one of 1024, 512, 256, 128, 64, 32, 16, 8. Received: 100"),
        (["--truncation", "1.5"], "truncation: a number ≥0 and ≤1. Received: 1.5"),
        (["--seed", "-1"], "seed: a whole number ≥0 and <2147483648. Received: -1"),
    ],
)
def test_bad_settings_end_with_one_line(command, arguments, message):
    result = command(*arguments)
    assert (result.status, result.out) == (2, "")
    assert result.err == f"gradsr faces synthesize: error: {message}\n"


def test_a_folder_never_mixes_two_kinds(tmp_path, command):
    assert command("--count", 1, "--seed", 1, "--output", tmp_path).status == 0
    before = contents(tmp_path)
    result = command("--count", 2, "--seed", 2, "--output", tmp_path)
    assert result.status == 2 and "a folder of the same settings" in result.err
    assert str(json.loads(before["synthesize.json"])) in result.err and contents(tmp_path) == before
    (tmp_path / "synthesize.json").unlink()
    result = command("--count", 2, "--seed", 1, "--output", tmp_path)
    assert result.status == 2 and f"{tmp_path / '00000.jpg'}, without synthesize.json" in result.err
    (tmp_path / "synthesize.json").write_text("{")
    result = command("--count", 2, "--seed", 1, "--output", tmp_path)
    assert result.status == 2 and "can be read" in result.err


def test_an_output_that_is_a_file_is_refused(tmp_path, command):
    (tmp_path / "file").touch()
    result = command("--count", 1, "--output", tmp_path / "file")
    assert result.status == 2 and f"a folder that can be written. Received: {tmp_path / 'file'}" in result.err


@pytest.mark.parametrize("missing", [["openvino"], ["random_face"], ["openvino", "random_face"]])
def test_missing_packages_are_named_with_the_remedy(empty_packages, tmp_path, monkeypatch, capsys, missing):
    for name in missing:
        monkeypatch.setitem(sys.modules, name, None)
    assert synthesize.main(["--count", "1", "--output", str(tmp_path / "out")]) == 2
    message = capsys.readouterr().err
    names = [name.replace("_", "-") for name in missing]
    assert message.endswith(f"Received: no {' and no '.join(names)}\n") and message.count("\n") == 1
    assert "pip install 'tf-gradsr[faces]'" in message
    assert not (tmp_path / "out").exists()


def test_missing_network_files_are_named(empty_packages, tmp_path, capsys):
    assert synthesize.main(["--count", "1", "--output", str(tmp_path / "out")]) == 2
    assert f"no {empty_packages / 'MappingNetwork.xml'}" in capsys.readouterr().err


def test_an_openvino_of_another_version_is_refused(empty_packages, tmp_path, capsys):
    empty_packages.mkdir()
    for network in ("MappingNetwork", "SynthesisNetwork"):
        for ending in ("xml", "bin"):
            (empty_packages / f"{network}.{ending}").touch()
    assert synthesize.main(["--count", "1", "--output", str(tmp_path / "out")]) == 2
    message = capsys.readouterr().err
    assert "cannot import name 'Core'" in message and message.count("\n") == 1 and "pip install" in message


def test_a_full_disk_ends_with_one_line(tmp_path, command, monkeypatch):
    def refuse(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", refuse)
    result = command("--count", 1, "--output", tmp_path / "out")
    line = result.err.splitlines()[-1]
    assert result.status == 2 and "output: a folder that can be written" in line and "No space left" in line
    assert list(contents(tmp_path / "out")) == ["synthesize.json"]


def test_starts_without_tensorflow_and_without_warnings():
    code = (
        "import runpy, sys; sys.argv = ['synthesize', '--help']\n"
        "try: runpy.run_module('tf_gradsr.faces.synthesize', run_name='__main__', alter_sys=True)\n"
        "except SystemExit as stop: assert not stop.code\n"
        "assert 'tensorflow' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "--truncation" in done.stdout


@installed
def test_the_real_networks_make_the_embedded_faces(tmp_path, capsys):
    assert synthesize.main(["--count", "2", "--seed", "2", "--output", str(tmp_path)]) == 0
    assert "2 pictures, 2 of them new" in capsys.readouterr().out
    made = np.stack([Image.open(tmp_path / f"{n:05d}.jpg") for n in range(2)]).astype(int)
    config = Config(data=DataConfig(source="faces", limit=2))
    embedded = load_pictures(config, "test", progress=False).array.astype(int)
    # Processors round differently in the last bits; in bfloat16 the difference is more than a level.
    assert np.abs(made - embedded).mean() < 0.1
