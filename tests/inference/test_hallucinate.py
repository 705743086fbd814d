"""The hallucinate command as a user runs it, on pictures of every kind, with a tiny random network."""

import hashlib
import io
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import zlib
from types import SimpleNamespace

import numpy as np
import pytest
import references
import skimage.metrics
from commands import names_in, run_command
from PIL import Image, ImageCms

import tf_gradsr
from tf_gradsr import hallucinate
from tf_gradsr.config import Config, DataConfig, LossConfig, ModelConfig
from tf_gradsr.config_files import save_config
from tf_gradsr.gallery.grid import LABEL_WIDTH
from tf_gradsr.gallery.heat_map import heat_map
from tf_gradsr.gallery.writing import INTENDED_USE
from tf_gradsr.registry import build_generator

SCALE = 4


def save_run(folder, name="gradsr", **data):
    """A run folder as training leaves it, with large random weights."""
    config = Config(
        data=DataConfig(lr_size=8, **data),
        model=ModelConfig(name=name, scale=SCALE, blocks=1, widths=[8], z_size=4),
        loss=LossConfig(perceptual="none", pixel=1.0),
    )
    generator, rng = build_generator(config), np.random.default_rng(0)
    for weight in generator.trainable_weights:
        fan_in = np.prod(weight.shape[:-1]) if len(weight.shape) > 1 else 25
        weight.assign(rng.normal(0, 1 / np.sqrt(fan_in), weight.shape))
    folder.mkdir()
    save_config(config, folder / "config.yaml")
    generator.save_weights(folder / "generator.weights.h5")
    return folder


@pytest.fixture(scope="session")
def run_dir(tmp_path_factory):
    return save_run(tmp_path_factory.mktemp("runs") / "run")


@pytest.fixture
def face(rng):
    """Random pixels, uint8 `[5, 7, 3]`."""
    return rng.integers(0, 256, (5, 7, 3), np.uint8)


@pytest.fixture
def command(run_dir, tmp_path, capsys):
    """Runs the command in this process on inputs in `tmp_path`; returns status, stdout, stderr."""

    def run(*arguments, inputs=("face.png",), run=run_dir, output="out", output_text=None):
        inputs = [str(tmp_path / name) for name in inputs]
        options = ["--output", output_text or str(tmp_path / output), *(["--run", str(run)] if run else [])]
        return run_command(hallucinate, [*inputs, *options, *arguments], capsys)

    return run


def save(array, path, **options):
    Image.fromarray(array).save(path, **options)


def pixels(path):
    return np.asarray(Image.open(path))


def block_mean(image, factor=SCALE):
    height, width = (side // factor for side in image.shape[:2])
    return image.reshape(height, factor, width, factor, -1).mean((1, 3))


def save_16_bit_png(path, levels):
    """A PNG with 16 bits a channel, which Pillow cannot write, from uint16 `[h, w, channels]`."""
    height, width, channels = levels.shape
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in levels)
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    )
    content = b"\x89PNG\r\n\x1a\n"
    for name, data in chunks:
        content += struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    path.write_bytes(content)


# ---------------------------------------------------------------- what is written


