"""One bit of a file is flipped, or its end cut off: every kind of file must be named then, and never used."""

import shutil
from contextlib import contextmanager

import numpy as np
import pytest

from tf_gradsr.config import Config, DataConfig, ModelConfig
from tf_gradsr.config_files import load_config
from tf_gradsr.data import faces, load_pictures
from tf_gradsr.data.pictures import DecodedPictures
from tf_gradsr.data.source import source_of_prepared
from tf_gradsr.errors import ConfigError
from tf_gradsr.registry import build_model
from tf_gradsr.run_folder import RunFolder
from tf_gradsr.training.checkpoints import Checkpoints


@contextmanager
def damaged(path, rng, cut):
    """Flips a random bit of a file, or cuts it at a random place, while the block runs."""
    content = path.read_bytes()
    if cut:
        path.write_bytes(content[: rng.integers(0, len(content))])
    else:
        changed = bytearray(content)
        changed[rng.integers(0, len(content))] ^= 1 << rng.integers(0, 8)
        path.write_bytes(changed)
    try:
        yield
    finally:
        path.write_bytes(content)


def check_checkpoints(folder, small_config, times, rng, caplog):
    """The newest checkpoint is damaged: it is named, and the older one is used."""
    model = build_model(small_config)
    checkpoints = Checkpoints(folder, model, seed=0)
    checkpoints.save()
    before = model.generator.get_weights()
    model.generator.set_weights([v + 1 for v in before])
    model.g_optimizer.iterations.assign(5)
    newest = checkpoints.save()
    files = sorted(newest.iterdir())
    assert len(files) == 4
    for time in range(times):
        with damaged(files[time % 4], rng, cut=time % 10 == 9):
            caplog.clear()
            assert checkpoints.restore_latest() == 0
            assert f"{newest.name} is damaged" in caplog.text
            for weight, kept in zip(model.generator.get_weights(), before):
                np.testing.assert_array_equal(weight, kept)
            (folder / f"damaged_{newest.name}").replace(newest)
    assert checkpoints.restore_latest() == 5


def check_weights(folder, small_config, times, rng, caplog):
    """A run's weights, or their digest, are damaged: no command uses the run."""
    run = RunFolder(folder)
    run.prepare(small_config)
    Checkpoints(run.checkpoints, build_model(small_config), seed=0, weights=run.weights).save()
    for time in range(times):
        path = run.checksum if time % 4 == 3 else run.weights
        with damaged(path, rng, cut=time % 10 == 9), pytest.raises(ConfigError, match=run.weights.name):
            RunFolder.trained(run.path)
    RunFolder.trained(run.path)


def check_embedded_faces(folder, small_config, times, rng, caplog):
    """A file of the embedded faces is damaged: the faces are not used."""
    copy = folder / "faces"
    shutil.copytree(faces.FOLDER, copy)
    files = sorted(copy.iterdir())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(faces, "FOLDER", copy)
        for time in range(times):
            path = files[time % len(files)]
            with damaged(path, rng, cut=time % 10 == 9), pytest.raises(ConfigError, match=path.name):
                faces.open_faces(small_config, "train")
        assert len(faces.open_faces(small_config, "train").names) == 1024


def check_records(folder, small_config, times, rng, caplog):
    """A TFRecord file of a dataset without digests, such as CelebA's, is damaged: it is not used."""
    copy = folder / "records"
    shutil.copytree(faces.FOLDER, copy, ignore=shutil.ignore_patterns("*train*", "*test*"))
    files = sorted(copy.glob("*.tfrecord*"))

    def decoded():
        source = source_of_prepared(copy, "validation")
        return list(DecodedPictures(source, source.names, small_config, progress=False))

    for time in range(times):
        path = files[time % len(files)]
        with (
            damaged(path, rng, cut=time % 3 == 2),
            pytest.raises(ConfigError, match=f"data.path: .*{path.name}"),
        ):
            decoded()
    # Cut where a record ends, a file is shorter and has no other fault.
    path = files[-1]
    content = path.read_bytes()
    path.write_bytes(b"")
    with pytest.raises(ConfigError, match=r"data\.path: .*records, damaged .*128 elements"):
        decoded()
    path.write_bytes(content)
    assert len(decoded()) == 128


def check_cache(folder, small_config, times, rng, caplog):
    """A cache file is damaged: it is named and made again."""
    config = Config(
        data=DataConfig(source="faces", lr_size=6, limit=4, cache="file", cache_dir=str(folder / "cache")),
        model=ModelConfig(scale=2),
    )
    expected = np.array(load_pictures(config, "test", progress=False).array)
    (path,) = (folder / "cache").iterdir()
    content = path.read_bytes()
    for time in range(times):
        with damaged(path, rng, cut=time % 10 == 9):
            caplog.clear()
            found = load_pictures(config, "test", progress=False)
            assert path.name in caplog.text and "damaged" in caplog.text
            np.testing.assert_array_equal(found.array, expected)
            assert path.read_bytes() == content


def check_config(folder, small_config, times, rng, caplog):
    """A run's config is damaged: it is named."""
    run = RunFolder(folder)
    run.prepare(small_config)
    for time in range(times):
        cut = time % 10 == 9
        with damaged(run.config, rng, cut), pytest.raises(ConfigError, match=r"config\.yaml"):
            load_config(run.config)
    assert load_config(run.config) == small_config


CHECKS = {
    "checkpoint": check_checkpoints,
    "weights": check_weights,
    "embedded faces": check_embedded_faces,
    "TFRecord": check_records,
    "cache": check_cache,
    "config": check_config,
}
