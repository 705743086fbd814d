"""Standard output and error that are closed, full, a pipe that nobody reads, or a terminal that is gone."""

import io
import os
import sys
from contextlib import suppress


def say(text: str) -> None:
    """Prints a line to standard error if that is possible: the last words of a command may reach nobody."""
    with suppress(OSError, ValueError, AttributeError):
        print(text, file=sys.stderr, flush=True)


def prepare_streams() -> None:
    """Gives a program whose streams are closed (`>&-`) ones that swallow everything.

    Standard output can then show any file name: names are bytes, and not all of them can be encoded.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            # Otherwise the next file to be opened gets the number, and then what is meant for the stream.
            _open_as(number)
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w" if number else "r", encoding="utf-8"))  # noqa: PTH123, SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def give_up_output() -> None:
    """Discards what the streams still hold and cannot write; Python would complain when it ends."""
    for number, stream in ((1, sys.stdout), (2, sys.stderr)):
        try:
            stream.flush()
        except (OSError, ValueError):
            with suppress(OSError, ValueError, AttributeError):
                if stream.fileno() == number:
                    _open_as(number)
                    stream.flush()


def _open_as(number):
    """Makes a file descriptor one that swallows everything, or holds nothing."""
    null = os.open(os.devnull, os.O_RDWR)
    if null != number:
        os.dup2(null, number)
        os.close(null)