def test_everything_is_written_and_consistent(command, face, tmp_path):
    save(face, tmp_path / "face.png")
    result = command("--num_samples", 3, "--interpolate", 2)
    assert result.status == 0
    made = tmp_path / "out/face"
    numbers = ["reconstruction", "00", "01", "02"]
    assert names_in(made) == sorted(
        ["lr.png", "mean.png", "uncertainty.png", "sheet.png", "walk.webp", "reconstruction.png"]
        + [f"sample_{n}.png" for n in numbers[1:]]
        + [f"gradient_{n}.png" for n in numbers]
    )
    np.testing.assert_array_equal(pixels(made / "lr.png"), face)
    samples = np.stack([pixels(made / f"sample_{n}.png") for n in numbers[1:]])
    for image in (pixels(made / "reconstruction.png"), *samples):
        assert image.shape == (20, 28, 3)
        assert np.abs(block_mean(image) - face).max() <= 0.5 + 1e-6
    mean = pixels(made / "mean.png")
    assert np.abs(mean - samples.mean(0)).max() <= 0.5 + 1e-4
    assert np.abs(np.round(block_mean(mean)) - face).max() <= 1
    # The walk passes every sample, and each of its frames is consistent.
    with Image.open(made / "walk.webp") as walk:
        assert walk.n_frames == 9
        for number in range(9):
            walk.seek(number)
            frame = np.asarray(walk.convert("RGB"))
            assert np.abs(block_mean(frame) - face).max() <= 0.5 + 1e-6
            if number % 3 == 0:
                np.testing.assert_array_equal(frame, samples[number // 3])
    # Figures of the printed line, from the files.
    spread = samples.std(0, ddof=1, dtype=np.float64).mean()
    error = [np.square(block_mean(s) - face).mean() for s in samples]
    assert spread > 1
    for part in (
        "face.png: 7x5 -> 28x20, LR-PSNR ",
        f"(worst sample {10 * np.log10(255**2 / max(error)):.1f})",
        f"spread {spread:.2f} grey levels",
        str(made / "sheet.png"),
    ):
        assert part in result.out
    assert result.out.splitlines()[-1] == INTENDED_USE


def test_a_sample_can_be_made_again_from_its_metadata(command, face, run_dir, tmp_path):
    save(face, tmp_path / "face.png")
    assert command("--num_samples", 2, "--seed", 11, "--temperature", 0.123456789).status == 0
    text = Image.open(tmp_path / "out/face/sample_01.png").text
    assert text["Software"] == "tf_gradsr.hallucinate"
    model = tf_gradsr.Hallucinator.load(run_dir)
    assert {name: text[name] for name in model.identity} == model.identity
    assert (text["seed"], text["z_index"], text["consistency"]) == ("11", "1", "exact")
    samples = model.sample(
        pixels(tmp_path / "out/face/lr.png")[None],
        num_samples=int(text["z_index"]) + 1,
        seed=int(text["seed"]),
        temperature=float(text["temperature"]),
        consistency=text["consistency"],
    )
    np.testing.assert_array_equal(pixels(tmp_path / "out/face/sample_01.png"), samples.images[0, 1])
    about = Image.open(tmp_path / "out/face/mean.png").text
    assert (about["samples"], about["seed"], about["temperature"]) == ("2", "11", "0.123456789")
    assert "z_index" not in Image.open(tmp_path / "out/face/reconstruction.png").text


def test_bytes_depend_on_nothing_else_in_the_call(command, face, tmp_path):
    save(face, tmp_path / "face.png")
    save(face[::-1], tmp_path / "other.png")
    assert command("--num_samples", 1, "--seed", 4).status == 0
    assert "mean.png" not in names_in(tmp_path / "out/face")
    second = command("--num_samples", 3, "--seed", 4, inputs=["other.png", "face.png"], output="again")
    assert second.status == 0
    for name in ("reconstruction", "sample_00", "gradient_00"):
        once, again = (tmp_path / folder / f"face/{name}.png" for folder in ("out", "again"))
        assert once.read_bytes() == again.read_bytes()
    assert command("--num_samples", 1, "--seed", 5, output="reseeded").status == 0
    assert (pixels(tmp_path / "reseeded/face/sample_00.png") != pixels(once.with_name("sample_00.png"))).any()


def test_the_uncertainty_maps_legend_tells_of_a_calibration_of_these_weights(
    command, face, run_dir, tmp_path, monkeypatch
):
    save(face, tmp_path / "face.png")
    run = shutil.copytree(run_dir, tmp_path / "run")
    legends = []

    def noted(values, text):
        legends.append(text)
        return heat_map(values, text)

    monkeypatch.setattr("tf_gradsr.result_folder.heat_map", noted)
    weights = f"sha256:{hashlib.sha256((run / 'generator.weights.h5').read_bytes()).hexdigest()[:16]}"
    measured = {"spread_error": 0.5, "weights": weights, "temperature": 1.0, "consistency": "exact"}
    measured["measured_on"] = "7 test pictures"
    plain = "standard deviation over the samples, grey levels"
    cases = [
        (None, plain),
        ({}, plain),
        ({"calibration": measured}, f"{plain}; true errors are 2.0 times as large (7 test pictures)"),
        ({"calibration": {**measured, "weights": "sha256:0"}}, plain),
        ({"calibration": {**measured, "temperature": 0.7}}, plain),
    ]
    for summary, expected in cases:
        if summary is not None:
            (run / "summary.json").write_text(json.dumps(summary))
        assert command("--num_samples", 2, "--overwrite", run=run).status == 0
        assert legends.pop() == expected


@pytest.mark.parametrize(
    ("summary", "said"),
    [
        ("no JSON", "a readable summary.json. Received: "),
        ("[]", "a summary.json with named entries. Received: "),
        ('{"calibration": 3}', "a calibration with a spread_error above 0"),
        ('{"calibration": {"spread_error": 0}}', "Received: {'spread_error': 0}"),
        ('{"calibration": {"spread_error": NaN}}', "Received: {'spread_error': nan}"),
    ],
)
def test_a_damaged_summary_is_named(command, face, run_dir, tmp_path, summary, said):
    save(face, tmp_path / "face.png")
    run = shutil.copytree(run_dir, tmp_path / "run")
    (run / "summary.json").write_text(summary)
    result = command(run=run)
    assert result.status == 2
    assert "error: run: " in result.err and said in result.err


def test_without_consistency_it_is_the_models_own_picture(command, face, tmp_path):
    save(face, tmp_path / "face.png")
    assert command("--num_samples", 0, "--consistency", "none").status == 0
    made = tmp_path / "out/face"
    assert names_in(made) == ["gradient_reconstruction.png", "lr.png", "reconstruction.png", "sheet.png"]
    assert np.abs(block_mean(pixels(made / "reconstruction.png")) - face).max() > 2
    assert Image.open(made / "reconstruction.png").text["consistency"] == "none"


@pytest.mark.parametrize("lr_size", [None, 6])
def test_large_pictures_are_compared_with_the_truth(command, rng, tmp_path, lr_size):
    large = np.kron(rng.integers(0, 256, (4, 5, 3)), np.ones((10, 10, 1))).astype(np.uint8)
    save(large, tmp_path / "large.png")
    options = ["--lr_size", lr_size] if lr_size else []
    result = command("--downscale", "--num_samples", 0, *options, inputs=["large.png"])
    assert result.status == 0
    made = tmp_path / "out/large"
    truth, image = pixels(made / "truth.png"), pixels(made / "reconstruction.png")
    assert truth.shape == ((24, 24, 3) if lr_size else (40, 48, 3))
    if not lr_size:
        np.testing.assert_array_equal(truth, large[:, 1:49])
    assert np.abs(pixels(made / "lr.png") - block_mean(truth)).max() <= 0.5 + 1e-3
    psnr = skimage.metrics.peak_signal_noise_ratio(truth, image)
    (ssim,) = references.ssim(image[np.newaxis], truth[np.newaxis])
    assert f"PSNR {psnr:.2f} dB" in result.out
    printed = float(result.out.split("SSIM ")[1].split(";")[0])
    # scikit-image leaves out a border that is half a window wide; so does TensorFlow.
    assert printed == pytest.approx(ssim, abs=2e-3)


def test_much_larger_pictures_than_the_model_knows_are_pointed_out(command, rng, tmp_path):
    for side in (31, 32):
        save(rng.integers(0, 256, (side, 40, 3), np.uint8), tmp_path / f"{side}.png")
    result = command("--num_samples", 0, inputs=["31.png", "32.png"])
    assert result.status == 0
    small, large, *_ = result.out.splitlines()
    assert "40x31 -> 160x124" in small and "40x32 -> 160x128" in large
    (advice,) = [line for line in result.err.splitlines() if "that the model knows" in line]
    assert "32.png" in advice and "larger than the 8x8" in advice and "--downscale --lr_size 8" in advice
    result = command("--num_samples", 0, "--downscale", "--lr_size", 8, inputs=["32.png"], output="small")
    assert result.status == 0 and "that the model knows" not in result.out


# ---------------------------------------------------------------- what is read


@pytest.fixture
def every_kind(tmp_path, face, rng):
    """Writes pictures of every kind; returns the expected LR RGB and alpha of each file name."""
    folder = tmp_path / "kinds"
    folder.mkdir()
    grey, alpha = face[..., 0], rng.integers(0, 256, face.shape[:2], np.uint8)
    expected = {}

    def add(name, rgb, opacity=None):
        expected[name] = (rgb, opacity)
        return folder / name

    for ending in ("png", "bmp", "tiff"):
        save(face, add(f"plain_{ending}.{ending}", face))
    save(face, add("lossless.webp", face), lossless=True)
    save(face, folder / "lossy.jpg", quality=95)
    add("lossy.jpg", pixels(folder / "lossy.jpg"))
    save(grey, add("grey.png", np.dstack([grey] * 3)))
    rgba = np.dstack([face, alpha])
    save(rgba, add("alpha.png", face, alpha))
    Image.fromarray(np.dstack([grey, alpha]), "LA").save(add("grey_alpha.png", np.dstack([grey] * 3), alpha))
    palette = Image.fromarray(face).quantize(16)
    palette.save(add("palette.png", np.asarray(palette.convert("RGB"))))
    see_through = np.where(np.asarray(palette) == 3, 0, 255).astype(np.uint8)
    palette.save(add("palette_alpha.png", np.asarray(palette.convert("RGB")), see_through), transparency=3)
    cmyk = Image.fromarray(face).convert("CMYK")
    cmyk.save(folder / "cmyk.jpg", quality=95)
    add("cmyk.jpg", np.asarray(Image.open(folder / "cmyk.jpg").convert("RGB")))
    cmyk.save(add("cmyk.tif", np.asarray(cmyk.convert("RGB"))))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned by 90 degrees clockwise
    save(face, add("turned.webp", np.rot90(face, -1)), lossless=True, exif=exif)
    deep = rng.integers(0, 2**16, (*face.shape[:2], 4)).astype(np.uint16)
    high, rounded = np.uint8(deep >> 8), np.uint8(np.round(deep / 257.0))
    save_16_bit_png(add("deep_grey.png", np.dstack([rounded[..., 0]] * 3)), deep[..., :1])
    save_16_bit_png(add("deep_grey_alpha.png", np.dstack([high[..., 0]] * 3), high[..., 1]), deep[..., :2])
    save_16_bit_png(add("deep_rgb.png", high[..., :3]), deep[..., :3])
    save_16_bit_png(add("deep_rgba.png", high[..., :3], high[..., 3]), deep)
    frames = [Image.fromarray(face), Image.fromarray(255 - face)]
    options = {"save_all": True, "append_images": frames[1:]}
    frames[0].save(add("moving.webp", face), lossless=True, **options)
    frames[0].save(folder / "moving.gif", **options)
    add("moving.gif", np.asarray(Image.open(folder / "moving.gif").convert("RGB")))
    save(face[:1, :1], add("dot.png", face[:1, :1]))
    save(np.full((1, 1, 4), 9, np.uint8), add("dot_alpha.png", np.full((1, 1, 3), 9), np.full((1, 1), 9)))
    return expected


def test_pictures_of_every_kind(command, every_kind, tmp_path):
    result = command("--num_samples", 2, inputs=["kinds"])
    assert result.status == 0, result.err
    lines = {line.split(": ")[0].rsplit("/", 1)[-1]: line for line in result.out.splitlines()[:-2]}
    assert set(lines) == set(every_kind)
    for file, (rgb, alpha) in every_kind.items():
        made = tmp_path / "out" / lines[file].rsplit("/", 2)[-2]
        lr, sample, mean = (pixels(made / f"{name}.png") for name in ("lr", "sample_01", "mean"))
        np.testing.assert_array_equal(lr[..., :3], rgb, err_msg=file)
        assert np.abs(block_mean(sample)[..., :3] - rgb).max() <= 0.5 + 1e-6, file
        assert (lr.shape[2], sample.shape[2], mean.shape[2]) == (3 + (alpha is not None),) * 3, file
        if alpha is not None:
            np.testing.assert_array_equal(lr[..., 3], alpha, err_msg=file)
            size = (alpha.shape[1] * SCALE, alpha.shape[0] * SCALE)
            up = Image.fromarray(alpha.astype(np.uint8)).resize(size, Image.Resampling.BICUBIC)
            np.testing.assert_array_equal(sample[..., 3], up, err_msg=file)
        assert ("the first of 2 pictures is used" in lines[file]) == file.startswith("moving"), file
    assert "1x1 -> 4x4" in lines["dot.png"]


def test_only_profiles_that_fit_rgb_are_kept(command, face, tmp_path):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    save(face, tmp_path / "rgb.png", icc_profile=profile)
    save(face[..., 0], tmp_path / "grey.png", icc_profile=profile[:16] + b"GRAY" + profile[20:])
    assert command("--num_samples", 1, inputs=["rgb.png", "grey.png"]).status == 0
    for name, kept in (("rgb", profile), ("grey", None)):
        assert Image.open(tmp_path / f"out/{name}/sample_00.png").info.get("icc_profile") == kept


def test_bad_files_are_named_and_the_others_continue(command, face, tmp_path):
    save(face, tmp_path / "face.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "face.png").read_bytes()[:90])
    (tmp_path / "text.png").write_text("not a picture")
    (tmp_path / "empty.jpg").touch()
    result = command("--num_samples", 1, inputs=["cut.png", "text.png", "face.png", "empty.jpg"])
    assert result.status == 1
    assert names_in(tmp_path / "out") == ["face"]
    for name, reason in (
        ("cut.png", "truncated"),
        ("text.png", "not a picture"),
        ("empty.jpg", "not a picture"),
    ):
        assert any(f"{name}: " in line and reason in line for line in result.err.splitlines()), result.err
    assert "3 of 4 files failed" in result.err
    assert "Traceback" not in result.err
    assert "face.png: 7x5" in result.out


def test_same_stems_do_not_collide(command, face, tmp_path):
    save(face, tmp_path / "face.png")
    save(face[::-1], tmp_path / "face.bmp")
    assert command("--num_samples", 0, inputs=["face.png", "face.bmp"]).status == 0
    assert names_in(tmp_path / "out") == ["face", "face_2", "overview.png"]
    np.testing.assert_array_equal(pixels(tmp_path / "out/face_2/lr.png"), face[::-1])


def test_several_inputs_share_an_overview(command, rng, tmp_path):
    sizes = {"wide.png": (24, 40), "square.png": (32, 32)}
    for name, size in sizes.items():
        save(rng.integers(0, 256, (*size, 3), np.uint8), tmp_path / name)
    done = command("--num_samples", 2, "--downscale", "--tile", 128, inputs=sizes)
    assert done.status == 0 and str(tmp_path / "out/overview.png") in done.out
    overview = pixels(tmp_path / "out/overview.png")
    # Labels, then of 128 pixels each: LR, bicubic, reconstruction, two samples, uncertainty, truth; a line of
    # titles above, the colour bar below.
    assert overview.shape[1] == LABEL_WIDTH + 4 + 7 * (128 + 4)
    labels, overview = overview[:, :LABEL_WIDTH], overview[:, LABEL_WIDTH:]
    assert (labels[22:150] < 128).any() and (labels[154:282] < 128).any()
    assert (overview[22 + 2 * 132 :, 4:404] != 255).any()
    second = overview[4 + 18 + 128 + 4 :][:128]
    lr = np.asarray(pixels(tmp_path / "out/square/lr.png").repeat(16, 0).repeat(16, 1))
    np.testing.assert_array_equal(second[:, 4:132], lr)
    truth = pixels(tmp_path / "square.png").repeat(4, 0).repeat(4, 1)
    np.testing.assert_array_equal(second[:, -132:-4], truth)
    # A wide picture keeps its shape, between white margins.
    first = overview[4 + 18 :][:128, 4:132]
    assert (first[:20] == 255).all() and (first[-20:] == 255).all() and (first[64] != 255).any()

    again = command("--num_samples", 2, "--downscale", inputs=sizes, output="out")
    assert again.status == 2 and "--overwrite" in again.err
    assert command("--num_samples", 0, "--overwrite", inputs=sizes).status == 0


@pytest.mark.slow
def test_an_overview_beside_the_inputs_is_not_an_input(command, face, tmp_path):
    folder = tmp_path / "faces"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        save(face, folder / name)
    arguments = ["--num_samples", 0]
    assert command(*arguments, inputs=["faces"], output="faces").status == 0
    assert names_in(folder) == ["a", "a.png", "b", "b.png", "overview.png"]
    assert command(*arguments, "--overwrite", inputs=["faces"], output="faces").status == 0
    assert names_in(folder) == ["a", "a.png", "b", "b.png", "overview.png"]
    # Elsewhere, or as the only input, it is a picture like any other.
    assert command(*arguments, inputs=["faces"]).status == 0
    assert "overview" in names_in(tmp_path / "out")
    done = command(*arguments, "--downscale", inputs=["faces/overview.png"], output="faces")
    assert done.status == 0 and "overview" in names_in(folder)


def test_file_names_that_are_not_text_do_not_stop_the_others(face, run_dir, tmp_path):
    name = os.fsdecode(b"caf\xe9.png")
    try:
        save(face, tmp_path / name)
    except OSError:
        pytest.skip("the file system takes only names that are text")
    save(face, tmp_path / "z.png")
    command = [sys.executable, "-m", "tf_gradsr.hallucinate", "--run", run_dir, "--num_samples", "0"]
    result = subprocess.run(
        [*command, tmp_path, "--output", tmp_path / "out"],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "utf-8:strict"},
    )
    assert result.returncode == 0, result.stderr
    assert rb"caf\udce9.png: 7x5" in result.stdout
    assert names_in(tmp_path / "out") == sorted([os.fsdecode(b"caf\xe9"), "z", "overview.png"])


def test_an_overview_that_is_not_ours_is_kept(command, face, tmp_path):
    for name in ("a.png", "b.png"):
        save(face, tmp_path / name)
    (tmp_path / "out").mkdir()
    save(face, tmp_path / "out/overview.png")
    done = command("--overwrite", inputs=("a.png", "b.png"))
    assert done.status == 2 and "overview.png" in done.err
    np.testing.assert_array_equal(pixels(tmp_path / "out/overview.png"), face)
    # One input has no overview, so nothing is in its way.
    assert command("--num_samples", 2, inputs=("a.png",)).status == 0


def test_too_small_to_downscale(command, face, tmp_path):
    save(face[:3], tmp_path / "face.png")
    result = command("--downscale")
    assert result.status == 1
    assert "7x3 is too small to downscale by 4" in result.err


def test_results_beyond_the_memory_are_refused(command, face, tmp_path, monkeypatch):
    save(face, tmp_path / "face.png")
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(available=1000))
    result = command()
    assert result.status == 1
    assert "a result of 28x20 needs" in result.err and "--downscale --lr_size 8" in result.err
    assert names_in(tmp_path / "out") == []


# ---------------------------------------------------------------- nothing overwritten, nothing half-written


def test_results_are_not_overwritten_unasked(command, face, tmp_path):
    save(face, tmp_path / "face.png")
    assert command("--num_samples", 2).status == 0
    before = (tmp_path / "out/face/sample_00.png").read_bytes()
    refused = command("--num_samples", 1, "--seed", 1)
    assert refused.status == 2
    assert "out/face already exists" in refused.err and "--overwrite" in refused.err
    assert (tmp_path / "out/face/sample_00.png").read_bytes() == before
    assert command("--num_samples", 1, "--seed", 1, "--overwrite").status == 0
    assert (tmp_path / "out/face/sample_00.png").read_bytes() != before
    assert "sample_01.png" not in names_in(tmp_path / "out/face")
    assert names_in(tmp_path / "out") == ["face"]


@pytest.mark.parametrize(("stop", "status"), [(KeyboardInterrupt(), 130), (OSError(28, "No space left"), 1)])
def test_a_stopped_run_leaves_whole_folders_only(command, face, tmp_path, monkeypatch, stop, status):
    for name in ("a", "b"):
        save(face, tmp_path / f"{name}.png")
    (tmp_path / "out/.partial-999999999").mkdir(parents=True)
    from tf_gradsr import result_folder

    write, written = result_folder.save_png, []

    def stop_at_the_tenth(path, *arguments, **options):
        written.append(path)
        if len(written) == 10:
            raise stop
        write(path, *arguments, **options)

    monkeypatch.setattr(result_folder, "save_png", stop_at_the_tenth)
    result = command("--num_samples", 1, inputs=["a.png", "b.png"])
    assert result.status == status
    assert names_in(tmp_path / "out") == ["a"]
    assert len(names_in(tmp_path / "out/a")) == 6
    assert "Traceback" not in result.err


@pytest.mark.parametrize("output", ["in_the_way", "in_the_way/below"])
def test_output_that_cannot_be_written(command, face, tmp_path, output):
    save(face, tmp_path / "face.png")
    (tmp_path / "in_the_way").write_text("a file")
    result = command(output=output)
    assert result.status == 2
    assert result.err.count("\n") == 1
    assert "error: output: a folder that can be written. Received: " in result.err


# ---------------------------------------------------------------- models and settings


def test_a_model_with_one_answer_only_reconstructs(command, face, tmp_path):
    run = save_run(tmp_path / "srgan", name="srgan")
    save(face, tmp_path / "a.png")
    save(face, tmp_path / "b.png")
    result = command("--num_samples", 5, "--interpolate", 2, inputs=["a.png", "b.png"], run=run)
    assert result.status == 0
    assert result.err.count("no samples") == 1
    expected = ["gradient_reconstruction.png", "lr.png", "reconstruction.png", "sheet.png"]
    assert names_in(tmp_path / "out/a") == names_in(tmp_path / "out/b") == expected
    image = tmp_path / "out/a/reconstruction.png"
    assert Image.open(image).text["model"] == "srgan 4x"
    assert np.abs(block_mean(pixels(image)) - face).max() <= 0.5 + 1e-6


def test_a_model_trained_on_bicubic_lr_needs_consistency_none(command, face, tmp_path):
    run = save_run(tmp_path / "bicubic", downscale="bicubic")
    save(face, tmp_path / "face.png")
    refused = command(run=run)
    assert refused.status == 2 and "consistency: none" in refused.err
    assert not (tmp_path / "out").exists()
    assert command("--num_samples", 1, "--consistency", "none", run=run).status == 0


@pytest.mark.parametrize(
    ("arguments", "setting", "said"),
    [
        (["--num_samples", "-1"], "num_samples", "a whole number ≥0. Received: -1"),
        (["--num_samples", "1", "--interpolate", "3"], "num_samples", "at least 2"),
        (["--seed", "-1"], "seed", "≥0"),
        (["--seed", "x"], "seed", "Received: 'x'"),
        (["--temperature", "-1"], "temperature", "a number ≥0 and ≤100. Received: -1"),
        (["--temperature", "inf"], "temperature", "a number ≥0 and ≤100. Received: inf"),
        (["--consistency", "maybe"], "consistency", "one of exact, none. Received: maybe"),
        (["--interpolate_format", "mp4"], "interpolate_format", "one of webp, gif"),
        (["--lr_size", "8"], "lr_size", "goes with --downscale"),
        (["--lr_size", "0", "--downscale"], "lr_size", "a whole number >0"),
        (["--num_sample", "1"], "num_sample", "did you mean num_samples?"),
        (["--run", "no/such/run"], "run", "a model of the package; one of cpu_8x"),
        (
            ["other.png"],
            "input",
            "all in one place, before the options or after them. Received apart: other.png",
        ),
        (["--run", "n" * 300], "run", "a folder that can be read. Received: nnn"),
    ],
)
def test_bad_settings_end_with_one_line_and_status_2(command, face, tmp_path, arguments, setting, said):
    save(face, tmp_path / "face.png")
    result = command(*arguments)
    assert result.status == 2
    assert result.out == ""
    assert len(result.err.strip().splitlines()) == 1
    assert f"gradsr hallucinate: error: {setting}:" in result.err
    assert said in result.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("no_such.png", "Received: no_such.png"),
        ("n" * 300, "a path that can be read. Received: nnn"),
        ("", "Received: ''"),
    ],
)
def test_inputs_that_lead_to_nothing(path, said, run_dir, capsys):
    assert hallucinate.main([path, "--run", str(run_dir)]) == 2
    error = capsys.readouterr().err
    assert "error: input: " in error and said in error


