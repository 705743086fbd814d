"""LPIPS against the reference implementation's figures, its weights file, and the converter.

lpips_reference.txt says where the figures come from. Only the last tests need PyTorch.
"""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from make_lpips_fixture import FIXTURE, KERNELS, SIZES, seeded_backbone, seeded_pictures

from tf_gradsr import metrics
from tf_gradsr.metrics import lpips
from tf_gradsr.metrics.lpips_weights import load_weights, save_weights, weight_shapes

NETWORKS = ["alex", "vgg"]
CASES = [(network, *size) for network in NETWORKS for size in SIZES[network]]
# A GPU's convolutions may sum in another way.
TOLERANCE = 1e-5 if tf.config.list_physical_devices("GPU") else 1e-6
needs_torch = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="PyTorch is not installed: pip install -e '.[lpips]'"
)


@pytest.fixture(scope="module")
def reference():
    """The stored figures and linear heads."""
    with np.load(FIXTURE) as file:
        return {name: file[name] for name in file.files}


@pytest.fixture(scope="module")
def weights(reference):
    """Seeded weights in our layout, by network."""
    return {
        network: lpips.convert_weights(network, seeded_backbone(network), heads(reference, network))
        for network in NETWORKS
    }


@pytest.fixture(scope="module")
def files(weights, tmp_path_factory):
    """Weights files, by network."""
    folder = tmp_path_factory.mktemp("lpips")
    for network, arrays in weights.items():
        save_weights(folder / f"{network}.npz", network, arrays)
    return {network: folder / f"{network}.npz" for network in weights}


@pytest.fixture(scope="module")
def layers(files):
    """Loaded layers, by network."""
    return {network: metrics.LPIPS.load(network, path) for network, path in files.items()}


def heads(reference, network):
    prefix = f"{network}/lin"
    return {name.split("/", 1)[1]: array for name, array in reference.items() if name.startswith(prefix)}


@pytest.mark.parametrize(("network", "height", "width"), CASES)
def test_distances_are_the_references(layers, reference, network, height, width):
    expected = reference[f"{network}/{height}x{width}/distances"]
    result = layers[network](seeded_pictures(height, width)).numpy()
    assert result.dtype == np.float32 and result.shape == (3,)
    assert expected[0] > 0.1 and 0.01 < expected[1] < 0.03
    np.testing.assert_allclose(result, expected, atol=TOLERANCE, rtol=0)
    assert result[2] == 0


@pytest.mark.parametrize(("network", "height", "width"), CASES)
def test_maps_are_the_references(layers, reference, network, height, width):
    expected = reference[f"{network}/{height}x{width}/maps"]
    result = layers[network].maps(*seeded_pictures(height, width)).numpy()
    assert result.dtype == np.float32 and result.shape == (3, height, width)
    assert np.ptp(expected[0]) > 0.02
    np.testing.assert_allclose(result, expected, atol=TOLERANCE, rtol=0)


def test_distances_inside_a_compiled_function_of_unknown_size(layers):
    layer = layers["alex"]
    pictures = tf.TensorSpec([None, None, None, 3], tf.uint8)

    @tf.function(input_signature=[pictures, pictures])
    def measured(images, truth):
        return layer((images, truth)), layer.maps(images, truth)

    for height, width in SIZES["alex"]:
        images, truth = seeded_pictures(height, width)
        distances, maps = measured(images, truth)
        np.testing.assert_allclose(distances, layer((images, truth)), atol=TOLERANCE)
        np.testing.assert_allclose(maps, layer.maps(images, truth), atol=TOLERANCE)
    small, large = np.zeros((1, 30, 64, 3), np.uint8), np.zeros((1, 64, 64, 3), np.uint8)
    with pytest.raises(tf.errors.InvalidArgumentError, match="too small"):
        measured(small, small)
    with pytest.raises(tf.errors.InvalidArgumentError, match="one shape"):
        measured(large, large[:, :40])


