"""Errors of a server, or of reaching it."""

# The server's errors, not one request's: the next request would fail too.
OF_THE_SERVER = {
    "UNAVAILABLE",
    "NOT_FOUND",
    "UNIMPLEMENTED",
    "UNAUTHENTICATED",
    "PERMISSION_DENIED",
}
LONGEST_MESSAGE = 400


class ServerError(Exception):
    """A request failed.

    Args:
        code: gRPC's name for it, such as "INVALID_ARGUMENT".
        message: the server's words, or the connection's.

    Attributes:
        code: as above.
    """

    def __init__(self, code: str, message: str):
        words = " ".join(str(message).split())
        cut = words if len(words) <= LONGEST_MESSAGE else f"{words[:LONGEST_MESSAGE]} ..."
        super().__init__(f"{code}: {cut}")
        self.code = code
