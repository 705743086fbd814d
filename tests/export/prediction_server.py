"""A small stand-in for `tensorflow_model_server`: the official PredictionService and the REST API.

It answers like the real one where that matters to a client: it feeds a TF1 session what a request names and
checks no shapes; errors of the session, and so of the graph, go back with their own code. The wording of its
own refusals follows the real server's source (tensorflow/serving: predict_util.cc, json_tensor.cc,
http_rest_api_handler.cc, grpc_status_util.cc; tensorflow: cc/saved_model/util.cc).
"""

import base64
import binascii
import json
import re
import sys
import threading
from concurrent import futures
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

# The real server sends at most this many characters of a message over gRPC.
MESSAGE_LIMIT = 1024
HTTP_STATUS = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "OUT_OF_RANGE": 400,
    "NOT_FOUND": 404,
    "RESOURCE_EXHAUSTED": 429,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
_PATH = re.compile(r"/v1/models/([^/:]+)(?:/versions/(\d+))?(:predict)?")


class Refusal(Exception):
    """An error with a gRPC code's name."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


class ServedModel:
    """One version of a SavedModel in a session.

    Attributes:
        before: called before each prediction, for tests; may wait, or raise `Refusal`.
        asked: signatures of all predictions so far. busiest: most predictions at one time.
        packed: whether tensors go out as `tensor_content`; the real server sends lists of values.
    """

    def __init__(self, path, name):
        self.name, self.version = name, int(path.name)
        self.graph = tf.Graph()
        self.session = tf.compat.v1.Session(graph=self.graph)
        with self.graph.as_default():
            loaded = tf.compat.v1.saved_model.load(self.session, ["serve"], str(path))
        self.signatures = dict(loaded.signature_def)
        self.session._extend_graph()
        self.lock, self.busy = threading.Lock(), 0
        self.reset()

    def reset(self):
        self.before, self.asked, self.busiest, self.packed = lambda: None, [], 0, False

    def check_spec(self, name, version):
        if name != self.name or version not in (None, self.version):
            wanted = f"Latest({name})" if version is None else f"Specific({name}, {version})"
            raise Refusal("NOT_FOUND", f"Servable not found for request: {wanted}")

    def predict(self, signature, inputs, output_filter=()):
        """{input: `TensorProto`} -> {output: NumPy array}."""
        with self.lock:
            self.asked.append(signature)
            self.busy += 1
            self.busiest = max(self.busy, self.busiest)
        try:
            self.before()
            return self._run(self.signatures[signature], inputs, output_filter)
        except tf.errors.OpError as error:
            raise Refusal(grpc_code(error), error.message) from None
        finally:
            with self.lock:
                self.busy -= 1

    def _run(self, signature, inputs, output_filter):
        known, sent = set(signature.inputs), set(inputs)
        if len(known) != len(sent):
            raise Refusal(
                "INVALID_ARGUMENT",
                f"input size does not match signature: {len(sent)}!={len(known)} "
                f"len({{{','.join(sorted(sent))}}}) != len({{{','.join(sorted(known))}}}). "
                f"Sent extra: {{{','.join(sorted(sent - known))}}}. "
                f"Missing but required: {{{','.join(sorted(known - sent))}}}.",
            )
        if known != sent:
            missing = min(known - sent)
            raise Refusal(
                "INVALID_ARGUMENT",
                f"Signature input alias: {missing}(feed name: {signature.inputs[missing].name}) not found in "
                f"request and no default value provided.",
            )
        for name in output_filter:
            if name not in signature.outputs:
                raise Refusal("INVALID_ARGUMENT", f"output tensor alias not found in signature: {name}")
        wanted = list(output_filter) or sorted(signature.outputs)
        feeds = {self._end(signature.inputs[name]): _parsed(name, value) for name, value in inputs.items()}
        fetches = [self._end(signature.outputs[name]) for name in wanted]
        # `Session.run` without Python's own checks of shapes and types.
        results = self.session._call_tf_sessionrun(None, feeds, fetches, [], None)
        return dict(zip(wanted, results))

    def _end(self, info):
        return self.graph.get_tensor_by_name(info.name)._as_tf_output()


@contextmanager
def serving(path, name="gradsr", ports=(0, 0)):
    """Serves a version's folder; gives (`ServedModel`, gRPC port, REST port). Port 0 means any free one."""
    model = ServedModel(path, name)
    pool = futures.ThreadPoolExecutor(16)
    rpc = grpc.server(pool, options=[("grpc.max_receive_message_length", -1), ("grpc.so_reuseport", 0)])
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(_Service(model), rpc)
    grpc_port = rpc.add_insecure_port(f"localhost:{ports[0]}")
    rpc.start()
    rest = _RestServer(("localhost", ports[1]), type("Handler", (_RestHandler,), {"model": model}))
    thread = threading.Thread(target=rest.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield model, grpc_port, rest.server_port
    finally:
        rest.shutdown()
        thread.join()
        rest.server_close()
        rpc.stop(0).wait()
        pool.shutdown()
        model.session.close()


def grpc_code(error):
    """The name of gRPC's code for a TensorFlow error; both have the same numbers."""
    return next(code.name for code in grpc.StatusCode if code.value[0] == error.error_code)


def _parsed(name, tensor):
    try:
        return tf.make_ndarray(tensor)
    except (ValueError, TypeError):
        raise Refusal("INVALID_ARGUMENT", f"tensor parsing error: {name}") from None


def _signature(model, name, code, message):
    name = name or "serving_default"
    if name not in model.signatures:
        raise Refusal(code, message.format(name))
    return name


# ---------------------------------------------------------------- gRPC


class _Service(prediction_service_pb2_grpc.PredictionServiceServicer):
    def __init__(self, model):
        self.model = model

    def Predict(self, request, context):
        try:
            return self._answer(request)
        except Refusal as refusal:
            message = str(refusal)
            if len(message) > MESSAGE_LIMIT:
                message = f"{message[:MESSAGE_LIMIT]}...TRUNCATED"
            return context.abort(grpc.StatusCode[refusal.code], message)

    def _answer(self, request):
        spec = request.model_spec
        self.model.check_spec(spec.name, spec.version.value if spec.HasField("version") else None)
        name = _signature(
            self.model, spec.signature_name, "FAILED_PRECONDITION", 'Serving signature key "{}" not found.'
        )
        outputs = self.model.predict(name, dict(request.inputs), request.output_filter)
        response = predict_pb2.PredictResponse()
        response.model_spec.name, response.model_spec.signature_name = self.model.name, name
        response.model_spec.version.value = self.model.version
        for key, value in outputs.items():
            tensor = tf.make_tensor_proto(value) if self.model.packed else _as_field(value)
            response.outputs[key].CopyFrom(tensor)
        return response


def _as_field(value):
    """A `TensorProto` whose values are in a list, as the real server writes it."""
    value = np.asarray(value)
    tensor = tf.make_tensor_proto(value)
    tensor.ClearField("tensor_content")
    field = {np.dtype(np.uint8): "int_val", np.dtype(np.float32): "float_val", np.dtype(object): "string_val"}
    tensor.ClearField(field[value.dtype])
    getattr(tensor, field[value.dtype]).extend(value.ravel().tolist())
    return tensor


# ---------------------------------------------------------------- REST


class _RestServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A server that does not report clients that went away, as after a deadline."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _RestHandler(BaseHTTPRequestHandler):
    model = None

    def do_GET(self):
        self._reply(self._status)

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._reply(lambda path: self._predict(path, body))

    def log_message(self, *words):
        """Not on stderr."""

    def _reply(self, answer):
        try:
            path = _PATH.fullmatch(self.path)
            if not path:
                raise Refusal("INVALID_ARGUMENT", f"Malformed request: {self.command} {self.path}")
            status, content = 200, answer(path)
        except Refusal as refusal:
            status, content = HTTP_STATUS.get(refusal.code, 500), {"error": str(refusal)}
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _status(self, path):
        name, version, predict = path.groups()
        if predict:
            raise Refusal("INVALID_ARGUMENT", f"Malformed request: GET {self.path}")
        if name != self.model.name:
            raise Refusal("NOT_FOUND", f"Could not find any versions of model {name}")
        if version and int(version) != self.model.version:
            raise Refusal("NOT_FOUND", f"Could not find version {version} of model {name}")
        health = {"error_code": "OK", "error_message": ""}
        return {
            "model_version_status": [
                {"version": str(self.model.version), "state": "AVAILABLE", "status": health}
            ]
        }

    def _predict(self, path, body):
        name, version, predict = path.groups()
        if not predict:
            raise Refusal("INVALID_ARGUMENT", f"Malformed request: POST {self.path}")
        self.model.check_spec(name, int(version) if version else None)
        try:
            asked = json.loads(body)
        except ValueError as error:
            raise Refusal("INVALID_ARGUMENT", f"JSON Parse error: {error}") from None
        if not isinstance(asked, dict):
            raise Refusal("INVALID_ARGUMENT", f"JSON Value: {asked} Is not object")
        missing = 'Serving signature name: "{}" not found in signature def'
        signature = _signature(self.model, asked.get("signature_name"), "INVALID_ARGUMENT", missing)
        infos = self.model.signatures[signature].inputs
        if "instances" in asked:
            inputs, key = _from_rows(asked["instances"], infos), "predictions"
        elif "inputs" in asked:
            inputs, key = _from_columns(asked["inputs"], infos), "outputs"
        else:
            raise Refusal("INVALID_ARGUMENT", "Missing 'inputs' or 'instances' key")
        outputs = self.model.predict(signature, inputs)
        columns = {name: _to_json(value) for name, value in outputs.items()}
        if key == "predictions":
            rows = [dict(zip(columns, row)) for row in zip(*columns.values())]
            return {key: rows if len(columns) > 1 else next(iter(columns.values()))}
        return {key: columns if len(columns) > 1 else next(iter(columns.values()))}


def _from_columns(value, infos):
    if not isinstance(value, dict) or set(value) == {"b64"}:
        if len(infos) > 1:
            raise Refusal(
                "INVALID_ARGUMENT",
                "inputs is a plain value/list, but expecting an object as multiple input tensors required",
            )
        value = {next(iter(infos)): value}
    for name in infos:
        if name not in value:
            raise Refusal("INVALID_ARGUMENT", f"Missing named input: {name} in 'inputs' object.")
    return {name: _from_json(value[name], infos[name].dtype) for name in infos}


def _from_rows(rows, infos):
    if not isinstance(rows, list) or not rows:
        raise Refusal("INVALID_ARGUMENT", "JSON Value: Excepting 'instances' to be an list/array")
    if not isinstance(rows[0], dict) or set(rows[0]) == {"b64"}:
        rows = [{next(iter(infos)): row} for row in rows]
    for number, row in enumerate(rows):
        if set(row) != set(infos):
            raise Refusal(
                "INVALID_ARGUMENT",
                f"Failed to process element: {number} of 'instances' list. "
                f"keys must be equal to: {','.join(sorted(infos))}",
            )
    return {name: _from_json([row[name] for row in rows], infos[name].dtype) for name in infos}


def _from_json(value, dtype):
    """Nested lists -> `TensorProto` of the signature's type; the shape is that of the first entries."""
    shape, first = [], value
    while isinstance(first, list):
        shape.append(len(first))
        first = first[0] if first else None
    tensor = tensor_pb2.TensorProto(dtype=dtype)
    for side in shape:
        tensor.tensor_shape.dim.add(size=side)
    _fill(value, 0, shape, tensor)
    return tensor


def _fill(value, level, shape, tensor):
    if isinstance(value, list):
        if level >= len(shape) or len(value) != shape[level]:
            raise Refusal("INVALID_ARGUMENT", f"Encountered list at unexpected size: {len(value)}")
        for inner in value:
            _fill(inner, level + 1, shape, tensor)
        return
    wrong = Refusal(
        "INVALID_ARGUMENT",
        f"JSON Value: {value} Type: {type(value).__name__} "
        f"is not of expected type: {tf.as_dtype(tensor.dtype).name}",
    )
    if level != len(shape):
        raise Refusal("INVALID_ARGUMENT", f"JSON Value: {value} found at incorrect level: {level + 1}")
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if tensor.dtype == tf.float32.as_datatype_enum and is_number:
        tensor.float_val.append(value)
    elif tensor.dtype in (tf.int32.as_datatype_enum, tf.uint8.as_datatype_enum) and type(value) is int:
        tensor.int_val.append(value)
    elif tensor.dtype == tf.string.as_datatype_enum and isinstance(value, dict) and set(value) == {"b64"}:
        try:
            tensor.string_val.append(base64.b64decode(value["b64"], validate=True))
        except (binascii.Error, TypeError, ValueError):
            raise Refusal("INVALID_ARGUMENT", "Unable to base64 decode") from None
    elif tensor.dtype == tf.string.as_datatype_enum and isinstance(value, str):
        tensor.string_val.append(value.encode())
    else:
        raise wrong


def _to_json(value):
    if value.dtype != object:
        return value.tolist()
    return np.vectorize(lambda one: {"b64": base64.b64encode(one).decode()}, otypes=[object])(value).tolist()
