"""TensorFlow settings for all tests, and the tiny pictures and models that they share."""

import fcntl
import shutil
import signal
from contextlib import ExitStack

from tf_gradsr.tensorflow_start import start_tensorflow, use_deterministic_kernels, use_full_float32

start_tensorflow()

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from small_features import Halves

from tf_gradsr.config import Config, DataConfig, LossConfig, ModelConfig
from tf_gradsr.config_files import save_config
from tf_gradsr.inference import Hallucinator
from tf_gradsr.models import GradSR, critics
from tf_gradsr.models.efficientnet import VARIANTS
from tf_gradsr.registry import build_generator
from tf_gradsr.run_folder import RunFolder
from tf_gradsr.web import bundling
from tf_gradsr.web.browser import find_chromium, launched

# A shell starts background jobs with Ctrl-C ignored, nohup with SIGHUP, and programs pass that on to those
# they start.
for number, default in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, default)
# Two logical CPU devices for the tests of replicas; must come before TensorFlow's first operation.
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
# The tolerances are for full float32, on a GPU too.
use_full_float32()
use_deterministic_kernels()


@pytest.fixture(scope="session")
def two_devices():
    """One strategy for all tests: a second one in the same process would clash with it."""
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])


@pytest.fixture
def small_features(monkeypatch):
    """Critics on features that cost nothing: with the real network, long runs and XLA take minutes."""
    monkeypatch.setattr(critics, "EfficientNetLite", lambda *_, **__: Halves())


@pytest.fixture
def rng():
    """The test's own source of random numbers."""
    return np.random.default_rng(0)


@pytest.fixture
def pictures(rng):
    """Maker of random pictures on the uint8 grid of [-1, 1], float32."""
    return lambda *shape: (rng.integers(0, 256, shape) * (2 / 255) - 1).astype(np.float32)


@pytest.fixture
def batches(rng):
    """Maker of a training batch of smooth random pictures, LR being the rounded block mean of HR."""

    def make(lr_shape=(4, 4), scale=2, size=2, z_size=4, count=2):
        height, width = lr_shape
        coarse = rng.uniform(-0.8, 0.8, (size, 3, 3, 3)).astype(np.float32)
        hr = np.asarray(tf.image.resize(coarse, (height * scale, width * scale), "bicubic")).clip(-1, 1)
        blocks = hr.reshape(size, height, scale, width, scale, 3).mean((2, 4))
        lr = np.round((blocks + 1) * 127.5) / 127.5 - 1
        z = rng.normal(size=(size, count, z_size))
        return {name: tf.constant(x, tf.float32) for name, x in (("lr", lr), ("hr", hr), ("z", z))}

    return make


@pytest.fixture
def tiny_config():
    """Maker of a config of tiny networks without VGG-16; settings of the model by name."""

    def make(lr_size=4, downscale="area", loss=None, **model):
        settings = {"scale": 2, "blocks": 1, "widths": [8], "z_size": 4, "discriminator_blocks": 1, **model}
        return Config(
            data=DataConfig(lr_size=lr_size, downscale=downscale),
            model=ModelConfig(**settings),
            loss=LossConfig(**{"perceptual": "none", "pixel": 1.0, **(loss or {})}),
        )

    return make


@pytest.fixture
def tiny_model(tiny_config):
    """Maker of a compiled `GradSR` with tiny networks, with plain SGD unless told otherwise."""

    def make(g_optimizer=None, d_optimizer=None, ema_decay=0.5, seed=0, **settings):
        keras.utils.set_random_seed(seed)
        config = tiny_config(**settings)
        model = GradSR(config)
        model.compile(
            config.loss,
            g_optimizer or keras.optimizers.SGD(0.005),
            d_optimizer or keras.optimizers.SGD(0.005),
            ema_decay,
        )
        return model

    return make


@pytest.fixture(scope="session")
def write_pictures():
    """Maker of a folder of smooth random pictures in its subfolder "test", as PNG."""

    def make(folder, count, size=(32, 32), seed=0):
        rng = np.random.default_rng(seed)
        for split in ("train", "test"):
            (folder / split).mkdir(parents=True)
        for number in range(count):
            coarse = Image.fromarray(rng.integers(0, 256, (6, 6, 3), np.uint8))
            coarse.resize(size, Image.Resampling.BICUBIC).save(folder / "test" / f"{number:03d}.png")
        return folder

    return make


@pytest.fixture(scope="session")
def write_run():
    """Maker of a run folder with a tiny generator of random weights, on which z acts strongly."""

    def make(folder, pictures, lr_size=8, downscale="area", seed=0, **model):
        settings = {"scale": 4, "blocks": 1, "widths": [4], "z_size": 3, **model}
        config = Config(
            data=DataConfig(source="folder", path=str(pictures), lr_size=lr_size, downscale=downscale),
            model=ModelConfig(**settings),
            loss=LossConfig(perceptual="none", pixel=1.0),
        )
        run = RunFolder(folder)
        run.path.mkdir(parents=True)
        save_config(config, run.config)
        keras.utils.set_random_seed(seed)
        generator, rng = build_generator(config), np.random.default_rng(seed)
        if generator.stochastic:
            generator.set_weights([rng.normal(0, 0.25, w.shape) for w in generator.get_weights()])
        generator.save_weights(run.weights)
        return run.path

    return make


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder for a module's files."""
    return tmp_path_factory.mktemp("folder")


@pytest.fixture(scope="module")
def run_dir(folder, write_run):
    """A run folder for a module's tests."""
    return write_run(folder / "run", folder / "pictures")


@pytest.fixture(scope="module")
def hallucinator(run_dir):
    """The model of `run_dir`."""
    return Hallucinator.load(run_dir)


@pytest.fixture(scope="module")
def quick_evaluation(tmp_path_factory):
    """Makes evaluations ignore the machine's weights of LPIPS and KID, and spend no seconds on timing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        patch.setattr("tf_gradsr.evaluation.networks.KID_NETWORK", "absent")
        patch.setitem(VARIANTS, "absent", VARIANTS["lite0"]._replace(package="no_such_package"))
        patch.setattr("tf_gradsr.evaluation.contestants.SECONDS", 0)
        yield


@pytest.fixture(scope="session")
def npm():
    """The packages of the page for browsers; skips if they cannot be fetched."""
    if not shutil.which("npm"):
        pytest.skip("no npm on the PATH")
    # Only one of several test processes fetches.
    with (bundling.SOURCES / "package-lock.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            bundling.install()
        except bundling.BundlingError as error:
            pytest.skip(f"npm could not fetch the page's packages: {error}")


@pytest.fixture(scope="module")
def browser():
    """Chromium without a window; one for each module, since Playwright allows one at a time."""
    pytest.importorskip("playwright", reason="Playwright's package is not installed")
    if not find_chromium():
        pytest.skip("no Chromium: none on the PATH, none in CHROMIUM")
    from playwright.sync_api import Error

    with ExitStack() as stack:
        try:
            browser = stack.enter_context(launched(["--use-fake-device-for-media-stream"]))
        except Error as error:
            pytest.skip(f"{find_chromium()} does not start: {str(error).splitlines()[0]}")
        yield browser