def test_what_must_be_given_is_named(capsys, run_dir):
    with pytest.raises(SystemExit) as stop:
        hallucinate.main(["--output", "unused", "--run", str(run_dir)])
    assert stop.value.code == 2
    assert "error: input: must be given. Received: nothing" in capsys.readouterr().err
    assert hallucinate.main([__file__, "--run", str(run_dir), "--output", ""]) == 2
    assert "error: output: " in capsys.readouterr().err


def test_a_mistyped_file_name_suggests_the_nearest(command, face, tmp_path):
    save(face, tmp_path / "face.png")
    result = command(inputs=["fase.png"])
    assert result.status == 2
    assert "error: input: no such file or folder; did you mean face.png? Received: " in result.err


def test_standard_input_to_standard_output(run_dir, face, tmp_path):
    """A picture in, its reconstruction out, the same as in a folder; everything else on standard error."""
    save(face, tmp_path / "face.png")
    program = [sys.executable, "-m", "tf_gradsr", "hallucinate"]
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": os.pathsep.join(sys.path)}
    result = subprocess.run(
        [*program, "-", "-o", "-", "--run", str(run_dir)],
        input=(tmp_path / "face.png").read_bytes(),
        capture_output=True,
        cwd=tmp_path,
        env=environment,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr
    # No temporary file's name, which would mean nothing to anybody.
    said = result.stderr.decode()
    assert re.search(r"standard input: \d+x\d+ -> .*; standard output\n", said), said
    assert tempfile.gettempdir() not in said
    assert (
        hallucinate.main([str(tmp_path / "face.png"), "-o", str(tmp_path / "out"), "--run", str(run_dir)])
        == 0
    )
    expected = np.asarray(Image.open(tmp_path / "out/face/reconstruction.png"))
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(result.stdout))), expected)
    assert not (tmp_path / "hallucinated").exists()


