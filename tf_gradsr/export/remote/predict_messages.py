"""TF-Serving's Predict messages, without TensorFlow, whose import takes seconds.

The official protos (`tensorflow-serving-api`) import it. These are the parts of them that a client needs,
with the same numbers, so the bytes on the wire are the same; tests compare them with the official ones.
"""

import math

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from tf_gradsr.export.remote.server_errors import LARGEST_ANSWER

PREDICT = "/tensorflow.serving.PredictionService/Predict"

_FIELD = descriptor_pb2.FieldDescriptorProto
# {message: {field: (number, type, repeated)}}; a type that is a string names one of these messages. On the
# wire, a map is the same as repeated entries of key and value.
_MESSAGES = {
    "Dim": {"size": (1, _FIELD.TYPE_INT64, False)},
    "Shape": {"dim": (2, "Dim", True)},
    "Tensor": {
        "dtype": (1, _FIELD.TYPE_INT32, False),
        "tensor_shape": (2, "Shape", False),
        "tensor_content": (4, _FIELD.TYPE_BYTES, False),
        "float_val": (5, _FIELD.TYPE_FLOAT, True),
        "int_val": (7, _FIELD.TYPE_INT32, True),
        "string_val": (8, _FIELD.TYPE_BYTES, True),
    },
    "Version": {"value": (1, _FIELD.TYPE_INT64, False)},
    "ModelSpec": {
        "name": (1, _FIELD.TYPE_STRING, False),
        "version": (2, "Version", False),
        "signature_name": (3, _FIELD.TYPE_STRING, False),
    },
    "Entry": {"key": (1, _FIELD.TYPE_STRING, False), "value": (2, "Tensor", False)},
    "Request": {
        "model_spec": (1, "ModelSpec", False),
        "inputs": (2, "Entry", True),
        "output_filter": (3, _FIELD.TYPE_STRING, True),
    },
    "Response": {"outputs": (1, "Entry", True), "model_spec": (2, "ModelSpec", False)},
}
# TensorFlow's numbers of the types that the signatures have, and the field that holds values of each.
_TYPES = {
    np.dtype(np.float32): (1, "float_val"),
    np.dtype(np.int32): (3, "int_val"),
    np.dtype(np.uint8): (4, "int_val"),
    np.dtype(object): (7, "string_val"),
}
# Levels of nesting; signatures have five at most.
_MOST_SIDES = 8
_DTYPES = {number: (dtype, field) for dtype, (number, field) in _TYPES.items()}


class UnreadableAnswer(ValueError):
    """An answer holds something that no signature of this project returns."""


def encode_request(model: str, version, signature: str, inputs: dict, outputs) -> bytes:
    """Returns the bytes of a `PredictRequest`.

    Args:
        model: its name. version: int; None: the newest. signature: its name.
        inputs: {input: NumPy array of float32, int32, uint8, or of bytes (dtype object)}.
        outputs: names of those that are wanted.
    """
    request = _CLASSES["Request"](output_filter=outputs)
    request.model_spec.name, request.model_spec.signature_name = model, signature
    if version is not None:
        request.model_spec.version.value = version
    for name, value in inputs.items():
        request.inputs.add(key=name, value=_to_tensor(value))
    return request.SerializeToString()


def decode_response(response: bytes) -> tuple:
    """Decodes a `PredictResponse` to ({output: NumPy array}, version of the model that answered).

    Raises:
        UnreadableAnswer: other bytes, or a tensor of another type or whose values do not fit its shape.
    """
    try:
        response = _CLASSES["Response"].FromString(response)
    except DecodeError as error:
        raise UnreadableAnswer(f"the answer is not a PredictResponse ({error})") from None
    outputs = {entry.key: _to_array(entry.key, entry.value) for entry in response.outputs}
    return outputs, response.model_spec.version.value


def _to_tensor(value):
    number, field = _TYPES[value.dtype]
    tensor = _CLASSES["Tensor"](dtype=number)
    for side in value.shape:
        tensor.tensor_shape.dim.add(size=side)
    if field == "string_val":
        tensor.string_val.extend(value.ravel().tolist())
    else:
        tensor.tensor_content = value.astype(value.dtype.newbyteorder("<")).tobytes()
    return tensor


def _to_array(name, tensor):
    """Reads values from a list or, packed, from `tensor_content`; servers may use either."""
    if tensor.dtype not in _DTYPES:
        raise UnreadableAnswer(f"{name} has the type {tensor.dtype}, which this client does not know")
    dtype, field = _DTYPES[tensor.dtype]
    shape = [dim.size for dim in tensor.tensor_shape.dim]
    count = math.prod(shape)
    if len(shape) > _MOST_SIDES or min(shape, default=0) < 0 or count * dtype.itemsize > LARGEST_ANSWER:
        raise UnreadableAnswer(f"{name} has the shape {shape}, which no answer has")
    if tensor.tensor_content and field != "string_val":
        content = tensor.tensor_content
        whole = len(content) // dtype.itemsize * dtype.itemsize
        values = np.frombuffer(content[:whole], dtype.newbyteorder("<")).astype(dtype)
        found = len(content) / dtype.itemsize
    else:
        values = _from_list(name, getattr(tensor, field), dtype)
        if len(values) == 1:  # one value stands for all
            values = np.repeat(values, count)
        found = len(values)
    if found != count:
        raise UnreadableAnswer(f"{name} holds {found:g} values, its shape is {shape}")
    return values.reshape(shape)


def _from_list(name, listed, dtype):
    if dtype.kind == "O":
        values = np.empty(len(listed), object)
        values[:] = listed
        return values
    values = np.fromiter(listed, np.float32 if dtype.kind == "f" else np.int64, len(listed))
    if dtype == np.uint8 and len(values) and not 0 <= values.min() <= values.max() <= 255:
        raise UnreadableAnswer(f"{name} holds values that are no uint8, {values.min()} to {values.max()}")
    return values.astype(dtype)


def _message_classes():
    """{message: class}, in their own pool, since TensorFlow may register the official ones too."""
    package = "tf_gradsr_export"
    file = descriptor_pb2.FileDescriptorProto(name=f"{package}.proto", package=package, syntax="proto3")
    for message, fields in _MESSAGES.items():
        described = file.message_type.add(name=message)
        for name, (number, kind, repeated) in fields.items():
            label = _FIELD.LABEL_REPEATED if repeated else _FIELD.LABEL_OPTIONAL
            field = described.field.add(name=name, number=number, label=label)
            if isinstance(kind, str):
                field.type, field.type_name = _FIELD.TYPE_MESSAGE, f".{package}.{kind}"
            else:
                field.type = kind
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.{name}"))
        for name in _MESSAGES
    }


_CLASSES = _message_classes()
