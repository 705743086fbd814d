"""A served model, asked over gRPC."""

import grpc

from tf_gradsr.export.remote.predict_messages import (
    PREDICT,
    UnreadableAnswer,
    decode_response,
    encode_request,
)
from tf_gradsr.export.remote.server_errors import LARGEST_ANSWER, ServerError

_OPTIONS = [
    # Answers are larger than gRPC's 4 MB; memory is bounded by this and the number of requests in flight.
    ("grpc.max_receive_message_length", LARGEST_ANSWER),
    ("grpc.max_send_message_length", -1),
    # We retry ourselves; reconnection must not pause longer than our waits.
    ("grpc.enable_retries", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
    # As over REST: straight to the server, whatever proxy the environment names.
    ("grpc.enable_http_proxy", 0),
    # Where a name has several addresses, requests go to all of them in turn.
    ("grpc.lb_policy_name", "round_robin"),
]


class GrpcServer:
    """A model behind TF-Serving's gRPC port.

    Args:
        host, port: of the server; no TLS.
        model: its name. version: int; None: the newest.
        deadline: seconds that one request may take.
    """

    def __init__(self, host: str, port: int, model: str, version, deadline: float):
        self.address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self.model, self.version, self.deadline = model, version, deadline
        self._channel = grpc.insecure_channel(self.address, options=_OPTIONS)
        self._predict = self._channel.unary_unary(PREDICT)

    def predict(self, signature: str, inputs: dict, outputs) -> tuple:
        """Asks once; may be called from several threads.

        Args:
            signature: its name. inputs: {input: NumPy array}, see `encode_request`.
            outputs: names of those that are wanted.

        Returns:
            ({output: NumPy array}, version of the model that answered).

        Raises:
            ServerError: no answer, or one that cannot be read.
        """
        request = encode_request(self.model, self.version, signature, inputs, outputs)
        try:
            return decode_response(self._predict(request, timeout=self.deadline))
        except grpc.RpcError as error:
            raise ServerError(error.code().name, error.details()) from None
        # From a channel that has been closed in the meantime.
        except ValueError as error:
            code = "INTERNAL" if isinstance(error, UnreadableAnswer) else "CANCELLED"
            raise ServerError(code, str(error)) from None

    def close(self) -> None:
        """Gives up what is in flight."""
        self._channel.close()
