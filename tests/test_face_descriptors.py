"""Reading a graph of TensorFlow.js, and the distance of descriptors."""

import numpy as np
import pytest
import tensorflow as tf

from tf_gradsr.metrics import BadWeights, MissingWeights
from tf_gradsr.metrics.face_descriptors import (
    GRAPH,
    LENGTH,
    WEIGHTS,
    FaceDescriptors,
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
        # What is not asked for is left out, whatever it needs.
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
    with pytest.raises(MissingWeights, match=r"npm pack .*@vladmandic/human"):
        FaceDescriptors.load(tmp_path)
    (tmp_path / GRAPH).write_text("{}")
    (tmp_path / WEIGHTS).write_bytes(b"other weights")
    with pytest.raises(BadWeights, match="not the file that this program knows"):
        FaceDescriptors.load(tmp_path)


def test_distance_is_that_of_unit_vectors():
    east, north = np.zeros((2, 1, LENGTH), np.float32)
    east[0, 0] = north[0, 1] = LENGTH**0.5
    distances = [float(face_distance(east, other)[0]) for other in (east, north, -east)]
    assert distances == pytest.approx([0, 2**0.5, 2])


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
