"""Loads a written SavedModel as servers and programs do, and compares its answers with the Python model's."""

import io
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image
from tensorflow.core.protobuf import saved_model_pb2

from tf_gradsr import ops
from tf_gradsr.export.serving.warmup import WARMUP_FILE, read_warmup
from tf_gradsr.inference import Hallucinator

# Grey levels of uint8.
LARGEST_DIFFERENCE = 1.0


class WrongExport(RuntimeError):
    """What was written differs from the Python model."""


def verify(path, hallucinator: Hallucinator, consistency: str) -> dict:
    """Replays the warm-up requests of a SavedModel through both of TensorFlow's loaders.

    Args:
        path: folder of the SavedModel.
        hallucinator: the model that it was made from.
        consistency: "exact" or "none", as in the SavedModel.

    Returns:
        {signature: largest difference to the Python model in grey levels, of either loader}.

    Raises:
        WrongExport: an answer differs by more than `LARGEST_DIFFERENCE`, has other names, shapes or types,
            or the graph holds an operation that a server lacks.
    """
    _check_operations(path)
    differences = {}
    requests = read_warmup(Path(path) / WARMUP_FILE)
    expected = [python_answer(hallucinator, consistency, *request) for request in requests]
    for load in (loaded, loaded_in_session):
        with load(path) as answer:
            for (signature, inputs), right in zip(requests, expected):
                difference = largest_difference(signature, answer(signature, inputs), right)
                differences[signature] = max(difference, differences.get(signature, 0.0))
    return differences


@contextmanager
def loaded(path):
    """Gives a function `(signature, inputs)` -> dict of NumPy arrays, from `tf.saved_model.load`."""
    model = tf.saved_model.load(str(path), tags=["serve"])

    def answer(signature, inputs):
        results = model.signatures[signature](**{name: tf.constant(value) for name, value in inputs.items()})
        return {name: value.numpy() for name, value in results.items()}

    yield answer


@contextmanager
def loaded_in_session(path):
    """The same in a graph and a session with the tag `serve`, as TF-Serving runs it."""
    graph = tf.Graph()
    session = tf.compat.v1.Session(graph=graph)
    # The caller's default graph is replaced only while loading.
    with graph.as_default():
        signatures = tf.compat.v1.saved_model.load(session, ["serve"], str(path)).signature_def

    def answer(signature, inputs):
        known = signatures[signature]
        results = {name: info.name for name, info in known.outputs.items()}
        return session.run(results, {known.inputs[name].name: value for name, value in inputs.items()})

    with closing(session):
        yield answer


def python_answer(hallucinator: Hallucinator, consistency: str, signature: str, inputs: dict) -> dict:
    """What a signature must answer, from the Python model; only for seeds whose second number is 0."""
    if "z" in inputs:
        image, gradient = hallucinator.generate(inputs["lr"], inputs["z"], consistency)
        return {"image": image, "gradient": gradient}
    if "num_samples" not in inputs:
        return hallucinator.reconstruct(inputs["lr"], consistency)._asdict()
    encoded = "image_bytes" in inputs
    lr = _pixels(inputs["image_bytes"]) if encoded else inputs["lr"]
    sampling = int(inputs["num_samples"]), int(inputs["seed"][0]), float(inputs["temperature"])
    samples = hallucinator.sample(lr, *sampling, consistency)
    if encoded:
        return {"images_bytes": samples.images}
    return {"images": samples.images, "mean": samples.mean, "stddev": samples.stddev}


def largest_difference(signature: str, answer: dict, right: dict) -> float:
    """The largest difference of an answer, in grey levels.

    Raises:
        WrongExport: see `verify`.
    """
    if answer.keys() != right.keys():
        raise WrongExport(f"{signature} answers {sorted(answer)} instead of {sorted(right)}")
    largest = 0.0
    for name, expected in right.items():
        value = _pixels(answer[name]) if name == "images_bytes" else answer[name]
        if value.shape != expected.shape or value.dtype != expected.dtype:
            raise WrongExport(
                f"{signature}: {name} is {value.dtype} {value.shape} instead of "
                f"{expected.dtype} {expected.shape}"
            )
        difference = np.abs(value.astype(np.float64) - expected).max()
        # Image gradients are those of pictures in [-1, 1].
        difference /= ops.LEVEL if name == "gradient" else 1.0
        if not difference <= LARGEST_DIFFERENCE:
            raise WrongExport(
                f"{signature}: {name} differs by {difference:.2f} grey levels from the Python model's"
            )
        largest = max(largest, float(difference))
    return largest


def operations(path) -> set:
    """Names of all operations in a SavedModel, including those in its functions."""
    model = saved_model_pb2.SavedModel.FromString((Path(path) / "saved_model.pb").read_bytes())
    graph = model.meta_graphs[0].graph_def
    nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
    functions = {function.signature.name for function in graph.library.function}
    return {node.op for node in nodes} - functions


def _check_operations(path):
    names = operations(path)
    python = {name for name in names if "PyFunc" in name}
    # "Const" is the one operation of TensorFlow's own that `tf.raw_ops` lacks.
    unknown = {name for name in names - {"Const"} if not hasattr(tf.raw_ops, name)}
    if python or unknown:
        raise WrongExport(f"operations that a server lacks: {', '.join(sorted(python | unknown))}")


def _pixels(encoded):
    """Decodes an array of png or jpeg bytes with Pillow; uint8 `[..., H, W, 3]`."""
    encoded = np.asarray(encoded)
    pictures = [np.asarray(Image.open(io.BytesIO(one)).convert("RGB")) for one in encoded.ravel()]
    return np.stack(pictures).reshape(*encoded.shape, *pictures[0].shape)
