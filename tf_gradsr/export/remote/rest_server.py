"""A served model, asked over REST."""

# Why not `requests`: its timeout is one between two bytes, not a deadline for an answer that trickles in.
# With a deadline added it saves nine lines, takes 75 ms to import, and says "Connection refused" in 250
# characters.

import base64
import binascii
import contextlib
import http.client
import json
import socket
import threading
import time
import urllib.parse

import numpy as np

from tf_gradsr.export.remote.server_errors import LARGEST_ANSWER, ServerError

# gRPC's names for the HTTP statuses that TF-Serving answers with.
_CODES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    405: "UNIMPLEMENTED",
    413: "RESOURCE_EXHAUSTED",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_PIECE = 2**16
# Of an answer that makes no sense, this many bytes are shown.
_SHOWN = 80


class RestServer:
    """A model behind TF-Serving's REST port. Arguments and methods as `GrpcServer`."""

    def __init__(self, host: str, port: int, model: str, version, deadline: float):
        self.address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self.host, self.port, self.deadline = host, port, deadline
        self.version = version
        versions = "" if version is None else f"/versions/{version}"
        self._path = f"/v1/models/{urllib.parse.quote(model, safe='')}{versions}:predict"

    def predict(self, signature: str, inputs: dict, outputs) -> tuple:
        """Asks once; see `GrpcServer.predict`. The version is the one asked for: answers do not name it."""
        # The column format: rows cannot hold scalars.
        asked = {"signature_name": signature, "inputs": {name: _to_json(x) for name, x in inputs.items()}}
        status, answer = self._post(json.dumps(asked).encode())
        if status != 200:
            code = _CODES.get(status, f"HTTP {status}")
            raise ServerError(code, _error_in(answer))
        try:
            found = _parsed(answer)["outputs"]
            # A single output comes without its name.
            named = found if isinstance(found, dict) and "b64" not in found else {outputs[0]: found}
            return {name: _from_json(value) for name, value in named.items() if name in outputs}, self.version
        except (ValueError, KeyError, TypeError, OverflowError):
            begin = answer[:_SHOWN].decode(errors="replace")
            raise ServerError("INTERNAL", f"an answer that is not TF-Serving's: {begin!r}") from None

    def close(self) -> None:
        """Connections last for one request each; nothing is left open."""

    def _post(self, body):
        """(HTTP status, body), on a new connection, so that a name's several addresses share the load."""
        late, watch, connection = threading.Event(), None, None
        try:
            connection = http.client.HTTPConnection(self.host, self.port, timeout=self.deadline)
            start = time.monotonic()
            connection.connect()
            # A socket's own limit is one between two bytes.
            watch = threading.Timer(start + self.deadline - time.monotonic(), _cut, [connection.sock, late])
            watch.daemon = True
            watch.start()
            headers = {"Content-Type": "application/json", "Connection": "close"}
            connection.request("POST", self._path, body, headers)
            response = connection.getresponse()
            answer = self._read(response)
            if late.is_set():
                raise TimeoutError
            if 300 <= response.status < 400:
                raise ServerError(
                    "REDIRECTED",
                    f"to {response.getheader('Location', 'nowhere')}, which is not followed; give --host and "
                    "--port of the server itself",
                )
            return response.status, answer
        # Refused, reset, or closed in the middle of an answer.
        except (OSError, UnicodeError, http.client.HTTPException) as error:
            raise self._described(error, late.is_set()) from None
        finally:
            if watch:
                watch.cancel()
            if connection:
                connection.close()

    def _read(self, response):
        pieces, size = [], 0
        while piece := response.read1(_PIECE):
            pieces.append(piece)
            size += len(piece)
            if size > LARGEST_ANSWER:
                raise ServerError("RESOURCE_EXHAUSTED", f"an answer of more than {LARGEST_ANSWER} bytes")
        if response.length:
            raise http.client.IncompleteRead(b"", response.length)
        return b"".join(pieces)

    def _described(self, error, late):
        """The `ServerError` of an error of the connection."""
        if late or isinstance(error, TimeoutError):
            return ServerError("DEADLINE_EXCEEDED", f"no answer within {self.deadline:g} s")
        # No such host, or not a name that a host could have.
        if isinstance(error, (socket.gaierror, UnicodeError, http.client.InvalidURL)):
            return ServerError("NOT_FOUND", f"{self.host}: {error}")
        words = str(error) or type(error).__name__
        if isinstance(error, http.client.BadStatusLine) and not isinstance(error, ConnectionError):
            words = f"an answer that is not HTTP: {words!r}; is this a gRPC port?"
        return ServerError("UNAVAILABLE", words)


def _cut(link, late):
    """Ends a connection whose deadline has passed: what reads from it wakes up."""
    late.set()
    with contextlib.suppress(OSError):
        link.shutdown(socket.SHUT_RDWR)


def _parsed(text):
    """Parses JSON.

    Raises:
        ValueError: it is none.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("too many levels") from None


def _error_in(answer):
    """The message of an error, which is JSON if it is TF-Serving's own."""
    try:
        return _parsed(answer)["error"]
    except (ValueError, KeyError, TypeError):
        return answer.decode(errors="replace")


def _to_json(value):
    if value.dtype != object:
        return value.tolist()
    return [{"b64": base64.b64encode(one).decode()} for one in value]


def _from_json(value):
    """Nested lists of numbers -> int64 or float64; of `{"b64": ...}` -> array of bytes.

    Raises:
        ValueError, TypeError, OverflowError, KeyError: anything else.
    """
    first = value
    while isinstance(first, list) and first:
        first = first[0]
    if isinstance(first, dict):
        return np.vectorize(_bytes_in, otypes=[object])(np.array(value, object))
    array = np.array(value)
    if array.dtype.kind not in "if":
        raise TypeError(array.dtype)
    return array


def _bytes_in(value):
    try:
        return base64.b64decode(value["b64"], validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from None
