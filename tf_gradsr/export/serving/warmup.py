"""TF-Serving's warm-up file: one request for each signature, which a server answers before it takes others.

The messages come from `tensorflow-serving-api`, the official protos, which can be installed with TensorFlow.
"""

from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import model_pb2, predict_pb2, prediction_log_pb2

from tf_gradsr.export.serving import encoded_pictures

# Where TF-Serving looks for it, below a version's folder.
WARMUP_FILE = Path("assets.extra/tf_serving_warmup_requests")
SAMPLES = 2


def warmup_inputs(signatures, lr_shape, z_size: int) -> dict:
    """Inputs for each signature: two random pictures of the size that the model was trained with.

    Args:
        signatures: names of some of `ServingGraph`'s signatures and "serving_default".
        lr_shape: (height, width). z_size: m.

    Returns:
        {signature: {input: NumPy array}}
    """
    rng = np.random.default_rng(0)
    lr = rng.integers(0, 256, (2, *lr_shape, 3), np.uint8)
    sampling = {
        "num_samples": np.array(SAMPLES, np.int32),
        "seed": np.array([0, 0], np.int32),
        "temperature": np.array(1.0, np.float32),
    }
    encoded = encoded_pictures.encode(lr).numpy()
    inputs = {
        "hallucinate": {"lr": lr, "z": rng.normal(size=(2, z_size)).astype(np.float32)},
        "reconstruct": {"lr": lr},
        "sample": {"lr": lr, **sampling},
        "sample_encoded": {"image_bytes": encoded, **sampling},
    }
    inputs["serving_default"] = inputs["hallucinate" if "hallucinate" in signatures else "reconstruct"]
    return {name: inputs[name] for name in signatures}


def write_warmup(path, model: str, requests: dict) -> None:
    """Writes a TFRecord file of `PredictionLog` messages.

    Args:
        path: of the file; its folder is made if needed.
        model: the name that the model is served under.
        requests: {signature: {input: NumPy array}}
    """
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for signature, inputs in requests.items():
            request = predict_pb2.PredictRequest(
                model_spec=model_pb2.ModelSpec(name=model, signature_name=signature),
                inputs={name: tf.make_tensor_proto(value) for name, value in inputs.items()},
            )
            log = prediction_log_pb2.PredictionLog(predict_log=prediction_log_pb2.PredictLog(request=request))
            writer.write(log.SerializeToString(deterministic=True))


def read_warmup(path) -> list:
    """The requests of a warm-up file: list of (signature, {input: NumPy array})."""
    requests = []
    for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
        request = prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
        inputs = {name: tf.make_ndarray(value) for name, value in request.inputs.items()}
        requests.append((request.model_spec.signature_name, inputs))
    return requests
