"""Asking again while a server is unavailable: it starts, restarts, or is overloaded."""

# Why not the libraries' own retries. gRPC's (service config) stop after 5 tries whatever --retries says, have
# one deadline for all of them, give requests above 256 KB one try only, and tell nobody that they wait.
# urllib3's take a request that passed its deadline for a broken connection and send it again, do not repeat
# one whose answer broke off, and sleep where `stop` does not wake them.

import random
import threading

from tf_gradsr.export.remote.server_errors import ServerError

# Seconds; each wait is about twice as long as the one before, up to the longest.
FIRST_WAIT = 0.5
LONGEST_WAIT = 30.0


class Retries:
    """Repeats requests that failed with UNAVAILABLE, and no others; may be used from several threads.

    Args:
        count: how often at most.
        waiting: called with a few words before each wait.
    """

    def __init__(self, count: int, waiting=lambda words: None):
        self.count = count
        self.waiting = waiting
        self._stopped = threading.Event()

    def call(self, ask):
        """What `ask()` returns.

        Raises:
            ServerError: any but UNAVAILABLE; or that, after the last try.
        """
        for number in range(self.count + 1):
            try:
                return ask()
            except ServerError as error:
                if error.code != "UNAVAILABLE" or number == self.count or self._stopped.is_set():
                    raise
                self.waiting(f"{error.code}, retry {number + 1} of {self.count}")
                if self._stopped.wait(wait_before_retry(number)):
                    raise
        raise AssertionError("not reached")

    def stop(self) -> None:
        """Waits no longer: what is waiting fails with what it met last."""
        self._stopped.set()


def wait_before_retry(number: int) -> float:
    """Seconds before retry `number`, counted from 0: exponential, half of it by chance.

    So that clients which failed together do not come back together.
    """
    longest = min(LONGEST_WAIT, FIRST_WAIT * 2.0**number)
    return random.uniform(longest / 2, longest)
