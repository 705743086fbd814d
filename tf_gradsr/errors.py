"""One grammar for errors: the rule. Received: what came. What to do, where it is not plain."""

import difflib

# Letters of another library's message that fit into a line of ours.
REASON_LENGTH = 160


class ConfigError(ValueError):
    """A setting that cannot work. The message names the setting, what is allowed and what came."""


def reason_of(error: Exception) -> str:
    """What another library says went wrong, in one line that is not too long."""
    return " ".join(str(error).split())[:REASON_LENGTH] or type(error).__name__


def nearest(received: str, known, otherwise: str = "") -> str:
    """ "did you mean steps?" for a mistyped name, or `otherwise` where nothing is near.

    Args:
        received: the name that came. known: iterable of the names that there are.
    """
    close = difflib.get_close_matches(str(received), list(known), n=1)
    return f"did you mean {close[0]}?" if close else otherwise
