"""One grammar for errors: the rule. Received: the value. The remedy, where it is not obvious."""

import difflib

# Characters of another library's message that fit into one line of ours.
REASON_LENGTH = 160


class ConfigError(ValueError):
    """A setting that cannot work. The message names the setting, what is allowed and what was received.

    It is one line, whatever was received, see `printable`.
    """

    def __init__(self, message: str):
        super().__init__(printable(message))


def printable(text: str) -> str:
    """A text in which characters that a terminal would obey, such as a line's end, are written as escapes.

    Surrogates, which stand for the bytes of a file's name that are no UTF-8, stay.
    """
    return "".join(c if c.isprintable() or "\udc80" <= c <= "\udcff" else ascii(c)[1:-1] for c in text)


def reason_of(error: Exception) -> str:
    """Another library's message in one line that is not too long."""
    return " ".join(str(error).split())[:REASON_LENGTH] or type(error).__name__


def nearest(received: str, known, otherwise: str = "") -> str:
    """ "did you mean steps?" for a mistyped name, or `otherwise` if no known name is close.

    Args:
        received: the name received. known: iterable of the known names.
    """
    close = difflib.get_close_matches(str(received), list(known), n=1)
    return f"did you mean {close[0]}?" if close else otherwise