def test_standard_streams_are_for_one_picture(command, face, tmp_path):
    save(face, tmp_path / "face.png")
    result = command(inputs=["face.png", "other.png"], output_text="-")
    assert result.status == 2 and "error: input: one picture where - is used" in result.err


def test_help_names_files_metadata_and_every_option(capsys):
    with pytest.raises(SystemExit) as stop:
        hallucinate.main(["--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    for word in ("uncertainty.png", "Software", "z_index", "temperature", "weights", "Exit status"):
        assert word in text
    # Every option has a sentence.
    options = re.split(r"\n  -(?:o OUTPUT, )?-", text.split("options:")[1])[1:]
    assert len(options) >= 10
    assert all(len(option.split()) > 8 for option in options)


def test_as_a_command_of_its_own(run_dir, face, tmp_path):
    save(face, tmp_path / "face.png")
    inputs = ["face.png", "--output", "out", "--run", str(run_dir), "--num_samples", "2"]
    result = subprocess.run(
        [sys.executable, "-m", "tf_gradsr.hallucinate", *inputs],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": os.pathsep.join(sys.path)},
        timeout=300,
    )
    assert result.returncode == 0, result.stderr
    assert len(result.stdout.splitlines()) == 2
    assert "1/1" in result.stderr
    assert (tmp_path / "out/face/sheet.png").is_file()
