"""The signals that ask a program to end: SIGTERM, of `kill` and schedulers; SIGHUP, of a closed terminal."""

import signal
import threading
from contextlib import contextmanager

# Windows has no SIGHUP.
ENDING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))


class Ended(BaseException):
    """The program was asked to end.

    Attributes:
        signal: number of the signal.
    """

    def __init__(self, number):
        super().__init__(number)
        self.signal = number


@contextmanager
def handled(numbers, handler):
    """Lets a handler take signals while the block runs; afterwards the former ones are back.

    Signals that are ignored stay so: `nohup` is meant. Only the main thread gets signals, so that in others
    nothing is changed.

    Args:
        numbers: of the signals. handler: as for `signal.signal`.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # None: a handler that was not set from Python, and could not be put back.
    former = {number: signal.getsignal(number) for number in numbers}
    former = {n: kept for n, kept in former.items() if kept not in (signal.SIG_IGN, None)}
    for number in former:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number, kept in former.items():
            signal.signal(number, kept)


def ended_by_signals():
    """Makes the signals of `ENDING` raise `Ended` while the block runs."""

    def end(number, frame):
        raise Ended(number)

    return handled(ENDING, end)
