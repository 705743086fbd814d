"""Errors of a server, or of reaching it."""

# The server's errors, not one request's: the next request would fail too.
OF_THE_SERVER = {
    "UNAVAILABLE",
    "NOT_FOUND",
    "UNIMPLEMENTED",
    "UNAUTHENTICATED",
    "PERMISSION_DENIED",
    "REDIRECTED",
}
LONGEST_MESSAGE = 400
# More than the largest request that an export with its default limits grants, as JSON.
LARGEST_ANSWER = 2**30


class ServerError(Exception):
    """A request failed.

    Args:
        code: gRPC's name for it, such as "INVALID_ARGUMENT"; "REDIRECTED"; or "HTTP 500".
        message: the server's words, or the connection's.

    Attributes:
        code: as above.
    """

    def __init__(self, code: str, message: str):
        words = " ".join(str(message).split()) or "without a word of explanation"
        # A terminal would obey control characters, and lone surrogates may become such bytes.
        words = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in words[: LONGEST_MESSAGE + 1])
        cut = words if len(words) <= LONGEST_MESSAGE else f"{words[:LONGEST_MESSAGE]} ..."
        super().__init__(f"{code}: {cut}")
        self.code = code