def test_distances_under_a_distribution_strategy(files, reference, two_devices):
    strategy = two_devices
    with strategy.scope():
        layer = metrics.LPIPS.load("alex", files["alex"])
    images, truth = seeded_pictures(31, 31)
    replicas = strategy.experimental_distribute_values_from_function(
        lambda context: tf.constant(images[context.replica_id_in_sync_group :][:2])
    )
    truths = strategy.experimental_distribute_values_from_function(
        lambda context: tf.constant(truth[context.replica_id_in_sync_group :][:2])
    )
    run = tf.function(lambda x, y: strategy.run(lambda a, b: layer((a, b)), (x, y)))
    expected = reference["alex/31x31/distances"]
    for number, result in enumerate(strategy.experimental_local_results(run(replicas, truths))):
        np.testing.assert_allclose(result, expected[number : number + 2], atol=TOLERANCE)


def test_distances_stay_float32_under_mixed_precision(files, reference):
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        layer = metrics.LPIPS.load("alex", files["alex"])
        result = layer(seeded_pictures(31, 31))
    finally:
        keras.config.set_dtype_policy(policy)
    np.testing.assert_allclose(result, reference["alex/31x31/distances"], atol=TOLERANCE)
    assert layer.trainable_weights == []


def test_a_layer_without_weights_gives_nan():
    assert np.isnan(metrics.LPIPS("alex")(seeded_pictures(31, 31))).all()


def test_distances_in_a_functional_model(layers, reference):
    images, truth = keras.Input((31, 31, 3), dtype="uint8"), keras.Input((31, 31, 3), dtype="uint8")
    model = keras.Model([images, truth], layers["alex"]((images, truth)))
    result = model(list(seeded_pictures(31, 31)))
    np.testing.assert_allclose(result, reference["alex/31x31/distances"], atol=TOLERANCE)


def test_a_layer_comes_back_from_its_config(layers):
    layer = metrics.LPIPS.from_config(layers["alex"].get_config())
    layer.set_weights(layers["alex"].get_weights())
    pictures = seeded_pictures(31, 31)
    np.testing.assert_array_equal(layer(pictures), layers["alex"](pictures))
    assert layer.get_config() == layers["alex"].get_config()


@pytest.mark.parametrize(("network", "side"), [("alex", 31), ("vgg", 16)])
def test_too_small_pictures_are_refused(layers, network, side):
    layer = layers[network]
    assert layer.minimal_side == side
    for shape in [(1, side - 1, 64, 3), (1, 64, side - 1, 3)]:
        small = np.zeros(shape, np.uint8)
        for measure in (lambda x: layer((x, x)), lambda x: layer.maps(x, x)):
            with pytest.raises(ValueError, match=f"{side}x{side} or more"):
                measure(small)


@pytest.mark.parametrize(
    ("images", "truth", "said"),
    [
        (np.zeros((1, 32, 32, 3), np.float32), np.zeros((1, 32, 32, 3), np.uint8), "uint8 pictures.*float32"),
        (np.zeros((1, 32, 32, 1), np.uint8), np.zeros((1, 32, 32, 1), np.uint8), "RGB"),
        (np.zeros((32, 32, 3), np.uint8), np.zeros((32, 32, 3), np.uint8), "B, H, W, 3"),
        (np.zeros((2, 32, 32, 3), np.uint8), np.zeros((1, 32, 32, 3), np.uint8), "one shape"),
        (np.zeros((1, 32, 40, 3), np.uint8), np.zeros((1, 40, 32, 3), np.uint8), "one shape"),
    ],
)
def test_bad_pictures_are_refused(layers, images, truth, said):
    with pytest.raises(ValueError, match=said):
        layers["alex"]((images, truth))


def test_an_unknown_network_is_refused():
    for call in (metrics.LPIPS, metrics.LPIPS.load, metrics.default_weights_path, weight_shapes):
        with pytest.raises(ValueError, match=r'"alex" or "vgg"\. Received: network=\'squeeze\''):
            call("squeeze")


