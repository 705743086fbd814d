"""A served model, asked over REST."""

# Why not `requests`: its timeout is one between two bytes, not a deadline for an answer that trickles in.
# With a deadline added it saves nine lines, takes 75 ms to import, and says "Connection refused" in 250
# characters.

import base64
import binascii
import http.client
import json
import socket
import time
import urllib.parse

import numpy as np

from tf_gradsr.export.remote.server_errors import ServerError

# gRPC's names for the HTTP statuses that TF-Serving answers with.
_CODES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_PIECE = 2**16


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
            found = json.loads(answer)["outputs"]
            # A single output comes without its name.
            named = found if isinstance(found, dict) and "b64" not in found else {outputs[0]: found}
            return {name: _from_json(value) for name, value in named.items() if name in outputs}, self.version
        except (ValueError, KeyError, TypeError) as error:
            raise ServerError("INTERNAL", f"an answer that is not TF-Serving's ({error!r})") from None

    def close(self) -> None:
        """Connections last for one request each; nothing is left open."""

    def _post(self, body):
        """(HTTP status, body), on a new connection, so that a name's several addresses share the load."""
        end = time.monotonic() + self.deadline
        connection = http.client.HTTPConnection(self.host, self.port, timeout=self.deadline)
        try:
            connection.connect()
            link = connection.sock
            _limit(link, end)
            headers = {"Content-Type": "application/json", "Connection": "close"}
            connection.request("POST", self._path, body, headers)
            _limit(link, end)
            response = connection.getresponse()
            pieces = []
            while piece := response.read1(_PIECE):
                pieces.append(piece)
                _limit(link, end)
            if response.length:
                raise http.client.IncompleteRead(b"", response.length)
            return response.status, b"".join(pieces)
        except TimeoutError:
            raise ServerError("DEADLINE_EXCEEDED", f"no answer within {self.deadline:g} s") from None
        # No such host, or not a name that a host could have.
        except (socket.gaierror, UnicodeError) as error:
            raise ServerError("NOT_FOUND", f"{self.host}: {error}") from None
        # Refused, reset, or closed in the middle of an answer.
        except (OSError, http.client.HTTPException) as error:
            raise ServerError("UNAVAILABLE", str(error) or type(error).__name__) from None
        finally:
            connection.close()


def _limit(link, end):
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError
    link.settimeout(left)


def _error_in(answer):
    """The message of an error, which is JSON if it is TF-Serving's own."""
    try:
        return json.loads(answer)["error"]
    except (ValueError, KeyError, TypeError):
        return answer.decode(errors="replace")


def _to_json(value):
    if value.dtype != object:
        return value.tolist()
    return [{"b64": base64.b64encode(one).decode()} for one in value]


def _from_json(value):
    """Nested lists of numbers -> int64 or float64; of `{"b64": ...}` -> array of bytes."""
    first = value
    while isinstance(first, list) and first:
        first = first[0]
    if not isinstance(first, dict):
        return np.array(value)
    return np.vectorize(_bytes_in, otypes=[object])(np.array(value, object))


def _bytes_in(value):
    try:
        return base64.b64decode(value["b64"], validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from None
