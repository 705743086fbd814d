"""How the input pipeline reads pictures: with TensorFlow operations alone, so that it runs anywhere."""

import os
import socket
import subprocess
import sys

import numpy as np
import psutil
import pytest
import tensorflow as tf
from checkout import ROOT

from tf_gradsr.config import Config, DataConfig, ModelConfig, TrainConfig
from tf_gradsr.data import PictureSet, cache, evaluation_batches, load_pictures, training_batches
from tf_gradsr.data.pictures import aligned_empty


@pytest.fixture
def config(tmp_path):
    """Embedded faces in a cache file, moved and degraded, at a size that is quick."""
    data = DataConfig(source="faces", lr_size=4, limit=12, augment=True, degrade=True)
    data.cache, data.cache_dir = "file", str(tmp_path)
    return Config(data=data, model=ModelConfig(scale=4, z_size=4), train=TrainConfig(batch_size=4))


def operations(dataset):
    """Names of all operations in a dataset's graph and its functions, and the graph's size in bytes."""
    serialized = dataset._as_serialized_graph().numpy()
    graph = tf.compat.v1.GraphDef.FromString(serialized)
    nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
    return {node.op for node in nodes}, len(serialized)


@pytest.mark.parametrize("kept", ["memory", "file"])
def test_no_python_runs_in_the_pipeline(config, kept):
    config.data.cache = kept
    pictures = load_pictures(config, "train", progress=False)
    for dataset in (training_batches(pictures, config), evaluation_batches(pictures, config, 4)):
        found, _ = operations(dataset)
        assert "MapDataset" in found or "ParallelMapDatasetV2" in found
        assert {name for name in found if "PyFunc" in name or name == "GeneratorDataset"} == set()


def test_the_graph_holds_the_path_of_a_cache_file_not_its_pictures(tmp_path):
    shape = (600, 64, 64, 3)
    expected = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    path = tmp_path / "some.pictures"
    cache.write_rows(path, Rows(expected), shape[1:3])
    pictures = PictureSet(*cache.read(path), path)
    dataset = tf.data.Dataset.from_tensor_slices([599, 0, 7]).batch(2).map(pictures.read)
    found, size = operations(dataset)
    assert "ImmutableConst" in found and size < 10_000
    read = np.concatenate(list(dataset.as_numpy_iterator()))
    np.testing.assert_array_equal(read, expected[[599, 0, 7]])


class Rows(list):
    """Pictures as `cache.write_rows` takes them."""

    skipped = ()


def test_a_tensor_shares_the_memory_of_loaded_pictures(config):
    config.data.cache = "memory"
    pictures = load_pictures(config, "train", progress=False)
    assert np.asarray(memoryview(pictures._tensor)).ctypes.data == pictures.array.ctypes.data
    assert pictures._tensor.device.endswith("CPU:0")


def test_pictures_in_memory_may_exceed_what_a_graph_can_hold():
    """2.4 GB, of which the system only provides what is touched: a copy or a constant would touch all."""
    array = aligned_empty((50_000, 128, 128, 3))
    assert array.nbytes > 2**31
    array[41_234] = 200
    config = Config(data=DataConfig(source="faces", lr_size=16), model=ModelConfig(scale=8))
    before = psutil.Process().memory_full_info().uss
    batch = tf.data.Dataset.from_tensors([41_234]).map(PictureSet(array, []).read)
    assert (next(iter(batch)).numpy() == 200).all()
    assert len(next(iter(evaluation_batches(PictureSet(array, []), config, 2)))["hr"]) == 2
    assert psutil.Process().memory_full_info().uss - before < 500e6


# A tf.data service whose worker is another process, as on a host of its own with the same disk.
WORKER = """
import sys
from tf_gradsr.tensorflow_start import start_tensorflow, use_deterministic_kernels
start_tensorflow()
use_deterministic_kernels()
import tensorflow as tf
service = tf.data.experimental.service
dispatcher = service.DispatchServer(service.DispatcherConfig(port=int(sys.argv[1])))
worker = service.WorkerServer(service.WorkerConfig(dispatcher_address=f"localhost:{sys.argv[1]}"))
print("serving", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def service(tmp_path):
    """Address of a tf.data service in another process and another folder."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    try:
        assert process.stdout.readline() == b"serving\n"
        yield f"grpc://localhost:{port}"
    finally:
        process.stdin.close()
        process.stdout.close()
        process.kill()
        process.wait()


def test_a_data_service_in_another_process_gives_the_same_batches(config, service):
    pictures = load_pictures(config, "train", progress=False)
    for changed in (True, False):
        config.data.augment = config.data.degrade = changed
        dataset = training_batches(pictures, config, start_step=5, num_steps=6)
        served = dataset.apply(
            tf.data.experimental.service.distribute(tf.data.experimental.service.ShardingPolicy.OFF, service)
        )
        # A service may change the order of the batches.
        ours, theirs = (sorted(d.as_numpy_iterator(), key=noise) for d in (dataset, served))
        assert len(ours) == 6
        for one, other in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(one["z"], other["z"])
            for name in ("lr", "hr"):
                levels = np.rint(np.abs(one[name] - other[name]) * 127.5)
                # Where a mean or an interpolated value is halfway between two levels, sums in another order
                # are rounded to the other one.
                assert levels.max() <= 1 and (levels > 0).mean() < 0.01
        if not changed:
            np.testing.assert_array_equal(*(np.stack([b["hr"] for b in side]) for side in (ours, theirs)))


def noise(batch):
    """A number that only one batch has."""
    return float(batch["z"][0, 0, 0])