def test_missing_weights_say_how_to_get_them(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    path = metrics.default_weights_path("vgg")
    assert path == tmp_path / ".cache/tf_gradsr/lpips_vgg.npz"
    command = r"tf_gradsr\.metrics\.lpips --convert --network vgg\. Received: .*lpips_vgg\.npz"
    with pytest.raises(metrics.MissingWeights, match=command):
        metrics.LPIPS.load("vgg")
    with pytest.raises(metrics.MissingWeights, match=r"--convert --output .*other\.npz\."):
        metrics.LPIPS.load("alex", tmp_path / "other.npz")


def test_the_default_path_is_read(files, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    path = metrics.default_weights_path("alex")
    path.parent.mkdir(parents=True)
    path.symlink_to(files["alex"])
    assert np.isfinite(metrics.LPIPS.load()(seeded_pictures(31, 31))).all()


def test_weights_come_back_from_their_file(weights, files):
    for network in NETWORKS:
        loaded = load_weights(files[network], network)
        assert list(loaded) == list(weight_shapes(network))
        for name, array in weights[network].items():
            np.testing.assert_array_equal(loaded[name], array)
    assert [round(files[network].stat().st_size / 1e6) for network in NETWORKS] == [10, 59]


def test_bad_weights_files_are_refused(weights, files, tmp_path):
    path = tmp_path / "bad.npz"

    def refused(said, network="alex"):
        with pytest.raises(metrics.BadWeights, match=f"(?s){said}") as caught:
            metrics.LPIPS.load(network, path)
        assert "--convert" in str(caught.value) and str(path) in str(caught.value)

    path.write_bytes(b"nothing of the kind")
    refused("not an npz file")
    whole = files["alex"].read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    refused("not an npz file")
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    path.write_bytes(flipped)
    refused("CRC")
    path.write_bytes(whole)
    refused("made for network 'alex'", network="vgg")
    with np.load(files["alex"]) as file:
        arrays = {name: file[name] for name in file.files}
    for change, said in [
        ({"format": "tf_gradsr.lpips.0"}, r"format tf_gradsr\.lpips\.0"),
        ({"linear1": arrays["linear1"] + 1}, "checksum"),
        ({"linear1": arrays["linear1"][:-1]}, "linear1 is float32"),
        ({"linear1": arrays["linear1"].astype(np.float64)}, "linear1 is float64"),
        ({"linear1": arrays["linear1"] * np.nan}, "not finite"),
        ({"conv6_bias": np.zeros(256, np.float32)}, "superfluous"),
        ({"conv1_bias": np.array([{}], object)}, "pickle"),
    ]:
        np.savez(path, **{**arrays, **change})
        refused(said)
    del arrays["conv1_bias"]
    np.savez(path, **arrays)
    refused("conv1_bias is missing")
    path.unlink()
    with path.open("wb") as file:
        np.save(file, weights["alex"]["linear1"])
    refused("not an npz file")


def test_a_failed_write_leaves_the_old_file(weights, tmp_path):
    path = tmp_path / "deep" / "lpips.npz"
    save_weights(path, "alex", weights["alex"])
    before = path.read_bytes()
    with pytest.raises(metrics.BadWeights, match="linear5 is missing"):
        save_weights(path, "alex", {n: a for n, a in weights["alex"].items() if n != "linear5"})
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == ["lpips.npz"]


def test_conversion_refuses_another_networks_weights(reference):
    backbone = seeded_backbone("alex")
    with pytest.raises(metrics.BadWeights, match=r"features\.0\.weight has the shape \[64, 3, 11, 11\]"):
        lpips.convert_weights("vgg", backbone, heads(reference, "vgg"))
    del backbone["features.10.bias"]
    with pytest.raises(metrics.BadWeights, match=r"features\.10\.bias is missing"):
        lpips.convert_weights("alex", backbone, heads(reference, "alex"))
    with pytest.raises(metrics.BadWeights, match=r"lin1\.model\.1\.weight has the shape"):
        lpips.convert_weights("alex", seeded_backbone("alex"), heads(reference, "vgg"))


def run_lpips(*arguments, **environment):
    """The command as a user types it."""
    return subprocess.run(
        [
            sys.executable,
            "-W",
            "error::RuntimeWarning",
            "-m",
            "tf_gradsr.metrics.lpips",
            *map(str, arguments),
        ],
        capture_output=True,
        text=True,
        env={**os.environ, **{name: str(value) for name, value in environment.items()}},
        timeout=300,
        check=False,
    )


def test_help_names_every_option_and_both_files():
    done = run_lpips("--help")
    assert done.returncode == 0 and done.stderr == ""
    for word in (
        "--convert",
        "--network {alex,vgg}",
        "--backbone",
        "--linear",
        "--output",
        "torch lpips==0.1.4",
    ):
        assert word in " ".join(done.stdout.split())
    for url in lpips.BACKBONE_URLS.values():
        assert url.rsplit("/", 1)[1] in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "--convert: must be given"),
        (["--convert", "--network", "squeeze"], "--network: one of alex, vgg. Received: squeeze"),
        (["--convert", "--frobnicate"], "frobnicate"),
        (["--convert"], "--convert: needs PyTorch (pip install torch lpips==0.1.4)"),
    ],
)
def test_command_errors_are_one_line(arguments, said, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)  # as if it were not installed
    try:
        status = lpips.main(arguments)
    except SystemExit as stop:
        status = stop.code
    lines = capsys.readouterr().err.splitlines()
    assert status == 2 and len(lines) == 1
    assert lines[0].startswith("tf_gradsr.metrics.lpips: error: ") and said in lines[0]


@pytest.fixture(scope="module")
def official_like(reference, tmp_path_factory):
    """Files as PyTorch's are: a seeded AlexNet with further layers, and the linear heads."""
    torch = pytest.importorskip("torch")
    folder = tmp_path_factory.mktemp("pth")
    backbone = {**seeded_backbone("alex"), "classifier.1.bias": np.zeros(4096, np.float32)}
    for name, arrays in (("backbone", backbone), ("linear", heads(reference, "alex"))):
        torch.save({key: torch.from_numpy(array) for key, array in arrays.items()}, folder / f"{name}.pth")
    return folder


@needs_torch
def test_the_convert_command_gives_the_references_distances(official_like, reference, tmp_path):
    files = ["--backbone", official_like / "backbone.pth", "--linear", official_like / "linear.pth"]
    done = run_lpips("--convert", *files, HOME=tmp_path)
    path = tmp_path / ".cache/tf_gradsr/lpips_alex.npz"
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{path}: LPIPS 0.1 with AlexNet, 9.9 MB\n"
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    result = metrics.LPIPS.load("alex", path)(seeded_pictures(31, 31))
    np.testing.assert_allclose(result, reference["alex/31x31/distances"], atol=TOLERANCE)


@needs_torch
def test_convert_command_errors_are_one_line(official_like, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # a network that refuses
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    backbone, linear = str(official_like / "backbone.pth"), str(official_like / "linear.pth")
    text = tmp_path / "text.pth"
    text.write_text("<html>quota exceeded</html>")
    for arguments, said in [
        (["--backbone", backbone, "--linear", str(tmp_path / "no.pth")], "--linear: a PyTorch weights file"),
        (["--backbone", str(text), "--linear", linear], "--backbone: a PyTorch weights file"),
        (["--backbone", linear, "--linear", linear], "features.0.weight is missing"),
        (["--backbone", backbone, "--linear", backbone], "lin0.model.1.weight is missing"),
        (["--backbone", backbone, "--linear", linear, "--output", str(text / "x")], "--output: a file"),
        (["--linear", linear], "add --backbone alexnet-owt-7be5be79.pth"),
    ]:
        assert lpips.main(["--convert", "--output", str(tmp_path / "out.npz"), *arguments]) == 2
        *before, line = capsys.readouterr().err.splitlines()
        assert line.startswith("tf_gradsr.metrics.lpips: error: ") and said in line
        assert all(other.startswith("Downloading: ") for other in before)
    assert not (tmp_path / "out.npz").exists()


@needs_torch
@pytest.mark.skipif(importlib.util.find_spec("lpips") is None, reason="The package lpips is not installed")
def test_the_stored_linear_heads_are_the_packages(reference):
    import torch

    folder = Path(importlib.util.find_spec("lpips").origin).parent / "weights/v0.1"
    for network in KERNELS:
        official = torch.load(folder / f"{network}.pth", map_location="cpu", weights_only=True)
        stored = heads(reference, network)
        assert set(official) == set(stored)
        for name, tensor in official.items():
            np.testing.assert_array_equal(tensor.numpy(), stored[name])
